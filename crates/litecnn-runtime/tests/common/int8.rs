//! Random models in integers, and a plain evaluation of them: 64 bits, loops as the layers are defined.
#![allow(dead_code, reason = "not every test uses all of it")]

use litecnn_runtime::{Architecture, Quantised, QuantisedLayer, Requantisation};

use super::Rng;

/// Outputs and inputs (of a kernel's place) of each layer, in libtorch's order.
pub(crate) fn layers(architecture: &Architecture) -> Vec<[usize; 2]> {
    let mut layers = Vec::new();
    for _ in 0..architecture.branches() {
        let mut inputs = architecture.input_shape()[0];
        for filters in architecture.filters() {
            layers.push([filters, 9 * inputs]);
            inputs = filters;
        }
        layers.push([architecture.classes(), architecture.features()]);
    }
    if let Some(units) = architecture.hidden() {
        layers.push([units, 2 * architecture.classes()]);
        layers.push([architecture.classes(), units]);
    }
    layers
}

/// A model whose bytes use most of their range; some outputs saturate.
pub(crate) fn quantised(architecture: &Architecture, rng: &mut Rng) -> Quantised {
    let shapes = layers(architecture);
    let last = shapes.len() - 1;
    let of = |(index, [outputs, inputs]): (usize, [usize; 2]), rng: &mut Rng| {
        let weights: Vec<i8> = (0..outputs * inputs).map(|_| (rng.below(255) as i32 - 127) as i8).collect();
        let usual = (inputs as f32).sqrt() * 12_000.0;
        let biases = (0..outputs).map(|_| (rng.signed() * usual) as i32).collect();
        if index == last {
            let scales = (0..outputs).map(|_| (rng.signed() + 1.1) * 4.0 / usual).collect();
            return QuantisedLayer { weights, biases, outputs: Requantisation::Logits(scales) };
        }
        let (mut multipliers, mut shifts) = (vec![], vec![]);
        for _ in 0..outputs {
            let factor = (200.0 + 200.0 * rng.signed()).max(1.0) / (2.0 * usual);
            let mut shift = 0;
            while factor * (1 << 21) as f32 * ((1u32 << shift) as f32) < 16_384.0 && shift < 14 {
                shift += 1;
            }
            multipliers.push((factor * (1 << 21) as f32 * (1u32 << shift) as f32).clamp(1.0, 32_767.0) as u16);
            shifts.push(shift);
        }
        QuantisedLayer { weights, biases, outputs: Requantisation::Bytes { multipliers, shifts } }
    };
    Quantised { layers: shapes.into_iter().enumerate().map(|layer| of(layer, rng)).collect() }
}

/// Sums of an output's logits, before they are scaled, of an image `[channel][height][width]`.
pub(crate) fn reference(architecture: &Architecture, model: &Quantised, image: &[u8]) -> Vec<f32> {
    let mut layers = model.layers.iter();
    let mut joined = vec![];
    for _ in 0..architecture.branches() {
        let [mut channels, mut height, mut width] = architecture.input_shape();
        let mut x: Vec<i64> = image.iter().map(|&byte| i64::from(byte)).collect();
        for filters in architecture.filters() {
            let layer = layers.next().unwrap();
            let (ph, pw) = ((height - 2) / 2, (width - 2) / 2);
            let mut pooled = vec![];
            for o in 0..filters {
                for (y, px) in (0..ph).flat_map(|y| (0..pw).map(move |px| (y, px))) {
                    let mut largest = i64::MIN;
                    for position in 0..4 {
                        let (top, left) = (2 * y + position / 2, 2 * px + position % 2);
                        let mut sum = i64::from(layer.biases[o]);
                        for (c, tap) in (0..channels).flat_map(|c| (0..9).map(move |tap| (c, tap))) {
                            let pixel = x[(c * height + top + tap / 3) * width + left + tap % 3];
                            sum += pixel * i64::from(layer.weights[(o * channels + c) * 9 + tap]);
                        }
                        largest = largest.max(sum);
                    }
                    pooled.push(byte(layer, o, largest));
                }
            }
            (x, channels, height, width) = (pooled, filters, ph, pw);
        }
        let area = height * width;
        let features: Vec<i64> = (0..area * channels).map(|i| x[i % channels * area + i / channels]).collect();
        joined.extend(dense(layers.next().unwrap(), &features));
    }
    if architecture.hidden().is_some() {
        let hidden = dense(layers.next().unwrap(), &bytes(&joined));
        joined = dense(layers.next().unwrap(), &bytes(&hidden));
    }
    joined
}

/// Bytes, or logits, as numbers that hold both.
fn dense(layer: &QuantisedLayer, inputs: &[i64]) -> Vec<f32> {
    let sums = layer.weights.chunks_exact(inputs.len()).zip(&layer.biases).map(|(row, &bias)| {
        i64::from(bias) + row.iter().zip(inputs).map(|(&weight, input)| i64::from(weight) * input).sum::<i64>()
    });
    let output = |(o, sum): (usize, i64)| match &layer.outputs {
        Requantisation::Bytes { .. } => byte(layer, o, sum) as f32,
        Requantisation::Logits(scales) => sum as i32 as f32 * scales[o],
    };
    sums.enumerate().map(output).collect()
}

fn bytes(values: &[f32]) -> Vec<i64> {
    values.iter().map(|&value| value as i64).collect()
}

fn byte(layer: &QuantisedLayer, output: usize, sum: i64) -> i64 {
    let Requantisation::Bytes { multipliers, shifts } = &layer.outputs else { unreachable!() };
    let short = sum.div_euclid(1 << shifts[output]).clamp(-32_768, 32_767);
    let scaled = (short * i64::from(multipliers[output]) + 16_384).div_euclid(32_768);
    (scaled + 32).div_euclid(64).clamp(0, 255)
}
