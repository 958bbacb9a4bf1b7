//! The training steps' epochs and inference as libtorch computes them, on any device: the plain form.

mod branch;
mod infer;
mod joint;
mod whole;

pub(crate) use branch::branch_epoch;
pub(crate) use infer::branch_logits;
pub(crate) use joint::joint_epoch;
pub(crate) use whole::whole_epoch;
