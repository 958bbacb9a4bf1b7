use serde::{Deserialize, Serialize};

use super::checks::{positive_number, some_fraction, some_non_negative, some_positive};

/// Which optimiser, with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", try_from = "AnyOptimizer")]
pub enum OptimizerSettings {
    /// Adam with Nesterov momentum, Keras 3 form.
    Nadam(NadamSettings),
    /// Stochastic gradient descent.
    Sgd(SgdSettings),
    /// Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW(AdamWSettings),
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

/// Numbers of AdamW.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AdamWSettings {
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
    /// Times the learning rate: the share of each weight that a step takes away; 0 for none.
    pub weight_decay: f64,
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
    #[serde(rename = "adamw")]
    AdamW,
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
            OptimizerKind::AdamW => {
                foreign(&[
                    ("momentum", any.momentum.is_some()),
                    ("nesterov", any.nesterov.is_some()),
                    ("decay-form", any.decay_form.is_some()),
                ])?;
                Ok(Self::AdamW(AdamWSettings {
                    learning_rate,
                    beta_1: need(any.beta_1, "beta-1")?,
                    beta_2: need(any.beta_2, "beta-2")?,
                    epsilon: need(any.epsilon, "epsilon")?,
                    weight_decay: need(any.weight_decay, "weight-decay")?,
                }))
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
