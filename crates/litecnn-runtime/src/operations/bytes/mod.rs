//! Lists of operations on bytes: integers from the pixels to the logits.
//!
//! Four channels are a word. A value is a plane of words for each four channels, with bytes that stand for zero around
//! the map, so that a lane is a position, whatever a convolution sees of its neighbours.

#[cfg(feature = "alloc")]
mod encode;
mod forward;
mod planes;
mod weights;

#[cfg(feature = "alloc")]
pub use encode::{QuantisedNetwork, QuantisedOperation, encode_network_int8};
pub(crate) use forward::{Setting, forward};
pub(crate) use planes::Planes;
pub(crate) use weights::{check, words};

#[cfg(all(test, feature = "alloc"))]
mod tests;
