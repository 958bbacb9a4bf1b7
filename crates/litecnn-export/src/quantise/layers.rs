//! Weights, biases and scales of a layer as integers.

use litecnn_runtime::{QuantisedLayer, Requantisation};

/// Largest factor from a sum to a byte, see the runtime's documentation.
const LARGEST_FACTOR: f64 = 32_767.0 / (1 << 21) as f64;
/// Smallest one made: below, a zero point would not fit the sum.
const SMALLEST_FACTOR: f64 = 1.0 / (1 << 20) as f64;
/// Largest factor from a byte that is added.
const LARGEST_ADDED: f64 = 32_767.0 / (1 << 14) as f64;
/// Largest part of a sum that a bias may be.
const LARGEST_BIAS: f64 = (1 << 28) as f64;
/// What the runtime multiplies bytes of poolings by.
const POOLED: f64 = 127.0;

/// What bytes stand for: `scale * (byte - zero)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes {
    pub(super) scale: f64,
    pub(super) zero: f64,
    /// Mean of the values.
    pub(super) mean: f64,
}

impl Bytes {
    /// Of a range that has zero in it, which gets a byte of its own.
    pub(super) fn of([least, most]: [f64; 2], mean: f64) -> Self {
        let scale = (most - least) / 255.0;
        Self { scale, zero: (-least / scale).round(), mean }
    }

    /// The byte that is closest to zero.
    pub(super) fn zero_byte(&self) -> u8 {
        self.byte(0.0)
    }

    /// The byte that is closest to a value.
    pub(super) fn byte(&self, value: f64) -> u8 {
        (value / self.scale + self.zero).round().clamp(0.0, 255.0) as u8
    }
}

/// Weights that are quantised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Largest weight in integers, times what each is multiplied by to be a byte.
    most: f64,
    unit: f64,
}

impl Grid {
    pub(super) fn of(weight_bits: u32) -> Self {
        let most = f64::from((1 << (weight_bits.clamp(2, 8) - 1)) - 1);
        // Weights of fewer bits are spread over the bytes.
        Self { most, unit: (127.0 / most).floor() }
    }

    fn quantised(self, row: &[f64], step: f64) -> Vec<i8> {
        let Self { most, unit } = self;
        row.iter().map(|weight| ((weight / (step * unit)).round().clamp(-most, most) * unit) as i8).collect()
    }
}

/// A layer's values: `[output][input][tap]`, and biases.
pub(super) struct Floats<'a> {
    pub(super) weights: &'a [f32],
    pub(super) biases: &'a [f32],
    /// Its inputs.
    pub(super) seen: &'a [Bytes],
    /// Weights of an output and input.
    pub(super) taps: usize,
    /// Groups of outputs, each of which sees as many inputs of its own.
    pub(super) groups: usize,
    pub(super) grid: Grid,
}

/// A layer in integers with bytes as outputs, and what they stand for.
pub(super) struct Between {
    pub(super) layer: QuantisedLayer,
    pub(super) bytes: Vec<Bytes>,
    /// What bytes that are added are multiplied by, in parts of 2^14; nothing if none are.
    pub(super) added: Vec<u16>,
}

/// What becomes of an output's sum.
struct Scaled {
    factor: f64,
    multiplier: u16,
    shift: u8,
}

impl Scaled {
    /// `step` is what one in a sum stands for, `next` what one in a byte does.
    fn new(step: f64, next: f64) -> Self {
        let factor = step / next;
        let mut shift = 0;
        while factor * f64::from(1u32 << 21) * f64::from(1u32 << (shift + 1)) < 32_767.5 && shift < 31 {
            shift += 1;
        }
        let multiplier = (factor * f64::from(1u32 << 21) * f64::from(1u32 << shift)).round().clamp(1.0, 32_767.0);
        Self { factor, multiplier: multiplier as u16, shift }
    }

    /// What is added to a sum: the byte that stands for zero; and half, for the shift rounds down.
    fn start(&self, zero: f64) -> f64 {
        let half = if self.shift == 0 { 0.0 } else { f64::from(1u32 << (self.shift - 1)) };
        zero / self.factor + half
    }
}

/// What is added to outputs.
#[derive(Clone, Copy)]
pub(super) struct Added<'a> {
    pub(super) bytes: &'a [Bytes],
    /// Of each output, least and most of what it is added to.
    pub(super) to: &'a [[f64; 2]],
}

impl Added<'_> {
    fn of(self, output: usize) -> (Bytes, [f64; 2]) {
        (self.bytes[output], self.to[output])
    }
}

/// Makes what one in a byte stands for large enough for the factors of sums and of bytes that are added, and for what is
/// added to not to end before the sum does.
fn reachable(next: &mut Bytes, step: f64, added: Option<&(Bytes, [f64; 2])>) {
    next.scale = next.scale.max(step / LARGEST_FACTOR);
    let Some((added, [least, most])) = added else { return };
    next.scale = next.scale.max(added.scale / LARGEST_ADDED);
    loop {
        let ends = f64::from(Scaled::new(step.max(SMALLEST_FACTOR * next.scale), next.scale).multiplier) / 64.0;
        let zero = zero_of(next, Some(added));
        if zero + most / next.scale <= ends && -(zero + least / next.scale) <= ends {
            return;
        }
        next.scale *= 1.01;
    }
}

/// What a byte that is added is multiplied by to be one of `next`, in parts of 2^14.
fn factor_of_added(added: &Bytes, next: &Bytes) -> u16 {
    (added.scale / next.scale * f64::from(1u32 << 14)).round().clamp(1.0, 32_767.0) as u16
}

/// The byte of `next` that stands for zero, and what is taken off too much of bytes that are added.
fn zero_of(next: &Bytes, added: Option<&Bytes>) -> f64 {
    next.zero + added.map_or(0.0, |of| (f64::from(of.zero_byte()) - of.zero) * of.scale / next.scale)
}

impl Floats<'_> {
    /// Of each output, what a product of a weight and an input byte is worth, and its bias.
    fn rows(&self) -> impl Iterator<Item = (usize, Vec<f64>, f64)> {
        let inputs = self.seen.len() / self.groups;
        let rows = self.weights.chunks_exact(inputs * self.taps).zip(self.biases).enumerate();
        rows.map(|(o, (row, &bias))| {
            let row = row.iter().zip(self.seen(o)).map(|(&w, seen)| f64::from(w) * seen.scale).collect();
            (o, row, f64::from(bias))
        })
    }

    /// What an output's weights are of.
    fn seen(&self, output: usize) -> impl Iterator<Item = &Bytes> {
        let inputs = self.seen.len() / self.groups;
        let group = output / (self.biases.len() / self.groups);
        self.seen[group * inputs..][..inputs].iter().flat_map(|seen| std::iter::repeat_n(seen, self.taps))
    }

    /// What one in an output's sum stands for; enough for its bias to fit, too.
    fn step(&self, row: &[f64], bias: f64) -> f64 {
        let largest = row.iter().fold(0.0, |largest, weight| weight.abs().max(largest));
        (largest / (self.grid.most * self.grid.unit)).max(bias.abs() / LARGEST_BIAS)
    }

    /// With bytes as outputs, which are to stand for `next`, and what may be added.
    pub(super) fn bytes(&self, mut next: Vec<Bytes>, added: Option<Added<'_>>) -> Between {
        let (mut weights, mut biases, mut multipliers, mut shifts) = (vec![], vec![], vec![], vec![]);
        let mut factors = vec![];
        for ((o, row, bias), next) in self.rows().zip(&mut next) {
            let step = self.step(&row, bias);
            let added = added.map(|added| added.of(o));
            reachable(next, step, added.as_ref());
            let added = added.as_ref().map(|(bytes, _)| bytes);
            let step = step.max(SMALLEST_FACTOR * next.scale);
            let scaled = Scaled::new(step, next.scale);
            let rounded = self.grid.quantised(&row, step);
            biases.push(self.start(o, &row, &rounded, bias, step, scaled.start(zero_of(next, added))));
            weights.extend(rounded);
            multipliers.push(scaled.multiplier);
            shifts.push(scaled.shift);
            factors.extend(added.map(|added| factor_of_added(added, next)));
        }
        let layer = QuantisedLayer { weights, biases, outputs: Requantisation::Bytes { multipliers, shifts } };
        Between { layer, bytes: next, added: factors }
    }

    /// With logits as outputs.
    pub(super) fn logits(&self) -> QuantisedLayer {
        let (mut weights, mut biases, mut scales) = (vec![], vec![], vec![]);
        for (o, row, bias) in self.rows() {
            let step = self.step(&row, bias);
            // All zero: any step will do.
            let step = if step > 0.0 { step } else { 1.0 };
            let rounded = self.grid.quantised(&row, step);
            biases.push(self.start(o, &row, &rounded, bias, step, 0.0));
            weights.extend(rounded);
            scales.push(step as f32);
        }
        QuantisedLayer { weights, biases, outputs: Requantisation::Logits(scales) }
    }

    /// What a sum starts with: the bias, what rounding the weights takes off the mean, what the inputs' zero points take
    /// off, and what is added for the next layer.
    fn start(&self, output: usize, row: &[f64], rounded: &[i8], bias: f64, step: f64, added: f64) -> i32 {
        let input = row.iter().zip(rounded).zip(self.seen(output));
        let off = input.map(|((weight, &rounded), seen)| {
            let rounded = f64::from(rounded);
            (weight / step - rounded) * seen.mean / seen.scale - rounded * seen.zero
        });
        (bias / step + off.sum::<f64>() + added).round() as i32
    }
}

/// A pooling, whose sums the runtime makes without weights: of one byte, or of `places` to be averaged.
pub(super) struct Pooling<'a> {
    pub(super) seen: &'a [Bytes],
    pub(super) places: usize,
}

impl Pooling<'_> {
    /// What one in a channel's sum stands for, and what a sum is less for bytes that stand for zero.
    fn sum(&self, seen: &Bytes) -> [f64; 2] {
        let places = self.places as f64;
        [seen.scale / (places * POOLED), seen.zero * places * POOLED]
    }

    /// As [`Floats::bytes`].
    pub(super) fn bytes(&self, mut next: Vec<Bytes>, added: Option<Added<'_>>) -> Between {
        let (mut biases, mut multipliers, mut shifts, mut factors) = (vec![], vec![], vec![], vec![]);
        for (c, (seen, next)) in self.seen.iter().zip(&mut next).enumerate() {
            let [step, less] = self.sum(seen);
            let added = added.map(|added| added.of(c));
            reachable(next, step, added.as_ref());
            let added = added.as_ref().map(|(bytes, _)| bytes);
            let scaled = Scaled::new(step, next.scale);
            biases.push((scaled.start(zero_of(next, added)) - less).round() as i32);
            multipliers.push(scaled.multiplier);
            shifts.push(scaled.shift);
            factors.extend(added.map(|added| factor_of_added(added, next)));
        }
        let outputs = Requantisation::Bytes { multipliers, shifts };
        Between { layer: QuantisedLayer { weights: vec![], biases, outputs }, bytes: next, added: factors }
    }

    /// As [`Floats::logits`].
    pub(super) fn logits(&self) -> QuantisedLayer {
        let sums = self.seen.iter().map(|seen| self.sum(seen));
        let (biases, scales) = sums.map(|[step, less]| ((-less).round() as i32, step as f32)).unzip();
        QuantisedLayer { weights: vec![], biases, outputs: Requantisation::Logits(scales) }
    }
}
