use litecnn_data::{Augmentation, DeviceImages, Normalisation, Split, stream};
use litecnn_model::{Branch, InputShape};
use rand::seq::SliceRandom;
use tch::Tensor;

use crate::data::TrainingData;
use crate::engine::Engine;
use crate::epoch::{Epoch, Lane};
use crate::fit::Part;
use crate::goal::Goal;
use crate::infer::branch_logits;
use crate::look::Look;
use crate::mixing::Mixing;
use crate::normalise::{fold, folded};
use crate::optimizer::{Optimizer, Pace};
use crate::pass::Pass;
use crate::recipe::{DualSettings, Recipe};
use crate::{Score, TrainError, kernels, libtorch};

/// A branch in training that shares with others the order of the images, and nothing else.
pub(crate) struct Pupil<'a> {
    branch: Branch,
    optimizer: Optimizer,
    /// For a thread of its own; the pixels are not copied.
    images: DeviceImages,
    split: &'a Split,
    figures: Option<&'a Normalisation>,
    input: InputShape,
    engine: Engine,
    settings: &'a DualSettings,
    goal: Goal,
    lessons: Lessons<'a>,
    /// Counted from 0 among those trained at once.
    number: usize,
}

/// What a branch is taught, as far as the settings of the first stage do not say.
#[derive(Clone, Copy)]
pub(crate) struct Lessons<'a> {
    /// Names the step, and keys its random numbers.
    pub(crate) step: &'a str,
    pub(crate) epochs: u32,
    /// What happens to its images.
    pub(crate) augmentation: &'a Augmentation,
    pub(crate) seed: u64,
}

impl<'a> Pupil<'a> {
    pub(crate) fn new(
        branch: Branch,
        data: &'a TrainingData,
        recipe: &'a Recipe,
        lessons: Lessons<'a>,
        number: usize,
    ) -> Result<Self, TrainError> {
        let settings = &recipe.stage_1;
        let batches = data.split.train.len().div_ceil(settings.batch_size);
        let pace = Pace::new(&settings.optimizer, settings.schedule, settings.average, lessons.epochs, batches);
        let optimizer = Optimizer::paced(&settings.optimizer, branch.params().flat(), pace);
        let goal = Goal {
            classes: data.classes.len(),
            weights: data.class_weights(recipe, &data.split.train)?,
            smoothing: settings.label_smoothing,
            teacher: data.teacher.clone(),
        };
        let (split, figures) = (&data.split, data.normalisation.as_ref());
        let (images, input, engine) = (data.images.share(), data.input, data.engine);
        Ok(Self { branch, optimizer, images, split, figures, input, engine, settings, goal, lessons, number })
    }

    /// Images and batches of an epoch.
    pub(crate) fn size(&self) -> (usize, usize) {
        let images = self.split.train.len();
        (images, images.div_ceil(self.settings.batch_size))
    }

    pub(crate) fn batch_size(&self) -> usize {
        self.settings.batch_size
    }

    pub(crate) fn learning_rate(&self, epoch: &Epoch<'_>) -> f64 {
        self.optimizer.learning_rate_of(epoch)
    }

    /// Places of the training images in the order of an epoch.
    pub(crate) fn order(&self, epoch: &Epoch<'_>) -> Vec<u32> {
        let Lessons { step, seed, .. } = self.lessons;
        let mut order = self.split.train.clone();
        order.shuffle(&mut stream(seed, &format!("{step}/order/epoch-{}", epoch.number)));
        order
    }

    /// Labels of images at these places.
    pub(crate) fn labels(&self, places: &[u32]) -> Result<Tensor, TrainError> {
        Ok(self.images.labels(places)?)
    }

    /// One epoch, or what is left of it, over images in this order.
    pub(crate) fn train<'e>(&mut self, epoch: &'e Epoch<'_>, order: &[u32]) -> Result<Lane<'e>, TrainError> {
        let Lessons { step, augmentation, seed, .. } = self.lessons;
        // The augmented branch of the pair was there before the first one could be augmented.
        let [changes, blends] = match self.number {
            0 => ["augmentation-1", "mixing-1"],
            _ => ["augmentation", "mixing-2"],
        };
        let purpose = |what: &str| format!("{step}/{what}/epoch-{}", epoch.number);
        let DualSettings { mixup, cutmix, .. } = *self.settings;
        let look = Look {
            mixing: Mixing::of(mixup, cutmix, seed, purpose(blends), self.input),
            normalisation: self.figures,
            ..Look::changed(augmentation, stream(seed, &purpose(changes)))
        };
        let branch_epoch = match self.engine {
            Engine::Kernels => kernels::branch_epoch,
            Engine::Libtorch => libtorch::branch_epoch,
        };
        let batches = Pass { order, size: self.settings.batch_size, goal: &self.goal };
        let lane = epoch.lane(self.number, self.optimizer.learning_rate());
        branch_epoch(&mut self.branch, &mut self.optimizer, &self.images, batches, look, lane)
    }

    /// Its score on the validation images. Changes nothing; a branch that is shared is no work for another thread.
    pub(crate) fn validate(&mut self) -> Result<Score, TrainError> {
        let places = self.split.validation.as_slice();
        let folded = self.figures.map(|figures| folded(&self.branch, figures)).transpose()?;
        let branch = folded.as_ref().unwrap_or(&self.branch);
        Score::of(&branch_logits(branch, &self.images, places, self.engine)?, &self.labels(places)?)
    }

    pub(crate) fn part(&mut self, name: &'static str, output: usize) -> Part<'_> {
        Part { name, output, buffer: self.branch.params_mut().flat_mut(), optimizer: Some(&mut self.optimizer) }
    }

    /// The branch as it takes images as they are.
    pub(crate) fn graduated(mut self) -> Result<Branch, TrainError> {
        if let Some(figures) = self.figures {
            fold(&mut self.branch, figures)?;
        }
        Ok(self.branch)
    }
}
