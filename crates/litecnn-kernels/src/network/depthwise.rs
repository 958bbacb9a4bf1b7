//! A 3x3 convolution of each channel alone that keeps the size of the map (step 1, zeros around), forward and backward.

use std::ops::Range;

use super::map::{Map, Vector};
use crate::simd::{LANES, Simd, with_level};

/// Side of the kernel.
pub(crate) const SIDE: usize = 3;
pub(crate) const TAPS: usize = SIDE * SIDE;

/// What a row of the output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Forward,
    /// From gradients of the output to those of the input: kernels are turned about.
    Back,
    /// The same, added to what is there.
    BackAdded,
}

impl Way {
    /// Back, where nothing is yet if it is the `first`.
    pub(crate) fn back(first: bool) -> Self {
        if first { Self::Back } else { Self::BackAdded }
    }
}

with_level! {
    /// Row `y` of the output, written to `to`. Weights are `[channel][3][3]`.
    pub(crate) fn row(map: &Map, y: usize, input: &[Vector], weights: &[f32], to: &mut [Vector], way: Way) = row_with
}

#[inline(always)]
unsafe fn row_with<S: Simd>(map: &Map, y: usize, input: &[Vector], weights: &[f32], to: &mut [Vector], way: Way) {
    assert_eq!((input.len(), to.len()), (map.vectors(), map.row()));
    assert_eq!(weights.len(), map.channels * TAPS);
    assert!(y < map.height);
    let rows = usize::from(y == 0)..SIDE.min(map.height + 1 - y);
    for (c, weights) in weights.as_chunks::<TAPS>().0.iter().enumerate() {
        let mut lane = 0;
        while lane < LANES {
            // SAFETY: the lengths above are all that is touched: a row has a column more on either side.
            unsafe {
                let mut kernel = [S::zero(); TAPS];
                for k in 0..TAPS {
                    kernel[k] = S::splat(weights[if way == Way::Forward { k } else { TAPS - 1 - k }]);
                }
                let from = input.as_ptr().cast::<f32>().add((map.at(y + rows.start - 1, c) - 1) * LANES + lane);
                let to = to.as_mut_ptr().cast::<f32>().add(map.at(0, c) * LANES + lane);
                let mut x = 0;
                while x < map.width {
                    let (from, to) = (from.add(x * LANES), to.add(x * LANES));
                    if S::PIXELS == 4 && x + 4 <= map.width {
                        pixels::<S, 4>(map, rows.clone(), from, &kernel, to, way == Way::BackAdded);
                        x += 4;
                    } else if x + 2 <= map.width {
                        pixels::<S, 2>(map, rows.clone(), from, &kernel, to, way == Way::BackAdded);
                        x += 2;
                    } else {
                        pixels::<S, 1>(map, rows.clone(), from, &kernel, to, way == Way::BackAdded);
                        x += 1;
                    }
                }
            }
            lane += S::WIDTH;
        }
    }
}

#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn pixels<S: Simd, const P: usize>(
    map: &Map,
    rows: Range<usize>,
    from: *const f32,
    kernel: &[S::V; TAPS],
    to: *mut f32,
    add: bool,
) {
    unsafe {
        let mut acc = [S::zero(); P];
        if add {
            for p in 0..P {
                acc[p] = S::load(to.add(p * LANES));
            }
        }
        for ky in 0..SIDE {
            if !rows.contains(&ky) {
                continue;
            }
            let from = from.add((ky - rows.start) * map.row() * LANES);
            // Each value is read once for all the pixels that see it.
            for i in 0..P + 2 {
                let x = S::load(from.add(i * LANES));
                for p in 0..P {
                    if p <= i && i < p + SIDE {
                        acc[p] = S::fma(kernel[ky * SIDE + i - p], x, acc[p]);
                    }
                }
            }
        }
        for p in 0..P {
            S::store(to.add(p * LANES), acc[p]);
        }
    }
}

with_level! {
    /// Adds what some rows say to the sums of the weights' gradients, `[channel][3][3][16]`; `by_output` has these rows.
    pub(crate) fn weight_gradients(map: &Map, rows: Range<usize>, input: &[Vector], by_output: &[Vector], sums: &mut [Vector]) = weight_gradients_with
}

#[inline(always)]
unsafe fn weight_gradients_with<S: Simd>(
    map: &Map,
    rows: Range<usize>,
    input: &[Vector],
    by_output: &[Vector],
    sums: &mut [Vector],
) {
    assert_eq!((input.len(), by_output.len()), (map.vectors(), rows.len() * map.row()));
    assert_eq!(sums.len(), map.channels * TAPS);
    assert!(rows.end <= map.height);
    for c in 0..map.channels {
        let mut lane = 0;
        while lane < LANES {
            // SAFETY: the lengths above are all that is touched.
            unsafe {
                let sums = sums.as_mut_ptr().cast::<f32>().add(c * TAPS * LANES + lane);
                let mut acc = [S::zero(); TAPS];
                for k in 0..TAPS {
                    acc[k] = S::load(sums.add(k * LANES));
                }
                for y in rows.clone() {
                    let g = by_output.as_ptr().cast::<f32>().add(map.at(y - rows.start, c) * LANES + lane);
                    for ky in 0..SIDE {
                        if y + ky == 0 || y + ky > map.height {
                            continue;
                        }
                        let x = input.as_ptr().cast::<f32>().add((map.at(y + ky - 1, c) - 1) * LANES + lane);
                        let (mut left, mut here) = (S::load(x), S::load(x.add(LANES)));
                        for p in 0..map.width {
                            let right = S::load(x.add((p + 2) * LANES));
                            let g = S::load(g.add(p * LANES));
                            acc[ky * SIDE] = S::fma(g, left, acc[ky * SIDE]);
                            acc[ky * SIDE + 1] = S::fma(g, here, acc[ky * SIDE + 1]);
                            acc[ky * SIDE + 2] = S::fma(g, right, acc[ky * SIDE + 2]);
                            (left, here) = (here, right);
                        }
                    }
                }
                for k in 0..TAPS {
                    S::store(sums.add(k * LANES), acc[k]);
                }
            }
            lane += S::WIDTH;
        }
    }
}
