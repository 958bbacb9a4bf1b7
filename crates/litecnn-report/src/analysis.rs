use litecnn_run::{Answers, Predictions};
use serde::{Deserialize, Serialize};

use crate::collect::{CollectedDataset, CollectedSeed};
use crate::missing::all_folds;
use crate::{Calibration, Interval, McNemar, Metrics, Spread, bootstrap_accuracy, brier};

/// What the predictions of a data set's final models tell beyond accuracy, and of the models on the way beside them.
///
/// Lists have one entry for each of the data set's seeds, `null` where its predictions are not there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Analysis {
    /// Bounds of the mean test accuracy: see [`bootstrap_accuracy`], 95 %, 10,000 resamples, random seed 0.
    /// Only where every seed has predictions, and of the same images.
    pub test_interval: Option<Interval>,
    /// Expected calibration error on the test images, see [`Calibration`]; of the seeds with predictions.
    pub calibration_error: Spread,
    /// See [`brier()`]; of the same seeds.
    pub brier: Spread,
    /// The joined model after all training against its first branch.
    pub joining: Vec<Option<Comparison>>,
    /// Test accuracy of the mean of the fold models' probabilities; of the seeds that have all folds which the recipe or
    /// any seed has, as ensembles of fewer models are other ones.
    pub ensemble: Spread,
    /// That ensemble against the joined model; `null` for the same seeds that have none above.
    pub ensembling: Vec<Option<Comparison>>,
}

/// Two models on the same test images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Test accuracy of the first model minus that of the second, as a fraction.
    pub difference: f64,
    /// Whether chance may have made it.
    #[serde(flatten)]
    pub test: McNemar,
}

impl Comparison {
    /// Compares two models by which images they get right.
    pub(crate) fn new(first: &[bool], second: &[bool]) -> Self {
        let test = McNemar::new(first.iter().copied().zip(second.iter().copied()));
        let images = first.len().min(second.len()).max(1) as f64;
        Self { difference: (test.only_first as f64 - test.only_second as f64) / images, test }
    }

    fn of(answers: &Answers, first: &str, second: &str) -> Option<Self> {
        Some(Self::new(&answers.right(first)?, &answers.right(second)?))
    }
}

/// The model all training leads to, the first model on the way, and the folds together.
const JOINED: &str = "stage-2-2";
const BRANCH: &str = "branch-1";
pub(crate) const ENSEMBLE: &str = "ensemble";

impl Analysis {
    /// `folds`: those of a full run.
    pub(crate) fn of(dataset: &CollectedDataset, folds: &[String]) -> Self {
        let seeds: Vec<(&CollectedSeed, &Metrics)> = dataset.measured().collect();
        let predictions: Vec<&Predictions> = seeds.iter().filter_map(|(s, _)| s.predictions.as_ref()).collect();
        let answers = || seeds.iter().map(|(s, _)| s.answers.as_ref());
        let full = || seeds.iter().map(|(s, _)| s.answers.as_ref().filter(|_| all_folds(s, folds)));
        let ensembles = full().filter_map(|a| accuracy(&a?.right(ENSEMBLE)?));
        let error = |p: &&Predictions| Calibration::from_predictions(Calibration::BINS, p).expected_calibration_error;
        Self {
            test_interval: if predictions.len() == seeds.len() { interval(&predictions) } else { None },
            calibration_error: Spread::new(predictions.iter().map(error).collect()),
            brier: Spread::new(predictions.iter().map(|p| brier(p)).collect()),
            joining: answers().map(|a| Comparison::of(a?, JOINED, BRANCH)).collect(),
            ensemble: Spread::new(ensembles.collect()),
            ensembling: full().map(|a| Comparison::of(a?, ENSEMBLE, JOINED)).collect(),
        }
    }
}

/// The interval of the mean accuracy of models on the same images; none if they are not the same.
fn interval(predictions: &[&Predictions]) -> Option<Interval> {
    let first = predictions.first()?;
    if predictions.iter().any(|p| !p.same_images(first)) {
        return None;
    }
    let mut right = vec![0u32; first.rows.len()];
    for model in predictions {
        for (count, right) in right.iter_mut().zip(model.right()) {
            *count += u32::from(right);
        }
    }
    let models = predictions.len() as f64;
    let shares: Vec<f64> = right.iter().map(|&n| f64::from(n) / models).collect();
    bootstrap_accuracy(&shares, 0.95, 10_000, 0)
}

/// Right answers as a fraction of all.
pub(crate) fn accuracy(right: &[bool]) -> Option<f64> {
    let hits = right.iter().filter(|right| **right).count() as f64;
    if right.is_empty() { None } else { Some(hits / right.len() as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_of_the_same_images_row_by_row() {
        let row = |index: u32| litecnn_run::Prediction {
            index,
            label: 0,
            predicted: (index == 0).into(),
            probabilities: vec![0.5, 0.5],
        };
        let of = |indices: &[u32]| Predictions { classes: 2, rows: indices.iter().map(|&i| row(i)).collect() };
        let all = of(&[0, 1, 2]);
        assert!(interval(&[&all, &all]).is_some());
        assert_eq!(interval(&[&all, &of(&[0, 2, 1])]), None, "other images in the same rows");
        assert_eq!(interval(&[&all, &of(&[0, 1])]), None);
    }

    #[test]
    fn the_difference_is_that_of_the_accuracies() {
        let first = [true, true, false, true];
        let second = [true, false, false, false];
        let c = Comparison::new(&first, &second);
        assert_eq!((c.difference, c.test.only_first, c.test.only_second), (0.5, 2, 0));
        assert_eq!(c.difference, accuracy(&first).unwrap() - accuracy(&second).unwrap());
        assert_eq!(accuracy(&[]), None);
    }
}
