use litecnn_model::UnifiedModel;

use crate::TrainError;
use crate::data::TrainingData;
use crate::fit::{Checkpointer, Fit};
use crate::observer::Observer;
use crate::recipe::{EarlyStoppingSettings, Recipe, TrainSettings};
use crate::whole::{Task, fit_whole};

/// The step's name.
pub const SCRATCH: &str = "scratch";

/// The control of the two-stage method: a fresh model of the same architecture, trained as a whole for a number of
/// epochs. Optimiser, batch size and which epoch's weights are kept are those of the first stage; nothing stops it
/// early, and no image is augmented.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
#[allow(clippy::too_many_arguments, reason = "as the other steps, and the number of epochs")]
pub fn train_scratch(
    model: UnifiedModel,
    data: &TrainingData,
    recipe: &Recipe,
    epochs: u32,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let first = &recipe.stage_1;
    let settings = &TrainSettings {
        epochs,
        batch_size: first.batch_size,
        keep: first.keep,
        early_stopping: EarlyStoppingSettings { patience: epochs.max(1), min_delta: 0.0 },
        optimizer: first.optimizer.clone(),
    };
    let weights = data.class_weights(recipe, &data.split.train)?;
    let (images, split, engine) = (&data.images, &data.split, data.engine);
    let task = Task { step: SCRATCH, images, split, settings, weights, engine };
    fit_whole(model, &task, seed, workers, checkpointer, observer)
}
