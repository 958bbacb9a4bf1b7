use std::path::PathBuf;
use std::time::Instant;

use litecnn_model::Params;
use litecnn_run::EpochRecord;

use crate::checkpoint::{self, OutputState, State};
use crate::observer::{Event, Observer};
use crate::optimizer::Optimizer;
use crate::recipe::{EarlyStoppingSettings, Keep, TrainSettings};
use crate::{Score, TrainError};

/// What came of a training step. The model holds the weights kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One record an epoch and output.
    pub history: Vec<EpochRecord>,
    /// For each output, in order: whose weights were kept.
    pub kept: Vec<Kept>,
    /// Epochs trained.
    pub epochs: u32,
    /// Seconds of all epochs, validation and saving included, in this process and earlier ones.
    pub seconds: f64,
}

/// Which epoch's weights of an output were kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Name of the output.
    pub output: String,
    /// Counted from 1.
    pub epoch: u32,
    /// Its validation accuracy in that epoch.
    pub accuracy: f64,
}

/// Where the state of a step is saved after every epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpointer {
    /// The state file; a step that finds it there goes on from it.
    pub path: PathBuf,
    /// What the state depends on (recipe and inputs): a state with another one is not used.
    pub fingerprint: String,
}

/// Something that is trained epoch by epoch.
pub(crate) trait Problem {
    /// Names of the outputs, each with its own loss and accuracy.
    fn outputs(&self) -> Vec<&'static str>;
    /// Images and batches of an epoch (batches summed over the outputs).
    fn size(&self) -> (usize, usize);
    /// Trains one epoch; scores by output, over the images as they were seen.
    fn train(&mut self, epoch: u32, tick: &(dyn Fn() + Sync)) -> Result<Vec<Score>, TrainError>;
    /// Scores by output on the validation images.
    fn validate(&mut self) -> Result<Vec<Score>, TrainError>;
    /// What is trained.
    fn parts(&mut self) -> Vec<Part<'_>>;
}

/// A buffer of parameters that is trained, and its optimiser.
pub(crate) struct Part<'a> {
    /// Names the part in the state file.
    pub(crate) name: &'static str,
    /// Which output the part belongs to.
    pub(crate) output: usize,
    pub(crate) params: &'a mut Params,
    pub(crate) optimizer: &'a mut Optimizer,
}

/// The rules of a training step.
pub(crate) struct Plan<'a> {
    pub(crate) step: &'a str,
    pub(crate) epochs: u32,
    pub(crate) keep: Keep,
    pub(crate) early_stopping: &'a EarlyStoppingSettings,
    /// The watched value, from the validation accuracies by output.
    pub(crate) monitor: &'a dyn Fn(&[f64]) -> f64,
    pub(crate) checkpointer: Option<&'a Checkpointer>,
    pub(crate) observer: &'a dyn Observer,
}

impl<'a> Plan<'a> {
    /// The rules of a step that trains one model, watched by its own validation accuracy.
    pub(crate) fn single(
        step: &'a str,
        settings: &'a TrainSettings,
        checkpointer: Option<&'a Checkpointer>,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            step,
            epochs: settings.epochs,
            keep: settings.keep,
            early_stopping: &settings.early_stopping,
            monitor: &|accuracies| accuracies[0],
            checkpointer,
            observer,
        }
    }
}

/// Trains until the last epoch or until early stopping, then puts the kept weights in place.
pub(crate) fn fit(problem: &mut dyn Problem, plan: &Plan<'_>) -> Result<Fit, TrainError> {
    let outputs = problem.outputs();
    let mut state = match plan.checkpointer.map(|c| checkpoint::load(c, problem)).transpose()?.flatten() {
        Some(state) => {
            plan.observer.notice(Event::Resumed { step: plan.step, epoch: state.epoch });
            state
        }
        None => State::fresh(problem),
    };
    while state.epoch < plan.epochs && !state.early_stopping.stopped(plan.early_stopping) {
        let epoch = state.epoch + 1;
        let (images, batches) = problem.size();
        plan.observer.notice(Event::EpochStart { step: plan.step, epoch, epochs: plan.epochs, batches });
        let learning_rates: Vec<f64> = (0..outputs.len())
            .map(|o| problem.parts().iter().find(|p| p.output == o).map_or(0.0, |p| p.optimizer.learning_rate()))
            .collect();
        let start = Instant::now();
        let trained = problem.train(epoch, &|| plan.observer.notice(Event::Batch { step: plan.step }))?;
        let seconds = start.elapsed().as_secs_f64();
        let validated = problem.validate()?;
        let records: Vec<EpochRecord> = (0..outputs.len())
            .map(|o| EpochRecord {
                epoch,
                output: outputs[o].to_owned(),
                learning_rate: learning_rates[o],
                loss: trained[o].loss,
                accuracy: trained[o].accuracy,
                validation_loss: validated[o].loss,
                validation_accuracy: validated[o].accuracy,
                seconds,
                images_per_second: images as f64 / seconds.max(1e-9),
            })
            .collect();
        if let Some(bad) = records.iter().find(|r| !(r.loss.is_finite() && r.validation_loss.is_finite())) {
            return Err(TrainError::Diverged {
                step: plan.step.to_owned(),
                epoch,
                what: format!("the loss of `{}`", bad.output),
                learning_rate: bad.learning_rate,
                last_good: if plan.checkpointer.is_some() { state.epoch } else { 0 },
            });
        }
        let accuracies: Vec<f64> = validated.iter().map(|s| s.accuracy).collect();
        let verdict = state.early_stopping.observe((plan.monitor)(&accuracies), plan.early_stopping);
        let keep: Vec<bool> = state
            .outputs
            .iter()
            .zip(&accuracies)
            .map(|(output, &accuracy)| match plan.keep {
                Keep::Best => output.kept_epoch == 0 || accuracy > output.kept_accuracy,
                Keep::EarlyStopping => verdict.improved,
                Keep::Last => true,
            })
            .collect();
        for part in problem.parts().into_iter().filter(|part| keep[part.output]) {
            state.kept.insert(part.name.to_owned(), part.params.snapshot()?);
        }
        for (o, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            state.outputs[o] = OutputState { kept_epoch: epoch, kept_accuracy: accuracies[o] };
        }
        state.epoch = epoch;
        state.seconds += start.elapsed().as_secs_f64();
        state.history.extend(records.iter().cloned());
        if let Some(checkpointer) = plan.checkpointer {
            checkpoint::save(checkpointer, &state, problem)?;
        }
        plan.observer.notice(Event::EpochEnd { step: plan.step, records: &records });
    }
    for part in problem.parts() {
        if let Some(kept) = state.kept.get(part.name) {
            part.params.restore(kept)?;
        }
    }
    let early = state.early_stopping.stopped(plan.early_stopping);
    plan.observer.notice(Event::Finished { step: plan.step, epochs: state.epoch, early });
    let kept = outputs
        .iter()
        .zip(&state.outputs)
        .map(|(name, o)| Kept { output: (*name).to_owned(), epoch: o.kept_epoch, accuracy: o.kept_accuracy })
        .collect();
    Ok(Fit { history: state.history, kept, epochs: state.epoch, seconds: state.seconds })
}
