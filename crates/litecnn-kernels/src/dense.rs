//! A dense layer, forward and backward, 16 images at a time. Buffers are `[unit][16]`, weights `[output][input]`.

use crate::conv::sum;
use crate::simd::{LANES, Simd, with_level};

/// Outputs computed together.
const OUTPUTS: usize = 5;
/// Inputs computed together on the way back.
const INPUTS: usize = 4;

with_level! {
    /// `output[o] = bias[o] + sum of weights[o][i] * input[i]`
    pub(crate) fn forward(weights: &[f32], bias: &[f32], input: &[f32], output: &mut [f32]) = forward_with
}

#[inline(always)]
unsafe fn forward_with<S: Simd>(weights: &[f32], bias: &[f32], input: &[f32], output: &mut [f32]) {
    let (outputs, inputs) = (output.len() / LANES, input.len() / LANES);
    assert_eq!(weights.len(), outputs * inputs);
    assert_eq!((bias.len(), input.len(), output.len()), (outputs, inputs * LANES, outputs * LANES));
    let mut lane = 0;
    while lane < LANES {
        let mut o = 0;
        while o < outputs {
            // SAFETY: the lengths above are all that the kernels touch.
            unsafe {
                let (w, b) = (weights.as_ptr().add(o * inputs), bias.as_ptr().add(o));
                let (x, y) = (input.as_ptr().add(lane), output.as_mut_ptr().add(o * LANES + lane));
                if o + OUTPUTS <= outputs {
                    products::<S, OUTPUTS>(inputs, w, b, x, y);
                    o += OUTPUTS;
                } else {
                    products::<S, 1>(inputs, w, b, x, y);
                    o += 1;
                }
            }
        }
        lane += S::WIDTH;
    }
}

#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn products<S: Simd, const B: usize>(
    inputs: usize,
    weights: *const f32,
    bias: *const f32,
    input: *const f32,
    output: *mut f32,
) {
    unsafe {
        let mut acc = [S::zero(); B];
        for o in 0..B {
            acc[o] = S::splat(*bias.add(o));
        }
        for i in 0..inputs {
            let x = S::load(input.add(i * LANES));
            for o in 0..B {
                acc[o] = S::fma(S::splat(*weights.add(o * inputs + i)), x, acc[o]);
            }
        }
        for o in 0..B {
            S::store(output.add(o * LANES), acc[o]);
        }
    }
}

with_level! {
    /// Gradients of the input: `by_input[i] = sum of weights[o][i] * by_output[o]`.
    pub(crate) fn input_gradients(weights: &[f32], by_output: &[f32], by_input: &mut [f32]) = input_gradients_with
}

#[inline(always)]
unsafe fn input_gradients_with<S: Simd>(weights: &[f32], by_output: &[f32], by_input: &mut [f32]) {
    let (outputs, inputs) = (by_output.len() / LANES, by_input.len() / LANES);
    assert_eq!(weights.len(), outputs * inputs);
    assert_eq!((by_output.len(), by_input.len()), (outputs * LANES, inputs * LANES));
    let mut lane = 0;
    while lane < LANES {
        let mut i = 0;
        while i < inputs {
            // SAFETY: the lengths above are all that the kernels touch.
            unsafe {
                let (w, g) = (weights.as_ptr().add(i), by_output.as_ptr().add(lane));
                let to = by_input.as_mut_ptr().add(i * LANES + lane);
                if i + INPUTS <= inputs {
                    transposed::<S, INPUTS>(inputs, outputs, w, g, to);
                    i += INPUTS;
                } else {
                    transposed::<S, 1>(inputs, outputs, w, g, to);
                    i += 1;
                }
            }
        }
        lane += S::WIDTH;
    }
}

#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn transposed<S: Simd, const B: usize>(
    inputs: usize,
    outputs: usize,
    weights: *const f32,
    by_output: *const f32,
    by_input: *mut f32,
) {
    unsafe {
        let mut acc = [S::zero(); B];
        for o in 0..outputs {
            let g = S::load(by_output.add(o * LANES));
            for i in 0..B {
                acc[i] = S::fma(S::splat(*weights.add(o * inputs + i)), g, acc[i]);
            }
        }
        for i in 0..B {
            S::store(by_input.add(i * LANES), acc[i]);
        }
    }
}

with_level! {
    /// Adds to the sums of weight gradients `[output][input][16]`, one a lane: `by_output[o] * input[i]`.
    pub(crate) fn weight_gradients(input: &[f32], by_output: &[f32], weight_sums: &mut [f32]) = weight_gradients_with
}

#[inline(always)]
unsafe fn weight_gradients_with<S: Simd>(input: &[f32], by_output: &[f32], weight_sums: &mut [f32]) {
    let (outputs, inputs) = (by_output.len() / LANES, input.len() / LANES);
    assert_eq!(weight_sums.len(), outputs * inputs * LANES);
    assert_eq!((by_output.len(), input.len()), (outputs * LANES, inputs * LANES));
    let mut lane = 0;
    while lane < LANES {
        for o in 0..outputs {
            // SAFETY: the lengths above are all that is touched.
            unsafe {
                let g = S::load(by_output.as_ptr().add(o * LANES + lane));
                let sums = weight_sums.as_mut_ptr().add(o * inputs * LANES + lane);
                for i in 0..inputs {
                    let to = sums.add(i * LANES);
                    S::store(to, S::fma(g, S::load(input.as_ptr().add(i * LANES + lane)), S::load(to)));
                }
            }
        }
        lane += S::WIDTH;
    }
}

/// Adds the sums over lanes of `sums` `[n][16]` to `gradient` `[n]`, and clears them.
pub(crate) fn reduce(sums: &mut [f32], gradient: &mut [f32]) {
    for (lanes, to) in sums.chunks_exact_mut(LANES).zip(gradient) {
        *to += sum(lanes);
        lanes.fill(0.0);
    }
}

/// Adds `by_output` `[n][16]` to the sums of bias gradients.
pub(crate) fn bias_gradients(by_output: &[f32], bias_sums: &mut [f32]) {
    assert_eq!(by_output.len(), bias_sums.len());
    for (sum, g) in bias_sums.iter_mut().zip(by_output) {
        *sum += g;
    }
}
