//! Whether a list of operations can be run, and what it takes. All of it is looked at before anything is computed.

use super::LINE;
use super::record::{Operation, OperationKind, Operations, Value};
use crate::ArchitectureError;
use crate::error::LoadError;
use crate::shape::MOST;

/// What a list of operations takes, in floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sizes {
    /// Weights and biases.
    pub(crate) parameters: usize,
    /// The same with what precedes them for the image, and all padding.
    pub(crate) weights: usize,
    /// Memory of the values.
    pub(crate) values: usize,
    /// Memory of the padded rows of one convolution, behind the values.
    pub(crate) rows: usize,
    pub(crate) multiply_adds: usize,
}

/// Sizes of a list whose values never overwrite what is still needed.
pub(crate) fn check(operations: &Operations<'_>, classes: usize) -> Result<Sizes, LoadError> {
    let too_large = LoadError::Architecture(ArchitectureError::TooLarge);
    let mut parameters = 0;
    let mut weights = normalisation(operations.image.channels);
    let mut values = end(&operations.image).ok_or(too_large)?;
    let (mut rows, mut multiply_adds) = (0, 0u64);
    let mut needed = operations.image.len().next_multiple_of(LINE as u64);
    for index in 1..=operations.len() {
        let wrong = LoadError::Operation { index };
        let operation = operations.get(index).ok_or(wrong)?;
        let (from, to) = one(operations, index, &operation).ok_or(wrong)?;
        values = values.max(end(&to).ok_or(too_large)?);
        needed += to.len().next_multiple_of(LINE as u64);
        let of_this = operation.weights(from.channels);
        parameters += of_this;
        weights += of_this.next_multiple_of(LINE as u64);
        rows = rows.max(padded_rows(&operation, &from));
        if parameters >= MOST || weights >= MOST || rows >= MOST {
            return Err(too_large);
        }
        if operation.kind == OperationKind::Convolution {
            // Both factors are below 2^28.
            let of_each = of_this / to.channels as u64 - 1;
            multiply_adds = multiply_adds.saturating_add(of_each * to.len());
        }
        if !is_intact(operations, index, &operation, &to) {
            return Err(LoadError::Overlap { index });
        }
    }
    // So memory cannot be claimed that nothing is computed in.
    if values > needed {
        return Err(LoadError::Gap);
    }
    let last = operations.value(operations.len());
    if [last.channels, last.height, last.width] != [classes, 1, 1] {
        return Err(LoadError::Operation { index: operations.len() });
    }
    if values + rows >= MOST {
        return Err(too_large);
    }
    Ok(Sizes {
        parameters: parameters as usize,
        weights: weights as usize,
        values: values as usize,
        rows: rows as usize,
        multiply_adds: usize::try_from(multiply_adds).unwrap_or(usize::MAX),
    })
}

/// Floats of an image's factors and summands.
pub(crate) fn normalisation(channels: usize) -> u64 {
    (2 * channels as u64).next_multiple_of(LINE as u64)
}

/// What an operation reads and gives; none if a number in it is impossible or it does not fit what it reads.
fn one(operations: &Operations<'_>, index: usize, operation: &Operation) -> Option<(Value, Value)> {
    if usize::from(operation.from) >= index || operation.added.is_some_and(|added| usize::from(added) >= index) {
        return None;
    }
    let (from, to) = (operations.value(usize::from(operation.from)), operations.value(index));
    let added = operation.added.map(|added| operations.value(usize::from(added)));
    let (groups, outputs) = (usize::from(operation.groups), usize::from(operation.outputs));
    let sides = (0..2).all(|i| operation.stride[i] > 0 && operation.padding[i] < operation.kernel[i]);
    let channels = match operation.kind {
        OperationKind::Convolution => {
            groups > 0 && from.channels.is_multiple_of(groups) && outputs.is_multiple_of(groups)
        }
        _ => groups == 1 && outputs == from.channels,
    };
    let fits = sides && channels && (1..=4096).contains(&outputs) && operation.sides(from.sides()) == Some(to.sides());
    let fits = fits && added.is_none_or(|added| (added.channels, added.sides()) == (to.channels, to.sides()));
    fits.then_some((from, to))
}

/// Where a value ends in the memory; none if that is too far, or it does not start at a multiple of [`LINE`].
fn end(value: &Value) -> Option<u64> {
    let end = (value.place as u64 + value.len()).next_multiple_of(LINE as u64);
    (value.place.is_multiple_of(LINE) && end < MOST).then_some(end)
}

/// Floats of the rows that a convolution sees at once with zeros beside them; none are copied where there are no zeros.
pub(crate) fn padded_rows(operation: &Operation, from: &Value) -> u64 {
    let copied = operation.kind == OperationKind::Convolution && operation.padding[1] > 0;
    if !copied || operation.is_depthwise(from.channels) {
        return 0;
    }
    let width = from.width as u64 + 2 * u64::from(operation.padding[1]);
    (u64::from(operation.kernel[0]) * width * from.channels as u64).next_multiple_of(LINE as u64)
}

/// Whether what an operation reads was overwritten by none since it was made, nor is while the operation runs: only what
/// is added, place by place, may be overwritten by the outcome.
fn is_intact(operations: &Operations<'_>, index: usize, operation: &Operation, to: &Value) -> bool {
    let whole = |number: u16, in_place: bool| {
        let read = operations.value(usize::from(number));
        let since = usize::from(number) + 1..index;
        let kept = since.map(|k| operations.value(k)).all(|value| !overlap(&value, &read));
        kept && (!overlap(to, &read) || in_place && read.place == to.place)
    };
    whole(operation.from, false) && operation.added.is_none_or(|added| whole(added, true))
}

/// Whether two values share memory.
pub(crate) fn overlap(a: &Value, b: &Value) -> bool {
    let end = |value: &Value| value.place as u64 + value.len();
    (a.place as u64) < end(b) && (b.place as u64) < end(a)
}

/// Whether there are zeros where weights are padded.
pub(crate) fn is_padded(operations: &Operations<'_>, mut weights: &[f32]) -> bool {
    let zeros = |count: u64| {
        let (of_this, rest) = weights.split_at(count.next_multiple_of(LINE as u64) as usize);
        weights = rest;
        of_this[count as usize..].iter().all(|padding| padding.to_bits() == 0)
    };
    let counts = (1..=operations.len()).map(|index| {
        let from = operations.get(index).map(|operation| (operation, operations.value(usize::from(operation.from))));
        from.map_or(0, |(operation, from)| operation.weights(from.channels))
    });
    core::iter::once(2 * operations.image.channels as u64).chain(counts).all(zeros)
}
