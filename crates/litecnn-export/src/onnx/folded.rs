use litecnn_runtime::{Activation, Operation, OperationKind};

use super::GraphBuilder;
use super::proto::Attribute;
use crate::Folded;

/// Adds a folded network that reads `images` and gives `logits`.
pub(super) fn network(graph: &mut GraphBuilder, folded: &Folded) {
    let (network, shapes) = (&folded.network, folded.shapes());
    let mut values = vec![normalised(graph, folded)];
    let last = network.operations.len();
    for ((operation, [kernel, bias]), index) in network.operations.iter().zip(folded.layers()).zip(1..) {
        let from = usize::from(operation.from);
        let name = format!("op{index}");
        let step = Step { operation, from: shapes[from], kernel, bias, name: &name };
        let is_flat = is_flat(&network.operations, &shapes, index);
        // Steps in the graph after the first, which gives what comes before them.
        let mut after = Vec::new();
        if let Some(added) = operation.added {
            after.push(("Add", vec![values[usize::from(added)].clone()], ".added"));
        }
        match operation.activation {
            Activation::None => {}
            Activation::Relu => after.push(("Relu", vec![], ".relu")),
            Activation::Relu6 => {
                let bounds =
                    [("low", 0.0), ("high", 6.0)].map(|(kind, bound)| graph.weight(&name, kind, &[], &[bound]));
                after.push(("Clip", bounds.into(), ".relu6"));
            }
        }
        let to_logits = index == last && is_flat;
        let outcome = |is_end: bool, name: String| if is_end && to_logits { "logits".to_owned() } else { name };
        let mut value = outcome(after.is_empty(), name.clone());
        step.add(graph, &values[from], is_flat, &value);
        let count = after.len();
        for (i, (operator, others, suffix)) in after.into_iter().enumerate() {
            let to = outcome(i + 1 == count, format!("{name}{suffix}"));
            let inputs: Vec<&str> = [&value].into_iter().chain(&others).map(String::as_str).collect();
            graph.node(operator, &inputs, &to, vec![]);
            value = to;
        }
        values.push(value);
    }
    if !is_flat(&network.operations, &shapes, last) {
        graph.node("Flatten", &[&values[last]], "logits", vec![Attribute::int("axis", 1)]);
    }
}

/// The images, changed as the network wants them.
fn normalised(graph: &mut GraphBuilder, folded: &Folded) -> String {
    let network = &folded.network;
    let mut value = "images".to_owned();
    let shape = [1, network.input[0], 1, 1];
    for (operator, kind, numbers, usual) in
        [("Mul", "factors", &network.factors, 1.0), ("Add", "summands", &network.summands, 0.0)]
    {
        if numbers.iter().all(|&number| number == usual) {
            continue;
        }
        let (to, constant) =
            (format!("images.{}", operator.to_lowercase()), graph.weight("images", kind, &shape, numbers));
        graph.node(operator, &[&value, &constant], &to, vec![]);
        value = to;
    }
    value
}

/// Whether an operation's value is `[batch, units]`: a dense layer that only such layers read, and no sum.
fn is_flat(operations: &[Operation], shapes: &[[usize; 3]], index: usize) -> bool {
    let is_dense = |operation: &Operation| {
        let [_, height, width] = shapes[usize::from(operation.from)];
        let whole = operation.kernel.map(usize::from) == [height, width] && operation.padding == [0, 0];
        operation.kind == OperationKind::Convolution && operation.groups == 1 && whole && operation.added.is_none()
    };
    let reads = |operation: &&Operation| usize::from(operation.from) == index;
    let adds = |operation: &Operation| operation.added.map(usize::from) == Some(index);
    is_dense(&operations[index - 1]) && !operations.iter().any(adds) && operations.iter().filter(reads).all(is_dense)
}

/// An operation without sum and rectifier.
struct Step<'t> {
    operation: &'t Operation,
    /// Shape of what it reads.
    from: [usize; 3],
    kernel: &'t [f32],
    bias: &'t [f32],
    name: &'t str,
}

impl Step<'_> {
    /// Adds it, its value under the name `to`.
    fn add(&self, graph: &mut GraphBuilder, input: &str, is_flat: bool, to: &str) {
        let [channels, height, width] = self.from;
        let Operation { kind, outputs, groups, kernel, stride, padding, .. } = *self.operation;
        let [rows, columns] = kernel.map(usize::from);
        let outputs = usize::from(outputs);
        let pair = |key: &str, [a, b]: [u8; 2]| Attribute::ints(key, &[i64::from(a), i64::from(b)]);
        let [above, left] = padding.map(i64::from);
        let window = || {
            vec![
                pair("kernel_shape", kernel),
                pair("strides", stride),
                Attribute::ints("pads", &[above, left, above, left]),
            ]
        };
        let whole = [rows, columns] == [height, width] && padding == [0, 0];
        match kind {
            OperationKind::Convolution if is_flat => {
                let features = format!("{}.features", self.name);
                graph.node("Flatten", &[input], &features, vec![Attribute::int("axis", 1)]);
                let weight = graph.weight(self.name, "weight", &[outputs, channels * rows * columns], self.kernel);
                let bias = graph.weight(self.name, "bias", &[outputs], self.bias);
                graph.node("Gemm", &[&features, &weight, &bias], to, vec![Attribute::int("transB", 1)]);
            }
            OperationKind::Convolution => {
                let inputs = channels / usize::from(groups);
                let weight = graph.weight(self.name, "weight", &[outputs, inputs, rows, columns], self.kernel);
                let bias = graph.weight(self.name, "bias", &[outputs], self.bias);
                let attributes = [window(), vec![Attribute::int("group", groups.into())]].concat();
                graph.node("Conv", &[input, &weight, &bias], to, attributes);
            }
            _ if kernel == [1, 1] && stride == [1, 1] => {
                graph.node("Identity", &[input], to, vec![]);
            }
            OperationKind::MaxPool => graph.node("MaxPool", &[input], to, window()),
            OperationKind::AveragePool if whole => graph.node("GlobalAveragePool", &[input], to, vec![]),
            OperationKind::AveragePool => {
                let attributes = [window(), vec![Attribute::int("count_include_pad", 1)]].concat();
                graph.node("AveragePool", &[input], to, attributes);
            }
        }
    }
}
