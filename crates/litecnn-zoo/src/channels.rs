//! Which channels of a network come and go together.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::graph::{Graph, Node, Op};

/// The channels of a graph's values in classes: channels of one class can only be removed together. Sums tie the
/// channels they add, depthwise convolutions what they read to what they make, gates a channel to its factor;
/// operations on each channel alone hand channels on.
#[derive(Debug)]
pub(crate) struct Channels {
    /// For each node the class of each of its channels.
    pub(crate) of_node: Vec<Rc<[usize]>>,
    /// The classes that can be removed, by group; both in the order of channels.
    pub(crate) groups: Vec<Group>,
    /// Number of classes, those that must stay among them.
    pub(crate) classes: usize,
}

/// Classes made by the same operations.
#[derive(Debug)]
pub(crate) struct Group {
    /// The first of the operations that make it.
    pub(crate) name: String,
    /// Its classes.
    pub(crate) classes: Vec<usize>,
}

/// Whether a node is a convolution that makes each channel of one that it reads. To be asked of whole graphs: with one
/// channel left, it looks like any other.
pub(crate) fn is_depthwise(whole: &Graph, node: usize) -> bool {
    let Node { op, inputs, .. } = &whole.nodes[node];
    matches!(op, Op::Conv { groups, .. } if *groups > 1 && *groups == whole.nodes[inputs[0]].shape.channels())
}

impl Channels {
    /// The channels of a graph with the operations of `whole`, of which it is all or some channels.
    pub(crate) fn of(graph: &Graph, whole: &Graph) -> Self {
        let mut ties = Ties::default();
        let mut makers: Vec<(usize, usize)> = Vec::new();
        let mut fixed = Vec::new();
        let mut of_node: Vec<Rc<[usize]>> = Vec::with_capacity(graph.nodes.len());
        for (i, node) in graph.nodes.iter().enumerate() {
            let count = node.shape.channels() as usize;
            let read = |k: usize| Rc::clone(&of_node[node.inputs[k]]);
            let mut made = || -> Rc<[usize]> {
                makers.extend((0..count).map(|_| (i, ties.add())));
                let first = makers.len() - count;
                makers[first..].iter().map(|&(_, channel)| channel).collect()
            };
            let channels = match node.op {
                Op::Input => {
                    let channels = made();
                    fixed.extend_from_slice(&channels);
                    channels
                }
                Op::Linear { .. } => made(),
                Op::Conv { groups, .. } => {
                    let (channels, from) = (made(), read(0));
                    if is_depthwise(whole, i) {
                        let multiplier = count / from.len().max(1);
                        for (k, &channel) in channels.iter().enumerate() {
                            ties.tie(channel, from[k / multiplier.max(1)]);
                        }
                    } else if groups > 1 {
                        fixed.extend_from_slice(&channels);
                        fixed.extend_from_slice(&from);
                    }
                    channels
                }
                Op::Shuffle { .. } | Op::Swap(_) => {
                    let channels = made();
                    fixed.extend_from_slice(&channels);
                    fixed.extend_from_slice(&read(0));
                    channels
                }
                Op::Concat => (0..node.inputs.len()).flat_map(|k| read(k).to_vec()).collect(),
                Op::Add | Op::Gate => {
                    let (channels, others) = (read(0), read(1));
                    channels.iter().zip(others.iter()).for_each(|(&a, &b)| ties.tie(a, b));
                    channels
                }
                Op::Reshape if read(0).len() != count => {
                    let (from, positions) = (read(0), count / read(0).len().max(1));
                    (0..count).map(|unit| from[unit / positions]).collect()
                }
                _ => read(0),
            };
            of_node.push(channels);
        }
        fixed.extend_from_slice(&of_node[graph.output]);
        let count = ties.0.len();
        let class: Vec<usize> = (0..count).map(|channel| ties.root(channel)).collect();
        let of_node = of_node.iter().map(|channels| channels.iter().map(|&c| class[c]).collect()).collect();
        let mut stays = vec![false; count];
        fixed.iter().for_each(|&channel| stays[class[channel]] = true);
        let mut made_by: Vec<Vec<usize>> = vec![Vec::new(); count];
        makers.iter().for_each(|&(node, channel)| made_by[class[channel]].push(node));
        let mut groups = BTreeMap::<&[usize], Vec<usize>>::new();
        for (root, made_by) in made_by.iter().enumerate().filter(|&(root, by)| !by.is_empty() && !stays[root]) {
            groups.entry(made_by).or_default().push(root);
        }
        let name = |node: &Node| node.name.clone();
        let groups = groups.into_iter().map(|(by, classes)| Group { name: name(&graph.nodes[by[0]]), classes });
        Self { of_node, groups: groups.collect(), classes: count }
    }
}

/// Disjoint sets; the smallest member stands for its set.
#[derive(Debug, Default)]
struct Ties(Vec<usize>);

impl Ties {
    fn add(&mut self) -> usize {
        self.0.push(self.0.len());
        self.0.len() - 1
    }

    fn root(&mut self, mut member: usize) -> usize {
        while self.0[member] != member {
            self.0[member] = self.0[self.0[member]];
            member = self.0[member];
        }
        member
    }

    fn tie(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
