//! Writing model files of 8-bit weights.

use alloc::vec;
use alloc::vec::Vec;

use super::shape::{Layer, features, words};
use super::weights::{blocks, check};
use crate::encode::{EncodeError, file};
use crate::format::INT8;
use crate::simd::Unit;
use crate::{Architecture, Scaling};

/// A model in integers. Its layers stand in the order of [`encode`](crate::encode): for each branch the convolutions and
/// the head; then for a unified model the hidden and the output layer.
///
/// The numbers are worked out by whoever quantises: the crate's documentation says what becomes of a sum. The scaling of
/// pixels and the zero points of what a layer sees belong into its scales and biases.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    /// First to last.
    pub layers: Vec<QuantisedLayer>,
}

/// A layer of a [`Quantised`] model.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedLayer {
    /// In libtorch's order: `[output][input][3][3]` of a convolution, `[output][input]` of a dense layer, a head's
    /// inputs in the order height, width, channel.
    pub weights: Vec<i8>,
    /// What each output's sum starts with.
    pub biases: Vec<i32>,
    /// What becomes of the sums.
    pub outputs: Requantisation,
}

/// What becomes of the sums of a layer's outputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Requantisation {
    /// Bytes for the next layer: the sum is shifted right, multiplied by `multiplier / 2^21`, and rounded.
    Bytes {
        /// For each output, 1 to 32,767.
        multipliers: Vec<u16>,
        /// For each output, 0 to 31.
        shifts: Vec<u8>,
    },
    /// Logits, by a factor for each class: of the last layer only.
    Logits(Vec<f32>),
}

/// A model file of 8-bit weights; answers differ from those of [`encode`](crate::encode) by what the integers are off.
///
/// # Errors
/// [`EncodeError`] if numbers of layers, weights or names do not fit the architecture, or numbers are not possible: what
/// reading the file would refuse, such as weights with which a sum could leave 32 bits.
pub fn encode_int8<N: AsRef<str>>(
    architecture: &Architecture,
    class_names: &[N],
    scaling: Scaling,
    model: &Quantised,
) -> Result<Vec<u8>, EncodeError> {
    if !scaling.is_invertible() {
        return Err(EncodeError::Scale);
    }
    let arranged = arranged(architecture, model)?;
    check(architecture, &arranged).map_err(EncodeError::Integers)?;
    let bytes: Vec<u8> = arranged.iter().flat_map(|word| word.to_le_bytes()).collect();
    file(architecture, class_names, scaling, INT8, &bytes)
}

/// Words in the file's order.
fn arranged(architecture: &Architecture, model: &Quantised) -> Result<Vec<u32>, EncodeError> {
    let (depth, branches, classes) = (architecture.depth, architecture.branches(), architecture.classes);
    let joint = if architecture.hidden.is_some() { 2 } else { 0 };
    let expected = branches * (depth + 1) + joint;
    if model.layers.len() != expected {
        return Err(EncodeError::Layers { expected, found: model.layers.len() });
    }
    let mut to = Vec::with_capacity(words(architecture));
    for index in 0..depth {
        let layer = Layer::new(architecture, index);
        for branch in 0..branches {
            let at = branch * (depth + 1) + index;
            let given = Given::new(model, at, layer.outputs, 9 * layer.inputs)?;
            for outputs in blocks(layer.outputs) {
                given.scales(outputs.clone(), &mut to);
                for unit in 0..layer.units() {
                    for row in 0..3 {
                        for output in outputs.clone() {
                            let of_output = &given.layer.weights[output * 9 * layer.inputs..][..9 * layer.inputs];
                            taps(&layer, unit, row, of_output, &mut to);
                        }
                    }
                }
            }
        }
    }
    let last = Layer::new(architecture, depth - 1);
    let (channels, windows) = (last.outputs, last.rows * last.columns);
    for branch in 0..branches {
        let given = Given::new(model, branch * (depth + 1) + depth, classes, channels * windows)?;
        given.scales(0..classes, &mut to);
        for word in 0..features(architecture) {
            let (block, window) = (word / windows, word % windows);
            for class in given.layer.weights.chunks_exact(channels * windows) {
                let pixel = &class[window * channels..][..channels];
                to.push(word_of(&pixel[4 * block..(4 * block + 4).min(channels)]));
            }
        }
    }
    if let Some(units) = architecture.hidden {
        let at = branches * (depth + 1);
        for (at, inputs, outputs) in [(at, branches * classes, units), (at + 1, units, classes)] {
            let given = Given::new(model, at, outputs, inputs)?;
            given.scales(0..outputs, &mut to);
            for first in (0..inputs).step_by(4) {
                for output in given.layer.weights.chunks_exact(inputs) {
                    to.push(word_of(&output[first..(first + 4).min(inputs)]));
                }
            }
        }
    }
    Ok(to)
}

/// The words of one output, unit and kernel row.
fn taps(layer: &Layer, unit: usize, row: usize, weights: &[i8], to: &mut Vec<u32>) {
    let weight = |channel: usize, column: usize| weights[(4 * unit + channel) * 9 + 3 * row + column];
    match layer.unit(unit) {
        Unit::Row => to.push(word_of(&[weight(0, 0), weight(0, 1), weight(0, 2)])),
        Unit::Pair => {
            to.push(word_of(&[weight(0, 0), weight(1, 0), weight(0, 1), weight(1, 1)]));
            to.push(word_of(&[weight(0, 2), weight(1, 2)]));
        }
        Unit::Quad => {
            let channels = (layer.inputs - 4 * unit).min(4);
            for column in 0..3 {
                let mut four = [0; 4];
                for (channel, byte) in four.iter_mut().enumerate().take(channels) {
                    *byte = weight(channel, column);
                }
                to.push(word_of(&four));
            }
        }
    }
}

/// Up to four weights.
fn word_of(weights: &[i8]) -> u32 {
    let mut bytes = [0; 4];
    for (to, weight) in bytes.iter_mut().zip(weights) {
        *to = *weight as u8;
    }
    u32::from_le_bytes(bytes)
}

/// A layer whose vectors have the lengths that they must have.
struct Given<'a> {
    layer: &'a QuantisedLayer,
    /// Two for each output; one of logits.
    scales: [Vec<u32>; 2],
}

impl<'a> Given<'a> {
    fn new(model: &'a Quantised, index: usize, outputs: usize, inputs: usize) -> Result<Self, EncodeError> {
        let layer = &model.layers[index];
        let scales = match &layer.outputs {
            Requantisation::Bytes { multipliers, shifts } => [
                multipliers.iter().map(|&multiplier| u32::from(multiplier)).collect(),
                shifts.iter().map(|&shift| u32::from(shift)).collect(),
            ],
            Requantisation::Logits(scales) => [scales.iter().map(|scale| scale.to_bits()).collect(), vec![]],
        };
        let last = index + 1 == model.layers.len();
        let lengths = [layer.weights.len(), layer.biases.len(), scales[0].len(), scales[1].len()];
        if lengths != [outputs * inputs, outputs, outputs, if last { 0 } else { outputs }] {
            return Err(EncodeError::Layer { index });
        }
        Ok(Self { layer, scales })
    }

    /// Biases, multipliers and shifts of some outputs.
    fn scales(&self, outputs: core::ops::Range<usize>, to: &mut Vec<u32>) {
        to.extend(self.layer.biases[outputs.clone()].iter().map(|&bias| bias as u32));
        to.extend(&self.scales[0][outputs.clone()]);
        if !self.scales[1].is_empty() {
            to.extend(&self.scales[1][outputs]);
        }
    }
}
