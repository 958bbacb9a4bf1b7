//! Training, pruning with fine-tuning, and evaluation of networks.

mod data;
mod evaluation;
mod pruning;
mod rate;
mod recipe;
mod sgd;

pub use data::{TrainingData, input_of};
pub use evaluation::Evaluation;
pub use pruning::{Until, prune_and_tune, pruning_plan};
pub use rate::{RateSchedule, StepRate};
pub use recipe::Recipe;
pub use sgd::Sgd;

use litecnn_data::stream;
use litecnn_train::{
    Checkpointer, EarlyStoppingSettings, Epoch, Fit, Keep, Observer, Part, Plan, Problem, Score, Trained,
    cross_entropy, fit,
};
use rand::seq::SliceRandom;
use tch::{Device, Tensor};

use crate::{Model, ZooError};

/// The name of the step that trains a network.
pub const TRAIN: &str = "train";

/// Trains all weights of a network that reach its result; those of the last epoch go on.
///
/// Order of images, crops and dropout follow from the seed alone. On a CPU the same seed and number of threads give the
/// same weights to the bit, undisturbed or resumed.
///
/// # Errors
/// [`ZooError::Data`] if network and data do not fit, [`ZooError::Train`] if the loss is no number any more;
/// with a checkpointer, epochs done are kept.
pub fn train(
    model: Model,
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(Model, Fit), ZooError> {
    Task { step: TRAIN, data, recipe, seed }.run(model, None, checkpointer, observer)
}

/// A training of a network.
struct Task<'a> {
    /// Names the step, and keys its random numbers.
    step: &'a str,
    data: &'a TrainingData,
    recipe: &'a Recipe,
    seed: u64,
}

impl Task<'_> {
    /// Trains; with a mask `[kernels]` of zeros and ones, weights where it is zero stay as they are.
    fn run(
        &self,
        model: Model,
        mask: Option<Tensor>,
        checkpointer: Option<&Checkpointer>,
        observer: &dyn Observer,
    ) -> Result<(Model, Fit), ZooError> {
        self.data.check(model.graph())?;
        if let Some(fault) = self.recipe.normalisation.fault(self.data.input.channels as usize) {
            return Err(ZooError::Normalisation(fault));
        }
        let state = model.state();
        let trained = state.weights().f_narrow(0, 0, state.trainable())?;
        let mut running = Training {
            sgd: Sgd::new(self.recipe.weight_decay, &trained),
            leaves: state.leaves(model.graph()),
            weights: state.weights().shallow_clone(),
            statistics: state.statistics().shallow_clone(),
            gradient: trained.f_zeros_like()?,
            trained,
            mask,
            model,
            task: self,
        };
        let patience = EarlyStoppingSettings { patience: self.recipe.patience, min_delta: 0.0 };
        let plan = Plan {
            step: self.step,
            epochs: self.recipe.epochs,
            keep: Keep::Last,
            early_stopping: (self.recipe.patience > 0).then_some(&patience),
            monitor: &|records| -records[0].loss,
            checkpointer,
            observer,
        };
        let done = fit(&mut running, &plan)?;
        Ok((running.model, done))
    }
}

/// A network in training.
struct Training<'a> {
    model: Model,
    /// Its variables that are trained, in the order they lie in the buffer.
    leaves: Vec<Tensor>,
    /// All its weights.
    weights: Tensor,
    /// Those of them that are trained: the first ones.
    trained: Tensor,
    /// Laid out as they are, and used again for every step.
    gradient: Tensor,
    statistics: Tensor,
    mask: Option<Tensor>,
    sgd: Sgd,
    task: &'a Task<'a>,
}

impl Training<'_> {
    /// What goes for a batch of an epoch, counted from 0.
    fn rate(&self, epoch: &Epoch<'_>, batch: usize) -> StepRate {
        let losses: Vec<f64> = epoch.history.iter().map(|record| record.loss).collect();
        let (_, batches) = self.size();
        let recipe = self.task.recipe;
        let step = (epoch.number as usize - 1) * batches + batch;
        recipe.schedule.at(step, recipe.epochs as usize * batches, &losses)
    }

    /// Writes the gradient of a loss by the trained weights into the buffer for it.
    fn derive(&mut self, loss: Tensor) -> Result<(), ZooError> {
        let gradients = Tensor::f_run_backward(&[loss], &self.leaves, false, false)?;
        let pieces = gradients.iter().map(|g| g.f_reshape([-1])).collect::<Result<Vec<_>, _>>()?;
        let _ = Tensor::f_cat_out(&self.gradient, &pieces, 0)?;
        if let Some(mask) = &self.mask {
            let _ = self.gradient.f_narrow(0, 0, mask.numel() as i64)?.f_mul_(mask)?;
        }
        Ok(())
    }
}

impl Problem for Training<'_> {
    type Error = ZooError;

    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        let images = self.task.data.used.len();
        (images, images.div_ceil(self.task.recipe.batch_size))
    }

    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64> {
        vec![self.rate(epoch, 0).rate]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, ZooError> {
        let Task { step, data, recipe, seed } = *self.task;
        let purpose = |what: &str| stream(seed, &format!("zoo/{step}/{what}/epoch-{}", epoch.number));
        let mut order = data.used.clone();
        order.shuffle(&mut purpose("order"));
        let (mut augmentation, mut dropout) = (purpose("augmentation"), purpose("dropout"));
        let mut lane = epoch.lane(0, 0.0);
        lane.seek(0, &mut augmentation);
        lane.seek(1, &mut dropout);
        let batches = data.train.batches(lane.left(&order, recipe.batch_size), recipe.batch_size)?;
        let mut seen = Vec::with_capacity(batches.len());
        for batch in batches {
            let batch = batch?;
            let at = self.rate(epoch, lane.way.batches);
            lane.learning_rate = at.rate;
            let crops = recipe.augmentation.draw(batch.len(), &mut augmentation);
            let images = recipe.augmentation.apply(&batch.images, &crops)?;
            let logits = self.model.forward_train(&recipe.normalisation.apply(&images)?, &mut dropout)?;
            let loss = cross_entropy(&logits, &batch.labels)?;
            // A GPU would have to be waited for; its losses are looked at when the epoch has ended.
            if loss.device() == Device::Cpu {
                lane.check(loss.f_double_value(&[])?)?;
            }
            self.derive(loss)?;
            self.sgd.step(&mut self.trained, &mut self.gradient, at)?;
            seen.push(logits.f_detach()?);
            if !lane.batch_done() {
                break;
            }
        }
        lane.add(&seen)?;
        lane.note(&[&augmentation, &dropout]);
        Ok(epoch.ended(vec![lane], recipe.batch_size, &data.train.labels(&order)?)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, ZooError> {
        Ok(vec![Evaluation::of(&self.model, &self.task.data.test, &self.task.recipe.normalisation)?.score])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![
            Part { name: "weights", output: 0, buffer: &mut self.weights, optimizer: Some(&mut self.sgd) },
            Part { name: "statistics", output: 0, buffer: &mut self.statistics, optimizer: None },
        ]
    }
}
