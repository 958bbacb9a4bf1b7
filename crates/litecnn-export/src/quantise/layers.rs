//! Weights, biases and scales as integers.

use litecnn_runtime::{Quantised, QuantisedLayer, Requantisation};

use super::calibrate::Seen;
use crate::TrainedModel;
use crate::compact::SCALING;

/// Largest factor from a sum to a byte, see the runtime's documentation.
const LARGEST_FACTOR: f64 = 32_767.0 / (1 << 21) as f64;
/// Smallest one made: below, a zero point would not fit the sum.
const SMALLEST_FACTOR: f64 = 1.0 / (1 << 20) as f64;
/// Largest part of a sum that a bias may be.
const LARGEST_BIAS: f64 = (1 << 28) as f64;

/// What bytes stand for: `scale * (byte - zero)`.
#[derive(Clone, Copy)]
struct Bytes {
    scale: f64,
    zero: f64,
    /// Mean of the values.
    mean: f64,
}

impl Bytes {
    /// Of a range that has zero in it, which gets a byte of its own.
    fn of([least, most]: [f64; 2], mean: f64) -> Self {
        let scale = (most - least) / 255.0;
        Self { scale, zero: (-least / scale).round(), mean }
    }
}

/// The model in integers. `image` and `seen` are what the calibration images and the layers' outputs are like, these in
/// the order of [`TrainedModel::forward`].
pub(super) fn integers(model: &TrainedModel, image: &[f64], seen: &[Seen], weight_bits: u32) -> Quantised {
    let most = f64::from((1 << (weight_bits.clamp(2, 8) - 1)) - 1);
    // Weights of fewer bits are spread over the bytes.
    let unit = (127.0 / most).floor();
    let floats = |weights, biases, seen| Floats { weights, biases, seen, most, unit };
    let mut between = seen.iter();
    let (scale, zero) = (f64::from(SCALING.scale), -f64::from(SCALING.shift / SCALING.scale));
    let image: Vec<Bytes> = means(image, model.input()[0]).map(|mean| Bytes { scale, zero, mean }).collect();
    let (mut layers, mut heads) = (vec![], vec![]);
    for branch in model.branches() {
        let (mut inputs, mut features) = (image.clone(), vec![]);
        for convolution in &branch.convolutions {
            let Some(after) = between.next() else { break };
            let channels = after.ranges.len();
            let bytes = after.ranges.iter().zip(means(&after.means, channels));
            let bytes = bytes.map(|(&range, mean)| Bytes::of(range, mean)).collect();
            // Each channel is nine weights of an output.
            let of_weights = inputs.iter().flat_map(|bytes| [*bytes; 9]).collect();
            let (layer, after_all) = floats(&convolution.weight, &convolution.bias, of_weights).bytes(bytes);
            layers.push(layer);
            inputs = after_all;
            let area = after.means.len() / channels;
            let mean = |i: usize| after.means[i % channels * area + i / channels];
            features = (0..after.means.len()).map(|i| Bytes { mean: mean(i), ..inputs[i % channels] }).collect();
        }
        heads.push((layers.len(), floats(&branch.head.weight, &branch.head.bias, features)));
        layers.push(QuantisedLayer { weights: vec![], biases: vec![], outputs: Requantisation::Logits(vec![]) });
    }
    let Some(joint) = model.joint() else {
        for (place, head) in heads {
            layers[place] = head.logits();
        }
        return Quantised { layers };
    };
    let bytes = |seen: Option<&Seen>| -> Vec<Bytes> {
        let seen = seen.into_iter().flat_map(|seen| seen.ranges.iter().zip(&seen.means));
        seen.map(|(&range, &mean)| Bytes::of(range, mean)).collect()
    };
    let joined = bytes(between.next());
    let mut seen = vec![];
    for ((place, head), joined) in heads.into_iter().zip(joined.chunks_exact(model.classes().len())) {
        let (layer, after) = head.bytes(joined.to_vec());
        layers[place] = layer;
        seen.extend(after);
    }
    let (layer, seen) = floats(&joint.hidden.weight, &joint.hidden.bias, seen).bytes(bytes(between.next()));
    layers.push(layer);
    layers.push(floats(&joint.output.weight, &joint.output.bias, seen).logits());
    Quantised { layers }
}

/// Means of channels.
fn means(values: &[f64], channels: usize) -> impl Iterator<Item = f64> {
    let area = values.len() / channels;
    values.chunks_exact(area).map(move |channel| channel.iter().sum::<f64>() / area as f64)
}

/// A layer's values: `[output][input]`, and biases.
struct Floats<'a> {
    weights: &'a [f32],
    biases: &'a [f32],
    /// Its inputs.
    seen: Vec<Bytes>,
    /// Largest weight in integers, times what each is multiplied by to be a byte.
    most: f64,
    unit: f64,
}

impl Floats<'_> {
    /// Of each output, what a product of a weight and an input byte is worth, and its bias.
    fn rows(&self) -> impl Iterator<Item = (Vec<f64>, f64)> {
        let rows = self.weights.chunks_exact(self.seen.len());
        let row = |row: &[f32]| row.iter().zip(&self.seen).map(|(&w, seen)| f64::from(w) * seen.scale).collect();
        rows.map(row).zip(self.biases.iter().map(|&bias| f64::from(bias)))
    }

    /// What one in an output's sum stands for; enough for its bias to fit, too.
    fn step(&self, row: &[f64], bias: f64) -> f64 {
        let largest = row.iter().fold(0.0, |largest, weight| weight.abs().max(largest));
        (largest / (self.most * self.unit)).max(bias.abs() / LARGEST_BIAS)
    }

    /// With bytes as outputs, and what they stand for.
    fn bytes(&self, mut next: Vec<Bytes>) -> (QuantisedLayer, Vec<Bytes>) {
        let (mut weights, mut biases, mut multipliers, mut shifts) = (vec![], vec![], vec![], vec![]);
        for ((row, bias), next) in self.rows().zip(&mut next) {
            let step = self.step(&row, bias);
            // No factor from a sum to a byte may be too large, nor too small.
            next.scale = next.scale.max(step / LARGEST_FACTOR);
            let step = step.max(SMALLEST_FACTOR * next.scale);
            let factor = step / next.scale;
            let mut shift = 0;
            while factor * f64::from(1u32 << 21) * f64::from(1u32 << (shift + 1)) < 32_767.5 && shift < 31 {
                shift += 1;
            }
            let multiplier = (factor * f64::from(1u32 << 21) * f64::from(1u32 << shift)).round().clamp(1.0, 32_767.0);
            let rounded = self.quantised(&row, step);
            // The byte that stands for zero, in the sum; and half, for the shift rounds down.
            let half = if shift == 0 { 0.0 } else { f64::from(1u32 << (shift - 1)) };
            biases.push(self.start(&row, &rounded, bias, step, next.zero / factor + half));
            weights.extend(rounded);
            multipliers.push(multiplier as u16);
            shifts.push(shift as u8);
        }
        (QuantisedLayer { weights, biases, outputs: Requantisation::Bytes { multipliers, shifts } }, next)
    }

    /// With logits as outputs.
    fn logits(&self) -> QuantisedLayer {
        let (mut weights, mut biases, mut scales) = (vec![], vec![], vec![]);
        for (row, bias) in self.rows() {
            let step = self.step(&row, bias);
            // All zero: any step will do.
            let step = if step > 0.0 { step } else { 1.0 };
            let rounded = self.quantised(&row, step);
            biases.push(self.start(&row, &rounded, bias, step, 0.0));
            weights.extend(rounded);
            scales.push(step as f32);
        }
        QuantisedLayer { weights, biases, outputs: Requantisation::Logits(scales) }
    }

    fn quantised(&self, row: &[f64], step: f64) -> Vec<i8> {
        let (unit, most) = (self.unit, self.most);
        row.iter().map(|weight| ((weight / (step * unit)).round().clamp(-most, most) * unit) as i8).collect()
    }

    /// What a sum starts with: the bias, what rounding the weights takes off the mean, what the inputs' zero points take
    /// off, and what is added for the next layer.
    fn start(&self, row: &[f64], rounded: &[i8], bias: f64, step: f64, added: f64) -> i32 {
        let input = row.iter().zip(rounded).zip(&self.seen);
        let off = input.map(|((weight, &rounded), seen)| {
            let rounded = f64::from(rounded);
            (weight / step - rounded) * seen.mean / seen.scale - rounded * seen.zero
        });
        (bias / step + off.sum::<f64>() + added).round() as i32
    }
}
