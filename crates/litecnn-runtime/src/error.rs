//! What can go wrong.

use core::fmt;

use crate::ArchitectureError;

/// Why bytes are not a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// They do not start as a model file does.
    Foreign,
    /// The file is of another version of the format.
    Version {
        /// The version it names; this crate reads [`crate::VERSION`].
        found: u16,
    },
    /// There are fewer or more bytes than the file says it has.
    Length {
        /// Bytes of the file as it was written; at least a header.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The checksum is not that of the bytes.
    Checksum,
    /// The weights are of a kind not known here; 0 is `f32`, 1 is 8-bit integers.
    Elements {
        /// The number that stands for the kind.
        found: u8,
    },
    /// There is no such architecture.
    Architecture(ArchitectureError),
    /// A field of the header has an impossible value.
    Header {
        /// Where the field starts.
        offset: usize,
    },
    /// An operation has a number without meaning, or does not fit what it reads.
    Operation {
        /// Which one, from 1.
        index: usize,
    },
    /// An operation, or one before it, overwrites what it still needs.
    Overlap {
        /// Which one, from 1.
        index: usize,
    },
    /// The values of operations lie further apart than if each had memory of its own.
    Gap,
    /// The class names are not that many, or not text.
    ClassNames,
    /// There are not as many weights as the architecture has.
    Weights {
        /// Bytes they would take.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A weight or a logit's scale is infinite or not a number.
    NotFinite,
    /// A multiplier of 8-bit weights is not between 1 and 32,767, or a shift is above 31.
    Scales,
    /// 8-bit weights with which a sum could leave 32 bits.
    Overflow,
    /// Where weights are padded there is something.
    Padding,
    /// The bytes do not start at a multiple of 4 in memory. See [`include_model!`](crate::include_model) and
    /// `AlignedBytes`.
    Misaligned,
    /// This processor is big-endian; weights are little-endian.
    BigEndian,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a litecnn model file"),
            Self::Version { found } => {
                write!(f, "version {found} of the model format; this program reads {}", crate::VERSION)
            }
            Self::Length { expected, found } => {
                write!(f, "{found} bytes where the model file has {expected}: it is cut off or something follows it")
            }
            Self::Checksum => f.write_str("the model file is damaged: its checksum is wrong"),
            Self::Elements { found } => write!(f, "weights of unknown kind {found}"),
            Self::Architecture(error) => error.fmt(f),
            Self::Header { offset } => write!(f, "the field at byte {offset} of the model file has no meaning"),
            Self::Operation { index } => write!(f, "operation {index} does not fit what it reads, or has no meaning"),
            Self::Overlap { index } => write!(f, "what operation {index} needs is overwritten before it is used"),
            Self::Gap => f.write_str("the values of operations lie further apart than they need"),
            Self::ClassNames => f.write_str("the class names are not one for each class, in UTF-8"),
            Self::Weights { expected, found } => write!(f, "{found} bytes of weights; the model has {expected}"),
            Self::NotFinite => f.write_str("a weight is infinite or not a number"),
            Self::Scales => f.write_str("a multiplier or shift of the 8-bit weights is out of range"),
            Self::Overflow => f.write_str("the 8-bit weights are too many or too large: a sum could leave 32 bits"),
            Self::Padding => f.write_str("the padding of the weights is not zero"),
            Self::Misaligned => f.write_str("the bytes of the model do not start at a multiple of 4 in memory"),
            Self::BigEndian => f.write_str("weights are little-endian, this processor is not"),
        }
    }
}

impl core::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Architecture(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ArchitectureError> for LoadError {
    fn from(error: ArchitectureError) -> Self {
        Self::Architecture(error)
    }
}

/// Which buffer has a length that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PredictError {
    /// The image; or images that are not a whole number of them.
    Image {
        /// Values of one image.
        needed: usize,
        /// Values there are.
        found: usize,
    },
    /// The working memory.
    Scratch {
        /// At least so many floats.
        needed: usize,
        /// Floats there are.
        found: usize,
    },
    /// The output.
    Output {
        /// Exactly so many floats: images times classes.
        needed: usize,
        /// Floats there are.
        found: usize,
    },
}

impl fmt::Display for PredictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { needed, found } => write!(f, "{found} pixel values; an image has {needed}"),
            Self::Scratch { needed, found } => write!(f, "{found} floats of scratch; {needed} are needed"),
            Self::Output { needed, found } => write!(f, "room for {found} outputs; {needed} come out"),
        }
    }
}

impl core::error::Error for PredictError {}
