//! The weights of a file, piece by piece, and whether they are possible.

use core::ops::Range;

use super::shape::{Layer, features};
use crate::Architecture;
use crate::error::LoadError;
use crate::simd::Unit;

/// Takes pieces off the front of a file's words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a>(pub(crate) &'a [u32]);

/// Up to four outputs of a convolution.
pub(crate) struct Block<'a> {
    pub(crate) biases: &'a [u32],
    pub(crate) multipliers: &'a [u32],
    pub(crate) shifts: &'a [u32],
    /// `[unit][kernel row][output][tap]`
    pub(crate) weights: &'a [u32],
}

/// A dense layer.
pub(crate) struct Dense<'a> {
    pub(crate) biases: &'a [u32],
    /// Multipliers, or the bits of the logits' scales.
    pub(crate) multipliers: &'a [u32],
    /// None for logits.
    pub(crate) shifts: &'a [u32],
    /// `[input][output]`
    pub(crate) weights: &'a [u32],
}

impl<'a> Words<'a> {
    #[inline(always)]
    fn take(&mut self, len: usize) -> &'a [u32] {
        let (front, rest) = self.0.split_at(len);
        self.0 = rest;
        front
    }

    #[inline(always)]
    pub(crate) fn block(&mut self, layer: &Layer, outputs: usize) -> Block<'a> {
        Block {
            biases: self.take(outputs),
            multipliers: self.take(outputs),
            shifts: self.take(outputs),
            weights: self.take(outputs * layer.words()),
        }
    }

    /// Inputs are words of four bytes.
    #[inline(always)]
    pub(crate) fn dense(&mut self, inputs: usize, outputs: usize, logits: bool) -> Dense<'a> {
        Dense {
            biases: self.take(outputs),
            multipliers: self.take(outputs),
            shifts: self.take(if logits { 0 } else { outputs }),
            weights: self.take(inputs * outputs),
        }
    }
}

/// Outputs of a group's blocks.
#[inline(always)]
pub(crate) fn blocks(outputs: usize) -> impl Iterator<Item = Range<usize>> {
    (0..outputs).step_by(4).map(move |first| first..(first + 4).min(outputs))
}

/// Whether kernels can run with these words, of which there are as many as the architecture has: multipliers and shifts
/// in range, scales finite, padding zero, and no sum that could leave 32 bits whatever the image is.
pub(crate) fn check(architecture: &Architecture, words: &[u32]) -> Result<(), LoadError> {
    let mut words = Words(words);
    for index in 0..architecture.depth {
        let layer = Layer::new(architecture, index);
        for _ in 0..layer.groups {
            for outputs in blocks(layer.outputs) {
                let block = words.block(&layer, outputs.len());
                check_scales(block.multipliers, block.shifts)?;
                for o in 0..outputs.len() {
                    check_output(block.biases[o], weights_of(&layer, &block, o))?;
                }
            }
        }
    }
    let (classes, branches) = (architecture.classes, architecture.branches());
    let channels = architecture.filters_of(architecture.depth - 1);
    let inputs = features(architecture);
    let windows = inputs / channels.div_ceil(4);
    // Bytes of each word that stand for something.
    let real = |word: usize| (channels - word / windows * 4).min(4);
    for _ in 0..branches {
        check_dense(&words.dense(inputs, classes, branches == 1), real)?;
    }
    if let Some(units) = architecture.hidden {
        let joined = branches * classes;
        check_dense(&words.dense(joined.div_ceil(4), units, false), |word| (joined - 4 * word).min(4))?;
        check_dense(&words.dense(units.div_ceil(4), classes, true), |word| (units - 4 * word).min(4))?;
    }
    Ok(())
}

/// An output's words of weights, each with a mask of the bytes that stand for something.
fn weights_of<'a>(layer: &'a Layer, block: &'a Block<'_>, output: usize) -> impl Iterator<Item = (u32, u32)> + 'a {
    let outputs = block.biases.len();
    let starts = (0..layer.units()).map(move |unit| (unit, unit * 9 * outputs));
    starts.flat_map(move |(unit, start)| {
        let (kind, real) = (layer.unit(unit), (layer.inputs - 4 * unit).min(4));
        let taps = kind.taps();
        (0..3 * taps).map(move |i| {
            let (row, tap) = (i / taps, i % taps);
            let bytes = match kind {
                Unit::Row => 3,
                Unit::Pair => 4 - 2 * tap,
                Unit::Quad => real,
            };
            (block.weights[start + (row * outputs + output) * taps + tap], mask(bytes))
        })
    })
}

fn mask(bytes: usize) -> u32 {
    ((1u64 << (8 * bytes)) - 1) as u32
}

fn check_dense(dense: &Dense<'_>, real: impl Fn(usize) -> usize) -> Result<(), LoadError> {
    let outputs = dense.biases.len();
    if dense.shifts.is_empty() {
        let finite = |&bits: &u32| f32::from_bits(bits).is_finite();
        if !dense.multipliers.iter().all(finite) {
            return Err(LoadError::NotFinite);
        }
    } else {
        check_scales(dense.multipliers, dense.shifts)?;
    }
    for o in 0..outputs {
        let column = dense.weights[o..].iter().step_by(outputs).enumerate();
        check_output(dense.biases[o], column.map(|(word, &weights)| (weights, mask(real(word)))))?;
    }
    Ok(())
}

fn check_scales(multipliers: &[u32], shifts: &[u32]) -> Result<(), LoadError> {
    let possible = multipliers.iter().all(|m| (1..0x8000).contains(m)) && shifts.iter().all(|&shift| shift < 32);
    if possible { Ok(()) } else { Err(LoadError::Scales) }
}

/// With bytes of 255 where weights are positive, or where they are negative, a sum goes furthest; on the way there every
/// sum is between.
fn check_output(bias: u32, weights: impl Iterator<Item = (u32, u32)>) -> Result<(), LoadError> {
    let (mut least, mut most) = (0i64, 0i64);
    for (word, mask) in weights {
        if word & !mask != 0 {
            return Err(LoadError::Padding);
        }
        for weight in word.to_le_bytes() {
            let furthest = 255 * i64::from(weight as i8);
            least += furthest.min(0);
            most += furthest.max(0);
        }
    }
    let bias = i64::from(bias as i32);
    let fits = least + bias.min(0) >= i64::from(i32::MIN) && most + bias.max(0) <= i64::from(i32::MAX);
    if fits { Ok(()) } else { Err(LoadError::Overflow) }
}
