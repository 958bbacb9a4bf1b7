use litecnn_data::{DeviceImages, Split, stream};
use litecnn_model::UnifiedModel;
use rand::seq::SliceRandom;

use crate::class_weights::{ClassWeights, Pass};
use crate::data::TrainingData;
use crate::engine::Engine;
use crate::epoch::{Epoch, Trained};
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit};
use crate::infer::unified_logits;
use crate::observer::Observer;
use crate::optimizer::Optimizer;
use crate::recipe::{Recipe, TrainSettings};
use crate::threads::single_threaded_operations;
use crate::{Score, TrainError, kernels, libtorch};

/// The step's name.
pub const STAGE_TWO_WHOLE: &str = "stage-2-2";

/// Second step of the second stage (Isong 2025, "Second training stage", 2): the whole model is trained.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
pub fn train_whole(
    model: UnifiedModel,
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let settings = &recipe.stage_2_2;
    let weights = data.class_weights(recipe, &data.split.train)?;
    let (images, split, engine) = (&data.images, &data.split, data.engine);
    let task = Task { step: STAGE_TWO_WHOLE, images, split, settings, weights, engine };
    fit_whole(model, &task, seed, workers, checkpointer, observer)
}

/// A training of a whole unified model on one split.
pub(crate) struct Task<'a> {
    /// Names the step, and keys its random numbers.
    pub(crate) step: &'a str,
    pub(crate) images: &'a DeviceImages,
    pub(crate) split: &'a Split,
    pub(crate) settings: &'a TrainSettings,
    /// How much classes count in the loss.
    pub(crate) weights: Option<ClassWeights>,
    pub(crate) engine: Engine,
}

pub(crate) fn fit_whole(
    model: UnifiedModel,
    task: &Task<'_>,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let settings = task.settings;
    let optimizers = model.parts().map(|params| Optimizer::new(&settings.optimizer, params.flat()));
    let mut problem = Whole { model, optimizers, task, seed, workers };
    let plan = Plan::single(task.step, settings, checkpointer, observer);
    let result = fit(&mut problem, &plan)?;
    Ok((problem.model, result))
}

struct Whole<'a> {
    model: UnifiedModel,
    /// In the order of [`UnifiedModel::parts`].
    optimizers: [Optimizer; 3],
    task: &'a Task<'a>,
    seed: u64,
    workers: usize,
}

impl Problem for Whole<'_> {
    type Error = TrainError;

    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        let images = self.task.split.train.len();
        (images, images.div_ceil(self.task.settings.batch_size))
    }

    fn learning_rates(&self, _: &Epoch<'_>) -> Vec<f64> {
        vec![self.optimizers[0].learning_rate()]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        single_threaded_operations();
        let Task { step, images, split, settings, ref weights, engine } = *self.task;
        let purpose = |what: &str| stream(self.seed, &format!("{step}/{what}/epoch-{}", epoch.number));
        let mut order = split.train.clone();
        order.shuffle(&mut purpose("order"));
        let whole_epoch = match engine {
            Engine::Kernels => kernels::whole_epoch,
            Engine::Libtorch => libtorch::whole_epoch,
        };
        let batches = Pass { order: &order, size: settings.batch_size, weights: weights.as_ref() };
        let dropout = purpose("dropout");
        let (model, optimizers) = (&mut self.model, &mut self.optimizers);
        let lane = epoch.lane(0, optimizers[0].learning_rate());
        let lane = whole_epoch(model, optimizers, images, batches, &dropout, self.workers, lane)?;
        epoch.ended(vec![lane], settings.batch_size, &images.labels(&order)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let (images, places) = (self.task.images, self.task.split.validation.as_slice());
        let logits = unified_logits(&self.model, images, places, self.task.engine, self.workers)?;
        Ok(vec![Score::of(&logits, &images.labels(places)?)?])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let parts = self.model.parts_mut().into_iter().zip(&mut self.optimizers).zip(["branch-1", "branch-2", "joint"]);
        parts
            .map(|((params, optimizer), name)| Part {
                name,
                output: 0,
                buffer: params.flat_mut(),
                optimizer: Some(optimizer),
            })
            .collect()
    }
}
