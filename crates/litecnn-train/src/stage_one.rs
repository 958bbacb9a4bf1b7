use litecnn_data::{Augmentation, DeviceImages, stream};
use litecnn_model::{Branch, DualModel};
use rand::seq::SliceRandom;

use crate::data::TrainingData;
use crate::engine::Engine;
use crate::epoch::{Epoch, Trained};
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit, stopping};
use crate::goal::Goal;
use crate::infer::branch_logits;
use crate::look::Look;
use crate::mixing::Mixing;
use crate::normalise::{fold, folded};
use crate::observer::Observer;
use crate::optimizer::{Optimizer, Pace};
use crate::pass::Pass;
use crate::recipe::{DualSettings, Monitor, Recipe};
use crate::threads::both;
use crate::{Score, TrainError, kernels, libtorch};

/// The step's name.
pub const STAGE_ONE: &str = "stage-1";
const OUTPUTS: [&str; 2] = ["branch-1", "branch-2"];

/// The first training stage (Isong 2025, "First training stage"): two fresh branches trained at once, the first on
/// the images, the second on augmented images, each with its own loss; the total loss is the sum.
///
/// Returns the dual model with the weights the recipe keeps of each branch. With two workers or more each branch
/// is trained in its own thread; the result is the same to the bit. The branches share the order of the batches
/// and early stopping, and nothing else: the gradient of a sum falls apart into those of its terms.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
pub fn stage_one(
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(DualModel, Fit), TrainError> {
    let settings = &recipe.stage_1;
    let mut rng = stream(seed, "stage-1/weights");
    let model = DualModel::new(&data.branch_spec(recipe), data.images.device(), &mut rng)?;
    let batches = data.split.train.len().div_ceil(settings.batch_size);
    let pace = Pace::new(&settings.optimizer, settings.schedule, settings.average, settings.epochs, batches);
    let optimizers = [0, 1].map(|i| Optimizer::paced(&settings.optimizer, model.branches[i].params().flat(), pace));
    let weights = data.class_weights(recipe, &data.split.train)?;
    let goal = Goal {
        classes: data.classes.len(),
        weights,
        smoothing: settings.label_smoothing,
        teacher: data.teacher.clone(),
    };
    let augmentations = [&settings.augmentation, &recipe.augmentation];
    let mut problem = Dual { model, optimizers, data, settings, augmentations, goal, seed, workers };
    let plan = Plan {
        step: STAGE_ONE,
        epochs: settings.epochs,
        keep: settings.keep,
        early_stopping: stopping(settings.schedule, &settings.early_stopping),
        monitor: &|records| match settings.monitor {
            Monitor::MeanAccuracy => records.iter().map(|r| r.validation_accuracy).sum::<f64>() / records.len() as f64,
            Monitor::Branch1 => records[0].validation_accuracy,
            Monitor::Branch2 => records[1].validation_accuracy,
        },
        checkpointer,
        observer,
    };
    let result = fit(&mut problem, &plan)?;
    let mut model = problem.model;
    if let Some(figures) = &data.normalisation {
        model.branches.iter_mut().try_for_each(|branch| fold(branch, figures))?;
    }
    Ok((model, result))
}

struct Dual<'a> {
    model: DualModel,
    optimizers: [Optimizer; 2],
    data: &'a TrainingData,
    settings: &'a DualSettings,
    /// Of each branch's images.
    augmentations: [&'a Augmentation; 2],
    goal: Goal,
    seed: u64,
    workers: usize,
}

impl Problem for Dual<'_> {
    type Error = TrainError;

    fn outputs(&self) -> Vec<&'static str> {
        OUTPUTS.to_vec()
    }

    fn size(&self) -> (usize, usize) {
        let images = self.data.split.train.len();
        (images, 2 * images.div_ceil(self.settings.batch_size))
    }

    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64> {
        self.optimizers.iter().map(|optimizer| optimizer.learning_rate_of(epoch)).collect()
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        let lanes = [0, 1].map(|i| epoch.lane(i, self.optimizers[i].learning_rate()));
        let [first, second] = &mut self.model.branches;
        let [first_optimizer, second_optimizer] = &mut self.optimizers;
        let mut order = self.data.split.train.clone();
        let purpose = |what: &str| stream(self.seed, &format!("{STAGE_ONE}/{what}/epoch-{}", epoch.number));
        order.shuffle(&mut purpose("order"));
        let batches = Pass { order: &order, size: self.settings.batch_size, goal: &self.goal };
        let look = |of: usize, changes: &str, blends: &str| {
            let purpose_of = format!("{STAGE_ONE}/{blends}/epoch-{}", epoch.number);
            let DualSettings { mixup, cutmix, .. } = *self.settings;
            Look {
                mixing: Mixing::of(mixup, cutmix, self.seed, purpose_of, self.data.input),
                normalisation: self.data.normalisation.as_ref(),
                ..Look::changed(self.augmentations[of], purpose(changes))
            }
        };
        let looks = [look(0, "augmentation-1", "mixing-1"), look(1, "augmentation", "mixing-2")];
        let branch_epoch = match self.data.engine {
            Engine::Kernels => kernels::branch_epoch,
            Engine::Libtorch => libtorch::branch_epoch,
        };
        let shared = self.data.images.share();
        let ([first_lane, second_lane], [first_look, second_look]) = (lanes, looks);
        let (second, first) = both(
            self.workers,
            move || branch_epoch(second, second_optimizer, &shared, batches, second_look, second_lane),
            || branch_epoch(first, first_optimizer, &self.data.images, batches, first_look, first_lane),
        )?;
        epoch.ended(vec![first, second], self.settings.batch_size, &self.data.images.labels(&order)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let [first, second] = &mut self.model.branches;
        let places = self.data.split.validation.as_slice();
        let (shared, engine, figures) = (self.data.images.share(), self.data.engine, &self.data.normalisation);
        let score = |branch: &Branch, images: &DeviceImages| {
            let folded = figures.as_ref().map(|figures| folded(branch, figures)).transpose()?;
            let branch = folded.as_ref().unwrap_or(branch);
            Score::of(&branch_logits(branch, images, places, engine)?, &images.labels(places)?)
        };
        let (second, first) = both(self.workers, move || score(second, &shared), || score(first, &self.data.images))?;
        Ok(vec![first, second])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let parts = self.model.branches.iter_mut().zip(&mut self.optimizers).enumerate();
        parts
            .map(|(output, (branch, optimizer))| Part {
                name: OUTPUTS[output],
                output,
                buffer: branch.params_mut().flat_mut(),
                optimizer: Some(optimizer),
            })
            .collect()
    }
}
