use std::path::PathBuf;
use std::time::Instant;

use litecnn_model::ModelError;
use litecnn_run::EpochRecord;
use tch::Tensor;

use crate::checkpoint::{self, Halted, OutputState, State};
use crate::epoch::{self, Epoch, Trained};
use crate::observer::{Event, Observer};
use crate::optimizer::Memory;
use crate::recipe::{EarlyStoppingSettings, Keep, ScheduleSettings, TrainSettings};
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

/// Where the state of a step is saved after every epoch, and after a batch when training is halted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpointer {
    /// The state file; a step that finds it there goes on from it.
    pub path: PathBuf,
    /// What the state depends on (recipe and inputs): a state with another one is not used.
    pub fingerprint: String,
}

/// Something that is trained epoch by epoch.
pub trait Problem {
    /// What can go wrong with it.
    type Error: From<TrainError>;
    /// Names of the outputs, each with its own loss and accuracy.
    fn outputs(&self) -> Vec<&'static str>;
    /// Images and batches of an epoch (batches summed over the outputs).
    fn size(&self) -> (usize, usize);
    /// The learning rate of each output when an epoch begins.
    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64>;
    /// Trains one epoch, or what is left of it, with a [`Lane`](crate::Lane) for each output; leaves it after the batch
    /// at which [`Lane::batch_done`](crate::Lane::batch_done) says so.
    ///
    /// # Errors
    /// Whatever ends training.
    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, Self::Error>;
    /// Scores by output on the validation images.
    ///
    /// # Errors
    /// Whatever ends training.
    fn validate(&mut self) -> Result<Vec<Score>, Self::Error>;
    /// What is trained, or changes otherwise as it trains. Where an optimiser keeps an average of a part, it takes the
    /// part's place while [`Problem::validate`] is at work.
    fn parts(&mut self) -> Vec<Part<'_>>;
}

/// A buffer of numbers that training changes: saved after every epoch, kept and put back.
pub struct Part<'a> {
    /// Names the part in the state file.
    pub name: &'static str,
    /// Which output the part belongs to.
    pub output: usize,
    /// `[numbers]`; changed in place.
    pub buffer: &'a mut Tensor,
    /// The optimiser of these numbers, if they have one.
    pub optimizer: Option<&'a mut dyn Memory>,
}

impl Part<'_> {
    /// A copy of what would be handed on now: the average of the buffer, or the buffer itself.
    fn snapshot(&mut self) -> Result<Tensor, TrainError> {
        let average = self.optimizer.as_mut().and_then(|optimizer| optimizer.average());
        Ok(average.unwrap_or(self.buffer).f_detach()?.copy())
    }

    /// Exchanges the buffer and its average, if it has one.
    fn exchange(&mut self) -> Result<(), TrainError> {
        if let Some(average) = self.optimizer.as_mut().and_then(|optimizer| optimizer.average()) {
            let before = self.buffer.f_detach()?.copy();
            self.buffer.f_copy_(average)?;
            average.f_copy_(&before)?;
        }
        Ok(())
    }

    /// Overwrites the buffer.
    pub(crate) fn restore(&mut self, saved: &Tensor) -> Result<(), TrainError> {
        let (expected, found) = (self.buffer.size(), saved.size());
        if expected != found {
            return Err(ModelError::Shape { layer: self.name.into(), expected, found }.into());
        }
        self.buffer.f_copy_(saved)?;
        Ok(())
    }
}

/// The rules of a training step.
pub struct Plan<'a> {
    /// The step's name.
    pub step: &'a str,
    /// The last epoch, if nothing stops earlier.
    pub epochs: u32,
    /// Which weights are in place at the end.
    pub keep: Keep,
    /// When to stop before the last epoch; none for never.
    pub early_stopping: Option<&'a EarlyStoppingSettings>,
    /// The value early stopping watches, the more the better, from an epoch's records by output.
    pub monitor: &'a dyn Fn(&[EpochRecord]) -> f64,
    /// Where the state is saved, if anywhere.
    pub checkpointer: Option<&'a Checkpointer>,
    /// Is told how it goes.
    pub observer: &'a dyn Observer,
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
            early_stopping: stopping(settings.schedule, &settings.early_stopping),
            monitor: &|records| records[0].validation_accuracy,
            checkpointer,
            observer,
        }
    }
}

/// When a step ends early: never if its learning rate follows a schedule.
pub(crate) fn stopping(schedule: ScheduleSettings, settings: &EarlyStoppingSettings) -> Option<&EarlyStoppingSettings> {
    (schedule == ScheduleSettings::Constant).then_some(settings)
}

/// Trains until the last epoch or until early stopping, then puts the kept weights in place.
///
/// # Errors
/// [`TrainError::Diverged`] if a loss is no sensible number any more, [`TrainError::Halted`] if the observer wants an
/// end, and whatever the problem runs into.
pub fn fit<P: Problem>(problem: &mut P, plan: &Plan<'_>) -> Result<Fit, P::Error> {
    let outputs = problem.outputs();
    let load = |c: &Checkpointer, problem: &mut P| checkpoint::load(c, problem.parts());
    let mut state = match plan.checkpointer.map(|c| load(c, problem)).transpose()?.flatten() {
        Some(state) => {
            let batches = state.halted.iter().flat_map(|halted| &halted.ways).map(|way| way.batches).sum();
            plan.observer.notice(Event::Resumed { step: plan.step, epoch: state.epoch, batches });
            state
        }
        None => State::fresh(outputs.len()),
    };
    let stopped = |state: &State| plan.early_stopping.is_some_and(|settings| state.early_stopping.stopped(settings));
    while state.epoch < plan.epochs && !stopped(&state) {
        let (images, batches) = problem.size();
        if plan.observer.halts() {
            return Err(halted(plan, &state, batches).into());
        }
        let number = state.epoch + 1;
        plan.observer.notice(Event::EpochStart { step: plan.step, epoch: number, epochs: plan.epochs, batches });
        let start = Instant::now();
        let tick = || plan.observer.notice(Event::Batch { step: plan.step });
        let halts = || plan.observer.halts();
        let before = state.halted.take();
        let epoch = Epoch {
            step: plan.step,
            number,
            history: &state.history,
            outputs: &outputs,
            halted: before.as_ref().map_or(&[], |halted| &halted.ways),
            last_good: if plan.checkpointer.is_some() { state.epoch } else { 0 },
            tick: &tick,
            halts: &halts,
        };
        let earlier = before.as_ref().map_or(0.0, |halted| halted.seconds);
        let learning_rates = problem.learning_rates(&epoch);
        let trained = match problem.train(&epoch)? {
            Trained::Whole(scores) => scores,
            Trained::Halted(ways) => {
                state.halted = Some(Halted { ways, seconds: earlier + start.elapsed().as_secs_f64() });
                save(problem, plan, &state, number, &learning_rates)?;
                return Err(halted(plan, &state, batches).into());
            }
        };
        let seconds = earlier + start.elapsed().as_secs_f64();
        exchange(problem)?;
        let validated = problem.validate()?;
        exchange(problem)?;
        let records: Vec<EpochRecord> = (0..outputs.len())
            .map(|o| EpochRecord {
                epoch: number,
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
        // The training images' losses were looked at batch by batch.
        if let Some(bad) = records.iter().find(|r| !epoch::sensible(r.validation_loss)) {
            let what = format!("{} on the validation images", epoch::fault(&bad.output, bad.validation_loss));
            return Err(diverged(plan, number, what, bad.learning_rate).into());
        }
        let settings = plan.early_stopping;
        let verdict = settings.map(|settings| state.early_stopping.observe((plan.monitor)(&records), settings));
        let keep = |output: &OutputState, accuracy: f64| match plan.keep {
            Keep::Best => output.kept_epoch == 0 || accuracy > output.kept_accuracy,
            Keep::EarlyStopping => verdict.is_none_or(|verdict| verdict.improved),
            Keep::Last => true,
        };
        let accuracies = records.iter().map(|record| record.validation_accuracy);
        let keep: Vec<bool> = state.outputs.iter().zip(accuracies).map(|(output, a)| keep(output, a)).collect();
        // The last epoch's weights are at hand anyway.
        if plan.keep != Keep::Last {
            for mut part in problem.parts().into_iter().filter(|part| keep[part.output]) {
                state.kept.insert(part.name.to_owned(), part.snapshot()?);
            }
        }
        for (o, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            state.outputs[o] = OutputState { kept_epoch: number, kept_accuracy: records[o].validation_accuracy };
        }
        state.epoch = number;
        state.seconds += earlier + start.elapsed().as_secs_f64();
        state.history.extend(records.iter().cloned());
        save(problem, plan, &state, number, &learning_rates)?;
        plan.observer.notice(Event::EpochEnd { step: plan.step, records: &records });
    }
    for mut part in problem.parts() {
        match state.kept.get(part.name) {
            Some(kept) if plan.keep != Keep::Last => part.restore(kept)?,
            // What training leaves is in place; its average is put there.
            _ => part.exchange()?,
        }
    }
    plan.observer.notice(Event::Finished { step: plan.step, epochs: state.epoch, early: stopped(&state) });
    let kept = outputs
        .iter()
        .zip(&state.outputs)
        .map(|(name, o)| Kept { output: (*name).to_owned(), epoch: o.kept_epoch, accuracy: o.kept_accuracy })
        .collect();
    Ok(Fit { history: state.history, kept, epochs: state.epoch, seconds: state.seconds })
}

fn exchange<P: Problem>(problem: &mut P) -> Result<(), TrainError> {
    problem.parts().iter_mut().try_for_each(Part::exchange)
}

/// Saves the state in or after the epoch of this number, unless the last batch left a number that is not finite: the
/// state saved before is worth more then.
fn save<P: Problem>(
    problem: &mut P,
    plan: &Plan<'_>,
    state: &State,
    epoch: u32,
    learning_rates: &[f64],
) -> Result<(), TrainError> {
    let Some(checkpointer) = plan.checkpointer else { return Ok(()) };
    if let Some(part) = checkpoint::not_finite(problem.parts())? {
        let what = format!("a weight of `{part}`, or what its optimiser remembers, is not a finite number");
        return Err(diverged(plan, epoch, what, learning_rates.first().copied().unwrap_or_default()));
    }
    checkpoint::save(checkpointer, state, problem.parts())
}

fn diverged(plan: &Plan<'_>, epoch: u32, what: String, learning_rate: f64) -> TrainError {
    TrainError::Diverged {
        step: plan.step.to_owned(),
        epoch,
        batch: None,
        what,
        learning_rate,
        last_good: if plan.checkpointer.is_some() { epoch - 1 } else { 0 },
    }
}

fn halted(plan: &Plan<'_>, state: &State, batches: usize) -> TrainError {
    let done = state.halted.iter().flat_map(|halted| &halted.ways).map(|way| way.batches).sum();
    let saved = plan.checkpointer.is_some();
    TrainError::Halted { step: plan.step.to_owned(), epoch: state.epoch, batch: done, batches, saved }
}
