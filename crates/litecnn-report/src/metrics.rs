use std::path::Path;

use litecnn_run::{Predictions, RunError};
use serde::{Deserialize, Serialize};

use crate::{ClassificationReport, ConfusionMatrix, ReportError, mean_cross_entropy};

/// `metrics.json`: everything measured on the final model of one data set and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Always [`Metrics::FORMAT`].
    pub format: String,
    /// What was measured.
    #[serde(flatten)]
    pub subject: Subject,
    /// The final model on each part of the data.
    pub splits: Splits,
    /// Accuracy of the model each step leaves behind, in order of training.
    pub steps: Vec<StepAccuracy>,
}

/// The model that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// `mnist`, `fashion-mnist`, `cifar10` …
    pub dataset: String,
    /// Seed of the training.
    pub seed: u64,
    /// SHA-256 of the resolved recipe.
    pub recipe: String,
    /// Names of the classes, by number.
    pub classes: Vec<String>,
    /// Trainable parameters.
    pub params: u64,
    /// Size of the weight file in bytes.
    pub weights_bytes: u64,
}

/// The final model on the three parts of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Splits {
    /// The images it was trained on, without augmentation.
    pub train: SplitMetrics,
    /// The images that chose its weights.
    pub validation: SplitMetrics,
    /// The official test images.
    pub test: SplitMetrics,
}

/// A model on one part of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitMetrics {
    /// Number of images.
    pub images: u64,
    /// Correct images as a fraction of all.
    pub accuracy: f64,
    /// Mean cross-entropy in nats, see [`mean_cross_entropy`].
    pub loss: f64,
    /// Precision, recall and F1.
    pub report: ClassificationReport,
    /// Rows are true classes.
    pub confusion: ConfusionMatrix,
}

/// The model a step leaves behind, on images it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepAccuracy {
    /// `branch-1`, `branch-2`, `stage-2-1`, `stage-2-2`, `fold-1` …
    pub step: String,
    /// On the test images, as a fraction.
    pub test_accuracy: f64,
    /// On the step's validation images (a fold's own ones for a fold), as a fraction.
    pub validation_accuracy: f64,
}

impl Metrics {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-metrics/1";

    /// Puts the parts together.
    ///
    /// # Errors
    /// [`ReportError::ClassNames`] if there are not as many names as predicted classes.
    pub fn new(subject: Subject, splits: Splits, steps: Vec<StepAccuracy>) -> Result<Self, ReportError> {
        let names = subject.classes.len();
        for (_, split) in splits.named() {
            let classes = split.confusion.classes();
            if classes != names {
                return Err(ReportError::ClassNames { names, classes });
            }
        }
        Ok(Self { format: Self::FORMAT.into(), subject, splits, steps })
    }

    /// Reads `metrics.json`.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Damaged`] (also if the figures contradict each other) or [`RunError::Format`],
    /// naming the file.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let metrics: Self = litecnn_run::read_json(path, Self::FORMAT)?;
        metrics.check().map_err(|reason| RunError::damaged(path, reason))?;
        Ok(metrics)
    }

    /// Writes `metrics.json`, whole or not at all.
    ///
    /// # Errors
    /// [`RunError::Io`] naming the file.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        Ok(litecnn_run::write_json(path, self)?)
    }

    fn check(&self) -> Result<(), String> {
        let classes = self.subject.classes.len();
        for (name, split) in self.splits.named() {
            let found = split.confusion.classes();
            if found != classes {
                return Err(format!("{classes} class names, but {found} classes in the {name} confusion matrix"));
            }
            // To nine digits, so that a sum taken in another order is no damage.
            let figures = |report: &ClassificationReport| report.to_text(&[], 9);
            if figures(&split.report) != figures(&ClassificationReport::new(&split.confusion)) {
                return Err(format!("the {name} report does not follow from the confusion matrix beside it"));
            }
            if (split.images, split.accuracy) != (split.confusion.total(), split.confusion.accuracy()) {
                return Err(format!("the {name} images or accuracy do not follow from the confusion matrix"));
            }
        }
        for step in &self.steps {
            for value in [step.test_accuracy, step.validation_accuracy] {
                if !(0.0..=1.0).contains(&value) {
                    return Err(format!("{value} is not an accuracy (step {})", step.step));
                }
            }
        }
        Ok(())
    }
}

impl Splits {
    /// Measures the final model from its three files of predictions.
    ///
    /// # Errors
    /// [`ReportError::NoPredictions`] if one is empty, [`ReportError::ClassOutOfRange`].
    pub fn from_predictions(
        train: &Predictions,
        validation: &Predictions,
        test: &Predictions,
    ) -> Result<Self, ReportError> {
        let measure = |split, predictions: &Predictions| match predictions.rows.is_empty() {
            true => Err(ReportError::NoPredictions { split }),
            false => SplitMetrics::from_predictions(predictions),
        };
        Ok(Self {
            train: measure("train", train)?,
            validation: measure("validation", validation)?,
            test: measure("test", test)?,
        })
    }

    fn named(&self) -> [(&'static str, &SplitMetrics); 3] {
        [("train", &self.train), ("validation", &self.validation), ("test", &self.test)]
    }
}

impl SplitMetrics {
    /// Measures predictions; of none, every figure is 0.
    ///
    /// # Errors
    /// [`ReportError::ClassOutOfRange`] if a row names a class the file does not have.
    pub fn from_predictions(predictions: &Predictions) -> Result<Self, ReportError> {
        let confusion = ConfusionMatrix::from_pairs(predictions.classes, predictions.pairs())?;
        Ok(Self {
            images: confusion.total(),
            accuracy: confusion.accuracy(),
            loss: mean_cross_entropy(predictions),
            report: ClassificationReport::new(&confusion),
            confusion,
        })
    }
}
