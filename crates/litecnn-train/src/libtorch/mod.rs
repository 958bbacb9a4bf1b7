//! The training steps' epochs and inference as libtorch computes them, on any device: the plain form.

mod branch;
mod feed;
mod infer;
mod joint;
mod whole;

pub(crate) use branch::branch_epoch;
pub(crate) use infer::{branch_logits, shown_logits};
pub(crate) use joint::joint_epoch;
pub(crate) use whole::whole_epoch;

use tch::{Device, Tensor};

use crate::TrainError;
use crate::epoch::Lane;
use crate::goal::{Goal, Targets};
use crate::mixing::Blend;
use crate::score::{soft_cross_entropy, weighted_cross_entropy};

/// The mean cross-entropy of a batch.
struct Loss<'a> {
    goal: &'a Goal,
    /// How much classes count, `[classes]`.
    weights: Option<Tensor>,
}

impl<'a> Loss<'a> {
    fn new(goal: &'a Goal, device: Device) -> Result<Self, TrainError> {
        let weights = goal.weights.as_ref().map(|weights| weights.tensor(device)).transpose()?;
        Ok(Self { goal, weights })
    }

    /// Of logits `[batch, classes]` and labels `i64 [batch]` of images that were blended so.
    fn of(&self, logits: &Tensor, labels: &Tensor, blend: Option<&Blend>) -> Result<Tensor, TrainError> {
        if self.goal.smoothing == 0.0 && blend.is_none() {
            return weighted_cross_entropy(logits, labels, self.weights.as_ref());
        }
        match self.goal.targets(&Vec::<i64>::try_from(labels)?, blend) {
            None => weighted_cross_entropy(logits, labels, self.weights.as_ref()),
            Some(Targets { rows, shares }) => {
                let rows = Tensor::f_from_slice(&rows)?.f_view(logits.size().as_slice())?.f_to(logits.device())?;
                soft_cross_entropy(logits, &rows, &Tensor::f_from_slice(&shares)?.f_to(logits.device())?)
            }
        }
    }
}

/// Refuses the loss of a batch if it is no sensible number. Only where looking does not make the device wait; elsewhere
/// that shows when the epoch has ended.
fn check(lane: &Lane<'_>, loss: &Tensor) -> Result<(), TrainError> {
    if loss.device() == Device::Cpu { lane.check(loss.f_double_value(&[])?) } else { Ok(()) }
}
