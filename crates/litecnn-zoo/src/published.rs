use serde::Deserialize;

use crate::{Family, Variant, ZooError};

/// What Sobolewski & Szyc publish of their networks, and exact counts of the networks of their code.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Published {
    /// Where it is from.
    pub source: String,
    /// One entry for each variant and number of classes.
    pub variants: Vec<PublishedVariant>,
    /// Weights left by pruning.
    pub pruning: PublishedPruning,
}

/// A variant for a number of classes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedVariant {
    /// `ResNet-101` or `VGG-19`.
    pub family: String,
    /// Its number in the tables.
    pub no: u32,
    /// Number of classes.
    pub classes: i64,
    /// The data set it was trained on.
    pub dataset: String,
    /// Weights, counted exactly.
    pub params: i64,
    /// Operations, counted exactly.
    pub flops_fvcore: i64,
    /// Weights as printed, in millions.
    pub published_params_m: Option<f64>,
    /// Operations as printed, in millions.
    pub published_flops_m: Option<f64>,
    /// Size of the checkpoint as printed, in units of 2^20 bytes.
    pub published_size_mb: Option<f64>,
    /// Accuracy on the test images as printed, in percent.
    pub published_accuracy: Option<f64>,
    /// The table.
    pub published_in: Option<String>,
    /// Weights that do not reach the result.
    pub params_without_gradient: i64,
    /// Weights of all convolutions.
    pub conv_weights: i64,
    /// Weights of all dense layers.
    pub linear_weights: i64,
    /// Weights of each part: `stem`, `stage1` …
    pub params_by_part: std::collections::BTreeMap<String, i64>,
    /// The operations by kind.
    pub flops_by_op: PublishedFlops,
}

/// Operations by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct PublishedFlops {
    /// Of convolutions.
    pub conv: i64,
    /// Of batch norms.
    pub batch_norm: i64,
    /// Of global average pooling.
    pub adaptive_avg_pool2d: i64,
    /// Of dense layers.
    pub linear: i64,
}

/// Weights left by pruning.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedPruning {
    /// Table III of the paper.
    pub cifar100: PublishedRounds,
    /// The same of the previous study.
    pub cifar10: PublishedRounds,
}

/// Rounds of pruning on one data set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedRounds {
    /// The table.
    pub published_in: String,
    /// Its rows.
    pub rows: Vec<PublishedRound>,
}

/// One row: variants 1, 11 and 13 of ResNet-101 after a round.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedRound {
    /// Counted from 0, nothing pruned.
    pub round: u32,
    /// As printed, in percent.
    pub published_sparsity: f64,
    /// No. 1.
    pub no_1: Option<PublishedPruned>,
    /// No. 11.
    pub no_11: Option<PublishedPruned>,
    /// No. 13.
    pub no_13: Option<PublishedPruned>,
}

/// A pruned network.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct PublishedPruned {
    /// Weights that are not zero.
    pub non_zeroed: i64,
    /// Accuracy on the test images, in percent.
    pub accuracy: f64,
}

impl Published {
    /// The figures built into this crate.
    ///
    /// # Errors
    /// [`ZooError::Published`] if the built-in table is damaged.
    pub fn sobolewski_szyc() -> Result<Self, ZooError> {
        Ok(serde_json::from_str(include_str!("../published/sobolewski-szyc.json"))?)
    }

    /// What is published of a variant for a number of classes.
    pub fn of(&self, variant: &Variant, classes: i64) -> Option<&PublishedVariant> {
        let same = |p: &&PublishedVariant| p.family == variant.family.title() && p.no == variant.no;
        self.variants.iter().filter(same).find(|p| p.classes == classes)
    }
}

impl PublishedRound {
    /// The entry of variant 1, 11 or 13.
    pub fn of(&self, no: u32) -> Option<PublishedPruned> {
        match no {
            1 => self.no_1,
            11 => self.no_11,
            13 => self.no_13,
            _ => None,
        }
    }
}

impl PublishedVariant {
    /// The variant.
    pub fn variant(&self) -> Option<&'static Variant> {
        Variant::all().find(|v| v.family.title() == self.family && v.no == self.no)
    }
}

impl Family {
    /// The number of classes of the family's table in the paper: 100 for ResNet-101 (Table I), 10 for VGG-19 (Table
    /// II).
    pub fn paper_classes(self) -> i64 {
        match self {
            Self::ResNet101 => 100,
            Self::Vgg19 => 10,
        }
    }
}
