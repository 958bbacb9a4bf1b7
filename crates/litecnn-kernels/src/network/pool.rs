//! 2x2 pooling with step 2, and the mean of a whole map, forward and backward.

use super::map::{Map, Vector};
use super::passes::Target;
use crate::simd::{LANES, Simd, with_level};

/// What of a 2x2 window counts. A last row or column without a partner does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest value.
    Max,
    /// The mean.
    Average,
}

with_level! {
    /// A map of half the sides.
    pub(crate) fn forward(pooling: Pooling, map: &Map, input: &[Vector], output: &mut [Vector]) = forward_with
}

#[inline(always)]
unsafe fn forward_with<S: Simd>(pooling: Pooling, map: &Map, input: &[Vector], output: &mut [Vector]) {
    let half = map.halved();
    assert_eq!((input.len(), output.len()), (map.vectors(), half.vectors()));
    windows(map, |corner, to| {
        let mut lane = 0;
        while lane < LANES {
            // SAFETY: the lengths above are all that is touched.
            unsafe {
                let v = four::<S>(map, input, corner, lane);
                let result = match pooling {
                    Pooling::Max => S::max(S::max(v[0], v[1]), S::max(v[2], v[3])),
                    Pooling::Average => {
                        let sum = S::add(S::add(v[0], v[1]), S::add(v[2], v[3]));
                        S::fma(sum, S::splat(0.25), S::zero())
                    }
                };
                S::store(output.as_mut_ptr().cast::<f32>().add(to * LANES + lane), result);
            }
            lane += S::WIDTH;
        }
    });
}

with_level! {
    /// Gradients of the input from those of the output. Of equal values the first has the gradient of a maximum.
    pub(crate) fn back(pooling: Pooling, map: &Map, input: &[Vector], by_output: &[Vector], by_input: Target<'_>) = back_with
}

#[inline(always)]
unsafe fn back_with<S: Simd>(
    pooling: Pooling,
    map: &Map,
    input: &[Vector],
    by_output: &[Vector],
    by_input: Target<'_>,
) {
    let Target { gradient: by_input, first } = by_input;
    let half = map.halved();
    assert_eq!((input.len(), by_output.len(), by_input.len()), (map.vectors(), half.vectors(), map.vectors()));
    if first && (map.height % 2 == 1 || map.width % 2 == 1) {
        by_input.fill(Vector::ZERO);
    }
    windows(map, |corner, from| {
        let mut lane = 0;
        while lane < LANES {
            // SAFETY: the lengths above are all that is touched.
            unsafe {
                let g = S::load(by_output.as_ptr().cast::<f32>().add(from * LANES + lane));
                let shares = match pooling {
                    Pooling::Average => [S::fma(g, S::splat(0.25), S::zero()); 4],
                    Pooling::Max => {
                        let v = four::<S>(map, input, corner, lane);
                        let right = S::greater(v[1], v[0]);
                        let best = S::max(v[1], v[0]);
                        let lower = S::greater(v[3], v[2]);
                        let below = S::greater(S::max(v[3], v[2]), best);
                        [
                            S::keep(!below & !right, g),
                            S::keep(!below & right, g),
                            S::keep(below & !lower, g),
                            S::keep(below & lower, g),
                        ]
                    }
                };
                let by_input = by_input.as_mut_ptr().cast::<f32>();
                for (place, share) in places(map, corner).into_iter().zip(shares) {
                    let to = by_input.add(place * LANES + lane);
                    S::store(to, if first { share } else { S::add(S::load(to), share) });
                }
            }
            lane += S::WIDTH;
        }
    });
}

/// Calls with the place of each window's first value and of what it becomes.
#[inline(always)]
fn windows(map: &Map, mut each: impl FnMut(usize, usize)) {
    let half = map.halved();
    for y in 0..half.height {
        for c in 0..map.channels {
            for x in 0..half.width {
                each(map.at(2 * y, c) + 2 * x, half.at(y, c) + x);
            }
        }
    }
}

#[inline(always)]
fn places(map: &Map, corner: usize) -> [usize; 4] {
    [corner, corner + 1, corner + map.row(), corner + map.row() + 1]
}

#[inline(always)]
unsafe fn four<S: Simd>(map: &Map, input: &[Vector], corner: usize, lane: usize) -> [S::V; 4] {
    let [a, b, c, d] = places(map, corner);
    // SAFETY: windows lie within the map.
    unsafe {
        let input = input.as_ptr().cast::<f32>().add(lane);
        [
            S::load(input.add(a * LANES)),
            S::load(input.add(b * LANES)),
            S::load(input.add(c * LANES)),
            S::load(input.add(d * LANES)),
        ]
    }
}

/// The mean of each channel, `[channel][16]`.
pub(crate) fn mean(map: &Map, input: &[Vector], output: &mut [Vector]) {
    assert_eq!((input.len(), output.len()), (map.vectors(), map.channels));
    output.fill(Vector::ZERO);
    let share = 1.0 / map.pixels() as f32;
    for y in 0..map.height {
        for (c, to) in output.iter_mut().enumerate() {
            for v in &input[map.at(y, c)..][..map.width] {
                for (to, v) in to.0.iter_mut().zip(&v.0) {
                    *to += v;
                }
            }
        }
    }
    for to in output {
        for v in &mut to.0 {
            *v *= share;
        }
    }
}

/// Gradients of the input from those of the means.
pub(crate) fn mean_back(map: &Map, by_output: &[Vector], by_input: &mut [Vector]) {
    assert_eq!((by_input.len(), by_output.len()), (map.vectors(), map.channels));
    let share = 1.0 / map.pixels() as f32;
    for (c, by_output) in by_output.iter().enumerate() {
        let each = Vector(by_output.0.map(|g| g * share));
        for y in 0..map.height {
            by_input[map.at(y, c)..][..map.width].fill(each);
        }
    }
}
