//! What values and weights of a list of operations are made of.

use super::LINE;
use super::bytes::{Planes, words};
use super::record::{Operation, OperationKind, Value};

/// Floats or bytes, and how these lie. All numbers are of 32-bit words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// Maps lie `[height][width][channel]`.
    Floats,
    /// Four channels a word.
    Bytes(Planes),
}

impl Form {
    /// What a value takes.
    pub(crate) fn len(self, value: &Value) -> u64 {
        match self {
            Self::Floats => value.len(),
            Self::Bytes(planes) => planes.len(value),
        }
    }

    /// What a file has about the image, before the weights of the operations.
    pub(crate) fn image(self, channels: usize) -> u64 {
        match self {
            Self::Floats => normalisation(channels),
            Self::Bytes(_) => channels.div_ceil(4) as u64,
        }
    }

    /// What a file has about an operation that reads `from`, and may be the last one.
    pub(crate) fn weights(self, operation: &Operation, from: &Value, last: bool) -> u64 {
        match self {
            Self::Floats => operation.weights(from.channels).next_multiple_of(LINE as u64),
            Self::Bytes(_) => words(operation, from.channels, last),
        }
    }

    /// What an operation takes beside its values.
    pub(crate) fn rows(self, operation: &Operation, from: &Value, to: &Value) -> u64 {
        match self {
            Self::Floats => padded_rows(operation, from),
            Self::Bytes(planes) => planes.rows(operation, from, to),
        }
    }
}

/// Floats of an image's factors and summands.
pub(crate) fn normalisation(channels: usize) -> u64 {
    (2 * channels as u64).next_multiple_of(LINE as u64)
}

/// Floats of the rows that a convolution sees at once with zeros beside them; none are copied where there are no zeros.
fn padded_rows(operation: &Operation, from: &Value) -> u64 {
    let copied = operation.kind == OperationKind::Convolution && operation.padding[1] > 0;
    if !copied || operation.is_depthwise(from.channels) {
        return 0;
    }
    let width = from.width as u64 + 2 * u64::from(operation.padding[1]);
    (u64::from(operation.kernel[0]) * width * from.channels as u64).next_multiple_of(LINE as u64)
}
