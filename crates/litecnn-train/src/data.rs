use litecnn_data::{Dataset, DeviceImages, Split, folds, split};
use litecnn_model::{BranchSpec, InputShape, UnifiedSpec};
use tch::Device;

use crate::TrainError;
use crate::engine::Engine;
use crate::recipe::Recipe;

/// A data set as a recipe sees it: on a device, parted into training and validation images.
#[derive(Debug)]
pub struct TrainingData {
    /// The official training part.
    pub images: DeviceImages,
    /// The official test part.
    pub test: DeviceImages,
    /// Which of `images` train and which validate.
    pub split: Split,
    /// Shape of one image.
    pub input: InputShape,
    /// Class names.
    pub classes: Vec<String>,
    /// What computes batches: the faster engine for the device, unless changed.
    pub engine: Engine,
}

impl TrainingData {
    /// Copies a data set to a device and parts it as the recipe says, by `seed`.
    ///
    /// # Errors
    /// [`TrainError::Split`] if the recipe does not suit the number of images, [`TrainError::Model`] if it does not
    /// suit their size, [`TrainError::Torch`] if the device has no room.
    pub fn new(dataset: &Dataset, recipe: &Recipe, seed: u64, device: Device) -> Result<Self, TrainError> {
        let scale = recipe.data.pixel_scale;
        let split = split(dataset.train.len(), recipe.data.validation_images, seed)?;
        // Found out now, not hours later.
        folds(dataset.train.len(), recipe.cross_validation.folds, seed)?;
        let [_, height, width, channels] = *dataset.train.pixels.shape() else { unreachable!("four axes") };
        let data = Self {
            images: DeviceImages::new(&dataset.train, device, scale)?,
            test: DeviceImages::new(&dataset.test, device, scale)?,
            split,
            input: InputShape { channels: channels as i64, height: height as i64, width: width as i64 },
            classes: dataset.classes.clone(),
            engine: Engine::for_device(device),
        };
        data.unified_spec(recipe).validate()?;
        Ok(data)
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
