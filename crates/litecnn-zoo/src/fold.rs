//! From a trained network to a list of convolutions, poolings and sums.

use litecnn_export::Folded;
use litecnn_runtime::{Activation, Network, Operation, OperationKind};
use tch::{Kind, Tensor};

use crate::graph::{Graph, Op, Shape, Window};
use crate::model::EPSILON;
use crate::{Card, Count, Model, ZooError};

impl Model {
    /// The network as a list of operations that runs without libtorch: convolutions, poolings, sums, rectifiers.
    ///
    /// A batch norm is made part of the convolution or dense layer before it: with `f = scale / sqrt(variance + 1e-5)`
    /// weights become `w * f`, biases `(b - mean) * f + shift`, computed in double precision. Where there is none before it,
    /// or that one's result is read by others, too, it stays as a 1x1 convolution of each channel alone. Rectifiers
    /// and sums become part of the operation before them, under the same condition. Dropout is gone. The card's
    /// normalisation stays apart, since zeros around a map are zeros after it.
    ///
    /// # Errors
    /// [`ZooError::Fold`] names the first layer that has no place in such a list: sigmoids, gates, concatenations,
    /// shuffles, swaps of axes, or sides that are too long.
    pub fn fold(&self, card: &Card) -> Result<Folded, ZooError> {
        let mut folder = Folder::new(self);
        let graph = self.graph();
        for node in 1..graph.nodes.len() {
            if folder.uses[node] > 0 {
                folder.node(node)?;
            }
        }
        let Folder { operations, layers, shapes, values, .. } = folder;
        let refused = |reason: String| ZooError::Fold { layer: graph.nodes[graph.output].name.clone(), reason };
        if values[graph.output] + 1 != shapes.len() || shapes[shapes.len() - 1] != [card.network.classes as usize, 1, 1]
        {
            return Err(refused("does not give a number a class".into()));
        }
        let channels = shapes[0][0];
        let [mut factors, mut summands] = [vec![1.0; channels], vec![0.0; channels]];
        if let Some(normalisation) = &card.normalisation {
            if let Some(fault) = normalisation.fault(channels) {
                return Err(ZooError::Normalisation(fault));
            }
            let pairs = normalisation.mean.iter().zip(&normalisation.deviation);
            (factors, summands) = pairs.map(|(mean, deviation)| (1.0 / deviation, -mean / deviation)).unzip();
        }
        let floats = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        let classes = match card.classes.as_slice() {
            [] => (0..card.network.classes).map(|class| class.to_string()).collect(),
            names => names.to_vec(),
        };
        let folded = Folded {
            name: card.network.name.clone(),
            network: Network { input: shapes[0], operations, factors: floats(factors), summands: floats(summands) },
            weights: floats(
                layers.into_iter().flatten().flat_map(|layer| [layer.kernel, layer.bias]).flatten().collect(),
            ),
            unfolded: Count::of(graph).parameters as usize,
            classes,
            dataset: card.dataset.clone(),
            recipe: card.recipe.clone(),
            step: card.step.clone(),
            pictures: card.pictures,
        };
        // What the runtime bounds and this does not: numbers of operations and channels, memory, infinite weights.
        folded.multiply_adds().map_err(|e| refused(format!("cannot be reached: {e}")))?;
        Ok(folded)
    }
}

/// Weights of a convolution.
struct Layer {
    /// `[output][input of the group][row][column]`
    kernel: Vec<f64>,
    bias: Vec<f64>,
}

/// A list in the making.
struct Folder<'a> {
    model: &'a Model,
    graph: &'a Graph,
    /// How often each node is read by nodes that reach the result; once more for the result itself.
    uses: Vec<usize>,
    operations: Vec<Operation>,
    /// Of each operation; none of poolings.
    layers: Vec<Option<Layer>>,
    /// `[channels, height, width]` of each value, the image's first.
    shapes: Vec<[usize; 3]>,
    /// Of each node the value that is its result.
    values: Vec<usize>,
    /// Of each node whether what makes its value may still be changed: one node reads it, and none read what it was
    /// before.
    open: Vec<bool>,
}

impl<'a> Folder<'a> {
    fn new(model: &'a Model) -> Self {
        let graph = model.graph();
        let count = graph.nodes.len();
        let mut uses = vec![0; count];
        uses[graph.output] = 1;
        for node in (0..count).rev().filter(|&node| node <= graph.output) {
            if uses[node] > 0 {
                for &input in &graph.nodes[node].inputs {
                    uses[input] += 1;
                }
            }
        }
        let shapes = vec![map_of(graph.input())];
        let (values, open) = (vec![0; count], vec![false; count]);
        Self { model, graph, uses, operations: Vec::new(), layers: Vec::new(), shapes, values, open }
    }

    /// Adds what a node computes.
    fn node(&mut self, node: usize) -> Result<(), ZooError> {
        let of = &self.graph.nodes[node];
        let input = of.inputs[0];
        let from = self.values[input];
        let [channels, height, width] = self.shapes[from];
        let mut is_open = self.uses[node] == 1;
        let value = match of.op {
            Op::Conv { weight, bias, stride, padding, groups } => {
                self.laid_out(node)?;
                let shape = &self.graph.variables[weight].shape;
                let operation = Operation {
                    outputs: self.small(node, shape[0])?,
                    groups: self.small(node, groups)?,
                    kernel: self.pair(node, [shape[2], shape[3]])?,
                    stride: self.pair(node, stride)?,
                    padding: self.pair(node, padding)?,
                    ..plain(OperationKind::Convolution, from)
                };
                let layer = self.layer(weight, bias)?;
                self.push(node, operation, Some(layer))?
            }
            Op::Linear { weight, bias } => {
                // Features stand channel by channel, row by row, as a kernel's weights do.
                let outputs = self.small(node, self.graph.variables[weight].shape[0])?;
                let kernel = self.pair(node, [height as i64, width as i64])?;
                let layer = self.layer(weight, bias)?;
                self.push(node, Operation { outputs, kernel, ..plain(OperationKind::Convolution, from) }, Some(layer))?
            }
            Op::BatchNorm { scale, shift, mean, variance } => {
                self.laid_out(node)?;
                let [scale, shift, mean, variance] = [scale, shift, mean, variance].map(|v| self.floats(v));
                let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
                let factors: Vec<f64> = scale.iter().zip(&variance).map(|(s, v)| s / (v + EPSILON).sqrt()).collect();
                let index = match self.changed(input) {
                    Some(index) => index,
                    None => {
                        let outputs = self.small(node, channels as i64)?;
                        let operation =
                            Operation { outputs, groups: outputs, ..plain(OperationKind::Convolution, from) };
                        let layer = Layer { kernel: vec![1.0; channels], bias: vec![0.0; channels] };
                        self.push(node, operation, Some(layer))? - 1
                    }
                };
                if let Some(Layer { kernel, bias }) = &mut self.layers[index] {
                    let of_each = kernel.len() / factors.len();
                    for (o, kernel) in kernel.chunks_exact_mut(of_each).enumerate() {
                        kernel.iter_mut().for_each(|weight| *weight *= factors[o]);
                        bias[o] = (bias[o] - mean[o]) * factors[o] + shift[o];
                    }
                }
                index + 1
            }
            Op::Relu | Op::Relu6 => {
                let activation = if of.op == Op::Relu { Activation::Relu } else { Activation::Relu6 };
                match self.free(input) {
                    Some(index) => {
                        self.operations[index].activation = activation;
                        from
                    }
                    None => {
                        let same = self.same(node, from)?;
                        self.push(node, Operation { activation, ..same }, None)?
                    }
                }
            }
            Op::Add => {
                let other = of.inputs[1];
                let pair = [(input, from), (other, self.values[other])];
                if self.shapes[pair[0].1] != self.shapes[pair[1].1] {
                    return self.refuse(node, "adds values that lie in different ways");
                }
                let [first, last] = if pair[0].1 <= pair[1].1 { pair } else { [pair[1], pair[0]] };
                match self.free(last.0) {
                    Some(index) if first.1 < last.1 && self.operations[index].added.is_none() => {
                        self.operations[index].added = Some(self.small(node, first.1 as i64)?);
                        last.1
                    }
                    _ => {
                        let added = Some(self.small(node, first.1 as i64)?);
                        let same = self.same(node, last.1)?;
                        self.push(node, Operation { added, ..same }, None)?
                    }
                }
            }
            Op::MaxPool(window) => self.pool(node, OperationKind::MaxPool, window)?,
            Op::AveragePool(window) => self.pool(node, OperationKind::AveragePool, window)?,
            Op::GlobalAverage => {
                self.laid_out(node)?;
                let kernel = self.pair(node, [height as i64, width as i64])?;
                let outputs = self.small(node, channels as i64)?;
                self.push(node, Operation { outputs, kernel, ..plain(OperationKind::AveragePool, from) }, None)?
            }
            Op::Reshape | Op::Dropout { .. } => {
                is_open &= self.open[input];
                from
            }
            Op::Input | Op::Sigmoid | Op::Shuffle { .. } | Op::Swap(_) | Op::Concat | Op::Gate => {
                return self.refuse(node, "has no place among convolutions, poolings, sums and rectifiers");
            }
        };
        (self.values[node], self.open[node]) = (value, is_open);
        Ok(())
    }

    fn pool(&mut self, node: usize, kind: OperationKind, window: Window) -> Result<usize, ZooError> {
        self.laid_out(node)?;
        let same = self.same(node, self.values[self.graph.nodes[node].inputs[0]])?;
        let [kernel, stride, padding] = [window.size, window.stride, window.padding].map(|n| self.pair(node, [n; 2]));
        self.push(node, Operation { kind, kernel: kernel?, stride: stride?, padding: padding?, ..same }, None)
    }

    /// An operation that gives a value again, to be added to or rectified.
    fn same(&self, node: usize, value: usize) -> Result<Operation, ZooError> {
        let outputs = self.small(node, self.shapes[value][0] as i64)?;
        Ok(Operation { outputs, ..plain(OperationKind::MaxPool, value) })
    }

    /// The operation that makes a node's value, if nothing but a convolution was done and it may be changed.
    fn changed(&self, node: usize) -> Option<usize> {
        self.free(node).filter(|&index| self.operations[index].added.is_none() && self.layers[index].is_some())
    }

    /// The operation that makes a node's value, if it may be changed and has no rectifier yet.
    fn free(&self, node: usize) -> Option<usize> {
        let index = self.values[node].checked_sub(1)?;
        (self.open[node] && self.operations[index].activation == Activation::None).then_some(index)
    }

    /// Adds an operation; its value.
    fn push(&mut self, node: usize, operation: Operation, layer: Option<Layer>) -> Result<usize, ZooError> {
        if (0..2).any(|i| operation.padding[i] >= operation.kernel[i]) {
            return self.refuse(node, "has windows of nothing but zeros around the map");
        }
        let [_, height, width] = self.shapes[usize::from(operation.from)];
        let Some([height, width]) = operation.sides([height, width]) else {
            return self.refuse(node, "has a window that does not fit");
        };
        self.shapes.push([usize::from(operation.outputs), height, width]);
        self.operations.push(operation);
        self.layers.push(layer);
        Ok(self.operations.len())
    }

    /// Refuses a node that reads a map as one vector, or a vector as a map, where these lie differently.
    fn laid_out(&self, node: usize) -> Result<(), ZooError> {
        let input = self.graph.nodes[node].inputs[0];
        match self.shapes[self.values[input]] == map_of(self.graph.nodes[input].shape) {
            true => Ok(()),
            false => self.refuse(node, "reads flattened maps, which only a dense layer may"),
        }
    }

    fn refuse<T>(&self, node: usize, reason: &str) -> Result<T, ZooError> {
        let node = &self.graph.nodes[node];
        let layer = format!("`{}` ({})", node.name, node.op.word());
        Err(ZooError::Fold { layer, reason: reason.into() })
    }

    fn small(&self, node: usize, number: i64) -> Result<u16, ZooError> {
        u16::try_from(number).or_else(|_| self.refuse(node, "is too large"))
    }

    fn pair(&self, node: usize, [a, b]: [i64; 2]) -> Result<[u8; 2], ZooError> {
        match (u8::try_from(a), u8::try_from(b)) {
            (Ok(a), Ok(b)) => Ok([a, b]),
            _ => self.refuse(node, "has a side of more than 255"),
        }
    }

    fn layer(&self, weight: usize, bias: Option<usize>) -> Result<Layer, ZooError> {
        let outputs = self.graph.variables[weight].shape[0] as usize;
        let bias = bias.map_or_else(|| Ok(vec![0.0; outputs]), |bias| self.floats(bias))?;
        Ok(Layer { kernel: self.floats(weight)?, bias })
    }

    /// A variable's values, the last index fastest.
    fn floats(&self, variable: usize) -> Result<Vec<f64>, ZooError> {
        let value: &Tensor = &self.model.state().views()[variable];
        let flat = value.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Double)?.f_reshape([-1])?;
        Ok(Vec::<f64>::try_from(flat)?)
    }
}

/// A 1x1 window on a value, with nothing beside it and nothing after it.
fn plain(kind: OperationKind, from: usize) -> Operation {
    Operation {
        kind,
        // Refused later if there are so many.
        from: u16::try_from(from).unwrap_or(u16::MAX),
        added: None,
        activation: Activation::None,
        outputs: 1,
        groups: 1,
        kernel: [1; 2],
        stride: [1; 2],
        padding: [0; 2],
    }
}

/// A vector is a map of one position.
fn map_of(shape: Shape) -> [usize; 3] {
    match shape {
        Shape::Map(map) => [map.channels, map.height, map.width].map(|n| n as usize),
        Shape::Vector(units) => [units as usize, 1, 1],
    }
}
