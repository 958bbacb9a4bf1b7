//! Batch norm over the 16 images of a vector (Ioffe & Szegedy 2015; with few images of a batch at a time it is the
//! "ghost" batch norm of Hoffer, Hubara & Soudry 2017), then an addition and ReLU, forward and backward, row by row.

use super::map::{Map, Vector};
use super::passes::Target;
use crate::simd::{LANES, Simd, with_level};

/// Added to the variance.
pub(crate) const EPSILON: f64 = 1e-5;

with_level! {
    /// Adds a row to the sums `[channel][2][16]` of values and of squares.
    pub(crate) fn add_row(map: &Map, row: &[Vector], sums: &mut [Vector]) = add_row_with
}

#[inline(always)]
unsafe fn add_row_with<S: Simd>(map: &Map, row: &[Vector], sums: &mut [Vector]) {
    assert_eq!((row.len(), sums.len()), (map.row(), 2 * map.channels));
    for c in 0..map.channels {
        let mut lane = 0;
        while lane < LANES {
            // SAFETY: the lengths above are all that is touched.
            unsafe {
                let from = row.as_ptr().cast::<f32>().add(map.at(0, c) * LANES + lane);
                let to = sums.as_mut_ptr().cast::<f32>().add(2 * c * LANES + lane);
                let (mut sum, mut squares) = (S::load(to), S::load(to.add(LANES)));
                for p in 0..map.width {
                    let v = S::load(from.add(p * LANES));
                    sum = S::add(sum, v);
                    squares = S::fma(v, v, squares);
                }
                S::store(to, sum);
                S::store(to.add(LANES), squares);
            }
            lane += S::WIDTH;
        }
    }
}

/// What is done to a channel: `factor * value + summand`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Affine {
    pub(crate) factor: f32,
    pub(crate) summand: f32,
}

with_level! {
    /// `output = relu(factor * raw + summand + added)`; nothing may be added, ReLU left out.
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
    assert_eq!((raw.len(), output.len(), affine.len()), (map.vectors(), map.vectors(), map.channels));
    assert!(added.is_none_or(|a| a.len() == map.vectors()));
    for y in 0..map.height {
        for c in 0..map.channels {
            let place = map.at(y, c) * LANES;
            // SAFETY: the lengths above are all that is touched.
            unsafe {
                let (factor, summand) = (S::splat(affine[c].factor), S::splat(affine[c].summand));
                let from = raw.as_ptr().cast::<f32>().add(place);
                let to = output.as_mut_ptr().cast::<f32>().add(place);
                match (added, relu) {
                    (None, true) => line::<S, false, true>(map.width, factor, summand, from, from, to),
                    (None, false) => line::<S, false, false>(map.width, factor, summand, from, from, to),
                    (Some(a), true) => {
                        line::<S, true, true>(map.width, factor, summand, from, a.as_ptr().cast::<f32>().add(place), to)
                    }
                    (Some(a), false) => line::<S, true, false>(
                        map.width,
                        factor,
                        summand,
                        from,
                        a.as_ptr().cast::<f32>().add(place),
                        to,
                    ),
                }
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn line<S: Simd, const ADD: bool, const RELU: bool>(
    width: usize,
    factor: S::V,
    summand: S::V,
    from: *const f32,
    added: *const f32,
    to: *mut f32,
) {
    let mut i = 0;
    while i < width * LANES {
        unsafe {
            let mut v = S::fma(factor, S::load(from.add(i)), summand);
            if ADD {
                v = S::add(v, S::load(added.add(i)));
            }
            S::store(to.add(i), if RELU { S::relu(v) } else { v });
        }
        i += S::WIDTH;
    }
}

with_level! {
    /// First pass back: `gradient`, by what came out of ReLU (`output`, if there is one), becomes that by what went into
    /// it, which is also the gradient of what was added; sums `[channel][2][16]` get it, and it times `raw`.
    pub(crate) fn back(map: &Map, raw: &[Vector], output: Option<&[Vector]>, gradient: &mut [Vector], added: Option<Target<'_>>, sums: &mut [Vector]) = back_with
}

#[inline(always)]
unsafe fn back_with<S: Simd>(
    map: &Map,
    raw: &[Vector],
    output: Option<&[Vector]>,
    gradient: &mut [Vector],
    mut added: Option<Target<'_>>,
    sums: &mut [Vector],
) {
    assert_eq!((raw.len(), gradient.len(), sums.len()), (map.vectors(), map.vectors(), 2 * map.channels));
    assert!(output.is_none_or(|o| o.len() == map.vectors()));
    assert!(added.as_ref().is_none_or(|a| a.gradient.len() == map.vectors()));
    for y in 0..map.height {
        for c in 0..map.channels {
            let place = map.at(y, c) * LANES;
            let mut lane = 0;
            while lane < LANES {
                // SAFETY: the lengths above are all that is touched.
                unsafe {
                    let to = sums.as_mut_ptr().cast::<f32>().add(2 * c * LANES + lane);
                    let (mut sum, mut products) = (S::load(to), S::load(to.add(LANES)));
                    let raw = raw.as_ptr().cast::<f32>().add(place + lane);
                    let gradient = gradient.as_mut_ptr().cast::<f32>().add(place + lane);
                    let output = output.map(|o| o.as_ptr().cast::<f32>().add(place + lane));
                    let added =
                        added.as_mut().map(|a| (a.gradient.as_mut_ptr().cast::<f32>().add(place + lane), a.first));
                    for p in 0..map.width {
                        let at = p * LANES;
                        let mut g = S::load(gradient.add(at));
                        if let Some(output) = output {
                            g = S::where_greater(S::load(output.add(at)), S::zero(), g);
                            S::store(gradient.add(at), g);
                        }
                        if let Some((added, first)) = added {
                            let to = added.add(at);
                            S::store(to, if first { g } else { S::add(S::load(to), g) });
                        }
                        sum = S::add(sum, g);
                        products = S::fma(g, S::load(raw.add(at)), products);
                    }
                    S::store(to, sum);
                    S::store(to.add(LANES), products);
                }
                lane += S::WIDTH;
            }
        }
    }
}

/// What the second pass does to a channel: `by_gradient * gradient + by_raw * raw + summand`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mix {
    pub(crate) by_gradient: f32,
    pub(crate) by_raw: f32,
    pub(crate) summand: f32,
}

with_level! {
    /// Second pass back, a row: the gradient becomes that by `raw`.
    pub(crate) fn mix_row(map: &Map, y: usize, mix: &[Mix], raw: &[Vector], gradient: &mut [Vector]) = mix_row_with
}

#[inline(always)]
unsafe fn mix_row_with<S: Simd>(map: &Map, y: usize, mix: &[Mix], raw: &[Vector], gradient: &mut [Vector]) {
    assert_eq!((raw.len(), gradient.len(), mix.len()), (map.vectors(), map.vectors(), map.channels));
    assert!(y < map.height);
    for (c, mix) in mix.iter().enumerate() {
        let place = map.at(y, c) * LANES;
        // SAFETY: the lengths above are all that is touched.
        unsafe {
            let (by_gradient, by_raw) = (S::splat(mix.by_gradient), S::splat(mix.by_raw));
            let summand = S::splat(mix.summand);
            let raw = raw.as_ptr().cast::<f32>().add(place);
            let gradient = gradient.as_mut_ptr().cast::<f32>().add(place);
            let mut i = 0;
            while i < map.width * LANES {
                let rest = S::fma(by_raw, S::load(raw.add(i)), summand);
                S::store(gradient.add(i), S::fma(by_gradient, S::load(gradient.add(i)), rest));
                i += S::WIDTH;
            }
        }
    }
}
