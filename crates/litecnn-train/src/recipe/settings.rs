use std::collections::BTreeMap;

use litecnn_data::Augmentation;
use litecnn_model::HeadActivation;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::checks::{
    filters, folds, fraction, is_default, is_still, mixing, name, non_negative, positive_count, positive_epochs,
    positive_units, still,
};
use super::{DataSettings, DistillationSettings, OptimizerSettings, ScheduleSettings, SecondStageSettings};

/// Everything that decides what a run computes, data set and seed apart. Each value is checked as it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recipe {
    /// Shown in reports.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// How images become training and validation data.
    pub data: DataSettings,
    /// The architecture.
    pub model: ModelSettings,
    /// What happens to the second branch's training images.
    pub augmentation: Augmentation,
    /// The first training stage: both branches at once.
    pub stage_1: DualSettings,
    /// What the second stage begins with, and in which order its weights are let go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub second_stage: SecondStageSettings,
    /// First step of the second stage: the new dense layers only.
    pub stage_2_1: TrainSettings,
    /// Second step of the second stage: the whole model.
    pub stage_2_2: TrainSettings,
    /// Third step of the second stage.
    pub cross_validation: FoldSettings,
    /// Whose answers every step is trained on beside the labels, if anybody's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub distillation: DistillationSettings,
    /// What is different for data sets of these names: tables like the recipe's, of the values that differ. See
    /// [`Recipe::for_dataset`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dataset: BTreeMap<String, Table>,
}

/// The architecture, as far as the data set does not decide it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModelSettings {
    /// Filters of each 3x3 convolution of a branch.
    #[serde(deserialize_with = "filters")]
    pub filters: Vec<i64>,
    /// Units of the hidden dense layer of the unified model.
    #[serde(deserialize_with = "positive_units")]
    pub hidden_units: i64,
    /// Fraction of hidden units dropped in training.
    #[serde(deserialize_with = "fraction")]
    pub dropout: f64,
    /// What follows the 1x1 convolutions.
    pub head_activation: HeadActivation,
}

/// Settings of the first stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DualSettings {
    /// At most so many.
    #[serde(deserialize_with = "positive_epochs")]
    pub epochs: u32,
    /// Images a step.
    #[serde(deserialize_with = "positive_count")]
    pub batch_size: usize,
    /// What early stopping watches.
    pub monitor: Monitor,
    /// Which weights of each branch go on.
    pub keep: Keep,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStoppingSettings,
    /// One optimiser a branch, alike.
    pub optimizer: OptimizerSettings,
    /// How the learning rate changes from step to step.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: ScheduleSettings,
    /// Decay of the moving average of the weights that is validated, kept and handed on (Polyak & Juditsky 1992); 0 for
    /// the weights themselves. Before step `t`, counted from 0, it is at most `(1 + t) / (10 + t)`, so that the first
    /// weights do not linger.
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub average: f64,
    /// The part of each target that is shared out among all classes (Szegedy et al. 2016); 0 for none.
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// Training images are blended in pairs, and their targets (mixup, Zhang et al. 2018): the parameter of the beta
    /// distribution the shares come from; 0 for none.
    #[serde(default, deserialize_with = "mixing", skip_serializing_if = "is_default")]
    pub mixup: f64,
    /// A box of each training image comes from another, and that share of its target (CutMix, Yun et al. 2019): as for
    /// `mixup`. With both, a fair coin chooses for each batch.
    #[serde(default, deserialize_with = "mixing", skip_serializing_if = "is_default")]
    pub cutmix: f64,
    /// What happens to the first branch's training images; the second's: [`Recipe::augmentation`].
    #[serde(default = "still", skip_serializing_if = "is_still")]
    pub augmentation: Augmentation,
}

/// Settings of a training step of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainSettings {
    /// At most so many.
    #[serde(deserialize_with = "positive_epochs")]
    pub epochs: u32,
    /// Images a step.
    #[serde(deserialize_with = "positive_count")]
    pub batch_size: usize,
    /// Which weights go on.
    pub keep: Keep,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStoppingSettings,
    /// The optimiser.
    pub optimizer: OptimizerSettings,
    /// How the learning rate changes from step to step.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: ScheduleSettings,
    /// Decay of the moving average of the weights that is validated, kept and handed on (Polyak & Juditsky 1992); 0 for
    /// the weights themselves. Before step `t`, counted from 0, it is at most `(1 + t) / (10 + t)`, so that the first
    /// weights do not linger.
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub average: f64,
    /// The part of each target that is shared out among all classes (Szegedy et al. 2016); 0 for none.
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// Training images are blended in pairs, and their targets (mixup, Zhang et al. 2018): the parameter of the beta
    /// distribution the shares come from; 0 for none.
    #[serde(default, deserialize_with = "mixing", skip_serializing_if = "is_default")]
    pub mixup: f64,
    /// A box of each training image comes from another, and that share of its target (CutMix, Yun et al. 2019): as for
    /// `mixup`. With both, a fair coin chooses for each batch.
    #[serde(default, deserialize_with = "mixing", skip_serializing_if = "is_default")]
    pub cutmix: f64,
    /// What happens to the training images.
    #[serde(default = "still", skip_serializing_if = "is_still")]
    pub augmentation: Augmentation,
}

/// Settings of the cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FoldSettings {
    /// Number of folds.
    #[serde(deserialize_with = "folds")]
    pub folds: usize,
    /// Whose weights every fold starts from.
    pub start: FoldStart,
    /// At most so many, each fold.
    #[serde(deserialize_with = "positive_epochs")]
    pub epochs: u32,
    /// Images a step.
    #[serde(deserialize_with = "positive_count")]
    pub batch_size: usize,
    /// Which weights of each fold are kept.
    pub keep: Keep,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStoppingSettings,
    /// The optimiser, fresh for every fold.
    pub optimizer: OptimizerSettings,
    /// How the learning rate changes from step to step.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: ScheduleSettings,
    /// Decay of the moving average of the weights that is validated, kept and handed on (Polyak & Juditsky 1992); 0 for
    /// the weights themselves. Before step `t`, counted from 0, it is at most `(1 + t) / (10 + t)`, so that the first
    /// weights do not linger.
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub average: f64,
    /// The part of each target that is shared out among all classes (Szegedy et al. 2016); 0 for none.
    #[serde(default, deserialize_with = "fraction", skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// Training images are blended in pairs, and their targets (mixup, Zhang et al. 2018): the parameter of the beta
    /// distribution the shares come from; 0 for none.
    #[serde(default, deserialize_with = "mixing", skip_serializing_if = "is_default")]
    pub mixup: f64,
    /// A box of each training image comes from another, and that share of its target (CutMix, Yun et al. 2019): as for
    /// `mixup`. With both, a fair coin chooses for each batch.
    #[serde(default, deserialize_with = "mixing", skip_serializing_if = "is_default")]
    pub cutmix: f64,
    /// What happens to the training images.
    #[serde(default = "still", skip_serializing_if = "is_still")]
    pub augmentation: Augmentation,
}

impl FoldSettings {
    /// The settings of training one fold.
    pub fn each(&self) -> TrainSettings {
        TrainSettings {
            epochs: self.epochs,
            batch_size: self.batch_size,
            keep: self.keep,
            early_stopping: self.early_stopping.clone(),
            optimizer: self.optimizer.clone(),
            schedule: self.schedule,
            average: self.average,
            label_smoothing: self.label_smoothing,
            mixup: self.mixup,
            cutmix: self.cutmix,
            augmentation: self.augmentation.clone(),
        }
    }
}

/// What early stopping watches in the first stage; the validation accuracies of both branches are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Monitor {
    /// The mean of both.
    MeanAccuracy,
    /// The first branch's.
    #[serde(rename = "branch-1")]
    Branch1,
    /// The second branch's.
    #[serde(rename = "branch-2")]
    Branch2,
}

/// Which of the weights seen during training go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those of the first epoch with the highest validation accuracy.
    Best,
    /// Those of the last epoch that early stopping counted as an improvement.
    EarlyStopping,
    /// Those of the last epoch.
    Last,
}

/// Where the folds start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoldStart {
    /// The joined model before any training.
    Surgery,
    /// After training the dense layers.
    #[serde(rename = "stage-2-1")]
    Stage21,
    /// After training the whole model.
    #[serde(rename = "stage-2-2")]
    Stage22,
}

/// Stop when the watched value has not risen by more than `min_delta` for `patience` epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EarlyStoppingSettings {
    /// Epochs without improvement that are waited for.
    #[serde(deserialize_with = "positive_epochs")]
    pub patience: u32,
    /// Least rise that counts, as a fraction of 1.
    #[serde(deserialize_with = "non_negative")]
    pub min_delta: f64,
}
