use std::sync::Arc;

use litecnn_data::{DeviceImages, Normalisation, Split, stream};
use litecnn_model::UnifiedModel;
use rand::seq::SliceRandom;

use crate::answers::Teacher;
use crate::class_weights::ClassWeights;
use crate::data::TrainingData;
use crate::engine::Engine;
use crate::epoch::{Epoch, Trained};
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit};
use crate::goal::Goal;
use crate::infer::unified_logits;
use crate::look::Look;
use crate::mixing::Mixing;
use crate::normalise::{fold, folded_model, unfold};
use crate::observer::Observer;
use crate::optimizer::{Optimizer, Pace};
use crate::pass::Pass;
use crate::recipe::{Recipe, TrainSettings, Unfreezing};
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
    let (mut settings, unfreezing) = (recipe.stage_2_2.clone(), recipe.second_stage.unfreezing);
    if unfreezing == Unfreezing::OneStep {
        settings.epochs += recipe.stage_2_1.epochs;
    }
    let settings = &settings;
    let weights = data.class_weights(recipe, &data.split.train)?;
    let (images, split, engine, figures) = (&data.images, &data.split, data.engine, data.normalisation.as_ref());
    let teacher = data.teacher.as_ref();
    let fresh = false;
    let task =
        Task { step: STAGE_TWO_WHOLE, images, split, settings, unfreezing, weights, engine, figures, teacher, fresh };
    fit_whole(model, &task, seed, workers, checkpointer, observer)
}

/// A training of a whole unified model on one split.
pub(crate) struct Task<'a> {
    /// Names the step, and keys its random numbers.
    pub(crate) step: &'a str,
    pub(crate) images: &'a DeviceImages,
    pub(crate) split: &'a Split,
    pub(crate) settings: &'a TrainSettings,
    /// Which weights of the branches are trained when.
    pub(crate) unfreezing: Unfreezing,
    /// How much classes count in the loss.
    pub(crate) weights: Option<ClassWeights>,
    pub(crate) engine: Engine,
    /// Figures that images are normalised by, if they are.
    pub(crate) figures: Option<&'a Normalisation>,
    /// Whose answers count beside the labels, if anybody's.
    pub(crate) teacher: Option<&'a Arc<Teacher>>,
    /// Whether the weights are drawn, not trained: they are for images as they are shown then.
    pub(crate) fresh: bool,
}

pub(crate) fn fit_whole(
    mut model: UnifiedModel,
    task: &Task<'_>,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let settings = task.settings;
    if let Some(figures) = task.figures.filter(|_| !task.fresh) {
        model.branches.iter_mut().try_for_each(|branch| unfold(branch, figures))?;
    }
    let batches = task.split.train.len().div_ceil(settings.batch_size);
    let pace = Pace::new(&settings.optimizer, settings.schedule, settings.average, settings.epochs, batches);
    let optimizers = model.parts().map(|params| Optimizer::paced(&settings.optimizer, params.flat(), pace));
    let classes = model.spec().branch.classes as usize;
    let goal = Goal {
        classes,
        weights: task.weights.clone(),
        smoothing: settings.label_smoothing,
        teacher: task.teacher.cloned(),
    };
    let mut problem = Whole { model, optimizers, goal, task, seed, workers };
    let plan = Plan::single(task.step, settings, checkpointer, observer);
    let result = fit(&mut problem, &plan)?;
    let mut model = problem.model;
    if let Some(figures) = task.figures {
        model.branches.iter_mut().try_for_each(|branch| fold(branch, figures))?;
    }
    Ok((model, result))
}

struct Whole<'a> {
    model: UnifiedModel,
    /// In the order of [`UnifiedModel::parts`].
    optimizers: [Optimizer; 3],
    goal: Goal,
    task: &'a Task<'a>,
    seed: u64,
    workers: usize,
}

impl Whole<'_> {
    /// Freezes what is to be frozen in an epoch.
    fn freeze(&mut self, epoch: u32) {
        let Task { unfreezing, settings, .. } = *self.task;
        for (branch, optimizer) in self.model.branches.iter().zip(&mut self.optimizers) {
            let convolutions = branch.spec().filters.len();
            let frozen = |weight: &str| unfreezing.is_frozen(weight, convolutions, epoch, settings.epochs);
            optimizer.freeze(branch.params().ranges().filter(|(weight, _)| frozen(weight)).map(|(_, at)| at).collect());
        }
    }
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

    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64> {
        vec![self.optimizers[0].learning_rate_of(epoch)]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        single_threaded_operations();
        self.freeze(epoch.number);
        let Task { step, images, split, settings, engine, figures, .. } = *self.task;
        let purpose = |what: &str| stream(self.seed, &format!("{step}/{what}/epoch-{}", epoch.number));
        let mut order = split.train.clone();
        order.shuffle(&mut purpose("order"));
        let whole_epoch = match engine {
            Engine::Kernels => kernels::whole_epoch,
            Engine::Libtorch => libtorch::whole_epoch,
        };
        let batches = Pass { order: &order, size: settings.batch_size, goal: &self.goal };
        let mixing = format!("{step}/mixing/epoch-{}", epoch.number);
        let look = Look {
            mixing: Mixing::of(settings.mixup, settings.cutmix, self.seed, mixing, self.model.spec().branch.input),
            normalisation: figures,
            ..Look::changed(&settings.augmentation, purpose("augmentation"))
        };
        let dropout = purpose("dropout");
        let (model, optimizers) = (&mut self.model, &mut self.optimizers);
        let lane = epoch.lane(0, optimizers[0].learning_rate());
        let lane = whole_epoch(model, optimizers, images, batches, look, &dropout, self.workers, lane)?;
        epoch.ended(vec![lane], settings.batch_size, &images.labels(&order)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let (images, places) = (self.task.images, self.task.split.validation.as_slice());
        let folded = self.task.figures.map(|figures| folded_model(&self.model, figures)).transpose()?;
        let model = folded.as_ref().unwrap_or(&self.model);
        let logits = unified_logits(model, images, places, self.task.engine, self.workers)?;
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
