//! What is done to whole maps, with the instructions of a level.

use super::conv::{self, Conv};
use super::depthwise;
use super::map::{Map, Vector};
use super::norm::{self, Affine, Mix};
use super::pool::{self, Pooling};
use crate::simd::{Simd, with_level};

/// Pixels whose weight gradients are summed together: enough that loading and storing the sums costs little, few enough
/// to be in the nearest cache still.
const TILE: usize = 128;

/// A convolution on maps of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convolution {
    Full(Conv),
    Depthwise(Map),
}

impl Convolution {
    pub(crate) fn output(&self) -> Map {
        match self {
            Self::Full(conv) => conv.output(),
            Self::Depthwise(map) => *map,
        }
    }

    fn halo(&self) -> usize {
        match self {
            Self::Full(conv) => conv.kernel / 2,
            Self::Depthwise(_) => depthwise::SIDE / 2,
        }
    }
}

/// Where gradients of an input go.
pub(crate) struct Target<'a> {
    pub(crate) gradient: &'a mut [Vector],
    /// Whether nothing is there yet: they are written, not added.
    pub(crate) first: bool,
}

with_level! {
    /// The convolution of a map, and the sums of its values and squares, unless there is no room for them.
    pub(crate) fn convolve(of: &Convolution, input: &[Vector], weights: &[f32], raw: &mut [Vector], sums: &mut [Vector]) = convolve_with
}

#[inline(always)]
unsafe fn convolve_with<S: Simd>(
    of: &Convolution,
    input: &[Vector],
    weights: &[f32],
    raw: &mut [Vector],
    sums: &mut [Vector],
) {
    let output = of.output();
    for y in 0..output.height {
        // SAFETY: as of the function.
        unsafe {
            match of {
                Convolution::Full(conv) => conv::row::<S, false>(conv, y, input, weights, raw),
                Convolution::Depthwise(map) => depthwise::row::<S, false, false>(map, y, input, weights, raw),
            }
            if !sums.is_empty() {
                norm::add_row::<S>(&output, y, raw, sums);
            }
        }
    }
}

with_level! {
    /// See [`norm::apply`].
    pub(crate) fn apply(map: &Map, affine: &[Affine], raw: &[Vector], added: Option<&[Vector]>, relu: bool, output: &mut [Vector]) = apply_with
}

#[inline(always)]
unsafe fn apply_with<S: Simd>(
    map: &Map,
    affine: &[Affine],
    raw: &[Vector],
    added: Option<&[Vector]>,
    relu: bool,
    output: &mut [Vector],
) {
    // SAFETY: as of the function.
    unsafe { norm::apply::<S>(map, affine, raw, added, relu, output) }
}

with_level! {
    /// See [`norm::back`].
    pub(crate) fn norm_back(map: &Map, raw: &[Vector], output: Option<&[Vector]>, gradient: &mut [Vector], added: Option<Target<'_>>, sums: &mut [Vector]) = norm_back_with
}

#[inline(always)]
unsafe fn norm_back_with<S: Simd>(
    map: &Map,
    raw: &[Vector],
    output: Option<&[Vector]>,
    gradient: &mut [Vector],
    added: Option<Target<'_>>,
    sums: &mut [Vector],
) {
    let added = added.map(|target| (target.gradient, target.first));
    // SAFETY: as of the function.
    unsafe { norm::back::<S>(map, raw, output, gradient, added, sums) }
}

with_level! {
    /// From gradients by what batch norm saw (`mix` is still to be done to them) to those of the convolution's input and
    /// weights. `weights` are as the way back reads them.
    pub(crate) fn convolve_back(of: &Convolution, mix: &[Mix], raw: &[Vector], input: &[Vector], weights: &[f32], gradient: &mut [Vector], by_input: Option<Target<'_>>, weight_sums: &mut [Vector]) = convolve_back_with
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "buffers, each of its own kind")]
unsafe fn convolve_back_with<S: Simd>(
    of: &Convolution,
    mix: &[Mix],
    raw: &[Vector],
    input: &[Vector],
    weights: &[f32],
    gradient: &mut [Vector],
    mut by_input: Option<Target<'_>>,
    weight_sums: &mut [Vector],
) {
    let output = of.output();
    let tile = (TILE / output.width).max(1);
    let (mut start, mut mixed) = (0, 0);
    while start < output.height {
        let end = (start + tile).min(output.height);
        // SAFETY: as of the function.
        unsafe {
            while mixed < (end + of.halo()).min(output.height) {
                norm::mix_row::<S>(&output, mixed, mix, raw, gradient);
                mixed += 1;
            }
            if let Some(Target { gradient: to, first }) = &mut by_input {
                for y in start..end {
                    match (of, *first) {
                        (Convolution::Full(conv), true) => conv::row::<S, false>(&conv.back(), y, gradient, weights, to),
                        (Convolution::Full(conv), false) => conv::row::<S, true>(&conv.back(), y, gradient, weights, to),
                        (Convolution::Depthwise(map), true) => {
                            depthwise::row::<S, false, true>(map, y, gradient, weights, to);
                        }
                        (Convolution::Depthwise(map), false) => {
                            depthwise::row::<S, true, true>(map, y, gradient, weights, to);
                        }
                    }
                }
            }
            match of {
                Convolution::Full(conv) => {
                    conv::weight_gradients::<S>(conv, start..end, input, gradient, weight_sums);
                }
                Convolution::Depthwise(map) => {
                    depthwise::weight_gradients::<S>(map, start..end, input, gradient, weight_sums);
                }
            }
        }
        start = end;
    }
}

with_level! {
    /// See [`pool::forward`].
    pub(crate) fn pool(pooling: Pooling, map: &Map, input: &[Vector], output: &mut [Vector]) = pool_with
}

#[inline(always)]
unsafe fn pool_with<S: Simd>(pooling: Pooling, map: &Map, input: &[Vector], output: &mut [Vector]) {
    // SAFETY: as of the function.
    unsafe { pool::forward::<S>(pooling, map, input, output) }
}

with_level! {
    /// See [`pool::back`].
    pub(crate) fn pool_back(pooling: Pooling, map: &Map, input: &[Vector], by_output: &[Vector], by_input: Target<'_>) = pool_back_with
}

#[inline(always)]
unsafe fn pool_back_with<S: Simd>(
    pooling: Pooling,
    map: &Map,
    input: &[Vector],
    by_output: &[Vector],
    by_input: Target<'_>,
) {
    // SAFETY: as of the function.
    unsafe { pool::back::<S>(pooling, map, input, by_output, by_input.gradient, by_input.first) }
}
