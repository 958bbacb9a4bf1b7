use serde::{Deserialize, Serialize};

use super::checks::{is_default, positive_number, some_count, some_share};

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
    /// Whether the models are trained on images from whose channels the mean of the training images is taken, and that are
    /// divided by their standard deviation. The weights that are handed on take images as they are: both are folded into
    /// the first convolution, which is exact as it has no padding.
    pub normalise: bool,
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
    #[serde(default, skip_serializing_if = "is_default")]
    normalise: bool,
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
        let AnyData { pixel_scale, stratified, class_weights, normalise, .. } = any;
        Ok(Self { validation, pixel_scale, stratified, class_weights, normalise })
    }
}

impl From<DataSettings> for AnyData {
    fn from(data: DataSettings) -> Self {
        let DataSettings { validation, pixel_scale, stratified, class_weights, normalise } = data;
        let (validation_images, validation_share) = match validation {
            ValidationPart::Images(images) => (Some(images), None),
            ValidationPart::Share(share) => (None, Some(share)),
        };
        Self { validation_images, validation_share, pixel_scale, stratified, class_weights, normalise }
    }
}
