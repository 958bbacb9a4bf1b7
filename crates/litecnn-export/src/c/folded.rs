use litecnn_runtime::{Activation, Operation, OperationKind};
use minijinja::{Value, context};

use super::{CSource, Parts, text};
use crate::{Folded, TrainedModel};

const SOURCE: &str = include_str!("../../templates/folded.c");

/// A folded network: a table of operations, and the loops that go through it.
pub(super) fn generate(model: &TrainedModel, folded: &Folded, name: &str) -> CSource {
    let (network, shapes, layers) = (&folded.network, folded.shapes(), folded.layers());
    let lengths: Vec<usize> = shapes.iter().map(|shape| shape.iter().product()).collect();
    let plan = litecnn_runtime::plan(&lengths, &network.operations);
    let most = shapes.iter().map(|shape| shape[0]).max().unwrap_or(1);
    let map = |value: usize| {
        let [channels, height, width] = shapes[value];
        [plan.places[value], height, width, channels]
    };
    let mut arrays =
        vec![text::floats("image_factors", &network.factors), text::floats("image_summands", &network.summands)];
    let mut operations = Vec::new();
    for ((operation, [kernel, bias]), index) in network.operations.iter().zip(layers).zip(1..) {
        let from = usize::from(operation.from);
        let alone = usize::from(operation.groups) == shapes[from][0] && operation.groups == operation.outputs;
        let (mut weight, mut of_bias) = ("NULL".to_owned(), "NULL".to_owned());
        if operation.kind == OperationKind::Convolution {
            (weight, of_bias) = (format!("op_{index}_weight"), format!("op_{index}_bias"));
            arrays.push(text::floats(&weight, &arranged(operation, shapes[from][0], alone, kernel)));
            arrays.push(text::floats(&of_bias, bias));
        }
        operations.push(context! {
            kind => match operation.kind {
                OperationKind::Convolution if alone => "EACH_ALONE",
                OperationKind::Convolution => "CONVOLUTION",
                OperationKind::MaxPool => "LARGEST",
                OperationKind::AveragePool => "MEAN",
            },
            from => map(from).to_vec(),
            to => map(index).to_vec(),
            added => operation.added.map_or("NOTHING".into(), |added| plan.places[usize::from(added)].to_string()),
            bounds => match operation.activation {
                Activation::None => 0,
                Activation::Relu => 1,
                Activation::Relu6 => 6,
            },
            groups => operation.groups,
            kernel => operation.kernel.to_vec(),
            stride => operation.stride.to_vec(),
            padding => operation.padding.to_vec(),
            weight, bias => of_bias,
        });
    }
    let values: Value = context! {
        operations,
        weights => arrays.join("\n"),
        values => plan.len,
        most,
        image => plan.places[0],
        result => plan.places[network.operations.len()],
    };
    let parts = Parts {
        source: SOURCE,
        constants: model.parameters() + network.factors.len() + network.summands.len(),
        scratch: plan.len + most,
        code: "2 to 8 KB",
        values,
    };
    super::assembled(model, name, parts)
}

/// Weights as the loops go through them.
fn arranged(operation: &Operation, channels: usize, alone: bool, kernel: &[f32]) -> Vec<f32> {
    let taps = usize::from(operation.kernel[0]) * usize::from(operation.kernel[1]);
    if alone {
        return (0..taps).flat_map(|tap| kernel[tap..].iter().step_by(taps).copied()).collect();
    }
    let inputs = channels / usize::from(operation.groups);
    let outputs = kernel.chunks_exact(inputs * taps);
    outputs.flat_map(|of| (0..of.len()).map(|i| of[i % inputs * taps + i / inputs])).collect()
}
