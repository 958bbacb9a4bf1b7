use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::speed::Machine;

/// Name of the light model trained in two stages.
pub const TWO_STAGE: &str = "two-stage";

/// Name of its control: the same architecture trained as a whole from fresh weights.
pub const SCRATCH: &str = "scratch";

/// Name of the light model with 8-bit weights.
pub const TWO_STAGE_INT8: &str = "two-stage-int8";

/// `comparison.json`: ways to a small network, measured on one machine with one build. A stable format that other
/// programs read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contenders {
    /// Always [`Contenders::FORMAT`].
    pub format: String,
    /// What it was measured on, and with.
    pub machine: Machine,
    /// Every contender on every data set.
    #[serde(default)]
    pub contenders: Vec<Contender>,
    /// Answers of two contenders to the same test images.
    #[serde(default)]
    pub pairs: Vec<Pair>,
}

/// One way to a small network, on one data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contender {
    /// The data set.
    pub dataset: String,
    /// Such as [`TWO_STAGE`]; unique within the data set.
    pub name: String,
    /// What it is and how it was trained, in a few words.
    pub words: String,
    /// What it is compared as.
    pub family: Family,
    /// Trainable weights.
    pub parameters: u64,
    /// Of these, those that are not zero; of the first seed.
    pub non_zero: u64,
    /// Multiply-accumulates of convolutions and dense layers for one image.
    pub macs: u64,
    /// Bytes of the file it is shipped as; of the first seed.
    pub bytes: u64,
    /// Microseconds for one image on one thread.
    pub timings: Vec<Timing>,
    /// Test images.
    pub images: u64,
    /// One training a seed.
    pub trainings: Vec<Training>,
}

/// What a contender is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The light model's architecture.
    Light,
    /// A plain convolutional network, whole or cut down.
    Plain,
    /// A variant of the compression study.
    Zoo,
}

/// How long a program takes for one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// What computes it, such as [`OURS`](crate::speed::OURS) or [`RUNTIME`](crate::speed::RUNTIME).
    pub program: String,
    /// Median of the rounds' medians, in microseconds.
    pub us: f64,
}

/// One training of a contender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Decides everything random.
    pub seed: u64,
    /// Epochs, those of all stages.
    pub epochs: u32,
    /// Seconds of training.
    pub seconds: f64,
    /// Test images classified as labelled.
    pub correct: u64,
}

/// Answers of two contenders of the same seed to the same test images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The data set.
    pub dataset: String,
    /// Seed of both.
    pub seed: u64,
    /// Name of the first.
    pub first: String,
    /// Name of the second.
    pub second: String,
    /// Images only the first gets right.
    pub only_first: u64,
    /// Images only the second gets right.
    pub only_second: u64,
}

/// Far above any test set, and few enough for an exact test.
const MOST_IMAGES: u64 = 1 << 24;

impl Contenders {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-comparison/1";

    /// Measurements yet to come, on this machine.
    pub fn new(machine: Machine) -> Self {
        Self { format: Self::FORMAT.into(), machine, contenders: Vec::new(), pairs: Vec::new() }
    }

    /// Reads `comparison.json`.
    ///
    /// # Errors
    /// [`ReportError::Run`] if it cannot be read, is damaged or of another version; [`ReportError::Bench`] if it holds
    /// figures that cannot be.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let contenders: Self = litecnn_run::read_json(path, Self::FORMAT)?;
        contenders.check(path)?;
        Ok(contenders)
    }

    /// Writes `comparison.json`, whole or not at all.
    ///
    /// # Errors
    /// [`ReportError::Run`] naming the file, [`ReportError::Bench`] for figures that cannot be.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        self.check(path)?;
        Ok(litecnn_run::write_json(path, self)?)
    }

    /// A contender by name.
    pub(super) fn get(&self, dataset: &str, name: &str) -> Option<&Contender> {
        self.contenders.iter().find(|c| c.dataset == dataset && c.name == name)
    }

    fn check(&self, path: &Path) -> Result<(), ReportError> {
        for (i, c) in self.contenders.iter().enumerate() {
            let bad = |what: &str| {
                let reason = format!("{} on {}: {what}", c.name, c.dataset);
                Err(ReportError::Bench { path: path.to_owned(), reason })
            };
            if self.contenders[..i].iter().any(|other| (&other.dataset, &other.name) == (&c.dataset, &c.name)) {
                return bad("it is there twice");
            }
            if !(1..=MOST_IMAGES).contains(&c.images)
                || c.trainings.is_empty()
                || c.trainings.iter().any(|t| t.correct > c.images)
            {
                return bad("its accuracy cannot be");
            }
            if c.timings.iter().any(|t| !(t.us.is_finite() && t.us > 0.0)) {
                return bad("its time cannot be");
            }
        }
        for p in &self.pairs {
            if p.only_first.saturating_add(p.only_second) > MOST_IMAGES {
                let reason = format!("{} and {} on {}: they cannot differ so often", p.first, p.second, p.dataset);
                return Err(ReportError::Bench { path: path.to_owned(), reason });
            }
        }
        Ok(())
    }
}

impl Contender {
    /// Accuracies on the test images, a fraction a seed.
    pub fn accuracies(&self) -> Vec<f64> {
        self.trainings.iter().map(|t| t.correct as f64 / self.images as f64).collect()
    }

    /// Microseconds by the fastest program that computes it.
    pub fn fastest(&self) -> Option<&Timing> {
        self.timings.iter().min_by(|a, b| a.us.total_cmp(&b.us))
    }

    /// Microseconds by a program.
    pub fn us(&self, program: &str) -> Option<f64> {
        self.timings.iter().find(|t| t.program == program).map(|t| t.us)
    }
}
