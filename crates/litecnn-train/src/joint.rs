use litecnn_data::stream;
use litecnn_model::{Joint, UnifiedModel, UnifiedSpec};
use rand::seq::SliceRandom;
use tch::Tensor;

use crate::data::TrainingData;
use crate::dropout::Dropout;
use crate::engine::Engine;
use crate::epoch::{Epoch, Trained};
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit};
use crate::goal::Goal;
use crate::infer::{joined_outputs, shown_outputs};
use crate::look::Look;
use crate::mixing::Mixing;
use crate::observer::Observer;
use crate::optimizer::{Optimizer, Pace};
use crate::pass::Pass;
use crate::recipe::{Recipe, TrainSettings, Unfreezing};
use crate::threads::single_threaded_operations;
use crate::{Score, TrainError, kernels, libtorch};

/// The step's name.
pub const STAGE_TWO_JOINT: &str = "stage-2-1";

/// First step of the second stage (Isong 2025, "Second training stage", 1): only the new dense layers are trained,
/// the branches are frozen.
///
/// Frozen branches give the same values for an image every time, so these values are computed once, unless the images are
/// augmented or blended: then once an epoch. Batches touch 1,002 parameters only. That the branches are left as they were is
/// checked to the bit.
///
/// With [`Unfreezing::OneStep`] nothing is trained.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
pub fn train_joint(
    mut model: UnifiedModel,
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let settings = &recipe.stage_2_1;
    let frozen = [model.branches[0].params().snapshot()?, model.branches[1].params().snapshot()?];
    let part = |places: &[u32]| {
        let joined = joined_outputs(&model, &data.images, places, data.engine, workers)?;
        Ok::<_, TrainError>((joined, data.images.labels(places)?))
    };
    let (train, validation) = (part(&data.split.train)?, part(&data.split.validation)?);
    let spec = model.spec().clone();
    let weights = data.class_weights(recipe, &data.split.train)?;
    let goal = Goal {
        classes: data.classes.len(),
        weights,
        smoothing: settings.label_smoothing,
        teacher: data.teacher.clone(),
    };
    let batches = data.split.train.len().div_ceil(settings.batch_size);
    let pace = Pace::new(&settings.optimizer, settings.schedule, settings.average, settings.epochs, batches);
    let optimizer = Optimizer::paced(&settings.optimizer, model.joint.params().flat(), pace);
    single_threaded_operations();
    let branches = model.share();
    let joint = &mut model.joint;
    let mut problem =
        Problem21 { joint, branches, optimizer, spec, settings, data, train, validation, goal, seed, workers };
    let mut plan = Plan::single(STAGE_TWO_JOINT, settings, checkpointer, observer);
    if recipe.second_stage.unfreezing == Unfreezing::OneStep {
        plan.epochs = 0;
    }
    let result = fit(&mut problem, &plan)?;
    drop(problem);
    for (i, (branch, before)) in model.branches.iter().zip(&frozen).enumerate() {
        if !branch.params().flat().f_equal(before)? {
            return Err(TrainError::NotFrozen(format!("branch {}", i + 1)));
        }
    }
    Ok((model, result))
}

struct Problem21<'a> {
    joint: &'a mut Joint,
    /// The model, for its frozen branches.
    branches: UnifiedModel,
    optimizer: Optimizer,
    spec: UnifiedSpec,
    settings: &'a TrainSettings,
    data: &'a TrainingData,
    /// Joined outputs of the branches and labels, in the order of the split.
    train: (Tensor, Tensor),
    validation: (Tensor, Tensor),
    goal: Goal,
    seed: u64,
    workers: usize,
}

impl Problem for Problem21<'_> {
    type Error = TrainError;

    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        let images = self.train.1.numel();
        (images, images.div_ceil(self.settings.batch_size))
    }

    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64> {
        vec![self.optimizer.learning_rate_of(epoch)]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        let purpose = |what: &str| stream(self.seed, &format!("{STAGE_TWO_JOINT}/{what}/epoch-{}", epoch.number));
        let (data, settings) = (self.data, self.settings);
        let size = settings.batch_size;
        let mut order: Vec<i64> = (0..self.train.1.numel() as i64).collect();
        order.shuffle(&mut purpose("order"));
        let dropout = Dropout::new(&self.spec, purpose("dropout"));
        let mixing = format!("{STAGE_TWO_JOINT}/mixing/epoch-{}", epoch.number);
        let look = Look {
            mixing: Mixing::of(settings.mixup, settings.cutmix, self.seed, mixing, data.input),
            ..Look::changed(&settings.augmentation, purpose("augmentation"))
        };
        let (shown, drawn);
        let (seen, places, how) = if look.is_plain() {
            (&self.train, data.split.train.as_slice(), [].as_slice())
        } else {
            // In the order of the epoch, so from here on that is the order they lie in.
            drawn = order.iter().map(|&i| data.split.train[i as usize]).collect::<Vec<u32>>();
            let images = (drawn.as_slice(), size);
            let outputs = shown_outputs(&self.branches, &data.images, images, &look, data.engine, self.workers)?;
            order = (0..order.len() as i64).collect();
            shown = ((outputs, data.images.labels(&drawn)?), look.shown(drawn.len(), size));
            single_threaded_operations();
            (&shown.0, drawn.as_slice(), shown.1.as_slice())
        };
        let batches = Pass { order: &order, size, goal: &self.goal };
        let lane = epoch.lane(0, self.optimizer.learning_rate());
        let (joint, optimizer, spec) = (&mut *self.joint, &mut self.optimizer, &self.spec);
        let lane = match data.engine {
            Engine::Kernels => {
                let joined = Vec::try_from(seen.0.f_flatten(0, -1)?)?;
                let labels = Vec::try_from(&seen.1)?;
                kernels::joint_epoch(joint, optimizer, spec, (&joined, &labels, places), batches, how, dropout, lane)?
            }
            Engine::Libtorch => libtorch::joint_epoch(joint, optimizer, seen, batches, places, how, dropout, lane)?,
        };
        let order = Tensor::f_from_slice(&order)?.f_to(seen.1.device())?;
        epoch.ended(vec![lane], size, &seen.1.f_index_select(0, &order)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let logits = tch::no_grad(|| self.joint.forward(&self.validation.0, None))?;
        Ok(vec![Score::of(&logits, &self.validation.1)?])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let buffer = self.joint.params_mut().flat_mut();
        vec![Part { name: "joint", output: 0, buffer, optimizer: Some(&mut self.optimizer) }]
    }
}
