//! Convolutions of whole maps, forward and back.

use super::conv::{self, Conv};
use super::depthwise::{self, Way};
use super::map::{Map, Vector};
use super::norm::{self, Mix};
use super::separable::{self, Between, Separable};
use crate::simd::Level;

/// Pixels whose weight gradients are summed together.
const TILE: usize = 64;

/// Rows of a map worked on together on the way back: enough that loading and storing the sums costs little, few enough that
/// all channels stay in the nearer caches.
pub(crate) fn tile(map: &Map) -> usize {
    (TILE / map.width).clamp(1, map.height)
}

/// A convolution on maps of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convolution {
    Full(Conv),
    Depthwise(Map),
    Separable(Separable),
}

impl Convolution {
    pub(crate) fn output(&self) -> Map {
        match self {
            Self::Full(conv) => conv.output(),
            Self::Depthwise(map) => *map,
            Self::Separable(separable) => separable.output(),
        }
    }

    pub(crate) fn between(&self) -> Between {
        if let Self::Separable(separable) = self { separable.between() } else { Between::default() }
    }
}

/// Where gradients of an input go.
pub(crate) struct Target<'a> {
    pub(crate) gradient: &'a mut [Vector],
    /// Whether nothing is there yet: they are written, not added.
    pub(crate) first: bool,
}

/// The convolution of a map, and the sums of its values and squares, unless there is no room for them.
pub(crate) fn convolve(
    level: Level,
    of: &Convolution,
    input: &[Vector],
    weights: &[f32],
    between: &mut Between,
    raw: &mut [Vector],
    sums: &mut [Vector],
) {
    let output = of.output();
    for y in 0..output.height {
        let to = &mut raw[output.rows(y..y + 1)];
        match of {
            Convolution::Full(conv) => conv::row(level, conv, y, input, weights, to, false),
            Convolution::Depthwise(map) => depthwise::row(level, map, y, input, weights, to, Way::Forward),
            Convolution::Separable(of) => separable::row(level, of, y, input, weights, between, to),
        }
        if !sums.is_empty() {
            norm::add_row(level, &output, to, sums);
        }
    }
}

/// From gradients by what batch norm saw (`mix` is still to be done to them) to those of the convolution's input and
/// weights. `weights` are as the way back reads them.
#[allow(clippy::too_many_arguments, reason = "buffers, each of its own kind")]
pub(crate) fn convolve_back(
    level: Level,
    of: &Convolution,
    mix: &[Mix],
    raw: &[Vector],
    input: &[Vector],
    weights: &[f32],
    gradient: &mut [Vector],
    mut by_input: Option<Target<'_>>,
    weight_sums: &mut [Vector],
    between: &mut Between,
) {
    let (map, halo) = match of {
        Convolution::Full(conv) => (conv.map, conv.kernel / 2),
        Convolution::Depthwise(map) => (*map, depthwise::SIDE / 2),
        Convolution::Separable(of) => {
            return separable::back(level, of, mix, raw, input, weights, gradient, by_input, weight_sums, between);
        }
    };
    let output = of.output();
    let tile = tile(&output);
    let (mut start, mut mixed) = (0, 0);
    while start < output.height {
        let end = (start + tile).min(output.height);
        while mixed < (end + halo).min(output.height) {
            norm::mix_row(level, &output, mixed, mix, raw, gradient);
            mixed += 1;
        }
        if let Some(Target { gradient: to, first }) = &mut by_input {
            for y in start..end {
                let to = &mut to[map.rows(y..y + 1)];
                if let Convolution::Full(conv) = of {
                    conv::row(level, &conv.back(), y, gradient, weights, to, !*first);
                } else {
                    depthwise::row(level, &map, y, gradient, weights, to, Way::back(*first));
                }
            }
        }
        let by_output = &gradient[output.rows(start..end)];
        if let Convolution::Full(conv) = of {
            conv::weight_gradients(level, conv, start..end, input, by_output, weight_sums);
        } else {
            depthwise::weight_gradients(level, &map, start..end, input, by_output, weight_sums);
        }
        start = end;
    }
}
