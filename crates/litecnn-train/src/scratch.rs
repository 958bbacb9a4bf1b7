use litecnn_model::UnifiedModel;

use crate::TrainError;
use crate::data::TrainingData;
use crate::fit::{Checkpointer, Fit};
use crate::observer::Observer;
use crate::recipe::{EarlyStoppingSettings, Recipe, TrainSettings, Unfreezing};
use crate::whole::{Task, fit_whole};

/// The step's name.
pub const SCRATCH: &str = "scratch";

/// The control of the two-stage method: a fresh model of the same architecture, trained as a whole for a number of
/// epochs. Everything else is as for the first stage's first branch, so the paper's recipe augments no image; nothing stops
/// it early.
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
        schedule: first.schedule,
        average: first.average,
        label_smoothing: first.label_smoothing,
        mixup: first.mixup,
        cutmix: first.cutmix,
        augmentation: first.augmentation.clone(),
    };
    let weights = data.class_weights(recipe, &data.split.train)?;
    let (images, split, engine, figures) = (&data.images, &data.split, data.engine, data.normalisation.as_ref());
    let task = Task {
        step: SCRATCH,
        images,
        split,
        settings,
        unfreezing: Unfreezing::default(),
        weights,
        engine,
        figures,
        teacher: data.teacher.as_ref(),
        fresh: true,
    };
    fit_whole(model, &task, seed, workers, checkpointer, observer)
}
