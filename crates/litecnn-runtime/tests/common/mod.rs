//! Random models, and a plain evaluation of them in double precision.
#![allow(dead_code, reason = "not every test uses all of it")]

pub(crate) mod int8;
#[cfg(feature = "alloc")]
pub(crate) mod network;
#[cfg(feature = "alloc")]
pub(crate) mod network_int8;
pub(crate) mod reader;

use litecnn_runtime::Architecture;

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// In `[-1, 1)`.
    pub(crate) fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// The published shapes first, then anything.
pub(crate) fn random_architecture(round: usize, rng: &mut Rng) -> Architecture {
    if round == 0 && !cfg!(miri) {
        return Architecture::unified(1, 28, 28, &[10, 20], 10, 32, false).unwrap();
    }
    if round == 1 && !cfg!(miri) {
        return Architecture::unified(3, 32, 32, &[10, 20], 10, 32, true).unwrap();
    }
    loop {
        let filters: Vec<usize> =
            (0..1 + rng.below(3)).map(|_| 1 + rng.below(if cfg!(miri) { 4 } else { 13 })).collect();
        let channels = [1, 3, 1 + rng.below(5)][rng.below(3)];
        let side = if cfg!(miri) { 14 } else { 70 };
        let (height, width) = (4 + rng.below(side), 4 + rng.below(side));
        let classes = 2 + rng.below(19);
        let architecture = if rng.below(2) == 0 {
            Architecture::branch(channels, height, width, &filters, classes)
        } else {
            let hidden = 1 + rng.below(40);
            Architecture::unified(channels, height, width, &filters, classes, hidden, rng.below(2) == 0)
        };
        if let Ok(architecture) = architecture {
            return architecture;
        }
    }
}

/// Weights that keep values near one from layer to layer, in libtorch's order.
pub(crate) fn weights(architecture: &Architecture, rng: &mut Rng) -> Vec<f32> {
    let mut weights = Vec::new();
    let mut layer = |count: usize, inputs: usize, biases: usize| {
        let scale = (3.0 / inputs as f32).sqrt();
        weights.extend((0..count).map(|_| rng.signed() * scale));
        weights.extend((0..biases).map(|_| rng.signed() * 0.3));
    };
    for _ in 0..architecture.branches() {
        let mut inputs = 9 * architecture.input_shape()[0];
        for filters in architecture.filters() {
            layer(filters * inputs, inputs, filters);
            inputs = 9 * filters;
        }
        layer(architecture.classes() * architecture.features(), architecture.features(), architecture.classes());
    }
    if let Some(hidden) = architecture.hidden() {
        layer(hidden * 2 * architecture.classes(), 2 * architecture.classes(), hidden);
        layer(architecture.classes() * hidden, hidden, architecture.classes());
    }
    assert_eq!(weights.len(), architecture.parameters());
    weights
}

/// Logits of an image `[channel][height][width]`, each sum as it is defined.
pub(crate) fn reference(architecture: &Architecture, weights: &[f32], image: &[f32]) -> Vec<f64> {
    let mut weights = weights.iter().map(|&w| f64::from(w));
    let mut take = |count: usize| weights.by_ref().take(count).collect::<Vec<f64>>();
    let classes = architecture.classes();
    let mut joined = Vec::new();
    for _ in 0..architecture.branches() {
        let [mut channels, mut height, mut width] = architecture.input_shape();
        let mut x: Vec<f64> = image.iter().map(|&p| f64::from(p)).collect();
        for filters in architecture.filters() {
            let (kernel, bias) = (take(filters * channels * 9), take(filters));
            let (ph, pw) = ((height - 2) / 2, (width - 2) / 2);
            let mut pooled = vec![0.0f64; filters * ph * pw];
            for o in 0..filters {
                for (y, px) in (0..2 * ph).flat_map(|y| (0..2 * pw).map(move |px| (y, px))) {
                    let mut sum = bias[o];
                    for (c, tap) in (0..channels).flat_map(|c| (0..9).map(move |tap| (c, tap))) {
                        let pixel = x[(c * height + y + tap / 3) * width + px + tap % 3];
                        sum += pixel * kernel[(o * channels + c) * 9 + tap];
                    }
                    let to = &mut pooled[(o * ph + y / 2) * pw + px / 2];
                    *to = to.max(sum);
                }
            }
            (x, channels, height, width) = (pooled, filters, ph, pw);
        }
        // Height, width, channel.
        let area = height * width;
        let features: Vec<f64> = (0..area * channels).map(|i| x[i % channels * area + i / channels]).collect();
        joined.extend(dense(&take(classes * features.len()), &take(classes), &features));
    }
    if let Some(hidden) = architecture.hidden() {
        if architecture.head_relu() {
            joined.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        let mut units = dense(&take(hidden * joined.len()), &take(hidden), &joined);
        units.iter_mut().for_each(|value| *value = value.max(0.0));
        joined = dense(&take(classes * hidden), &take(classes), &units);
    }
    joined
}

fn dense(weights: &[f64], bias: &[f64], inputs: &[f64]) -> Vec<f64> {
    let rows = weights.chunks_exact(inputs.len()).zip(bias);
    rows.map(|(row, bias)| bias + row.iter().zip(inputs).map(|(w, x)| w * x).sum::<f64>()).collect()
}

/// Probabilities of logits.
pub(crate) fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// An image in the other order.
pub(crate) fn to_hwc<T: Copy>([channels, height, width]: [usize; 3], chw: &[T]) -> Vec<T> {
    (0..chw.len()).map(|i| chw[i % channels * height * width + i / channels]).collect()
}
