//! Dense layers and the softmax.

use crate::simd::{MAX_WIDTH, Simd, lane_sums, row_sums};

/// A branch's head: `output[class] = bias[class] + sum of weights[class][feature] * features[feature]`.
#[inline(always)]
pub(crate) fn head<S: Simd>(s: S, weights: &[f32], bias: &[f32], features: &[f32], output: &mut [f32]) {
    let mut done = 0;
    while done < bias.len() {
        let (weights, bias, output) = (&weights[done * features.len()..], &bias[done..], &mut output[done..]);
        if bias.len() >= 5 {
            head_block::<S, 5>(s, weights, bias, features, output);
            done += 5;
        } else {
            head_block::<S, 1>(s, weights, bias, features, output);
            done += 1;
        }
    }
}

#[inline(always)]
fn head_block<S: Simd, const B: usize>(s: S, weights: &[f32], bias: &[f32], features: &[f32], output: &mut [f32]) {
    let sums = row_sums::<S, B>(s, weights, features);
    for b in 0..B {
        output[b] = bias[b] + s.sum(sums[b]);
    }
}

/// A small dense layer: `output[unit] = bias[unit] + sum of weights[input][unit] * inputs[input]`, then ReLU if told.
/// Of `output` whole vectors are written.
#[inline(always)]
pub(crate) fn dense<S: Simd>(s: S, weights: &[f32], bias: &[f32], inputs: &[f32], relu: bool, output: &mut [f32]) {
    let units = bias.len();
    for at in (0..units).step_by(S::WIDTH) {
        let width = S::WIDTH.min(units - at);
        // Four sums, so that each addition need not wait for the one before.
        let mut sums = [s.load_part(&bias[at..at + width]), s.zero(), s.zero(), s.zero()];
        for (rows, inputs) in weights.chunks(4 * units).zip(inputs.chunks(4)) {
            for i in 0..4 {
                if i < inputs.len() {
                    let row = s.load_part(&rows[i * units + at..][..width]);
                    sums[i] = s.fma(row, s.splat(inputs[i]), sums[i]);
                }
            }
        }
        let sum = s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]));
        s.store(&mut output[at..], if relu { s.max(sum, s.zero()) } else { sum });
    }
}

/// [`head`] where a lane is an image, `features[feature][lane]` to `output[class][lane]`: what is a lane's sum there is
/// a sum of its own here, and those are added as [`Simd::sum`] does.
#[inline(always)]
pub(crate) fn images_head<S: Simd>(s: S, weights: &[f32], bias: &[f32], features: &[f32], output: &mut [f32]) {
    let count = features.len() / S::WIDTH;
    let mut done = 0;
    while done < bias.len() {
        let (weights, bias, output) = (&weights[done * count..], &bias[done..], &mut output[done * S::WIDTH..]);
        if bias.len() >= 5 {
            images_block::<S, 5>(s, weights, bias, features, output);
            done += 5;
        } else {
            images_block::<S, 1>(s, weights, bias, features, output);
            done += 1;
        }
    }
}

#[inline(always)]
fn images_block<S: Simd, const B: usize>(s: S, weights: &[f32], bias: &[f32], features: &[f32], output: &mut [f32]) {
    let mut sums = [[s.zero(); B]; MAX_WIDTH];
    for lane in 0..S::WIDTH {
        sums[lane] = lane_sums::<S, B>(s, weights, features, lane);
    }
    let mut half = S::WIDTH / 2;
    while half > 0 {
        for lane in 0..half {
            for b in 0..B {
                sums[lane][b] = s.add(sums[lane][b], sums[lane + half][b]);
            }
        }
        half /= 2;
    }
    for b in 0..B {
        s.store(&mut output[b * S::WIDTH..], s.add(s.splat(bias[b]), sums[0][b]));
    }
}

/// [`dense`] where a lane is an image: `inputs[input][lane]` to `output[unit][lane]`.
#[inline(always)]
pub(crate) fn images_dense<S: Simd>(
    s: S,
    weights: &[f32],
    bias: &[f32],
    inputs: &[f32],
    relu: bool,
    output: &mut [f32],
) {
    let units = bias.len();
    for (unit, (&bias, output)) in bias.iter().zip(output.chunks_exact_mut(S::WIDTH)).enumerate() {
        let mut sums = [s.splat(bias), s.zero(), s.zero(), s.zero()];
        for (rows, inputs) in weights.chunks(4 * units).zip(inputs.chunks(4 * S::WIDTH)) {
            for i in 0..4 {
                if i * S::WIDTH < inputs.len() {
                    let input = s.load(&inputs[i * S::WIDTH..]);
                    sums[i] = s.fma(s.splat(rows[i * units + unit]), input, sums[i]);
                }
            }
        }
        let sum = s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]));
        s.store(output, if relu { s.max(sum, s.zero()) } else { sum });
    }
}

/// Zero for what is less.
#[inline(always)]
pub(crate) fn relu(values: &mut [f32]) {
    for value in values {
        *value = if *value < 0.0 { 0.0 } else { *value };
    }
}

/// Probabilities from logits, in place.
#[inline(always)]
pub(crate) fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in &mut *values {
        *value = exp(*value - largest);
        sum += *value;
    }
    let factor = 1.0 / sum;
    for value in values {
        *value *= factor;
    }
}

/// The exponential of a number up to 0, to about 2 units in the last place; 0 where it would be subnormal.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding and subtracting this rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    // The logarithm of 2 in two parts, of which the first is exact for small multiples.
    const HIGH: f32 = 355.0 / 512.0;
    const LOW: f32 = -2.121_944_4e-4;
    // Not a number fails every comparison and stays what it is.
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = clamped * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * HIGH - n * LOW;
    let mut p = 1.987_569_2e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    let value = (p * r * r + r + 1.0) * power;
    if x < -87.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_close_to_the_library_one() {
        let mut worst = 0.0f64;
        for i in (0..=860_000).step_by(if cfg!(miri) { 10_000 } else { 1 }) {
            let x = -i as f32 * 1e-4;
            let expected = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - expected).abs() / expected);
        }
        assert!(worst < 2e-7, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-88.0), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn probabilities_sum_to_one() {
        let mut values = [1.0, 3.0, -200.0, 2.5];
        softmax(&mut values);
        assert!((values.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(values[2], 0.0);
        let mut huge = [3e38, -3e38];
        softmax(&mut huge);
        assert_eq!(huge, [1.0, 0.0]);
    }
}
