use std::path::Path;
use std::sync::Arc;

use litecnn_data::{
    Dataset, DeviceImages, Images, Normalisation, Split, SplitError, folds, split, stratified_folds, stratified_split,
};
use litecnn_model::{BranchSpec, InputShape, UnifiedSpec};
use ndarray::Axis;
use tch::Device;

use crate::TrainError;
use crate::answers::{Answers, Teacher};
use crate::class_weights::ClassWeights;
use crate::engine::Engine;
use crate::normalise::figures;
use crate::recipe::Recipe;

/// A data set as a recipe sees it: on a device, parted into training and validation images.
#[derive(Debug)]
pub struct TrainingData {
    /// The training part; validation images that the data set brings follow its training images.
    pub images: DeviceImages,
    /// Labels of `images`.
    pub labels: Vec<u8>,
    /// The official test part.
    pub test: DeviceImages,
    /// Which of `images` train and which validate.
    pub split: Split,
    /// Shape of one image.
    pub input: InputShape,
    /// Class names.
    pub classes: Vec<String>,
    /// Figures of the official training images that the recipe normalises by in training, if it does.
    pub normalisation: Option<Normalisation>,
    /// Whose answers models are trained on beside the labels, if anybody's.
    pub teacher: Option<Arc<Teacher>>,
    /// What computes batches: the faster engine for the device, unless changed.
    pub engine: Engine,
}

impl TrainingData {
    /// Copies a data set to a device and parts it as the recipe says, by `seed`, unless it brings validation images.
    ///
    /// # Errors
    /// [`TrainError::Split`] if the recipe does not suit the number of images, [`TrainError::Model`] if it does not
    /// suit their size, [`TrainError::Torch`] if the device has no room.
    pub fn new(dataset: &Dataset, recipe: &Recipe, seed: u64, device: Device) -> Result<Self, TrainError> {
        Self::take(&mut dataset.clone(), recipe, seed, device)
    }

    /// As [`TrainingData::new`], but takes the images out of the data set, so that on the CPU memory holds them once.
    ///
    /// # Errors
    /// As [`TrainingData::new`]; the images are lost.
    pub fn take(dataset: &mut Dataset, recipe: &Recipe, seed: u64, device: Device) -> Result<Self, TrainError> {
        let scale = recipe.data.pixel_scale;
        let normalisation = recipe.data.normalise.then(|| figures(&dataset.train, scale));
        let teacher = teacher(recipe, dataset)?;
        let mut images = dataset.train.take();
        let split = match &mut dataset.validation {
            Some(validation) => {
                let (train, all) = (images.len() as u32, (images.len() + validation.len()) as u32);
                images = joined(images, &validation.take())?;
                Split { train: (0..train).collect(), validation: (train..all).collect() }
            }
            None => {
                let (labels, count) = (&images.labels, recipe.data.validation.of(images.len()));
                match recipe.data.stratified {
                    true => stratified_split(labels, count, seed)?,
                    false => split(labels.len(), count, seed)?,
                }
            }
        };
        // Found out now, not hours later.
        parted(&images.labels, recipe, seed)?;
        let [_, height, width, channels] = *images.pixels.shape() else { unreachable!("four axes") };
        let data = Self {
            labels: images.labels.clone(),
            images: DeviceImages::of(images, device, scale)?,
            test: DeviceImages::of(dataset.test.take(), device, scale)?,
            split,
            input: InputShape { channels: channels as i64, height: height as i64, width: width as i64 },
            classes: dataset.classes.clone(),
            normalisation,
            teacher,
            engine: Engine::for_device(device),
        };
        data.unified_spec(recipe).validate()?;
        Ok(data)
    }

    /// The same data, the images not copied.
    pub fn share(&self) -> Self {
        Self {
            images: self.images.share(),
            labels: self.labels.clone(),
            test: self.test.share(),
            split: self.split.clone(),
            classes: self.classes.clone(),
            normalisation: self.normalisation.clone(),
            teacher: self.teacher.clone(),
            ..*self
        }
    }

    /// How much classes count in the loss when the images at `places` train; none if all count the same.
    pub(crate) fn class_weights(&self, recipe: &Recipe, places: &[u32]) -> Result<Option<ClassWeights>, TrainError> {
        Ok(ClassWeights::of(recipe.data.class_weights, &self.labels, places, self.classes.len())?)
    }

    /// The recipe's branch for these images.
    pub fn branch_spec(&self, recipe: &Recipe) -> BranchSpec {
        BranchSpec { input: self.input, filters: recipe.model.filters.clone(), classes: self.classes.len() as i64 }
    }

    /// The recipe's unified model for these images.
    pub fn unified_spec(&self, recipe: &Recipe) -> UnifiedSpec {
        UnifiedSpec {
            branch: self.branch_spec(recipe),
            hidden: recipe.model.hidden_units,
            dropout: recipe.model.dropout,
            head_activation: recipe.model.head_activation,
        }
    }
}

/// The recipe's teacher.
fn teacher(recipe: &Recipe, dataset: &Dataset) -> Result<Option<Arc<Teacher>>, TrainError> {
    let settings = &recipe.distillation;
    if settings.weight == 0.0 {
        return Ok(None);
    }
    let answers = Answers::load(Path::new(&settings.answers), dataset)?;
    Ok(Some(Arc::new(Teacher::new(&answers, settings)?)))
}

/// Images with these labels in as many folds as a recipe says.
pub(crate) fn parted(labels: &[u8], recipe: &Recipe, seed: u64) -> Result<Vec<Split>, SplitError> {
    let count = recipe.cross_validation.folds;
    match recipe.data.stratified {
        true => stratified_folds(labels, count, seed),
        false => folds(labels.len(), count, seed),
    }
}

/// Some images and others after them.
fn joined(first: Images, second: &Images) -> Result<Images, TrainError> {
    let Images { mut pixels, mut labels } = first;
    // One more allocation, which large ones grow into without a copy.
    pixels.append(Axis(0), second.pixels.view()).map_err(|e| tch::TchError::Shape(e.to_string()))?;
    labels.extend(&second.labels);
    Ok(Images { pixels, labels })
}
