//! The weights of a file, operation by operation, and whether they are possible.

use core::ops::Range;

use crate::error::LoadError;
use crate::operations::record::{Activation, Operation, OperationKind, Operations, Value};
use crate::simd::ByteOf;
use crate::simd::positions::{Block, POOLED};

/// Words of an operation that sees `channels`, with biases and scales.
pub(crate) fn words(operation: &Operation, channels: usize, last: bool) -> u64 {
    let rows = if operation.added.is_some() && !last { 3 } else { 2 };
    let blocks = usize::from(operation.outputs).div_ceil(4);
    let bounds = if is_bounded(operation, last) { blocks } else { 0 };
    let kernels = (0..blocks).map(|block| Kernel::new(operation, channels, block).words() as u64).sum::<u64>();
    4 * rows * blocks as u64 + bounds as u64 + kernels
}

/// Whether there is a largest byte for each output.
pub(crate) fn is_bounded(operation: &Operation, last: bool) -> bool {
    operation.activation == Activation::Relu6 && !last
}

/// The words of one operation.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    biases: &'a [u32],
    /// Of a byte: the multiplier, then 8 bits of the shift and the byte that stands for zero. Of logits: scales.
    scales: &'a [u32],
    /// The multiplier of what is added, then the byte that stands for zero there.
    added: &'a [u32],
    /// The largest byte of each output, four a word.
    most: &'a [u32],
    kernels: &'a [u32],
}

impl<'a> Weights<'a> {
    /// Takes the words of an operation off the front of a file's.
    #[inline(always)]
    pub(crate) fn take(words: &mut &'a [u32], operation: &Operation, channels: usize, last: bool) -> Self {
        let outputs = usize::from(operation.outputs).next_multiple_of(4);
        let (of_this, rest) = words.split_at(self::words(operation, channels, last) as usize);
        *words = rest;
        let (biases, of_this) = of_this.split_at(outputs);
        let (scales, of_this) = of_this.split_at(outputs);
        let (added, of_this) = of_this.split_at(if operation.added.is_some() && !last { outputs } else { 0 });
        let (most, kernels) = of_this.split_at(if is_bounded(operation, last) { outputs / 4 } else { 0 });
        Self { biases, scales, added, most, kernels }
    }

    /// Four outputs, whose kernel's words it takes off the front.
    #[inline(always)]
    pub(crate) fn block(&mut self, kernel: &Kernel) -> Block<'a> {
        let (weights, rest) = self.kernels.split_at(kernel.words());
        self.kernels = rest;
        let mut by = [ByteOf::default(); 4];
        let at = 4 * kernel.block;
        for (i, by) in by.iter_mut().enumerate() {
            let scale = self.scales[at + i];
            (by.multiplier, by.shift) = (scale & 0xffff, scale >> 16 & 0xff);
            if !self.added.is_empty() {
                (by.added, by.zero) = (self.added[at + i] & 0xffff, self.added[at + i] >> 16);
            }
        }
        let biases = [self.biases[at], self.biases[at + 1], self.biases[at + 2], self.biases[at + 3]];
        let most = self.most.get(kernel.block).copied().unwrap_or(u32::MAX);
        Block { biases, by, most, weights }
    }

    /// The bytes that stand for zero.
    #[inline(always)]
    pub(crate) fn zero(&self, block: usize) -> u32 {
        let mut zeros = 0;
        for i in 0..4 {
            zeros |= self.scales[4 * block + i] >> 24 << (8 * i);
        }
        zeros
    }

    /// What a sum is multiplied by to be a logit.
    #[inline(always)]
    pub(crate) fn logit(&self, output: usize) -> f32 {
        f32::from_bits(self.scales[output])
    }
}

/// What four outputs of an operation see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) block: usize,
    /// Whether outputs see one channel each.
    pub(crate) alone: bool,
    /// Planes of the channels that they see.
    pub(crate) planes: Range<usize>,
    rows: usize,
    columns: usize,
    pooled: bool,
}

impl Kernel {
    #[inline(always)]
    pub(crate) fn new(operation: &Operation, channels: usize, block: usize) -> Self {
        let alone = operation.kind != OperationKind::Convolution || operation.is_depthwise(channels);
        let mut planes = block..block + 1;
        if !alone {
            let (outputs, groups) = (usize::from(operation.outputs), usize::from(operation.groups));
            let last = (4 * block + 3).min(outputs - 1);
            let (first, last) = (4 * block / (outputs / groups), last / (outputs / groups));
            let of_group = channels / groups;
            planes = first * of_group / 4..((last + 1) * of_group).div_ceil(4);
        }
        let [rows, columns] = operation.kernel.map(usize::from);
        Self { block, alone, planes, rows, columns, pooled: operation.kind != OperationKind::Convolution }
    }

    pub(crate) fn words(&self) -> usize {
        match (self.pooled, self.alone) {
            (true, _) => 0,
            (false, true) => self.rows * self.columns.div_ceil(4) * 4,
            (false, false) => self.planes.len() * self.rows * self.columns * 4,
        }
    }

    /// What each byte of the words is of: output of the four, channel, tap.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = (usize, Option<usize>, usize)> + '_ {
        let columns = self.columns;
        (0..self.words()).flat_map(move |word| {
            let (place, output) = (word / 4, word % 4);
            (0..4).map(move |byte| {
                if self.alone {
                    let quads = columns.div_ceil(4);
                    let (row, column) = (place / quads, place % quads * 4 + byte);
                    return (output, (column < columns).then_some(4 * self.block + output), row * columns + column);
                }
                let taps = self.rows * columns;
                (output, Some(4 * (self.planes.start + place / taps) + byte), place % taps)
            })
        })
    }
}

/// Whether kernels can run with these words, of which there are as many as the list takes: multipliers and shifts in
/// range, scales finite, padding zero, and no sum that could leave 32 bits whatever the image is. Of the last operation
/// come logits, so nothing is added there and nothing bounds them.
pub(crate) fn check(operations: &Operations<'_>, mut words: &[u32]) -> Result<(), LoadError> {
    let (zeros, rest) = words.split_at(operations.image.channels.div_ceil(4));
    words = rest;
    let beyond = |channels: usize, i: usize, byte: u8| i >= channels && byte != 0;
    let bytes = zeros.iter().flat_map(|word| word.to_le_bytes());
    if bytes.enumerate().any(|(i, byte)| beyond(operations.image.channels, i, byte)) {
        return Err(LoadError::Padding);
    }
    for index in 1..=operations.len() {
        let wrong = LoadError::Operation { index };
        let operation = operations.get(index).ok_or(wrong)?;
        let last = index == operations.len();
        if last && (operation.added.is_some() || operation.activation != Activation::None) {
            return Err(wrong);
        }
        let from = operations.value(usize::from(operation.from));
        check_operation(&operation, &from, &mut words, last)?;
    }
    Ok(())
}

fn check_operation(operation: &Operation, from: &Value, words: &mut &[u32], last: bool) -> Result<(), LoadError> {
    let mut weights = Weights::take(words, operation, from.channels, last);
    let outputs = usize::from(operation.outputs);
    let of_each = usize::from(operation.outputs) / usize::from(operation.groups);
    let inputs = from.channels / usize::from(operation.groups);
    for block in 0..outputs.div_ceil(4) {
        let kernel = Kernel::new(operation, from.channels, block);
        let Block { biases, by, most: largest, weights: of_block } = weights.block(&kernel);
        let (mut least, mut most) = ([0i64; 4], [0i64; 4]);
        let bytes = of_block.iter().flat_map(|word| word.to_le_bytes());
        for ((output, channel, _), byte) in kernel.bytes().zip(bytes) {
            let o = 4 * block + output;
            let seen =
                |channel: usize| kernel.alone && channel == o || !kernel.alone && channel / inputs == o / of_each;
            if byte != 0 && (o >= outputs || !channel.is_some_and(|c| c < from.channels && seen(c))) {
                return Err(LoadError::Padding);
            }
            let furthest = 255 * i64::from(byte as i8);
            least[output] += furthest.min(0);
            most[output] += furthest.max(0);
        }
        if operation.kind != OperationKind::Convolution {
            let places = i64::from(operation.kernel[0]) * i64::from(operation.kernel[1]);
            let places = if operation.kind == OperationKind::MaxPool { 1 } else { places };
            most = [255 * i64::from(POOLED) * places; 4];
        }
        for i in 0..4 {
            let o = 4 * block + i;
            let bias = i64::from(biases[i] as i32);
            if o >= outputs {
                let bounded = !weights.most.is_empty() && largest >> (8 * i) & 0xff != 0;
                let added = weights.added.get(o).is_some_and(|&added| added != 0);
                if bias != 0 || weights.scales[o] != 0 || added || bounded {
                    return Err(LoadError::Padding);
                }
                continue;
            }
            if least[i] + bias.min(0) < i64::from(i32::MIN) || most[i] + bias.max(0) > i64::from(i32::MAX) {
                return Err(LoadError::Overflow);
            }
            if last {
                if !weights.logit(o).is_finite() {
                    return Err(LoadError::NotFinite);
                }
                continue;
            }
            let possible = |multiplier: u32| (1..0x8000).contains(&multiplier);
            let added = weights.added.get(o).is_none_or(|&added| possible(added & 0xffff) && added >> 16 < 256);
            if !possible(by[i].multiplier) || by[i].shift >= 32 || !added {
                return Err(LoadError::Scales);
            }
        }
    }
    Ok(())
}
