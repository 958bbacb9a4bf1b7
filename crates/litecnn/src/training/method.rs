//! The method from images to a scored model, in memory: nothing is saved on the way.

use anyhow::Result;
use litecnn_data::{DeviceImages, stream};
use litecnn_model::{Branch, Model, UnifiedModel};
use litecnn_run::Outcome;
use litecnn_train::{
    Fit, Heads, Recipe, Score, TrainingData, branch_logits, stage_one, train_joint, train_whole, unified_logits,
};

use super::outcomes::Ends;

/// Both stages, with one thread.
pub(super) fn whole_method(data: &TrainingData, recipe: &Recipe, seed: u64) -> Result<(Model, Vec<Fit>)> {
    let (dual, first) = stage_one(data, recipe, seed, 1, None, &Ends)?;
    let (model, [second, third]) = second_stage(&dual.branches, data, recipe, seed)?;
    Ok((Model::Unified(model), vec![first, second, third]))
}

/// The second stage of two trained branches, surgery first.
pub(super) fn second_stage(
    [first, second]: &[Branch; 2],
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
) -> Result<(UnifiedModel, [Fit; 2])> {
    let mut rng = stream(seed, "surgery/weights");
    let mut model = litecnn_surgery::join(first, second, &data.unified_spec(recipe), &mut rng)?;
    if recipe.second_stage.heads == Heads::Fresh {
        litecnn_surgery::redraw_heads(&mut model, &mut rng)?;
    }
    let (model, joint) = train_joint(model, data, recipe, seed, 1, None, &Ends)?;
    let (model, whole) = train_whole(model, data, recipe, seed, 1, None, &Ends)?;
    Ok((model, [joint, whole]))
}

/// Shows a trained model the images held out and, once, the test images.
pub(super) fn outcome(arm: String, seed: u64, model: &Model, fits: &[Fit], data: &TrainingData) -> Result<Outcome> {
    let score = |images: &DeviceImages, places: &[u32]| -> Result<f64> {
        let logits = match model {
            Model::Unified(model) => unified_logits(model, images, places, data.engine, 1)?,
            Model::Branch(branch) => branch_logits(branch, images, places, data.engine)?,
        };
        Ok(Score::of(&logits, &images.labels(places)?)?.accuracy)
    };
    let test: Vec<u32> = (0..data.test.len() as u32).collect();
    Ok(Outcome {
        arm,
        seed,
        parameters: model.parameters(),
        epochs: fits.iter().map(|fit| fit.epochs).sum(),
        validation_accuracy: score(&data.images, &data.split.validation)?,
        test_accuracy: score(&data.test, &test)?,
        seconds: fits.iter().map(|fit| fit.seconds).sum(),
    })
}
