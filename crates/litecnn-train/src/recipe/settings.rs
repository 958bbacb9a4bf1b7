use serde::{Deserialize, Deserializer, Serialize, de::Error};

use litecnn_data::Augmentation;
use litecnn_model::HeadActivation;

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
    /// First step of the second stage: the new dense layers only.
    pub stage_2_1: TrainSettings,
    /// Second step of the second stage: the whole model.
    pub stage_2_2: TrainSettings,
    /// Third step of the second stage.
    pub cross_validation: FoldSettings,
}

/// How images become training and validation data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "AnyData", into = "AnyData")]
pub struct DataSettings {
    /// How many images are cut from the training part after a seeded shuffle. A data set that brings its own validation
    /// images uses those.
    pub validation: ValidationPart,
    /// Pixels are divided by this.
    pub pixel_scale: f64,
    /// Whether every class keeps its share in the validation part and in the folds.
    pub stratified: bool,
    /// How much each class counts in the loss of training.
    pub class_weights: ClassWeighting,
}

/// How many of the training images validate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValidationPart {
    /// So many: `validation-images`.
    Images(usize),
    /// This share of them, between 0 and 1: `validation-share`.
    Share(f64),
}

impl ValidationPart {
    /// Of so many images; at least one. A share is rounded to the nearest number that leaves one to train on.
    pub fn of(self, images: usize) -> usize {
        match self {
            Self::Images(count) => count,
            Self::Share(share) => ((share * images as f64).round() as usize).min(images.saturating_sub(1)).max(1),
        }
    }
}

/// How much each class counts in the loss of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeighting {
    /// Every image counts the same.
    #[default]
    None,
    /// Every class counts the same: an image weighs `n / (K * n_k)` where `n` images train, `n_k` of them of its class,
    /// one of `K`, as scikit-learn's `compute_class_weight("balanced")` has it.
    Balanced,
}

/// The table `data` as it is read and written. Keys that the paper's recipe leaves at these values are not written, so
/// that recipes from before they were there keep their digest.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AnyData {
    #[serde(default, deserialize_with = "some_count", skip_serializing_if = "Option::is_none")]
    validation_images: Option<usize>,
    #[serde(default, deserialize_with = "some_share", skip_serializing_if = "Option::is_none")]
    validation_share: Option<f64>,
    #[serde(deserialize_with = "positive_number")]
    pixel_scale: f64,
    #[serde(default, skip_serializing_if = "is_default")]
    stratified: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    class_weights: ClassWeighting,
}

impl TryFrom<AnyData> for DataSettings {
    type Error = String;

    fn try_from(any: AnyData) -> Result<Self, String> {
        let validation = match (any.validation_images, any.validation_share) {
            (Some(images), None) => ValidationPart::Images(images),
            (None, Some(share)) => ValidationPart::Share(share),
            (Some(_), Some(_)) => return Err("give `validation-images` or `validation-share`, not both".to_owned()),
            (None, None) => return Err("give `validation-images` or `validation-share`".to_owned()),
        };
        let AnyData { pixel_scale, stratified, class_weights, .. } = any;
        Ok(Self { validation, pixel_scale, stratified, class_weights })
    }
}

impl From<DataSettings> for AnyData {
    fn from(data: DataSettings) -> Self {
        let DataSettings { validation, pixel_scale, stratified, class_weights } = data;
        let (validation_images, validation_share) = match validation {
            ValidationPart::Images(images) => (Some(images), None),
            ValidationPart::Share(share) => (None, Some(share)),
        };
        Self { validation_images, validation_share, pixel_scale, stratified, class_weights }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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

/// Which optimiser, with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", try_from = "AnyOptimizer")]
pub enum OptimizerSettings {
    /// Adam with Nesterov momentum, Keras 3 form.
    Nadam(NadamSettings),
    /// Stochastic gradient descent.
    Sgd(SgdSettings),
}

/// Numbers of Nadam.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NadamSettings {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    #[serde(rename = "beta-1")]
    pub beta_1: f64,
    /// Decay of the second moment.
    #[serde(rename = "beta-2")]
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// Numbers of SGD.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SgdSettings {
    /// Step size.
    pub learning_rate: f64,
    /// 0 for none.
    pub momentum: f64,
    /// Whether the momentum looks ahead.
    pub nesterov: bool,
    /// 0 for none.
    pub weight_decay: f64,
    /// How weight decay enters.
    pub decay_form: WeightDecay,
}

/// The table of any optimiser as it is read. One flat table, so that a fault is found at its own key.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AnyOptimizer {
    kind: OptimizerKind,
    #[serde(deserialize_with = "positive_number")]
    learning_rate: f64,
    #[serde(rename = "beta-1", default, deserialize_with = "some_fraction")]
    beta_1: Option<f64>,
    #[serde(rename = "beta-2", default, deserialize_with = "some_fraction")]
    beta_2: Option<f64>,
    #[serde(default, deserialize_with = "some_positive")]
    epsilon: Option<f64>,
    #[serde(default, deserialize_with = "some_fraction")]
    momentum: Option<f64>,
    nesterov: Option<bool>,
    #[serde(default, deserialize_with = "some_non_negative")]
    weight_decay: Option<f64>,
    decay_form: Option<WeightDecay>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OptimizerKind {
    Nadam,
    Sgd,
}

impl TryFrom<AnyOptimizer> for OptimizerSettings {
    type Error = String;

    fn try_from(any: AnyOptimizer) -> Result<Self, String> {
        fn need<T>(value: Option<T>, key: &str) -> Result<T, String> {
            value.ok_or_else(|| format!("missing key `{key}` of this kind of optimizer"))
        }
        let foreign = |keys: &[(&str, bool)]| match keys.iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(format!("key `{key}` does not belong to this kind of optimizer")),
            None => Ok(()),
        };
        let learning_rate = any.learning_rate;
        match any.kind {
            OptimizerKind::Nadam => {
                foreign(&[
                    ("momentum", any.momentum.is_some()),
                    ("nesterov", any.nesterov.is_some()),
                    ("weight-decay", any.weight_decay.is_some()),
                    ("decay-form", any.decay_form.is_some()),
                ])?;
                let (beta_1, beta_2) = (need(any.beta_1, "beta-1")?, need(any.beta_2, "beta-2")?);
                Ok(Self::Nadam(NadamSettings { learning_rate, beta_1, beta_2, epsilon: need(any.epsilon, "epsilon")? }))
            }
            OptimizerKind::Sgd => {
                foreign(&[
                    ("beta-1", any.beta_1.is_some()),
                    ("beta-2", any.beta_2.is_some()),
                    ("epsilon", any.epsilon.is_some()),
                ])?;
                Ok(Self::Sgd(SgdSettings {
                    learning_rate,
                    momentum: need(any.momentum, "momentum")?,
                    nesterov: need(any.nesterov, "nesterov")?,
                    weight_decay: need(any.weight_decay, "weight-decay")?,
                    decay_form: need(any.decay_form, "decay-form")?,
                }))
            }
        }
    }
}

/// How weight decay enters a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightDecay {
    /// `w -= lr * decay * w` before the step (Keras 3).
    Decoupled,
    /// `decay * w` added to the gradient (PyTorch).
    Coupled,
}

/// A value as it is read, if it is `good`; `wanted` says what is.
///
/// # Errors
/// That of the format, or one that shows the value and what is wanted.
pub fn checked<'de, D: Deserializer<'de>, T: Deserialize<'de> + Copy + std::fmt::Display>(
    deserializer: D,
    good: impl FnOnce(T) -> bool,
    wanted: &str,
) -> Result<T, D::Error> {
    let value = T::deserialize(deserializer)?;
    if good(value) { Ok(value) } else { Err(D::Error::custom(format!("{value} is impossible here: {wanted}"))) }
}

fn positive_count<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    // Read signed, so that a negative number gets this message too.
    checked(d, |n: i64| (1..=1 << 24).contains(&n), "at least 1, at most 16777216").map(|n| n as usize)
}

/// A number of epochs.
///
/// # Errors
/// As [`checked`].
pub fn positive_epochs<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    checked(d, |n: i64| (1..=100_000).contains(&n), "at least 1, at most 100000").map(|n| n as u32)
}

fn positive_units<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    checked(d, |n: i64| (1..=1 << 16).contains(&n), "at least 1, at most 65536")
}

fn folds<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    checked(d, |n: i64| (2..=1000).contains(&n), "at least 2, at most 1000").map(|n| n as usize)
}

fn positive_number<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| x > 0.0 && x.is_finite(), "a number above 0 is wanted")
}

/// A number of at least 0.
///
/// # Errors
/// As [`checked`].
pub fn non_negative<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| x >= 0.0 && x.is_finite(), "a number of at least 0 is wanted")
}

fn fraction<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    checked(d, |x: f64| (0.0..1.0).contains(&x), "at least 0 and below 1")
}

fn some_count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<usize>, D::Error> {
    positive_count(d).map(Some)
}

fn some_share<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    checked(d, |x: f64| x > 0.0 && x < 1.0, "above 0 and below 1").map(Some)
}

fn some_positive<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    positive_number(d).map(Some)
}

fn some_non_negative<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    non_negative(d).map(Some)
}

fn some_fraction<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    fraction(d).map(Some)
}

fn filters<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<i64>, D::Error> {
    let filters = Vec::<i64>::deserialize(d)?;
    if filters.is_empty() || filters.len() > 8 || filters.iter().any(|n| !(1..=4096).contains(n)) {
        return Err(D::Error::custom(format!("{filters:?} is impossible here: 1 to 8 numbers between 1 and 4096")));
    }
    Ok(filters)
}

fn name<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let name = String::deserialize(d)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(D::Error::custom(format!("`{name}` is no name: letters, digits, `-`, `_` and `.`, at most 64")));
    }
    Ok(name)
}
