use minijinja::{Value, context};

use super::plan::{Plan, Stage};
use super::{CSource, Parts, text};
use crate::model::KERNEL;
use crate::{BranchWeights, Convolution, HeadActivation, TrainedModel};

const SOURCE: &str = include_str!("../../templates/float.c");

/// The model with weights, sums and maps in 32-bit floats.
pub(super) fn generate(model: &TrainedModel, name: &str) -> CSource {
    let plan = Plan::new(model);
    let values = context! {
        weights => weights(model),
        relu_heads => model.joint().is_some_and(|joint| joint.head_activation == HeadActivation::Relu),
        plan => plan_values(&plan),
    };
    let (constants, scratch) = (model.parameters(), plan.scratch_values());
    super::assembled(model, name, Parts { source: SOURCE, constants, scratch, code: "1 to 2 KB", values })
}

fn plan_values(plan: &Plan) -> Value {
    let Plan { stages, classes, branches, hidden } = plan;
    let stage = |stage: &Stage| {
        let Stage { input, output, row, output_row } = stage;
        context! { input => input.to_vec(), output => output.to_vec(), row, output_row }
    };
    context! { stages => stages.iter().map(stage).collect::<Vec<_>>(), classes, branches, hidden }
}

/// All weights as C arrays, in the order they are used in.
fn weights(model: &TrainedModel) -> String {
    let mut arrays = Vec::new();
    for (i, BranchWeights { convolutions, head }) in model.branches().iter().enumerate() {
        for (j, layer) in convolutions.iter().enumerate() {
            let name = format!("branch_{}_conv_{}", i + 1, j + 1);
            arrays.push(text::floats(&format!("{name}_weight"), &channels_last(layer)));
            arrays.push(text::floats(&format!("{name}_bias"), &layer.bias));
        }
        arrays.push(text::floats(&format!("branch_{}_head_weight", i + 1), &head.by_input()));
        arrays.push(text::floats(&format!("branch_{}_head_bias", i + 1), &head.bias));
    }
    if let Some(joint) = model.joint() {
        for (name, layer) in [("hidden", &joint.hidden), ("output", &joint.output)] {
            arrays.push(text::floats(&format!("{name}_weight"), &layer.by_input()));
            arrays.push(text::floats(&format!("{name}_bias"), &layer.bias));
        }
    }
    arrays.join("\n")
}

/// `[filters, 3, 3, channels]`: three pixels of a row, as they lie in memory, meet weights that lie alike.
fn channels_last(layer: &Convolution) -> Vec<f32> {
    const TAPS: usize = KERNEL * KERNEL;
    let filters = layer.weight.chunks_exact(layer.channels * TAPS);
    filters.flat_map(|f| (0..f.len()).map(|i| f[i % layer.channels * TAPS + i / layer.channels])).collect()
}
