//! Removal of whole channels: smaller weights and less work, not zeros.

use tch::{Kind, Tensor};

use crate::channels::{Channels, is_depthwise};
use crate::graph::{Graph, Node, Op, Shape, Start};
use crate::{Count, Model, Network, ZooError};

/// How far [`Model::shrink`] goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// At most this many weights are left, as [`Count::parameters`] counts them.
    Parameters(i64),
    /// At least this share of the weights goes, above 0 and below 1.
    Share(f64),
}

/// Every group keeps at least this share of its channels, rounded up: no layer becomes a bottleneck for all others.
const LEAST: f64 = 0.125;

/// Most channels of all operations of a network that some are removed from: each is looked at.
const MOST_CHANNELS: i64 = 1 << 22;

impl Model {
    /// A smaller network and model without the channels that matter least, until the budget is met.
    ///
    /// Channels that are tied (by residual sums, depthwise convolutions, gates) go together; those of the images, of
    /// the result, of shuffles, swaps of axes and grouped convolutions stay. A filter's importance is the L1 norm of
    /// its weights (Li et al. 2017, "Pruning Filters for Efficient ConvNets"), divided by the mean of its layer's
    /// filters, so that layers compare; that of channels that go together is the mean of theirs. The least important go
    /// first, over all layers, but each group keeps an eighth. Weights that reach nothing are left out. What remains
    /// has the weights it had.
    ///
    /// # Errors
    /// [`ZooError::Budget`] if the budget cannot be met or is met already; [`ZooError::Network`] if the model is not of
    /// this network or has no channels to remove; [`ZooError::Torch`].
    pub fn shrink(&self, network: &Network, budget: Budget) -> Result<(Network, Self), ZooError> {
        let whole = network.whole()?;
        if network.graph()? != *self.graph() {
            let reason = "the weights to shrink are of another network".into();
            return Err(ZooError::Network { network: network.name.clone(), place: "input".into(), reason });
        }
        let graph = self.graph();
        let channels = Channels::of(graph, &whole);
        let order = removal(&channels, &self.importance(&channels)?);
        if order.is_empty() {
            let reason = "no channels can be removed: shuffles, grouped convolutions, images and classes hold them all";
            let (network, place) = (network.name.clone(), "channels".into());
            return Err(ZooError::Network { network, place, reason: reason.into() });
        }
        let parameters = |removed: usize| {
            let graph = restrict(graph, &whole, &channels, &kept(&channels, &order[..removed])).graph;
            Count::of(&graph).parameters
        };
        let (most, least) = (Count::of(graph).parameters, parameters(order.len()));
        let wanted = match budget {
            Budget::Parameters(wanted) => wanted,
            Budget::Share(share) if share > 0.0 && share < 1.0 => ((1.0 - share) * most as f64).floor() as i64,
            Budget::Share(share) => return Err(ZooError::ShrinkShare(share)),
        };
        if wanted < least || wanted >= most {
            return Err(ZooError::Budget { wanted, least, most });
        }
        // The fewest removals that do, found by halving: each leaves fewer weights.
        let (mut few, mut enough) = (0, order.len());
        while enough - few > 1 {
            let half = few.midpoint(enough);
            if parameters(half) <= wanted { enough = half } else { few = half }
        }
        let kept = kept(&channels, &order[..enough]);
        let sources = restrict(graph, &whole, &channels, &kept).sources;
        let left = |classes: &[usize]| classes.iter().filter(|&&class| kept[class]).count() as i64;
        let widths = channels.groups.iter().map(|group| left(&group.classes)).collect();
        let small = Network { kept: Some(widths), ..network.clone() };
        let model = Self::zeros(small.graph()?, self.device())?;
        for (to, Source { variable, rows, columns }) in sources.iter().enumerate() {
            let index = |of: &[i64]| Tensor::f_from_slice(of)?.f_to(model.device());
            let mut value = self.state().views()[*variable].f_detach()?.f_index_select(0, &index(rows)?)?;
            if let Some(columns) = columns {
                value = value.f_index_select(1, &index(columns)?)?;
            }
            model.state().views()[to].f_detach()?.f_copy_(&value)?;
        }
        Ok((small, model))
    }

    /// How much each class matters: 1 is the mean.
    fn importance(&self, channels: &Channels) -> Result<Vec<f64>, ZooError> {
        let mut sums = vec![0.0; channels.classes];
        let mut filters = vec![0.0; channels.classes];
        for (node, classes) in self.graph().nodes.iter().zip(&channels.of_node) {
            let (Op::Conv { weight, .. } | Op::Linear { weight, .. }) = node.op else { continue };
            let weight = self.state().views()[weight].f_detach()?;
            let norms = weight.f_abs()?.f_flatten(1, -1)?.f_sum_dim_intlist(1i64, false, Kind::Double)?;
            let norms = Vec::<f64>::try_from(&norms)?;
            let mean = norms.iter().sum::<f64>() / norms.len() as f64;
            for (&class, norm) in classes.iter().zip(norms) {
                // A layer of zeros is as unimportant as can be.
                sums[class] += if mean > 0.0 { norm / mean } else { 0.0 };
                filters[class] += 1.0;
            }
        }
        Ok(sums.iter().zip(filters).map(|(sum, filters)| sum / f64::max(filters, 1.0)).collect())
    }
}

/// All classes that may go, least important first, none that its group needs to keep its least width.
fn removal(channels: &Channels, importance: &[f64]) -> Vec<usize> {
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (group, classes) in channels.groups.iter().map(|group| &group.classes).enumerate() {
        let mut classes = classes.clone();
        classes.sort_by(|&a, &b| importance[a].total_cmp(&importance[b]));
        let least = (LEAST * classes.len() as f64).ceil() as usize;
        order.extend(classes[..classes.len() - least].iter().map(|&class| (group, class)));
    }
    order.sort_by(|a, b| importance[a.1].total_cmp(&importance[b.1]).then(a.cmp(b)));
    order.into_iter().map(|(_, class)| class).collect()
}

fn kept(channels: &Channels, removed: &[usize]) -> Vec<bool> {
    let mut kept = vec![true; channels.classes];
    removed.iter().for_each(|&class| kept[class] = false);
    kept
}

/// The graph of a network with the given number of channels left in each group.
pub(crate) fn narrowed(whole: &Graph, widths: &[i64]) -> Result<Graph, ZooError> {
    let fail = |place: &str, reason: String| ZooError::Network {
        network: whole.name.clone(),
        place: place.to_owned(),
        reason,
    };
    let all: i64 = whole.nodes.iter().map(|node| node.shape.channels()).sum();
    if all > MOST_CHANNELS {
        return Err(fail(
            "kept",
            format!("{all} channels of all operations; at most {MOST_CHANNELS} can be told apart"),
        ));
    }
    let channels = Channels::of(whole, whole);
    if widths.len() != channels.groups.len() {
        let (found, groups) = (widths.len(), channels.groups.len());
        return Err(fail("kept", format!("widths of {found} groups of channels; the network has {groups}")));
    }
    let mut kept = vec![true; channels.classes];
    for (no, (group, &width)) in channels.groups.iter().zip(widths).enumerate() {
        let most = group.classes.len() as i64;
        if !(1..=most).contains(&width) {
            let reason = format!("{width} channels kept in group {no} of channels; 1 to {most} are possible");
            return Err(fail(&group.name, reason));
        }
        group.classes[width as usize..].iter().for_each(|&class| kept[class] = false);
    }
    Ok(restrict(whole, whole, &channels, &kept).graph)
}

struct Restricted {
    graph: Graph,
    /// For each variable what it is of the graph before.
    sources: Vec<Source>,
}

struct Source {
    variable: usize,
    rows: Vec<i64>,
    /// Without it, all.
    columns: Option<Vec<i64>>,
}

/// A graph with the kept classes of its channels, in their order, without weights that reach nothing.
fn restrict(graph: &Graph, whole: &Graph, channels: &Channels, kept: &[bool]) -> Restricted {
    let mut left =
        Restricted { graph: Graph { variables: Vec::new(), nodes: Vec::new(), ..graph.clone() }, sources: Vec::new() };
    let places = |node: usize| -> Vec<i64> {
        let classes = channels.of_node[node].iter().enumerate();
        classes.filter(|&(_, &class)| kept[class]).map(|(place, _)| place as i64).collect()
    };
    for (i, node) in graph.nodes.iter().enumerate() {
        let rows = places(i);
        let shape = match node.shape {
            Shape::Map(map) => Shape::Map(litecnn_model::InputShape { channels: rows.len() as i64, ..map }),
            Shape::Vector(_) => Shape::Vector(rows.len() as i64),
        };
        let mut op = node.op.clone();
        let mut take = |variable: &mut usize, columns: Option<Vec<i64>>| {
            let mut value = graph.variables[*variable].clone();
            value.shape[0] = rows.len() as i64;
            if let Some(columns) = &columns {
                value.shape[1] = columns.len() as i64;
            }
            left.sources.push(Source { variable: *variable, rows: rows.clone(), columns });
            *variable = left.graph.variables.len();
            left.graph.variables.push(value);
        };
        match &mut op {
            Op::Conv { weight, bias, groups, .. } => {
                let columns = places(node.inputs[0]);
                let depthwise = is_depthwise(whole, i);
                if depthwise {
                    *groups = columns.len() as i64;
                }
                take(weight, (*groups == 1 && !depthwise).then_some(columns));
                bias.iter_mut().for_each(|bias| take(bias, None));
            }
            Op::Linear { weight, bias } => {
                take(weight, Some(places(node.inputs[0])));
                bias.iter_mut().for_each(|bias| take(bias, None));
            }
            Op::BatchNorm { scale, shift, mean, variance } => {
                [scale, shift, mean, variance].into_iter().for_each(|variable| take(variable, None));
            }
            _ => {}
        }
        restart(&op, graph, &mut left);
        left.graph.nodes.push(Node { op, shape, name: node.name.clone(), inputs: node.inputs.clone() });
    }
    left
}

/// Draws fresh weights of an operation as its own width demands, not that of the `whole` it was.
fn restart(op: &Op, whole: &Graph, left: &mut Restricted) {
    let (Op::Conv { weight, bias, .. } | Op::Linear { weight, bias }) = *op else { return };
    let before = &whole.variables[left.sources[weight].variable].shape;
    let after = left.graph.variables[weight].shape.clone();
    let ratio = |of: &dyn Fn(&[i64]) -> i64| (of(before) as f64 / of(&after) as f64).sqrt();
    let (read, made) = (ratio(&|shape| shape[1..].iter().product()), ratio(&|shape| shape[0]));
    for variable in [Some(weight), bias].into_iter().flatten() {
        match &mut left.graph.variables[variable].start {
            Start::Uniform(bound) => *bound *= read,
            Start::Normal(deviation) => *deviation *= made,
            Start::Constant(_) => {}
        }
    }
}
