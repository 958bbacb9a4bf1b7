//! The innermost loop of the convolutions.

use super::Simd;

/// Sums over the inputs for one row of a minimal filter's points, and from these both columns of outputs: the two
/// inner points first, then their sum and difference go on as the starts of the outer points' sums.
///
/// `v` are transformed inputs, `[input][4][N]` vectors; `u` are transformed kernels, `[input][4][outputs]`, of which
/// `B` from `o` on are used. `start` is what the first inner point's sums start with.
#[inline(always)]
pub(crate) fn products<S: Simd, const N: usize, const B: usize>(
    s: S,
    v: &[f32],
    u: &[f32],
    outputs: usize,
    o: usize,
    start: [S::V; B],
) -> [[[S::V; N]; B]; 2] {
    let (of_v, of_u) = (4 * N * S::WIDTH, 4 * outputs);
    assert!(o < outputs && B <= outputs - o);
    let inputs = u.len() / of_u;
    assert!(inputs <= v.len() / of_v);
    let mut sums = [[[s.zero(); N]; B]; 2];
    for b in 0..B {
        sums[0][b] = [start[b]; N];
    }
    // SAFETY: there are `inputs` times `of_v` and `of_u` values; `o + B` is at most `outputs`.
    unsafe {
        pass::<S, N, B>(s, v.as_ptr(), u.as_ptr().add(o), outputs, inputs, [1, 2], &mut sums);
        for b in 0..B {
            for n in 0..N {
                let [first, second] = [sums[0][b][n], sums[1][b][n]];
                (sums[0][b][n], sums[1][b][n]) = (s.add(first, second), s.sub(first, second));
            }
        }
        pass::<S, N, B>(s, v.as_ptr(), u.as_ptr().add(o), outputs, inputs, [0, 3], &mut sums);
    }
    sums
}

/// Adds the products of two of a row's points, summed over the inputs.
///
/// # Safety
/// `v` must be good for `inputs * 4 * N` vectors, `u` for `B` values at each of `inputs * 4` places `outputs` apart.
#[inline(always)]
unsafe fn pass<S: Simd, const N: usize, const B: usize>(
    s: S,
    mut v: *const f32,
    mut u: *const f32,
    outputs: usize,
    inputs: usize,
    points: [usize; 2],
    sums: &mut [[[S::V; N]; B]; 2],
) {
    // A local copy stays in registers.
    let mut local = *sums;
    for _ in 0..inputs {
        for side in 0..2 {
            // SAFETY: within what the caller vouches for, see above.
            unsafe {
                let mut values = [s.zero(); N];
                for n in 0..N {
                    values[n] = s.load_from(v.add((points[side] * N + n) * S::WIDTH));
                }
                for b in 0..B {
                    let weight = s.splat(*u.add(points[side] * outputs + b));
                    for n in 0..N {
                        local[side][b][n] = s.fma(values[n], weight, local[side][b][n]);
                    }
                }
            }
        }
        // Beyond the end after the last input, where nothing is read.
        (v, u) = (v.wrapping_add(4 * N * S::WIDTH), u.wrapping_add(4 * outputs));
    }
    *sums = local;
}

/// Sums of the products of `B` rows of weights with values, in each lane those of every [`Simd::WIDTH`]th value. Two
/// sums take turns, as long as there are whole vectors for both; the first one has the rest.
#[inline(always)]
pub(crate) fn row_sums<S: Simd, const B: usize>(s: S, weights: &[f32], values: &[f32]) -> [S::V; B] {
    let count = values.len();
    let weights = &weights[..B * count];
    let whole = count / (2 * S::WIDTH) * 2 * S::WIDTH;
    let mut sums = [[s.zero(); B]; 2];
    let mut at = 0;
    while at < whole {
        for half in 0..2 {
            // SAFETY: below `whole` there are two vectors of values, and in each row as many weights.
            unsafe {
                let value = s.load_from(values.as_ptr().add(at));
                for b in 0..B {
                    let weight = s.load_from(weights.as_ptr().add(b * count + at));
                    sums[half][b] = s.fma(weight, value, sums[half][b]);
                }
            }
            at += S::WIDTH;
        }
    }
    while at < count {
        let value = s.load_part(&values[at..]);
        for b in 0..B {
            sums[0][b] = s.fma(s.load_part(&weights[b * count + at..(b + 1) * count]), value, sums[0][b]);
        }
        at += S::WIDTH;
    }
    total(s, sums)
}

/// [`row_sums`] where each value is a vector: the sum that would be in lane `lane` there.
#[inline(always)]
pub(crate) fn lane_sums<S: Simd, const B: usize>(s: S, weights: &[f32], values: &[f32], lane: usize) -> [S::V; B] {
    let count = values.len() / S::WIDTH;
    let weights = &weights[..B * count];
    let whole = count / (2 * S::WIDTH) * 2 * S::WIDTH;
    let mut sums = [[s.zero(); B]; 2];
    let mut at = lane;
    macro_rules! add {
        ($half:expr) => {
            // SAFETY: below `count` there is a vector of values, and in each row a weight.
            unsafe {
                let value = s.load_from(values.as_ptr().add(at * S::WIDTH));
                for b in 0..B {
                    let weight = s.splat(*weights.as_ptr().add(b * count + at));
                    sums[$half][b] = s.fma(weight, value, sums[$half][b]);
                }
            }
            at += S::WIDTH;
        };
    }
    // A multiple of two widths: below it, what is a width further is below it as well.
    while at < whole {
        add!(0);
        add!(1);
    }
    while at < count {
        add!(0);
    }
    total(s, sums)
}

#[inline(always)]
fn total<S: Simd, const B: usize>(s: S, [mut first, second]: [[S::V; B]; 2]) -> [S::V; B] {
    for b in 0..B {
        first[b] = s.add(first[b], second[b]);
    }
    first
}
