use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use litecnn_data::Split;
use litecnn_model::UnifiedModel;

use crate::TrainError;
use crate::class_weights::ClassWeights;
use crate::data::{TrainingData, parted};
use crate::fit::{Checkpointer, Fit};
use crate::observer::Observer;
use crate::recipe::{Recipe, Unfreezing};
use crate::threads::{join, single_threaded_operations};
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
    let queue = Mutex::new(to_do.iter());
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (queue, failed, settings, engine) = (&queue, &failed, &settings, data.engine);
        let (figures, teacher) = (data.normalisation.as_ref(), data.teacher.as_ref());
        let (labels, classes, weighting) = (&data.labels, data.classes.len(), recipe.data.class_weights);
        let mut handles = Vec::new();
        for _ in 0..side_by_side {
            let (start, images) = (start.share(), data.images.share());
            handles.push(scope.spawn(move || {
                single_threaded_operations();
                let _alarm = Alarm(failed);
                while !failed.load(Ordering::Relaxed) {
                    let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some(fold) = next else { break };
                    let step = fold.step();
                    let train = || {
                        let weights = ClassWeights::of(weighting, labels, &fold.split.train, classes)?;
                        let (images, split) = (&images, &fold.split);
                        let task = Task {
                            step: &step,
                            images,
                            split,
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
                    };
                    let done = train();
                    if done.is_err() {
                        failed.store(true, Ordering::Relaxed);
                        return done;
                    }
                }
                Ok(())
            }));
        }
        let errors = handles.into_iter().filter_map(|handle| join(handle).err());
        // That a fold failed says more than that others were halted.
        let (halted, failed): (Vec<_>, Vec<_>) = errors.partition(|e| matches!(e, TrainError::Halted { .. }));
        failed.into_iter().chain(halted).next().map_or(Ok(()), Err)
    })
}

/// Ends the other workers too when one panics.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
