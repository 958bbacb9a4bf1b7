//! Whether a list of operations can be run, and what it takes. All of it is looked at before anything is computed.

use super::LINE;
use super::form::Form;
use super::record::{Operation, OperationKind, Operations, Value};
use crate::ArchitectureError;
use crate::error::LoadError;
use crate::shape::MOST;

/// What a list of operations takes, in 32-bit words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sizes {
    /// Weights and biases.
    pub(crate) parameters: usize,
    /// The same with what precedes them for the image, and all padding.
    pub(crate) weights: usize,
    /// Memory of the values.
    pub(crate) values: usize,
    /// Memory of the rows that one operation copies, behind the values.
    pub(crate) rows: usize,
    pub(crate) multiply_adds: usize,
}

/// Sizes of a list whose values never overwrite what is still needed.
pub(crate) fn check(operations: &Operations<'_>, classes: usize, form: Form) -> Result<Sizes, LoadError> {
    let too_large = LoadError::Architecture(ArchitectureError::TooLarge);
    let mut parameters = 0;
    let mut weights = form.image(operations.image.channels);
    let mut values = end(&operations.image, form).ok_or(too_large)?;
    let (mut rows, mut multiply_adds) = (0, 0u64);
    let mut needed = form.len(&operations.image).next_multiple_of(LINE as u64);
    for index in 1..=operations.len() {
        let wrong = LoadError::Operation { index };
        let operation = operations.get(index).ok_or(wrong)?;
        let (from, to) = one(operations, index, &operation).ok_or(wrong)?;
        values = values.max(end(&to, form).ok_or(too_large)?);
        needed += form.len(&to).next_multiple_of(LINE as u64);
        let of_this = operation.weights(from.channels);
        parameters += of_this;
        weights += form.weights(&operation, &from, index == operations.len());
        rows = rows.max(form.rows(&operation, &from, &to));
        if parameters >= MOST || weights >= MOST || rows >= MOST {
            return Err(too_large);
        }
        if operation.kind == OperationKind::Convolution {
            // Both factors are below 2^28.
            let of_each = of_this / to.channels as u64 - 1;
            multiply_adds = multiply_adds.saturating_add(of_each * to.len());
        }
        if !is_intact(operations, index, &operation, &to, form) {
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
fn end(value: &Value, form: Form) -> Option<u64> {
    let end = (value.place as u64 + form.len(value)).next_multiple_of(LINE as u64);
    (value.place.is_multiple_of(LINE) && end < MOST).then_some(end)
}

/// Whether what an operation reads was overwritten by none since it was made, nor is while the operation runs: only what
/// is added, place by place, may be overwritten by the outcome.
fn is_intact(operations: &Operations<'_>, index: usize, operation: &Operation, to: &Value, form: Form) -> bool {
    let whole = |number: u16, in_place: bool| {
        let read = operations.value(usize::from(number));
        let since = usize::from(number) + 1..index;
        let kept = since.map(|k| operations.value(k)).all(|value| !overlap(&value, &read, form));
        kept && (!overlap(to, &read, form) || in_place && read.place == to.place)
    };
    whole(operation.from, false) && operation.added.is_none_or(|added| whole(added, true))
}

/// Whether two values share memory.
fn overlap(a: &Value, b: &Value, form: Form) -> bool {
    let end = |value: &Value| value.place as u64 + form.len(value);
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
