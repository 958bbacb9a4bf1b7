use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::contenders::{Timing, Training};
use crate::speed::Machine;

/// `small.json`: small models of one task, measured on one machine with one build. A stable format that other programs
/// read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Small {
    /// Always [`Small::FORMAT`].
    pub format: String,
    /// What it was measured on, and with.
    pub machine: Machine,
    /// Every model on every data set.
    #[serde(default)]
    pub models: Vec<SmallModel>,
}

/// One model on one data set, trained with several seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmallModel {
    /// The data set.
    pub dataset: String,
    /// What it is.
    pub family: SmallFamily,
    /// Weights, batch norms folded into convolutions.
    pub parameters: u64,
    /// Weights as they are trained, with batch norms' factors and summands.
    pub unfolded: u64,
    /// Multiply-accumulates of convolutions and dense layers for one image.
    pub macs: u64,
    /// Bytes of the file that the runtime reads.
    pub bytes: u64,
    /// The same in 8-bit integers, if it can be.
    pub int8: Option<InIntegers>,
    /// Microseconds for one image on one thread.
    pub timings: Vec<Timing>,
    /// Test images.
    pub images: u64,
    /// One training a seed.
    pub trainings: Vec<Training>,
}

/// A small model in 8-bit integers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InIntegers {
    /// Bytes of the file that the runtime reads.
    pub bytes: u64,
    /// Test images answered rightly, of each training.
    pub correct: Vec<u64>,
}

/// What a small model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmallFamily {
    /// The paper's model by the paper's recipe.
    Paper,
    /// The paper's model and method by the recipe `tuned`.
    Tuned,
    /// A network that a search found, by a recipe `compact`.
    Compact,
}

impl SmallFamily {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Paper => "the paper's model and recipe",
            Self::Tuned => "the paper's model, recipe tuned",
            Self::Compact => "a network found by search, recipe compact",
        }
    }
}

impl Small {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-small/2";

    /// Reads `small.json`.
    ///
    /// # Errors
    /// [`ReportError::Run`] if it cannot be read, is damaged or of another version; [`ReportError::Bench`] if it holds
    /// figures that cannot be.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let small: Self = litecnn_run::read_json(path, Self::FORMAT)?;
        for model in &small.models {
            let integers = model.int8.iter().flat_map(|int8| &int8.correct);
            let possible = model.images > 0
                && !model.trainings.is_empty()
                && model.trainings.iter().map(|t| &t.correct).chain(integers).all(|&correct| correct <= model.images)
                && model.int8.as_ref().is_none_or(|int8| int8.correct.len() == model.trainings.len())
                && model.timings.iter().all(|t| t.us.is_finite() && t.us > 0.0);
            if !possible {
                let reason = format!("{} on {}: its figures cannot be", model.family.words(), model.dataset);
                return Err(ReportError::Bench { path: path.to_owned(), reason });
            }
        }
        Ok(small)
    }

    /// Writes `small.json`, whole or not at all.
    ///
    /// # Errors
    /// [`ReportError::Run`] naming the file.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        Ok(litecnn_run::write_json(path, self)?)
    }
}

impl SmallModel {
    /// Accuracies on the test images, a fraction a seed.
    pub fn accuracies(&self) -> Vec<f64> {
        self.trainings.iter().map(|t| t.correct as f64 / self.images as f64).collect()
    }

    /// The same in 8-bit integers; none if it cannot be in them.
    pub fn accuracies_in_integers(&self) -> Option<Vec<f64>> {
        let int8 = self.int8.as_ref()?;
        Some(int8.correct.iter().map(|&correct| correct as f64 / self.images as f64).collect())
    }

    /// Microseconds by a program.
    pub fn us(&self, program: &str) -> Option<f64> {
        self.timings.iter().find(|t| t.program == program).map(|t| t.us)
    }
}
