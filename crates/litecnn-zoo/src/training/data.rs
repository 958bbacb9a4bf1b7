use litecnn_data::{Dataset, DeviceImages, SplitError, split};
use litecnn_model::InputShape;
use tch::Device;

use crate::graph::Shape;
use crate::{Graph, ZooError};

/// A data set on a device. The test images are looked at after every epoch; no decision rests on them.
#[derive(Debug)]
pub struct TrainingData {
    /// What commands call the set.
    pub name: String,
    /// The training images.
    pub train: DeviceImages,
    /// Places of those that are trained on.
    pub used: Vec<u32>,
    /// The test images.
    pub test: DeviceImages,
    /// Shape of one image.
    pub input: InputShape,
    /// Class names.
    pub classes: Vec<String>,
}

impl TrainingData {
    /// Copies a data set to a device; all its training images are used.
    ///
    /// # Errors
    /// [`ZooError::Torch`] if the device does not exist or has no room.
    pub fn new(dataset: &Dataset, device: Device) -> Result<Self, ZooError> {
        Ok(Self {
            name: dataset.name.clone(),
            train: DeviceImages::new(&dataset.train, device, 255.0)?,
            used: (0..dataset.train.len() as u32).collect(),
            test: DeviceImages::new(&dataset.test, device, 255.0)?,
            input: input_of(dataset),
            classes: dataset.classes.clone(),
        })
    }

    /// Uses the first `images` of those used so far, if there are as many.
    pub fn limited(mut self, images: usize) -> Self {
        self.used.truncate(images);
        self
    }

    /// Leaves out the images that the light models' recipes validate on with the same seed, so that both train on the
    /// same ones.
    ///
    /// # Errors
    /// [`SplitError`] if nothing would be left.
    pub fn holding_out(mut self, images: usize, seed: u64) -> Result<Self, SplitError> {
        self.used = split(self.train.len(), images, seed)?.train;
        Ok(self)
    }

    /// Whether a network takes these images and tells these classes apart.
    ///
    /// # Errors
    /// [`ZooError::Data`].
    pub fn check(&self, graph: &Graph) -> Result<(), ZooError> {
        let (input, result) = (graph.input(), graph.result());
        let (wanted, classes) = (Shape::Map(self.input), self.classes.len() as i64);
        if input == wanted && result == Shape::Vector(classes) {
            return Ok(());
        }
        Err(ZooError::Data {
            network: graph.name.clone(),
            takes: format!("images of {input} and {} classes", result.values()),
            dataset: self.name.clone(),
            has: format!("images of {wanted} and {classes} classes"),
        })
    }
}

/// Shape of one image of a data set.
pub fn input_of(dataset: &Dataset) -> InputShape {
    let (_, height, width, channels) = dataset.train.pixels.dim();
    InputShape { channels: channels as i64, height: height as i64, width: width as i64 }
}
