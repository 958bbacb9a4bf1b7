//! Models with weights of 8 bits: integers from the pixels to the logits. The crate's documentation says what the numbers
//! mean.

#[cfg(feature = "alloc")]
mod encode;
mod forward;
mod shape;
mod weights;

#[cfg(feature = "alloc")]
pub use encode::{Quantised, QuantisedLayer, Requantisation, encode_int8};
#[cfg(feature = "alloc")]
pub(crate) use forward::word;
pub(crate) use forward::{Quantise, Setting};
pub(crate) use shape::{Memory, words};
pub(crate) use weights::check;
