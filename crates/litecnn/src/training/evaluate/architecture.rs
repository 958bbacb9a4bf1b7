use anyhow::{Context, Result};
use litecnn_model::{Branch, DualModel, Layer, Model, Summary, UnifiedModel};
use litecnn_run::{ArchitectureRecord, GraphLayer, ModelGraph};
use litecnn_train::{STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE};
use tch::Tensor;

/// The models of a seed as graphs, from the models themselves.
///
/// # Errors
/// If the description has other numbers of parameters than the models, layer by layer.
pub(super) fn record(first: &Branch, second: &Branch, unified: &UnifiedModel) -> Result<ArchitectureRecord> {
    let branch = Summary::of_branch(first.spec());
    let dual = Summary::of_dual(first.spec());
    // The first step of stage two leaves the branches as they are.
    let [frozen, whole] = [true, false].map(|frozen| Summary::of_unified(unified.spec(), frozen));
    let both = DualModel { branches: [first.share(), second.share()] };
    let models = vec![
        graph("branch", Model::Branch(first.share()).named(), &[(STAGE_ONE, &branch)])?,
        graph("dual", both.named(), &[(STAGE_ONE, &dual)])?,
        graph("unified", unified.named(), &[(STAGE_TWO_JOINT, &frozen), (STAGE_TWO_WHOLE, &whole), ("folds", &whole)])?,
    ];
    Ok(ArchitectureRecord { format: ArchitectureRecord::FORMAT.into(), models })
}

/// One model as a graph, from its weights and its summary in every step it goes through.
fn graph(name: &str, weights: Vec<(String, &Tensor)>, steps: &[(&str, &Summary)]) -> Result<ModelGraph> {
    let (_, summary) = steps[0];
    summary.check(weights).with_context(|| {
        format!("architecture.json would not fit the {name} model: this is a fault of the program, please report it")
    })?;
    let layer = |(at, layer): (usize, &Layer)| {
        let trained = steps.iter().filter(|(_, summary)| summary.layers[at].trainable && layer.parameters > 0);
        GraphLayer {
            name: layer.name.clone(),
            kind: layer.kind.clone(),
            inputs: layer.inputs.clone(),
            output: layer.output.iter().map(|&n| n as u64).collect(),
            parameters: layer.parameters as u64,
            macs: layer.macs as u64,
            trained_in: trained.map(|(step, _)| (*step).to_owned()).collect(),
        }
    };
    Ok(ModelGraph { name: name.to_owned(), layers: summary.layers.iter().enumerate().map(layer).collect() })
}
