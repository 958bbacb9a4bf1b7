use litecnn_data::{Dataset, DeviceImages, SplitError, split};
use litecnn_model::InputShape;
use tch::Device;

use crate::graph::Shape;
use crate::{Graph, ZooError};

/// A data set on a device.
#[derive(Debug)]
pub struct TrainingData {
    /// What commands call the set.
    pub name: String,
    /// The training images.
    pub train: DeviceImages,
    /// Places of those that are trained on.
    pub used: Vec<u32>,
    /// What is looked at after every epoch; no decision of a training rests on it.
    pub watched: Watched,
    /// The test images.
    pub test: DeviceImages,
    /// Shape of one image.
    pub input: InputShape,
    /// Class names.
    pub classes: Vec<String>,
}

/// Images that are looked at after every epoch.
#[derive(Debug)]
pub enum Watched {
    /// All test images.
    Test,
    /// The data set's own images to choose by.
    Validation(DeviceImages),
    /// Training images at these places.
    Training(Vec<u32>),
}

/// Images that are watched where nothing is held out and test images are not to be seen.
const GLANCE: usize = 5000;

impl TrainingData {
    /// Copies a data set to a device; all its training images are used. Its own images to choose by are watched, or the test
    /// images if it has none.
    ///
    /// # Errors
    /// [`ZooError::Torch`] if the device does not exist or has no room.
    pub fn new(dataset: &Dataset, device: Device) -> Result<Self, ZooError> {
        let images = |images| DeviceImages::new(images, device, 255.0);
        let watched = match &dataset.validation {
            Some(validation) => Watched::Validation(images(validation)?),
            None => Watched::Test,
        };
        Ok(Self {
            name: dataset.name.clone(),
            train: images(&dataset.train)?,
            used: (0..dataset.train.len() as u32).collect(),
            watched,
            test: images(&dataset.test)?,
            input: input_of(dataset),
            classes: dataset.classes.clone(),
        })
    }

    /// The same images in the same memory, for another thread.
    pub(crate) fn share(&self) -> Self {
        Self {
            name: self.name.clone(),
            train: self.train.share(),
            used: self.used.clone(),
            watched: match &self.watched {
                Watched::Test => Watched::Test,
                Watched::Validation(images) => Watched::Validation(images.share()),
                Watched::Training(places) => Watched::Training(places.clone()),
            },
            test: self.test.share(),
            input: self.input,
            classes: self.classes.clone(),
        }
    }

    /// Uses the first `images` of those used so far, if there are as many.
    pub fn limited(mut self, images: usize) -> Self {
        self.used.truncate(images);
        self
    }

    /// Holds out and watches the images that the light models' recipes validate on with the same seed, so that both train
    /// on the same ones.
    ///
    /// # Errors
    /// [`SplitError`] if nothing would be left.
    pub fn holding_out(mut self, images: usize, seed: u64) -> Result<Self, SplitError> {
        let parts = split(self.train.len(), images, seed)?;
        (self.used, self.watched) = (parts.train, Watched::Training(parts.validation));
        Ok(self)
    }

    /// Leaves the test images alone: if they were to be watched, some of the images that are trained on are.
    pub fn without_test(mut self) -> Self {
        if matches!(self.watched, Watched::Test) {
            self.watched = Watched::Training(self.used.iter().copied().take(GLANCE).collect());
        }
        self
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
