use anyhow::Result;
use litecnn_data::DeviceImages;
use litecnn_model::Model;
use litecnn_report::StepAccuracy;
use litecnn_run::{Answer, Answers, Prediction, Predictions};
use litecnn_train::{TrainingData, branch_logits, unified_logits};
use tch::{Kind, Tensor};

use crate::training::session::Session;

/// A model with what it says of the images it did not train on.
pub(super) struct Scored<'a> {
    /// The step that left it: `branch-1` … `fold-1` …
    pub(super) name: String,
    pub(super) model: Model,
    /// Logits of all test images, `[images, classes]`.
    pub(super) test: Tensor,
    /// Logits of its validation images, `[places, classes]`.
    pub(super) validation: Tensor,
    /// Places of its validation images in the training part.
    pub(super) validated_on: &'a [u32],
}

impl Scored<'_> {
    pub(super) fn accuracy(&self, data: &TrainingData) -> Result<StepAccuracy> {
        let fraction = |logits: &Tensor, labels: &[u16]| -> Result<f64> {
            let hits = predicted(logits)?.iter().zip(labels).filter(|(predicted, label)| predicted == label).count();
            Ok(hits as f64 / labels.len().max(1) as f64)
        };
        let all: Vec<u32> = (0..data.test.len() as u32).collect();
        Ok(StepAccuracy {
            step: self.name.clone(),
            test_accuracy: fraction(&self.test, &labels(&data.test, &all)?)?,
            validation_accuracy: fraction(&self.validation, &labels(&data.images, self.validated_on)?)?,
        })
    }
}

/// What every model makes of the test images at `places`, and the folds together if there are several.
pub(super) fn answers(scored: &[Scored<'_>], data: &TrainingData, places: &[u32]) -> Result<Answers> {
    let mut columns = Vec::new();
    for model in scored {
        columns.push((model.name.clone(), predicted(&model.test)?));
    }
    let folds: Vec<&Tensor> = scored.iter().filter(|s| s.name.starts_with("fold-")).map(|s| &s.test).collect();
    if folds.len() > 1 {
        columns.push(("ensemble".to_owned(), predicted(&mean_probabilities(&folds)?)?));
    }
    let rows = places.iter().zip(labels(&data.test, places)?).enumerate().map(|(row, (&index, label))| Answer {
        index,
        label,
        predicted: columns.iter().map(|(_, predicted)| predicted[row]).collect(),
    });
    let rows = rows.collect();
    Ok(Answers { models: columns.into_iter().map(|(name, _)| name).collect(), rows })
}

/// What one model says of the images at `places`, from its logits `[places, classes]`.
pub(crate) fn predictions(logits: &Tensor, images: &DeviceImages, places: &[u32]) -> Result<Predictions> {
    let (_, classes) = logits.size2()?;
    let probabilities: Vec<f32> = Vec::try_from(logits.f_softmax(-1, Kind::Float)?.f_reshape([-1])?)?;
    let rows = places.iter().zip(labels(images, places)?).zip(predicted(logits)?);
    let rows = rows.zip(probabilities.chunks_exact(classes as usize));
    let rows =
        rows.map(|(((&index, label), predicted), p)| Prediction { index, label, predicted, probabilities: p.to_vec() });
    Ok(Predictions { classes: classes as usize, rows: rows.collect() })
}

/// Logits `[places, classes]` of a model of either kind.
pub(super) fn logits(session: &Session, model: &Model, images: &DeviceImages, places: &[u32]) -> Result<Tensor> {
    Ok(match model {
        Model::Branch(branch) => branch_logits(branch, images, places, session.engine)?,
        Model::Unified(unified) => unified_logits(unified, images, places, session.engine, session.workers)?,
    })
}

/// Mean of the models' softmax probabilities, `f64 [images, classes]`, from their logits.
fn mean_probabilities(logits: &[&Tensor]) -> Result<Tensor> {
    let probabilities = logits.iter().map(|l| l.f_softmax(-1, Kind::Double)).collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::f_stack(&probabilities, 0)?.f_mean_dim(0, false, Kind::Double)?)
}

/// The class with the largest of each row's values; the first of equals.
fn predicted(values: &Tensor) -> Result<Vec<u16>> {
    narrow(&values.f_argmax(1, false)?)
}

fn labels(images: &DeviceImages, places: &[u32]) -> Result<Vec<u16>> {
    narrow(&images.labels(places)?)
}

fn narrow(classes: &Tensor) -> Result<Vec<u16>> {
    let classes: Vec<i64> = Vec::try_from(classes)?;
    Ok(classes.into_iter().map(|class| class as u16).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_probabilities_not_of_logits_or_votes() {
        // Two models lean a little to class 0, one is sure of class 1; the votes are 2 to 1 for class 0.
        let lean = Tensor::from_slice(&[0.2f32, 0.0, -9.0]).view([1, 3]);
        let sure = Tensor::from_slice(&[0.0f32, 5.0, -9.0]).view([1, 3]);
        let mean = mean_probabilities(&[&lean, &lean, &sure]).unwrap();
        let by_hand = |logits: [f64; 3]| {
            let sum: f64 = logits.iter().map(|x| x.exp()).sum();
            logits.map(|x| x.exp() / sum)
        };
        // Logits are 32 bits wide.
        let (lean, sure) = (by_hand([f64::from(0.2f32), 0.0, -9.0]), by_hand([0.0, 5.0, -9.0]));
        for class in 0..3 {
            let expected = (2.0 * lean[class] + sure[class]) / 3.0;
            assert!((mean.double_value(&[0, class as i64]) - expected).abs() < 1e-12);
        }
        assert_eq!(predicted(&mean).unwrap(), [1]);
        let equal = Tensor::from_slice(&[1.0f32, 3.0, 3.0, 2.0, 2.0, 2.0]).view([2, 3]);
        assert_eq!(predicted(&equal).unwrap(), [1, 0], "the first of equals");
    }
}
