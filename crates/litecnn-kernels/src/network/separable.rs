//! A 3x3 convolution of each channel alone, and a 1x1 convolution of what it gives, with nothing between them
//! (Chollet 2017): what is between is computed a few rows at a time, again on the way back, and never leaves the cache.

use super::conv::{self, Conv};
use super::depthwise::{self, Way};
use super::map::{Map, Vector};
use super::norm::{self, Mix};
use super::passes::{self, Target};
use crate::simd::Level;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Separable {
    /// Of the input.
    pub(crate) map: Map,
    pub(crate) out: usize,
}

/// Room for the rows between.
#[derive(Debug, Default)]
pub(crate) struct Between {
    rows: Vec<Vector>,
    by_rows: Vec<Vector>,
}

impl Separable {
    pub(crate) fn output(&self) -> Map {
        self.map.with(self.out)
    }

    /// `[channel][3][3]`, then `[out][channel]`.
    pub(crate) fn weights(&self) -> usize {
        self.depthwise() + self.map.channels * self.out
    }

    pub(crate) fn depthwise(&self) -> usize {
        self.map.channels * depthwise::TAPS
    }

    /// The second convolution, on some rows.
    pub(crate) fn pointwise(&self, height: usize) -> Conv {
        Conv { kernel: 1, map: self.map.of_rows(height), out: self.out }
    }

    /// Weights as the forward kernel reads them, and as the one back does: in both, the second convolution's are packed.
    pub(crate) fn pack(&self, weights: &[f32], forward: &mut Vec<f32>, backward: &mut Vec<f32>) {
        let (first, second) = weights.split_at(self.depthwise());
        let mut packed = Vec::new();
        self.pointwise(1).pack(second, &mut packed);
        *forward = [first, &packed].concat();
        self.pointwise(1).pack_back(second, &mut packed);
        *backward = [first, &packed].concat();
    }

    /// Room for the rows between, in training or not.
    pub(crate) fn between(&self) -> Between {
        let tile = passes::tile(&self.map);
        Between { rows: self.map.of_rows(tile).zeros(), by_rows: self.map.of_rows(tile + 2).zeros() }
    }
}

/// Row `y` of the output, written to `to`.
pub(crate) fn row(
    level: Level,
    of: &Separable,
    y: usize,
    input: &[Vector],
    weights: &[f32],
    between: &mut Between,
    to: &mut [Vector],
) {
    let (first, second) = weights.split_at(of.depthwise());
    let between = &mut between.rows[..of.map.row()];
    depthwise::row(level, &of.map, y, input, first, between, Way::Forward);
    conv::row(level, &of.pointwise(1), 0, between, second, to, false);
}

/// As [`super::passes::convolve_back`]; `weights` are as [`Separable::pack`] makes them for the way back.
#[allow(clippy::too_many_arguments, reason = "buffers, each of its own kind")]
pub(crate) fn back(
    level: Level,
    of: &Separable,
    mix: &[Mix],
    raw: &[Vector],
    input: &[Vector],
    weights: &[f32],
    gradient: &mut [Vector],
    mut by_input: Option<Target<'_>>,
    weight_sums: &mut [Vector],
    Between { rows, by_rows }: &mut Between,
) {
    let (map, output, tile) = (of.map, of.output(), passes::tile(&of.map));
    let (first, second) = weights.split_at(of.depthwise());
    let (first_sums, second_sums) = weight_sums.split_at_mut(of.depthwise());
    let mut start = 0;
    while start < map.height {
        let count = tile.min(map.height - start);
        let end = start + count;
        // Gradients of the rows between, from the one before the first to the one after the last.
        let there = if start == 0 {
            by_rows[map.rows(0..1)].fill(Vector::ZERO);
            1
        } else {
            by_rows.copy_within(map.rows(tile..tile + 2), 0);
            2
        };
        for place in there..count + 2 {
            let y = start + place - 1;
            let to = &mut by_rows[map.rows(place..place + 1)];
            if y == map.height {
                to.fill(Vector::ZERO);
            } else {
                norm::mix_row(level, &output, y, mix, raw, gradient);
                conv::row(level, &of.pointwise(1).back(), 0, &gradient[output.rows(y..y + 1)], second, to, false);
            }
        }
        let seen = map.of_rows(count + 2);
        let by_rows = &by_rows[..seen.vectors()];
        if let Some(Target { gradient: to, first: fresh }) = &mut by_input {
            for y in 0..count {
                let to = &mut to[map.rows(start + y..start + y + 1)];
                depthwise::row(level, &seen, y + 1, by_rows, first, to, Way::back(*fresh));
            }
        }
        depthwise::weight_gradients(level, &map, start..end, input, &by_rows[map.rows(1..count + 1)], first_sums);
        let rows = &mut rows[map.rows(0..count)];
        for y in 0..count {
            let to = &mut rows[map.rows(y..y + 1)];
            depthwise::row(level, &map, start + y, input, first, to, Way::Forward);
        }
        let by_output = &gradient[output.rows(start..end)];
        conv::weight_gradients(level, &of.pointwise(count), 0..count, rows, by_output, second_sums);
        start = end;
    }
}
