//! Writing model files.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::crc::crc32;
use crate::format::{ALIGNMENT, BRANCH, CHECKSUM, F32, HEAD_RELU, HEADER, LIST, MAGIC, PICTURES, UNIFIED, VERSION};
use crate::operations::{Network, Operation, RECORD};
use crate::planes::Scaling;
use crate::shape::Architecture;
use crate::simd::{Line, bytes_of, bytes_of_mut};
use crate::{LoadError, Pictures};

/// Why a model cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// Not as many weights as the architecture has.
    Weights {
        /// [`Architecture::parameters`].
        expected: usize,
        /// Weights given.
        found: usize,
    },
    /// A weight, or the scaling, is infinite or not a number.
    NotFinite,
    /// Not one name for each class, or one longer than 65,535 bytes.
    ClassNames,
    /// Pixels are not scaled by a positive number, as 8-bit weights need it.
    Scale,
    /// Not as many quantised layers as the architecture has.
    Layers {
        /// Layers of the architecture.
        expected: usize,
        /// Layers given.
        found: usize,
    },
    /// A quantised layer has another number of weights, biases or scales than the architecture gives it, or logits
    /// where bytes are due or the other way round.
    Layer {
        /// Which one, from 0.
        index: usize,
    },
    /// Numbers of a quantised model that reading would refuse.
    Integers(LoadError),
    /// A list of operations that reading would refuse.
    Operations(LoadError),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights { expected, found } => write!(f, "{found} weights; the model has {expected}"),
            Self::NotFinite => f.write_str("a weight or the scaling is infinite or not a number"),
            Self::ClassNames => f.write_str("there must be one name for each class, of at most 65,535 bytes"),
            Self::Scale => f.write_str("8-bit weights need pixels that are scaled by a positive number"),
            Self::Layers { expected, found } => write!(f, "{found} quantised layers; the model has {expected}"),
            Self::Layer { index } => {
                write!(f, "weights, biases or scales of quantised layer {index} are not as many as the model has")
            }
            Self::Integers(error) | Self::Operations(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EncodeError {}

/// A model file of these weights, which are in libtorch's order and shapes: for each branch and convolution weight
/// `[output][input][3][3]` and bias `[output]`, the head `[class][feature]` with features in the order height, width,
/// channel, and its bias; then for a unified model hidden weight `[unit][2 * class]` and bias, output weight
/// `[class][unit]` and bias. (The file has another order, the one that the kernels read in.)
///
/// # Errors
/// [`EncodeError`] if numbers of weights or names do not fit the architecture, or a weight is not finite.
pub fn encode<N: AsRef<str>>(
    architecture: &Architecture,
    class_names: &[N],
    scaling: Scaling,
    weights: &[f32],
) -> Result<Vec<u8>, EncodeError> {
    let expected = architecture.parameters();
    if weights.len() != expected {
        return Err(EncodeError::Weights { expected, found: weights.len() });
    }
    if !weights.iter().all(|w| w.is_finite()) {
        return Err(EncodeError::NotFinite);
    }
    let bytes: Vec<u8> = arranged(architecture, weights).iter().flat_map(|weight| weight.to_le_bytes()).collect();
    file(architecture, class_names, scaling, F32, &bytes)
}

/// A file of weights that are in its order already.
pub(crate) fn file<N: AsRef<str>>(
    architecture: &Architecture,
    class_names: &[N],
    scaling: Scaling,
    kind: u8,
    weights: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    let mut described = Vec::new();
    for filters in architecture.filters() {
        described.extend((filters as u16).to_le_bytes());
    }
    let header = Header {
        kind,
        architecture: if architecture.hidden.is_some() { UNIFIED } else { BRANCH },
        flags: if architecture.head_relu { HEAD_RELU } else { 0 },
        input: architecture.input_shape(),
        classes: architecture.classes,
        hidden: architecture.hidden.unwrap_or(0) as u32,
        count: architecture.depth as u16,
        described: &described,
    };
    assembled(&header, class_names, scaling, weights)
}

/// A list of operations as a file has it.
pub(crate) struct Records {
    /// Of the weights.
    kind: u8,
    /// `[channels, height, width]`, within the bounds of the format.
    input: [usize; 3],
    /// Where the image lies in the memory.
    image: u32,
    /// At most [`MAX_OPERATIONS`](crate::MAX_OPERATIONS), one after the other.
    records: Vec<u8>,
}

impl Records {
    /// Of a network that was checked, with the shapes of its values and their places in the memory.
    pub(crate) fn new(network: &Network, shapes: &[[usize; 3]], places: &[usize], kind: u8) -> Self {
        let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let records = network.operations.iter().zip(&shapes[1..]).zip(&places[1..]);
        let record = |((operation, &[_, height, width]), &at): ((&Operation, &[usize; 3]), &usize)| {
            operation.record([height as u16, width as u16], place(at))
        };
        Self { kind, input: network.input, image: place(places[0]), records: records.flat_map(record).collect() }
    }
}

/// A file of a list of operations with weights in its order.
pub(crate) fn file_of_list<N: AsRef<str>>(
    list: &Records,
    class_names: &[N],
    scaling: Scaling,
    weights: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    let header = Header {
        kind: list.kind,
        architecture: LIST,
        flags: 0,
        input: list.input,
        classes: class_names.len(),
        hidden: list.image,
        count: (list.records.len() / RECORD) as u16,
        described: &list.records,
    };
    assembled(&header, class_names, scaling, weights)
}

/// What tells one kind of file from another.
struct Header<'t> {
    kind: u8,
    architecture: u8,
    flags: u32,
    input: [usize; 3],
    classes: usize,
    hidden: u32,
    count: u16,
    /// What lies between header and class names.
    described: &'t [u8],
}

fn assembled<N: AsRef<str>>(
    header: &Header<'_>,
    class_names: &[N],
    scaling: Scaling,
    weights: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    if !scaling.scale.is_finite() || !scaling.shift.is_finite() {
        return Err(EncodeError::NotFinite);
    }
    if class_names.len() != header.classes || header.classes > 0xffff {
        return Err(EncodeError::ClassNames);
    }
    let mut names = Vec::new();
    for name in class_names {
        let name = name.as_ref().as_bytes();
        names.extend(u16::try_from(name.len()).map_err(|_| EncodeError::ClassNames)?.to_le_bytes());
        names.extend(name);
    }

    let start = (HEADER + header.described.len() + names.len()).next_multiple_of(ALIGNMENT);
    // 65,535 names of 65,535 bytes would be too many.
    let length = u32::try_from(start + weights.len()).map_err(|_| EncodeError::ClassNames)?;
    let mut file = Vec::with_capacity(length as usize);
    let [channels, height, width] = header.input;
    file.extend(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend([header.kind, header.architecture]);
    file.extend(header.flags.to_le_bytes());
    for number in [length, 0, start as u32, weights.len() as u32] {
        file.extend(number.to_le_bytes());
    }
    for number in [channels, height, width, header.classes] {
        file.extend((number as u16).to_le_bytes());
    }
    file.extend(header.hidden.to_le_bytes());
    file.extend(header.count.to_le_bytes());
    file.extend([0; 2]);
    file.extend(scaling.scale.to_le_bytes());
    file.extend(scaling.shift.to_le_bytes());
    file.extend((names.len() as u32).to_le_bytes());
    file.extend([0; 4]);
    file.extend(header.described);
    file.extend(names);
    file.resize(start, 0);
    file.extend(weights);
    seal(&mut file);
    Ok(file)
}

/// A file of [`encode`] or [`encode_int8`](crate::encode_int8) that also tells how pictures become images. Bytes too
/// short for a file stay as they are.
#[must_use]
pub fn with_pictures(mut file: Vec<u8>, pictures: Pictures) -> Vec<u8> {
    if file.len() >= HEADER {
        file[PICTURES..PICTURES + 4].copy_from_slice(&pictures.bytes());
        seal(&mut file);
    }
    file
}

fn seal(file: &mut [u8]) {
    let checksum = crc32(&[&file[..CHECKSUM], &file[CHECKSUM + 4..]]);
    file[CHECKSUM..CHECKSUM + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// Weights in the file's order.
fn arranged(architecture: &Architecture, weights: &[f32]) -> Vec<f32> {
    let (branches, classes, features) = (architecture.branches(), architecture.classes, architecture.features());
    let dense = architecture.hidden.map_or(0, |hidden| hidden * (2 * classes + 1) + classes * (hidden + 1));
    let of_branch = (weights.len() - dense) / branches;
    let mut to = Vec::with_capacity(weights.len());
    let mut at = 0;
    for index in 0..architecture.depth {
        let conv = architecture.conv(index);
        let (inputs, outputs) = (conv.inputs, conv.groups * conv.outputs / branches);
        // Branches share the first layer's one group.
        let together = branches / conv.groups;
        for group in 0..conv.groups {
            for (tap, c) in (0..9).flat_map(|tap| (0..inputs).map(move |c| (tap, c))) {
                for (branch, o) in (0..together).flat_map(|b| (0..outputs).map(move |o| (group + b, o))) {
                    to.push(weights[branch * of_branch + at + (o * inputs + c) * 9 + tap]);
                }
            }
        }
        at += outputs * inputs * 9;
        for branch in 0..branches {
            to.extend(&weights[branch * of_branch + at..][..outputs]);
        }
        at += outputs;
    }
    let channels = architecture.filters().last().unwrap_or(1);
    for head in weights.chunks_exact(of_branch).take(branches) {
        for class in head[at..][..classes * features].chunks_exact(features) {
            to.extend((0..channels).flat_map(|c| class[c..].iter().step_by(channels)));
        }
    }
    for head in weights.chunks_exact(of_branch).take(branches) {
        to.extend(&head[at + classes * features..]);
    }
    if let Some(hidden) = architecture.hidden {
        let rest = &weights[branches * of_branch..];
        let (first, rest) = rest.split_at(hidden * 2 * classes);
        let (bias, rest) = rest.split_at(hidden);
        transpose(first, 2 * classes, &mut to);
        to.extend(bias);
        let (second, bias) = rest.split_at(classes * hidden);
        transpose(second, hidden, &mut to);
        to.extend(bias);
    }
    to
}

/// Adds a matrix of rows of `columns` values, column by column.
fn transpose(matrix: &[f32], columns: usize, to: &mut Vec<f32>) {
    to.extend((0..columns).flat_map(|column| matrix[column..].iter().step_by(columns)));
}

/// A copy of a file's bytes that is aligned as [`Model::from_bytes`](crate::Model::from_bytes) wants it, whatever
/// the original's alignment is.
#[derive(Debug, Clone)]
pub struct AlignedBytes {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedBytes {
    /// Copies.
    pub fn new(bytes: &[u8]) -> Self {
        let mut lines = vec![Line([0; 64]); bytes.len().div_ceil(64)];
        bytes_of_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
        Self { lines, len: bytes.len() }
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &bytes_of(&self.lines)[..self.len]
    }
}
