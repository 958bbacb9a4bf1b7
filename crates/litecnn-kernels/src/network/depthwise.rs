//! A 3x3 convolution of each channel alone that keeps the size of the map (step 1, zeros around), forward and backward.

use super::map::{Map, Vector};
use crate::simd::{LANES, Simd};

/// Side of the kernel.
pub(crate) const SIDE: usize = 3;
const TAPS: usize = SIDE * SIDE;

/// A row of the output; with `ADD` added to what is there. With `BACK` the kernels are turned about, as on the way from
/// gradients of the output to those of the input. Weights are `[channel][3][3]`.
///
/// # Safety
/// The instructions of `S` must be there.
#[inline(always)]
pub(crate) unsafe fn row<S: Simd, const ADD: bool, const BACK: bool>(
    map: &Map,
    y: usize,
    input: &[Vector],
    weights: &[f32],
    output: &mut [Vector],
) {
    assert_eq!((input.len(), output.len()), (map.vectors(), map.vectors()));
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
                    kernel[k] = S::splat(weights[if BACK { TAPS - 1 - k } else { k }]);
                }
                let from = input.as_ptr().cast::<f32>().add((map.at(y + rows.start - 1, c) - 1) * LANES + lane);
                let to = output.as_mut_ptr().cast::<f32>().add(map.at(y, c) * LANES + lane);
                let mut x = 0;
                while x < map.width {
                    let (from, to) = (from.add(x * LANES), to.add(x * LANES));
                    if S::PIXELS == 4 && x + 4 <= map.width {
                        pixels::<S, 4, ADD>(map, rows.clone(), from, &kernel, to);
                        x += 4;
                    } else if x + 2 <= map.width {
                        pixels::<S, 2, ADD>(map, rows.clone(), from, &kernel, to);
                        x += 2;
                    } else {
                        pixels::<S, 1, ADD>(map, rows.clone(), from, &kernel, to);
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
unsafe fn pixels<S: Simd, const P: usize, const ADD: bool>(
    map: &Map,
    rows: std::ops::Range<usize>,
    from: *const f32,
    kernel: &[S::V; TAPS],
    to: *mut f32,
) {
    unsafe {
        let mut acc = [S::zero(); P];
        if ADD {
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

/// Adds what some rows say to the sums of the weights' gradients, `[channel][3][3][16]`.
///
/// # Safety
/// The instructions of `S` must be there.
#[inline(always)]
pub(crate) unsafe fn weight_gradients<S: Simd>(
    map: &Map,
    rows: std::ops::Range<usize>,
    input: &[Vector],
    by_output: &[Vector],
    sums: &mut [Vector],
) {
    assert_eq!((input.len(), by_output.len()), (map.vectors(), map.vectors()));
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
                    let g = by_output.as_ptr().cast::<f32>().add(map.at(y, c) * LANES + lane);
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
