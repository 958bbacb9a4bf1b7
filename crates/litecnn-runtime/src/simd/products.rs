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
