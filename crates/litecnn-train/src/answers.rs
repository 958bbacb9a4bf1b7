use std::path::Path;

use litecnn_data::{Dataset, DeviceImages};
use litecnn_model::{read_tensors, write_tensors};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use crate::TrainError;
use crate::recipe::DistillationSettings;

/// What a trained model, the teacher, makes of the training images of a data set, as they are and mirrored: logits, so that
/// another model can be trained on them without the teacher.
///
/// Validation images that a data set brings follow its training images.
#[derive(Debug)]
pub struct Answers {
    /// `f32 [images, classes]`, on the CPU.
    plain: Tensor,
    mirrored: Tensor,
}

/// What a file of answers says of itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    format: String,
    dataset: String,
    /// Digest of the data set.
    data: String,
    classes: Vec<String>,
    /// SHA-256 of the teacher's weight file.
    teacher: String,
}

const FORMAT: &str = "litecnn-answers/1";
/// Images asked about together.
const BATCH: usize = 128;

impl Answers {
    /// Asks a teacher, which makes logits `[batch, classes]` of images `[batch, channels, height, width]` with values in
    /// `[0, 1]`, about all images of the parts given.
    ///
    /// # Errors
    /// What the teacher runs into, or a libtorch error.
    pub fn of<E: From<TchError>>(
        parts: &[&DeviceImages],
        teacher: &dyn Fn(&Tensor) -> Result<Tensor, E>,
    ) -> Result<Self, E> {
        let (mut plain, mut mirrored) = (Vec::new(), Vec::new());
        tch::no_grad(|| {
            for images in parts {
                let places: Vec<u32> = (0..images.len() as u32).collect();
                for batch in images.batches(&places, BATCH)? {
                    let images = batch?.images;
                    plain.push(teacher(&images)?.f_to(Device::Cpu)?);
                    mirrored.push(teacher(&images.f_flip([3])?)?.f_to(Device::Cpu)?);
                }
            }
            Ok::<_, E>(())
        })?;
        Ok(Self { plain: Tensor::f_cat(&plain, 0)?, mirrored: Tensor::f_cat(&mirrored, 0)? })
    }

    /// Writes them, whole or not at all, with what they are answers to; `teacher` is the SHA-256 of its weight file.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the file cannot be written, or a logit is not a finite number.
    pub fn save(&self, path: &Path, dataset: &Dataset, teacher: &str) -> Result<(), TrainError> {
        let tensors = [("plain".to_owned(), &self.plain), ("mirrored".to_owned(), &self.mirrored)];
        Ok(write_tensors(path, &Card::of(dataset, teacher), &tensors)?)
    }

    /// Reads the answers about a data set.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the file cannot be read, [`TrainError::Answers`] if it is about other images.
    pub fn load(path: &Path, dataset: &Dataset) -> Result<Self, TrainError> {
        let (card, mut tensors): (Card, _) = read_tensors(path)?;
        let wrong = |reason: String| TrainError::Answers { path: path.to_owned(), reason };
        let wanted = Card::of(dataset, &card.teacher);
        if card.format != wanted.format {
            return Err(wrong(format!("its format is `{}`, this version reads `{FORMAT}`", card.format)));
        }
        if (&card.dataset, &card.data) != (&wanted.dataset, &wanted.data) {
            return Err(wrong(format!("it is about other images, of `{}`: make it again", card.dataset)));
        }
        if card.classes != wanted.classes {
            return Err(wrong("its classes are not those of the data set".to_owned()));
        }
        let images = dataset.train.len() + dataset.validation.as_ref().map_or(0, litecnn_data::Images::len);
        let mut take = |name: &str| {
            let shape = [images as i64, wanted.classes.len() as i64];
            let found = tensors.remove(name).filter(|tensor| tensor.size() == shape);
            found.ok_or_else(|| wrong(format!("it has no `{name}` of {images} images")))
        };
        Ok(Self { plain: take("plain")?, mirrored: take("mirrored")? })
    }
}

impl Card {
    fn of(dataset: &Dataset, teacher: &str) -> Self {
        Self {
            format: FORMAT.into(),
            dataset: dataset.name.clone(),
            data: dataset.digest.clone(),
            classes: dataset.classes.clone(),
            teacher: teacher.to_owned(),
        }
    }
}

/// A teacher by its answers, for distillation (Hinton et al. 2015).
#[derive(Debug)]
pub struct Teacher {
    /// `softmax(logits / temperature)`: for each image a row of `[classes]` for itself, one for it mirrored.
    rows: Vec<f32>,
    classes: usize,
    pub(crate) temperature: f64,
    pub(crate) weight: f64,
}

impl Teacher {
    pub(crate) fn new(answers: &Answers, settings: &DistillationSettings) -> Result<Self, TrainError> {
        let logits = Tensor::f_stack(&[&answers.plain, &answers.mirrored], 1)?.f_to_kind(Kind::Double)?;
        let soft = logits.f_div_scalar(settings.temperature)?.f_softmax(2, Kind::Double)?;
        Ok(Self {
            rows: Vec::try_from(soft.f_to_kind(Kind::Float)?.f_flatten(0, -1)?)?,
            classes: logits.size()[2] as usize,
            temperature: settings.temperature,
            weight: settings.weight,
        })
    }

    /// What it says of the images at `places`, one row of `[classes]` each. Of images that were changed it says what it says
    /// of them unchanged, but for mirroring: `mirrored` is a value an image, or empty if none is.
    pub(crate) fn hints(&self, places: &[u32], mirrored: &[bool]) -> Vec<f32> {
        let mut hints = Vec::with_capacity(places.len() * self.classes);
        for (i, &place) in places.iter().enumerate() {
            let version = usize::from(mirrored.get(i).copied().unwrap_or(false));
            hints.extend_from_slice(&self.rows[(2 * place as usize + version) * self.classes..][..self.classes]);
        }
        hints
    }
}
