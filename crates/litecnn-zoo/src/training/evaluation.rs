use litecnn_data::{DeviceImages, Normalisation};
use litecnn_train::Score;
use tch::{Device, Kind, Tensor};

use crate::{Model, ZooError};

/// Images a batch in inference, also those that accuracies of batches are of.
const BATCH: usize = 128;

/// What a model makes of some images.
#[derive(Debug)]
pub struct Evaluation {
    /// `[images, classes]`, on the CPU.
    pub logits: Tensor,
    /// Loss and accuracy.
    pub score: Score,
    /// Number of images.
    pub images: u64,
    /// Of these, those whose largest logit is the label's; the first of equals counts.
    pub correct: u64,
    /// Mean of the accuracies of batches of 128, the last of which may be smaller, as Sobolewski & Szyc count.
    pub batch_accuracy: f64,
}

impl Evaluation {
    /// Shows a model all of some images, in order, in inference.
    ///
    /// # Errors
    /// [`ZooError::Images`] if they are of another shape, [`ZooError::Torch`] if they are elsewhere.
    pub fn of(model: &Model, images: &DeviceImages, normalisation: &Normalisation) -> Result<Self, ZooError> {
        let places: Vec<u32> = (0..images.len() as u32).collect();
        Self::by(&mut |images| model.forward(images), images, &places, normalisation)
    }

    /// Shows something that gives logits the images at `places`, in order.
    pub(crate) fn by(
        answer: &mut dyn FnMut(&Tensor) -> Result<Tensor, ZooError>,
        images: &DeviceImages,
        places: &[u32],
        normalisation: &Normalisation,
    ) -> Result<Self, ZooError> {
        let mut seen = Vec::new();
        tch::no_grad(|| {
            for batch in images.batches(places, BATCH)? {
                seen.push(answer(&normalisation.apply(&batch?.images)?)?);
            }
            Ok::<_, ZooError>(())
        })?;
        let logits = Tensor::f_cat(&seen, 0)?.f_to(Device::Cpu)?;
        Self::new(logits, &images.labels(places)?.f_to(Device::Cpu)?)
    }

    /// Of logits `[images, classes]` and labels `i64 [images]`.
    ///
    /// # Errors
    /// [`ZooError::Torch`] if they do not fit.
    pub fn new(logits: Tensor, labels: &Tensor) -> Result<Self, ZooError> {
        let score = Score::of(&logits, labels)?;
        let hits = logits.f_argmax(1, false)?.f_eq_tensor(labels)?.f_to_kind(Kind::Double)?;
        let hits = Vec::<f64>::try_from(hits)?;
        let accuracies: Vec<f64> = hits.chunks(BATCH).map(|b| b.iter().sum::<f64>() / b.len() as f64).collect();
        Ok(Self {
            score,
            images: hits.len() as u64,
            correct: hits.iter().sum::<f64>() as u64,
            batch_accuracy: accuracies.iter().sum::<f64>() / accuracies.len().max(1) as f64,
            logits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_count_alike_whatever_their_size() {
        // 130 images, all of the first batch right, none of the two of the second.
        let logits = Tensor::from_slice(&[1.0f32, 0.0]).view([1, 2]).repeat([130, 1]);
        let labels: Vec<i64> = (0..130).map(|i| i64::from(i >= 128)).collect();
        let evaluation = Evaluation::new(logits, &Tensor::from_slice(&labels)).unwrap();
        assert_eq!((evaluation.images, evaluation.correct, evaluation.batch_accuracy), (130, 128, 0.5));
        assert!((evaluation.score.accuracy - 128.0 / 130.0).abs() < 1e-12);
    }
}
