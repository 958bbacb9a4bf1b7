use litecnn_data::Split;
use litecnn_model::UnifiedModel;

use crate::TrainError;
use crate::class_weights::ClassWeights;
use crate::data::{TrainingData, parted};
use crate::fit::{Checkpointer, Fit};
use crate::observer::Observer;
use crate::recipe::{Recipe, Unfreezing};
use crate::whole::{Task, fit_whole};

/// What must be said beside the folds' results.
pub const FOLD_CAVEAT: &str = "The folds start from weights that have already seen most of each fold's validation \
images, so the folds' validation accuracies are not independent estimates; the test accuracies are.";

/// A fold that is to be trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Counted from 1.
    pub number: usize,
    /// Its part of the official training images.
    pub split: Split,
}

impl Fold {
    /// The folds of a recipe.
    ///
    /// # Errors
    /// [`TrainError::Split`] if there are fewer images than folds.
    pub fn all(data: &TrainingData, recipe: &Recipe, seed: u64) -> Result<Vec<Self>, TrainError> {
        let splits = parted(&data.labels, recipe, seed)?;
        Ok(splits.into_iter().enumerate().map(|(k, split)| Self { number: k + 1, split }).collect())
    }

    /// The step's name: `fold-1` …
    pub fn step(&self) -> String {
        format!("fold-{}", self.number)
    }
}

/// Third step of the second stage (Isong 2025, "Second training stage", 3): k-fold cross-validation over the whole
/// training part, every fold from a copy of `start`. Folds run side by side, one a worker; their results do not
/// depend on how many there are.
///
/// `checkpointer` is called when a fold begins and says where its state is saved. `finished` is called with each fold's model as it is done, from
/// the fold's thread.
///
/// See [`FOLD_CAVEAT`] for what the validation accuracies are not.
///
/// # Errors
/// The first fold's error; the other folds end after the fold they are at.
#[expect(clippy::too_many_arguments, reason = "the settings of a run, each of its own kind")]
pub fn cross_validate(
    start: &UnifiedModel,
    to_do: &[Fold],
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    workers: usize,
    checkpointer: &(dyn Fn(&Fold) -> Result<Option<Checkpointer>, TrainError> + Sync),
    observer: &dyn Observer,
    finished: &(dyn Fn(&Fold, UnifiedModel, Fit) -> Result<(), TrainError> + Sync),
) -> Result<(), TrainError> {
    let settings = recipe.cross_validation.each();
    let side_by_side = workers.clamp(1, to_do.len().max(1));
    let inside = (workers / side_by_side).max(1);
    let places = (0..side_by_side).map(|_| (start.share(), data.images.share())).collect();
    let (settings, engine) = (&settings, data.engine);
    let (figures, teacher) = (data.normalisation.as_ref(), data.teacher.as_ref());
    let (labels, classes, weighting) = (&data.labels, data.classes.len(), recipe.data.class_weights);
    let errors = crate::side_by_side(places, to_do.iter().collect(), |(start, images), fold: &Fold| {
        let step = fold.step();
        let weights = ClassWeights::of(weighting, labels, &fold.split.train, classes)?;
        let task = Task {
            step: &step,
            images,
            split: &fold.split,
            settings,
            unfreezing: Unfreezing::default(),
            weights,
            engine,
            figures,
            teacher,
            fresh: false,
        };
        let (checkpointer, model) = (checkpointer(fold)?, start.duplicate()?);
        let (model, fit) = fit_whole(model, &task, seed, inside, checkpointer.as_ref(), observer)?;
        finished(fold, model, fit)
    });
    // That a fold failed says more than that others were halted.
    let (halted, failed): (Vec<_>, Vec<_>) = errors.into_iter().partition(|e| matches!(e, TrainError::Halted { .. }));
    failed.into_iter().chain(halted).next().map_or(Ok(()), Err)
}
