//! Models that are lists of operations on maps: what a network becomes whose batch norms are folded away.
//!
//! Maps of floats lie `[height][width][channel]`, so that lanes are channels and nothing is sorted on the way; those of bytes
//! in planes, so that lanes are positions.

mod bytes;
mod check;
#[cfg(feature = "alloc")]
mod encode;
mod form;
mod forward;
mod image;
#[cfg(feature = "alloc")]
mod plan;
mod record;

#[cfg(feature = "alloc")]
pub use bytes::{QuantisedNetwork, QuantisedOperation, encode_network_int8};
#[cfg(feature = "alloc")]
pub use encode::{Network, encode_network};
#[cfg(feature = "alloc")]
pub use plan::{Plan, plan};
pub use record::{Activation, MAX_OPERATIONS, Operation, OperationKind};

pub(crate) use bytes::{Planes, Setting as SettingOfBytes, check as check_bytes, forward as forward_bytes};
pub(crate) use check::{Sizes, check, is_padded};
pub(crate) use form::Form;
pub(crate) use forward::{Setting, forward};
pub(crate) use image::FromImage;
pub(crate) use record::{Operations, RECORD, Value};

/// What values, and each operation's weights of floats, start at a multiple of, in words.
pub(crate) const LINE: usize = 16;
