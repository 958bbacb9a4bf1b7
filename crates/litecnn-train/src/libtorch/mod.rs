//! The training steps' epochs and inference as libtorch computes them, on any device: the plain form.

mod branch;
mod infer;
mod joint;
mod whole;

pub(crate) use branch::branch_epoch;
pub(crate) use infer::branch_logits;
pub(crate) use joint::joint_epoch;
pub(crate) use whole::whole_epoch;

use tch::{Device, Tensor};

use crate::TrainError;
use crate::epoch::Lane;

/// Refuses the loss of a batch if it is no sensible number. Only where looking does not make the device wait; elsewhere
/// that shows when the epoch has ended.
fn check(lane: &Lane<'_>, loss: &Tensor) -> Result<(), TrainError> {
    if loss.device() == Device::Cpu { lane.check(loss.f_double_value(&[])?) } else { Ok(()) }
}
