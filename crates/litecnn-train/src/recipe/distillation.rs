use serde::{Deserialize, Serialize};

use super::checks::{non_negative_to_one, positive_number};

/// Training on what another model says of the images beside their labels (Hinton et al. 2015): with the student's logits
/// `z`, the teacher's `t` and the temperature `T`, the loss of an image is
/// `(1 - weight) * cross-entropy(target, softmax(z)) + weight * T^2 * cross-entropy(softmax(t / T), softmax(z / T))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DistillationSettings {
    /// File of the teacher's answers as `litecnn zoo teach` writes it.
    pub answers: String,
    /// Above 1, answers other than the likeliest count more.
    #[serde(deserialize_with = "positive_number")]
    pub temperature: f64,
    /// Between 0, for no teacher, and 1, for no labels.
    #[serde(deserialize_with = "non_negative_to_one")]
    pub weight: f64,
}

impl Default for DistillationSettings {
    fn default() -> Self {
        Self { answers: String::new(), temperature: 4.0, weight: 0.0 }
    }
}
