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
use crate::goal::{Goal, Hints, Lesson, Shown, Targets};
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

    /// Of logits `[batch, classes]` and labels `i64 [batch]` of the images at these places, shown so.
    fn of(&self, logits: &Tensor, labels: &Tensor, places: &[u32], shown: &Shown) -> Result<Tensor, TrainError> {
        if self.goal.is_labels(shown) {
            return weighted_cross_entropy(logits, labels, self.weights.as_ref());
        }
        let lesson = Lesson { places, labels: &Vec::<i64>::try_from(labels)?, shown };
        let Some(Targets { rows, shares, hints }) = self.goal.targets(lesson) else {
            return weighted_cross_entropy(logits, labels, self.weights.as_ref());
        };
        let there = |values: &[f32]| Tensor::f_from_slice(values)?.f_to(logits.device());
        let rows_of = |rows: &[f32]| there(rows)?.f_view(logits.size().as_slice());
        let shares = there(&shares)?;
        let loss = soft_cross_entropy(logits, &rows_of(&rows)?, &shares)?;
        let Some(Hints { rows, weight, temperature }) = hints else { return Ok(loss) };
        let of_hints = soft_cross_entropy(&logits.f_div_scalar(temperature)?, &rows_of(&rows)?, &shares)?;
        let of_hints = of_hints.f_mul_scalar(weight * temperature * temperature)?;
        Ok(loss.f_mul_scalar(1.0 - weight)?.f_add(&of_hints)?)
    }
}

/// Refuses the loss of a batch if it is no sensible number. Only where looking does not make the device wait; elsewhere
/// that shows when the epoch has ended.
fn check(lane: &Lane<'_>, loss: &Tensor) -> Result<(), TrainError> {
    if loss.device() == Device::Cpu { lane.check(loss.f_double_value(&[])?) } else { Ok(()) }
}
