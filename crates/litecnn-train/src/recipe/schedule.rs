use serde::{Deserialize, Serialize};

use super::checks::{some_non_negative, some_unit};

/// How the learning rate changes from optimiser step to optimiser step.
///
/// A step of training whose rate changes goes on to its last epoch: early stopping would leave it at a rate it was not
/// to end with, so its patience does not count there.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", try_from = "AnySchedule")]
pub enum ScheduleSettings {
    /// Not at all.
    #[default]
    Constant,
    /// It rises in proportion for `warmup` epochs (Goyal et al. 2017), then falls along half a cosine (Loshchilov &
    /// Hutter 2017) to `last` times itself.
    Cosine {
        /// Epochs, or a part of one; 0 for none. One as long as the training never gets to the fall.
        warmup: f64,
        /// What is left of the rate at the end, between 0 and 1.
        #[serde(rename = "final")]
        last: f64,
    },
}

/// The table of any schedule as it is read. One flat table, so that a fault is found at its own key.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AnySchedule {
    kind: ScheduleKind,
    #[serde(default, deserialize_with = "some_non_negative")]
    warmup: Option<f64>,
    #[serde(rename = "final", default, deserialize_with = "some_unit")]
    last: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ScheduleKind {
    Constant,
    Cosine,
}

impl TryFrom<AnySchedule> for ScheduleSettings {
    type Error = String;

    fn try_from(AnySchedule { kind, warmup, last }: AnySchedule) -> Result<Self, String> {
        match (kind, warmup, last) {
            (ScheduleKind::Constant, None, None) => Ok(Self::Constant),
            (ScheduleKind::Constant, warmup, _) => {
                let key = if warmup.is_some() { "warmup" } else { "final" };
                Err(format!("key `{key}` does not belong to this kind of schedule"))
            }
            (ScheduleKind::Cosine, warmup, last) => {
                Ok(Self::Cosine { warmup: warmup.unwrap_or(0.0), last: last.unwrap_or(0.0) })
            }
        }
    }
}
