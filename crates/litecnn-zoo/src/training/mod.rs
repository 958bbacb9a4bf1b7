//! Training, pruning with fine-tuning, and evaluation of networks.

mod average;
mod data;
mod evaluation;
mod pruning;
mod rate;
mod recipe;
mod sgd;

pub use data::{TrainingData, Watched, input_of};
pub use evaluation::Evaluation;
pub use pruning::{Until, prune_and_tune, pruning_plan};
pub use rate::{RateSchedule, StepRate};
pub use recipe::Recipe;
pub use sgd::Sgd;

use litecnn_data::{DeviceImages, Stream, stream};
use litecnn_kernels::LANES;
use litecnn_train::{
    Checkpointer, EarlyStoppingSettings, Engine, Epoch, Fit, Keep, Observer, Part, Plan, Problem, Score, Trained, fit,
};
use rand::seq::SliceRandom;
use tch::{Device, Kind, Reduction, Tensor};

use self::average::Average;
use crate::kernels::Kernels;
use crate::{Graph, Model, ZooError};

/// The name of the step that trains a network.
pub const TRAIN: &str = "train";

/// What a training is done with; none of it decides what comes out, rounding apart.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// What computes batches.
    pub engine: Engine,
    /// Threads that the kernels use; libtorch has a setting of its own.
    pub threads: usize,
    /// Where state is saved after every epoch; without one, nothing is kept.
    pub checkpointer: Option<&'a Checkpointer>,
    /// Who is told.
    pub observer: &'a dyn Observer,
}

impl Means<'_> {
    /// The faster engine that can train a network by a recipe on a device, and if that is libtorch for want of a kernel,
    /// why.
    pub fn engine_for(graph: &Graph, recipe: &Recipe, device: Device) -> (Engine, Option<String>) {
        match kernels(graph, recipe, device, 1) {
            Ok(_) => (Engine::Kernels, None),
            Err(why) => (Engine::Libtorch, Some(why)),
        }
    }
}

/// Trains all weights of a network that reach its result; those of the last epoch go on, or their average.
///
/// Order of images, crops and dropout follow from the seed alone. On a CPU the same seed and engine (and for libtorch the
/// same number of threads) give the same weights to the bit, undisturbed or resumed.
///
/// # Errors
/// [`ZooError::Data`] if network and data do not fit, [`ZooError::Kernels`] if the engine cannot train it,
/// [`ZooError::Train`] if the loss is no number any more; with a checkpointer, epochs done are kept.
pub fn train(
    model: Model,
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    means: &Means<'_>,
) -> Result<(Model, Fit), ZooError> {
    Task { step: TRAIN, data, recipe, seed }.run(model, None, means)
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
    fn run(&self, model: Model, mask: Option<Tensor>, means: &Means<'_>) -> Result<(Model, Fit), ZooError> {
        self.data.check(model.graph())?;
        if let Some(fault) = self.recipe.normalisation.fault(self.data.input.channels as usize) {
            return Err(ZooError::Normalisation(fault));
        }
        if let Some(fault) = self.recipe.fault() {
            return Err(ZooError::Settings(fault));
        }
        let kernels = match means.engine {
            Engine::Libtorch => None,
            Engine::Kernels => {
                let kernels = kernels(model.graph(), self.recipe, model.device(), means.threads);
                Some(kernels.map_err(ZooError::Kernels)?)
            }
        };
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
            kernels,
            average: (self.recipe.average > 0.0).then(|| Average::new(self.recipe.average, &model)).transpose()?,
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
            checkpointer: means.checkpointer,
            observer: means.observer,
        };
        let done = fit(&mut running, &plan)?;
        let Training { mut model, average, .. } = running;
        if let Some(mut average) = average {
            average.swap(&mut model)?;
        }
        Ok((model, done))
    }
}

/// Kernels for a training, or why they cannot do it.
fn kernels(graph: &Graph, recipe: &Recipe, device: Device, threads: usize) -> Result<Kernels, String> {
    if device != Device::Cpu {
        return Err("the kernels work on the CPU only".into());
    }
    if recipe.norm_images != LANES {
        return Err(format!(
            "the kernels have batch norm look at {LANES} images, not {}",
            match recipe.norm_images {
                0 => "at a batch".to_owned(),
                images => images.to_string(),
            }
        ));
    }
    Kernels::new(graph, threads)
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
    average: Option<Average>,
    mask: Option<Tensor>,
    sgd: Sgd,
    /// Without them libtorch computes.
    kernels: Option<Kernels>,
    task: &'a Task<'a>,
}

impl Training<'_> {
    /// What goes for a batch of an epoch, counted from 0, and the number of the step.
    fn rate(&self, epoch: &Epoch<'_>, batch: usize) -> (StepRate, usize) {
        let losses: Vec<f64> = epoch.history.iter().map(|record| record.loss).collect();
        let (_, batches) = self.size();
        let recipe = self.task.recipe;
        let step = (epoch.number as usize - 1) * batches + batch;
        (recipe.schedule.at(step, recipe.epochs as usize * batches, &losses), step)
    }

    /// Writes the gradient of a batch into the buffer for it. Gives the logits, and the loss where it is at hand.
    fn derive(&mut self, images: &Tensor, labels: &Tensor, dropout: &mut Stream) -> Result<Derived, ZooError> {
        let recipe = self.task.recipe;
        let derived = if let Some(kernels) = &mut self.kernels {
            let targets = targets(labels, self.task.data.classes.len() as i64, recipe.label_smoothing)?;
            let batch = kernels.step(images, &targets, self.model.state_mut())?;
            self.gradient.f_copy_(&batch.gradient)?;
            let loss = cross_entropy(&batch.logits, labels, 0.0)?;
            Derived { logits: batch.logits, loss }
        } else {
            let groups = match recipe.norm_images {
                0 => vec![images.shallow_clone()],
                group => images.f_split(group as i64, 0)?,
            };
            let logits = groups.iter().map(|images| self.model.forward_train(images, dropout));
            let logits = Tensor::f_cat(&logits.collect::<Result<Vec<_>, _>>()?, 0)?;
            let loss = cross_entropy(&logits, labels, recipe.label_smoothing)?;
            let gradients = Tensor::f_run_backward(&[&loss], &self.leaves, false, false)?;
            let pieces = gradients.iter().map(|g| g.f_reshape([-1])).collect::<Result<Vec<_>, _>>()?;
            let _ = Tensor::f_cat_out(&self.gradient, &pieces, 0)?;
            Derived { logits: logits.f_detach()?, loss }
        };
        if let Some(mask) = &self.mask {
            let _ = self.gradient.f_narrow(0, 0, mask.numel() as i64)?.f_mul_(mask)?;
        }
        Ok(derived)
    }
}

/// What comes of a batch beside its gradient.
struct Derived {
    logits: Tensor,
    loss: Tensor,
}

/// Mean cross-entropy to labels of which `smoothing` is spread over all classes.
fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor, ZooError> {
    Ok(logits.f_cross_entropy_loss(labels, None::<Tensor>, Reduction::Mean, -100, smoothing)?)
}

/// The same as targets `[images, classes]`.
fn targets(labels: &Tensor, classes: i64, smoothing: f64) -> Result<Tensor, ZooError> {
    let certain = labels.f_one_hot(classes)?.f_to_kind(Kind::Float)?;
    Ok(certain.f_mul_scalar(1.0 - smoothing)?.f_add_scalar(smoothing / classes as f64)?)
}

impl Problem for Training<'_> {
    type Error = ZooError;

    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        let Recipe { norm_images, batch_size, .. } = *self.task.recipe;
        let images = self.task.data.used.len();
        let images = images - images % norm_images.max(1);
        (images, images.div_ceil(batch_size))
    }

    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64> {
        vec![self.rate(epoch, 0).0.rate]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, ZooError> {
        let Task { step, data, recipe, seed } = *self.task;
        let purpose = |what: &str| stream(seed, &format!("zoo/{step}/{what}/epoch-{}", epoch.number));
        let mut order = data.used.clone();
        order.shuffle(&mut purpose("order"));
        order.truncate(self.size().0);
        let (mut augmentation, mut dropout) = (purpose("augmentation"), purpose("dropout"));
        let mut lane = epoch.lane(0, 0.0);
        lane.seek(0, &mut augmentation);
        lane.seek(1, &mut dropout);
        let batches = data.train.batches(lane.left(&order, recipe.batch_size), recipe.batch_size)?;
        let mut seen = Vec::with_capacity(batches.len());
        for batch in batches {
            let batch = batch?;
            let (at, step) = self.rate(epoch, lane.way.batches);
            lane.learning_rate = at.rate;
            let crops = recipe.augmentation.draw(batch.len(), &mut augmentation);
            let images = recipe.augmentation.apply(&batch.images, &crops)?;
            let images = recipe.normalisation.apply(&images)?;
            let Derived { logits, loss } = self.derive(&images, &batch.labels, &mut dropout)?;
            // A GPU would have to be waited for; its losses are looked at when the epoch has ended.
            if loss.device() == Device::Cpu {
                lane.check(loss.f_double_value(&[])?)?;
            }
            self.sgd.step(&mut self.trained, &mut self.gradient, at)?;
            if let Some(average) = &mut self.average {
                average.take_in(&self.model, step)?;
            }
            seen.push(logits);
            if !lane.batch_done() {
                break;
            }
        }
        lane.add(&seen)?;
        lane.note(&[&augmentation, &dropout]);
        Ok(epoch.ended(vec![lane], recipe.batch_size, &data.train.labels(&order)?)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, ZooError> {
        let Task { data, recipe, .. } = *self.task;
        let all = |images: &DeviceImages| (0..images.len() as u32).collect();
        let (images, places): (_, Vec<u32>) = match &data.watched {
            Watched::Training(places) => (&data.train, places.clone()),
            Watched::Validation(images) => (images, all(images)),
            Watched::Test => (&data.test, all(&data.test)),
        };
        if let Some(average) = &mut self.average {
            average.swap(&mut self.model)?;
        }
        let (model, kernels) = (&self.model, &mut self.kernels);
        let mut answer = |images: &Tensor| match kernels {
            Some(kernels) => kernels.answer(images, model.state()),
            None => model.forward(images),
        };
        let evaluation = Evaluation::by(&mut answer, images, &places, &recipe.normalisation)?;
        if let Some(average) = &mut self.average {
            average.swap(&mut self.model)?;
        }
        Ok(vec![evaluation.score])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let mut parts = vec![
            Part { name: "weights", output: 0, buffer: &mut self.weights, optimizer: Some(&mut self.sgd) },
            Part { name: "statistics", output: 0, buffer: &mut self.statistics, optimizer: None },
        ];
        if let Some(Average { weights, statistics, .. }) = &mut self.average {
            parts.push(Part { name: "average", output: 0, buffer: weights, optimizer: None });
            parts.push(Part { name: "average-statistics", output: 0, buffer: statistics, optimizer: None });
        }
        parts
    }
}
