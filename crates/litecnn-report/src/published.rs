use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{ReportError, Scores};

/// The figures the paper prints, to compare with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Title of the paper.
    pub title: String,
    /// Its author.
    pub author: String,
    /// Year of publication.
    pub year: u32,
    /// Where it is found.
    pub source: String,
    /// What its times were measured on.
    pub machine: String,
    /// SHA-256 of the recipe as this project reads it out of the paper.
    pub recipe_hash: String,
    /// Figures by data set: `mnist`, `fashion-mnist`, `cifar10`.
    pub datasets: BTreeMap<String, PublishedDataset>,
}

/// What the paper prints of one data set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedDataset {
    /// The data set's name in prose.
    pub name: String,
    /// Numbers of its drawings.
    pub figures: PublishedFigures,
    /// Table 1.
    pub accuracy: PublishedAccuracy,
    /// Table 6.
    pub size: PublishedSize,
    /// Table 5.
    pub latency: PublishedLatency,
    /// Tables 2 to 4.
    pub classification: PublishedClassification,
}

/// Where the paper draws what: numbers of its figures.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFigures {
    /// Stage one, epoch by epoch.
    pub stage_1: u32,
    /// Stage two, step 1.
    pub stage_2_1: u32,
    /// Stage two, step 2.
    pub stage_2_2: u32,
    /// The confusion matrix.
    pub confusion: u32,
}

/// Table 1, as fractions; printed in whole percent, so half a point either way is unknown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedAccuracy {
    /// On the training images.
    pub train: f64,
    /// On the test images.
    pub test: f64,
}

/// Table 6.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedSize {
    /// Size of the model file in megabytes.
    pub file_mb: f64,
    /// Trainable parameters.
    pub params: u64,
    /// Their size in units of 1,024 bytes.
    pub params_kb: f64,
}

/// Table 5: milliseconds for one image.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedLatency {
    /// Mean on the CPU.
    pub cpu_ms: f64,
    /// Standard deviation on the CPU.
    pub cpu_std_ms: f64,
    /// Mean on the GPU.
    pub gpu_ms: f64,
    /// Standard deviation on the GPU.
    pub gpu_std_ms: f64,
}

/// One of Tables 2 to 4, printed with two decimals.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedClassification {
    /// Which table: `Table 2` …
    pub table: String,
    /// Accuracy as a fraction.
    pub accuracy: f64,
    /// Plain mean over the classes.
    pub macro_average: Scores,
    /// Mean weighted by support.
    pub weighted_average: Scores,
    /// Scores by class number.
    pub classes: Vec<Scores>,
}

impl Published {
    /// The figures of Isong (2025), built into this crate.
    ///
    /// # Errors
    /// [`ReportError::Published`] if the built-in table is damaged.
    pub fn isong2025() -> Result<Self, ReportError> {
        Ok(toml::from_str(include_str!("../published/isong2025.toml"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_agree_with_each_other() {
        let published = Published::isong2025().unwrap();
        assert_eq!(published.datasets.len(), 3);
        for (name, set) in &published.datasets {
            let table = &set.classification;
            assert_eq!(table.classes.len(), 10, "{name}");
            assert_eq!(table.classes.iter().map(|c| c.support).sum::<u64>(), 10_000, "{name}");
            assert_eq!(table.accuracy, set.accuracy.test, "{name}");
            assert!((set.size.params as f64 * 4.0 / 1024.0 - set.size.params_kb).abs() < 0.01, "{name}");
            let mean = table.classes.iter().map(|c| c.recall).sum::<f64>() / 10.0;
            // Every recall is rounded to two decimals, and so is their mean.
            assert!((mean - table.macro_average.recall).abs() <= 0.0101, "{name}: {mean}");
        }
    }
}
