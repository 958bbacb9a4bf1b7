use litecnn_kernels::{Filters, NetworkShape, Pooling, Step, Unit};

use crate::graph::{Graph, Node, Op, Shape, Window};
use crate::state::places;

/// A graph as the kernels of `litecnn-kernels` compute it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lowered {
    pub(crate) shape: NetworkShape,
    /// Where each of the kernels' weights lies in [`crate::State::weights`].
    pub(crate) weights: Vec<usize>,
    /// Where means and variances of batch norms lie in [`crate::State::statistics`].
    pub(crate) means: Vec<usize>,
    pub(crate) variances: Vec<usize>,
}

impl Lowered {
    /// What the kernels compute in the graph's place.
    ///
    /// # Errors
    /// The operation that they do not know, in words.
    pub(crate) fn of(graph: &Graph) -> Result<Self, String> {
        Lowering::new(graph)?.run()
    }
}

struct Lowering<'a> {
    graph: &'a Graph,
    /// Readers of each node.
    readers: Vec<Vec<usize>>,
    /// The kernels' value with what a node computes.
    values: Vec<Option<usize>>,
    /// Whether what a node computes is part of a step.
    done: Vec<bool>,
    steps: Vec<Step>,
    weights: Vec<usize>,
    means: Vec<usize>,
    variances: Vec<usize>,
    places: Vec<std::ops::Range<usize>>,
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph) -> Result<Self, String> {
        if graph.variables.iter().any(|variable| !variable.used) {
            return Err("it has weights that reach nothing".into());
        }
        let mut readers = vec![Vec::new(); graph.nodes.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            for &input in &node.inputs {
                readers[input].push(i);
            }
        }
        Ok(Self {
            readers,
            values: vec![None; graph.nodes.len()],
            done: vec![false; graph.nodes.len()],
            steps: Vec::new(),
            weights: Vec::new(),
            means: Vec::new(),
            variances: Vec::new(),
            places: places(&graph.variables),
            graph,
        })
    }

    fn run(mut self) -> Result<Lowered, String> {
        let Shape::Map(input) = self.graph.input() else { return Err("it does not take images".into()) };
        self.values[0] = Some(0);
        for i in 1..self.graph.nodes.len() {
            if self.done[i] {
                continue;
            }
            let node = &self.graph.nodes[i];
            match node.op {
                // Looked at when their batch norm is.
                Op::Conv { .. } => {}
                Op::BatchNorm { .. } => self.unit(i)?,
                Op::MaxPool(window) => self.pool(i, window, Pooling::Max)?,
                Op::AveragePool(window) => self.pool(i, window, Pooling::Average)?,
                // The head is looked at from its end.
                Op::GlobalAverage | Op::Linear { .. } => {}
                _ => return Err(unknown(node)),
            }
        }
        self.head()?;
        if let Some(left) = (1..self.graph.nodes.len()).find(|&i| !self.done[i]) {
            return Err(unknown(&self.graph.nodes[left]));
        }
        let [channels, height, width] = [input.channels, input.height, input.width].map(|n| n as usize);
        let classes = self.graph.result().channels() as usize;
        let shape = NetworkShape { channels, height, width, steps: self.steps, classes };
        if let Some(fault) = shape.fault() {
            return Err(fault);
        }
        debug_assert_eq!((shape.parameters(), shape.normed()), (self.weights.len(), self.means.len()));
        Ok(Lowered { shape, weights: self.weights, means: self.means, variances: self.variances })
    }

    /// The only reader of a node.
    fn only_reader(&self, i: usize) -> Option<usize> {
        match self.readers[i][..] {
            [reader] if i != self.graph.output => Some(reader),
            _ => None,
        }
    }

    fn value(&self, i: usize) -> Result<usize, String> {
        self.values[i].ok_or_else(|| unknown(&self.graph.nodes[i]))
    }

    fn take(&mut self, variable: usize) {
        self.weights.extend(self.places[variable].clone());
    }

    fn makes(&mut self, i: usize, step: Step) {
        self.steps.push(step);
        self.values[i] = Some(self.steps.len());
        self.done[i] = true;
    }

    /// A batch norm with the convolution before it, and the addition and ReLU after it.
    fn unit(&mut self, norm: usize) -> Result<(), String> {
        let nodes = &self.graph.nodes;
        let Op::BatchNorm { scale, shift, mean, variance } = nodes[norm].op else { return Err(unknown(&nodes[norm])) };
        let conv = nodes[norm].inputs[0];
        if self.only_reader(conv) != Some(norm) {
            return Err(format!("what batch norm `{}` reads is read elsewhere, too", nodes[norm].name));
        }
        let (mut filters, weight) = filters(&nodes[conv], self.shape_before(conv))?;
        let mut input = nodes[conv].inputs[0];
        // A convolution of each channel alone straight before: both at once.
        let before = &nodes[input];
        if let (Filters::Full { kernel: 1, out }, Op::Conv { .. }) = (filters, &before.op) {
            let (Filters::Depthwise, first) = self::filters(before, self.shape_before(input))? else {
                return Err(format!("convolution `{}` has no batch norm", before.name));
            };
            if self.only_reader(input) != Some(conv) {
                return Err(format!("what `{}` gives is read twice", before.name));
            }
            self.take(first);
            filters = Filters::Separable { out };
            self.done[input] = true;
            input = before.inputs[0];
        }
        self.take(weight);
        self.take(scale);
        self.take(shift);
        self.means.extend(self.places[mean].clone());
        self.variances.extend(self.places[variance].clone());
        self.done[conv] = true;
        self.done[norm] = true;

        let mut end = norm;
        let mut added = None;
        if let Some(sum) = self.only_reader(end)
            && nodes[sum].op == Op::Add
        {
            let other = nodes[sum].inputs.iter().copied().find(|&other| other != end).unwrap_or(end);
            // Another that is not there yet adds this one in its turn.
            if let Some(value) = self.values[other].filter(|&value| value > 0) {
                added = Some(value);
                self.done[sum] = true;
                end = sum;
            }
        }
        let relu = self.only_reader(end).filter(|&reader| nodes[reader].op == Op::Relu);
        if let Some(reader) = relu {
            self.done[reader] = true;
            end = reader;
        }
        let input = self.value(input)?;
        self.makes(end, Step::Unit(Unit { input, filters, added, relu: relu.is_some() }));
        Ok(())
    }

    fn shape_before(&self, i: usize) -> Shape {
        self.graph.nodes[self.graph.nodes[i].inputs[0]].shape
    }

    fn pool(&mut self, i: usize, window: Window, pooling: Pooling) -> Result<(), String> {
        if window != (Window { size: 2, stride: 2, padding: 0 }) {
            return Err(unknown(&self.graph.nodes[i]));
        }
        let input = self.value(self.graph.nodes[i].inputs[0])?;
        self.makes(i, Step::Pool { input, pooling });
        Ok(())
    }

    /// The mean of each channel and a dense layer, which must be what comes last.
    fn head(&mut self) -> Result<(), String> {
        let nodes = &self.graph.nodes;
        let last = &nodes[self.graph.output];
        let Op::Linear { weight, bias: Some(bias) } = last.op else { return Err(unknown(last)) };
        let average = last.inputs[0];
        if nodes[average].op != Op::GlobalAverage {
            return Err(unknown(&nodes[average]));
        }
        if self.value(nodes[average].inputs[0])? != self.steps.len() {
            return Err("its head reads what is not made last".into());
        }
        self.take(weight);
        self.take(bias);
        self.done[average] = true;
        self.done[self.graph.output] = true;
        Ok(())
    }
}

/// The kind of a convolution, and its weights' number.
fn filters(node: &Node, input: Shape) -> Result<(Filters, usize), String> {
    let Op::Conv { weight, bias: None, stride: [1, 1], padding: [top, left], groups } = node.op else {
        return Err(unknown(node));
    };
    let (Shape::Map(from), Shape::Map(to)) = (input, node.shape) else { return Err(unknown(node)) };
    // What keeps the size has this kernel.
    let kernel = 2 * top + 1;
    if top != left || (from.height, from.width) != (to.height, to.width) {
        return Err(unknown(node));
    }
    let [channels, out] = [from.channels, to.channels];
    match (kernel, groups) {
        (1 | 3, 1) => Ok((Filters::Full { kernel: kernel as usize, out: out as usize }, weight)),
        (3, groups) if groups == channels && out == channels => Ok((Filters::Depthwise, weight)),
        _ => Err(unknown(node)),
    }
}

fn unknown(node: &Node) -> String {
    format!("the kernels do not know `{}` ({})", node.name, node.op.word())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;

    fn lowered(layers: &str) -> Result<Lowered, String> {
        let text = format!(
            "name = \"x\"\ninput = {{ channels = 3, height = 8, width = 8 }}\nclasses = 4\n\
             [[parts]]\nname = \"all\"\nlayers = [{layers}, \"global-average\", {{ linear = {{ out = \"classes\" }} }}]"
        );
        Lowered::of(&Network::parse(&text, "x.toml".as_ref()).unwrap().graph().unwrap())
    }

    const SEPARABLE: &str = "{ depthwise = {} }, { conv = { kernel = 1, out = 8 } }, \"batch-norm\"";

    #[test]
    fn networks_become_steps() {
        let network = format!(
            "{{ conv = {{ kernel = 3, out = 8 }} }}, \"batch-norm\", \"relu\",
             {{ residual = {{ body = [{SEPARABLE}] }} }}, \"relu\", {{ max-pool = {{}} }},
             {{ residual = {{ body = [{{ conv = {{ kernel = 1, out = 12 }} }}, \"batch-norm\", \"relu\",
                {{ depthwise = {{}} }}, \"batch-norm\", \"relu\", {{ conv = {{ kernel = 1, out = 8 }} }}, \"batch-norm\"],
                shortcut = [{{ conv = {{ kernel = 1, out = 8 }} }}, \"batch-norm\"] }} }}"
        );
        let Lowered { shape, weights, means, variances } = lowered(&network).unwrap();
        let unit = |input, filters, added, relu| Step::Unit(Unit { input, filters, added, relu });
        let full = |kernel, out| Filters::Full { kernel, out };
        let expected = [
            unit(0, full(3, 8), None, true),
            unit(1, Filters::Separable { out: 8 }, Some(1), true),
            Step::Pool { input: 2, pooling: Pooling::Max },
            unit(3, full(1, 12), None, true),
            unit(4, Filters::Depthwise, None, true),
            unit(5, full(1, 8), None, false),
            unit(3, full(1, 8), Some(6), false),
        ];
        assert_eq!(shape.steps, expected);
        // Every weight has its place.
        let each = |mut places: Vec<usize>| {
            places.sort_unstable();
            places
        };
        assert_eq!(each(weights), (0..shape.parameters()).collect::<Vec<_>>());
        assert_eq!(each([means, variances].concat()), (0..2 * shape.normed()).collect::<Vec<_>>());
    }

    #[test]
    fn what_the_kernels_do_not_know_is_told() {
        let conv = "{ conv = { kernel = 3, out = 8 } }, \"batch-norm\"";
        for (layers, words) in [
            (format!("{conv}, \"relu6\""), "`all.2` (relu6)"),
            ("{ conv = { kernel = 3, out = 8, stride = 2 } }, \"batch-norm\"".into(), "`all.0` (conv)"),
            ("{ conv = { kernel = 3, out = 8, bias = true } }, \"batch-norm\"".into(), "`all.0` (conv)"),
            ("{ conv = { kernel = 5, out = 8 } }, \"batch-norm\"".into(), "`all.0` (conv)"),
            (format!("{conv}, {{ conv = {{ kernel = 3, out = 8 }} }}"), "`all.2` (conv)"),
            (format!("{conv}, {{ max-pool = {{ size = 3 }} }}"), "`all.2` (max-pool)"),
            (
                format!(
                    "{{ residual = {{ body = [{{ conv = {{ kernel = 1, out = 3 }} }}, \"batch-norm\"] }} }}, {conv}"
                ),
                "(add)",
            ),
        ] {
            let told = lowered(&layers).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
    }
}
