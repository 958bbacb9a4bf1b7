//! Where the bytes of a value lie.

use crate::operations::record::{Operation, OperationKind, Operations, Value};
use crate::simd::MAX_WIDTH;

/// Planes of all values of a list: each is a map with so many positions around it as any operation pads. Those on the
/// right of a row are those on the left of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planes {
    padding: usize,
}

impl Planes {
    pub(crate) fn of(operations: &Operations<'_>) -> Self {
        Self::padded((1..=operations.len()).filter_map(|index| operations.get(index)))
    }

    pub(crate) fn padded(operations: impl Iterator<Item = Operation>) -> Self {
        Self { padding: operations.flat_map(|operation| operation.padding).max().unwrap_or(0).into() }
    }

    /// From a row of a plane to the next one.
    pub(crate) fn stride(self, value: &Value) -> usize {
        value.width + self.padding
    }

    /// Words of a plane.
    pub(crate) fn plane(self, value: &Value) -> u64 {
        (value.height + 2 * self.padding) as u64 * self.stride(value) as u64 + self.padding as u64
    }

    /// Words of all planes.
    pub(crate) fn len(self, value: &Value) -> u64 {
        self.plane(value) * value.channels.div_ceil(4) as u64
    }

    /// Where a position lies in a plane; negative ones, and those beyond the map, are around it.
    pub(crate) fn place(self, value: &Value, [y, x]: [isize; 2]) -> usize {
        let padding = self.padding as isize;
        ((y + padding) * self.stride(value) as isize + x + padding) as usize
    }

    /// Fills what lies around the map in a plane.
    pub(crate) fn surround(self, value: &Value, plane: &mut [u32], zero: u32) {
        let (padding, stride) = (self.padding, self.stride(value));
        if padding == 0 {
            return;
        }
        plane[..padding * stride + padding].fill(zero);
        for y in 1..value.height {
            plane[(padding + y) * stride..][..padding].fill(zero);
        }
        plane[(padding + value.height) * stride..].fill(zero);
    }

    /// Words that an operation copies its rows to, and what whole vectors are read beyond the end of.
    pub(crate) fn rows(self, operation: &Operation, from: &Value, to: &Value) -> u64 {
        let beyond = 2 * MAX_WIDTH as u64;
        if !copies(operation, to) {
            return beyond;
        }
        let planes = from.channels.div_ceil(4) as u64;
        planes * u64::from(operation.kernel[0]) * phases(operation, to) as u64 * phase(operation, to) as u64 + beyond
    }
}

/// Whether an operation's rows are copied: those whose neighbours see what is not neighbouring, and poolings that must
/// not see what is around the map.
pub(crate) fn copies(operation: &Operation, to: &Value) -> bool {
    phases(operation, to) > 1 || operation.kind == OperationKind::MaxPool && operation.padding != [0, 0]
}

/// Step from column to column; of one column it does not matter.
pub(crate) fn phases(operation: &Operation, to: &Value) -> usize {
    if to.width == 1 { 1 } else { usize::from(operation.stride[1]) }
}

/// Words of a copied row's phase: every `phases`th column.
pub(crate) fn phase(operation: &Operation, to: &Value) -> usize {
    let beyond = (usize::from(operation.kernel[1]) - 1) / phases(operation, to);
    (to.width + beyond).next_multiple_of(MAX_WIDTH)
}
