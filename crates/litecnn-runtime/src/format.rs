//! The model file: see the crate's documentation for what lies where.

use crate::crc::crc32;
use crate::error::LoadError;
use crate::int8;
use crate::operations::{self, Form, Operations, Planes, RECORD, Sizes, Value};
use crate::pictures::Pictures;
use crate::planes::Scaling;
use crate::shape::{Architecture, ArchitectureError, MAX_CONVOLUTIONS};
use crate::simd::{floats_of, words_of};

/// The version of the format that this crate reads and writes.
pub const VERSION: u16 = 1;

/// What a file starts with.
pub(crate) const MAGIC: [u8; 8] = *b"LITECNN\0";
/// Bytes before the numbers of filters.
pub(crate) const HEADER: usize = 64;
/// What weights start at a multiple of.
pub(crate) const ALIGNMENT: usize = 64;
/// Where the checksum lies.
pub(crate) const CHECKSUM: usize = 20;
/// Where it is told how pictures become images.
pub(crate) const PICTURES: usize = 60;
/// The flag that says that ReLU follows the heads.
pub(crate) const HEAD_RELU: u32 = 1;
/// Weights are 32-bit floats.
pub(crate) const F32: u8 = 0;
/// Weights are 8-bit integers with scales.
pub(crate) const INT8: u8 = 1;
/// One branch, or two that are joined.
pub(crate) const BRANCH: u8 = 1;
pub(crate) const UNIFIED: u8 = 2;
/// A list of operations.
pub(crate) const LIST: u8 = 3;

/// Class names, each led by its length.
#[derive(Debug, Clone)]
pub(crate) struct Names<'a>(&'a [u8]);

impl<'a> Iterator for Names<'a> {
    type Item = &'a str;
    fn next(&mut self) -> Option<&'a str> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        self.0 = rest;
        core::str::from_utf8(name).ok()
    }
}

/// Weights in a file's order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Weights<'a> {
    Floats(&'a [f32]),
    /// Words of four bytes, and what belongs to them.
    Integers(&'a [u32]),
}

/// What a file holds.
pub(crate) struct Content<'a> {
    pub(crate) architecture: Architecture,
    pub(crate) scaling: Scaling,
    pub(crate) pictures: Option<Pictures>,
    pub(crate) names: Names<'a>,
    pub(crate) weights: Weights<'a>,
    /// If the model is a list of them.
    pub(crate) operations: Option<List<'a>>,
}

/// A list of operations that was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) operations: Operations<'a>,
    pub(crate) form: Form,
    pub(crate) sizes: Sizes,
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Content<'_>, LoadError> {
    if cfg!(target_endian = "big") {
        return Err(LoadError::BigEndian);
    }
    if !bytes.starts_with(&MAGIC) {
        return Err(LoadError::Foreign);
    }
    let short = LoadError::Length { expected: HEADER, found: bytes.len() };
    let fields = Fields(bytes.first_chunk().ok_or(short)?);
    let version = fields.u16(8);
    if version != VERSION {
        return Err(LoadError::Version { found: version });
    }
    let expected = fields.u32(16) as usize;
    if bytes.len() != expected {
        return Err(LoadError::Length { expected: expected.max(HEADER), found: bytes.len() });
    }
    if crc32(&[&bytes[..CHECKSUM], &bytes[CHECKSUM + 4..]]) != fields.u32(CHECKSUM) {
        return Err(LoadError::Checksum);
    }
    let integers = match fields.0[10] {
        F32 => false,
        INT8 => true,
        found => return Err(LoadError::Elements { found }),
    };

    let shape = if fields.0[11] == LIST { list(&fields, bytes, integers)? } else { layers(&fields, bytes)? };
    let Shape { architecture, operations, described } = shape;
    if fields.u16(46) != 0 {
        return Err(LoadError::Header { offset: 46 });
    }
    let pictures = Pictures::of_bytes(fields.u32(PICTURES).to_le_bytes());
    let pictures = pictures.map_err(|()| LoadError::Header { offset: PICTURES })?;
    let classes = architecture.classes;
    let scaling = Scaling { scale: f32::from_bits(fields.u32(48)), shift: f32::from_bits(fields.u32(52)) };
    if !scaling.scale.is_finite() || !scaling.shift.is_finite() || integers && !scaling.is_invertible() {
        return Err(LoadError::Header { offset: 48 });
    }

    let start = HEADER + described;
    let names = bytes[start..].get(..fields.u32(56) as usize).ok_or(LoadError::ClassNames)?;
    check_names(names, classes)?;
    let weights = fields.u32(24) as usize;
    if weights != (start + names.len()).next_multiple_of(ALIGNMENT) {
        return Err(LoadError::Header { offset: 24 });
    }
    let length = fields.u32(28) as usize;
    let expected = 4 * match &operations {
        Some(list) => list.sizes.weights,
        None if integers => int8::words(&architecture),
        None => architecture.parameters(),
    };
    if length != expected || bytes.len().checked_sub(weights) != Some(length) {
        return Err(LoadError::Weights { expected, found: length });
    }
    let bytes = &bytes[weights..];
    let weights = if integers {
        let words = words_of(bytes).ok_or(LoadError::Misaligned)?;
        match &operations {
            Some(list) => operations::check_bytes(&list.operations, words)?,
            None => int8::check(&architecture, words)?,
        }
        Weights::Integers(words)
    } else {
        let floats = floats_of(bytes).ok_or(LoadError::Misaligned)?;
        if !floats.iter().all(|weight| weight.is_finite()) {
            return Err(LoadError::NotFinite);
        }
        if operations.as_ref().is_some_and(|list| !operations::is_padded(&list.operations, floats)) {
            return Err(LoadError::Padding);
        }
        Weights::Floats(floats)
    };
    Ok(Content { architecture, scaling, pictures, names: Names(names), weights, operations })
}

/// What a header and the bytes behind it say of the model's shape.
struct Shape<'a> {
    architecture: Architecture,
    operations: Option<List<'a>>,
    /// Bytes between header and class names.
    described: usize,
}

/// One branch, or two.
fn layers<'a>(fields: &Fields<'_>, bytes: &'a [u8]) -> Result<Shape<'a>, LoadError> {
    let depth = usize::from(fields.u16(44));
    let mut filters = [0; MAX_CONVOLUTIONS];
    let counts = bytes[HEADER..].as_chunks::<2>().0;
    if depth > MAX_CONVOLUTIONS || counts.len() < depth {
        return Err(LoadError::Header { offset: 44 });
    }
    for (to, from) in filters.iter_mut().zip(&counts[..depth]) {
        *to = usize::from(u16::from_le_bytes(*from));
    }
    let flags = fields.u32(12);
    let (hidden, known) = match (fields.0[11], fields.u32(40) as usize) {
        (BRANCH, 0) => (None, 0),
        (UNIFIED, hidden) => (Some(hidden), HEAD_RELU),
        (BRANCH, _) => return Err(LoadError::Header { offset: 40 }),
        _ => return Err(LoadError::Header { offset: 11 }),
    };
    if flags & !known != 0 {
        return Err(LoadError::Header { offset: 12 });
    }
    let (input, classes) = fields.shape();
    let architecture = Architecture::new(input, &filters[..depth], classes, hidden, flags & HEAD_RELU != 0)?;
    Ok(Shape { architecture, operations: None, described: 2 * depth })
}

/// A list of operations.
fn list<'a>(fields: &Fields<'_>, bytes: &'a [u8], integers: bool) -> Result<Shape<'a>, LoadError> {
    let count = usize::from(fields.u16(44));
    let records = bytes[HEADER..].as_chunks::<RECORD>().0;
    if count > records.len() {
        return Err(LoadError::Header { offset: 44 });
    }
    if fields.u32(12) != 0 {
        return Err(LoadError::Header { offset: 12 });
    }
    let (input, classes) = fields.shape();
    Architecture::possible(input, classes)?;
    if !(1..=operations::MAX_OPERATIONS).contains(&count) {
        return Err(ArchitectureError::Operations.into());
    }
    let [channels, height, width] = input;
    let image = Value { channels, height, width, place: fields.u32(40) as usize };
    let operations = Operations { image, records: &records[..count] };
    let form = if integers { Form::Bytes(Planes::of(&operations)) } else { Form::Floats };
    let sizes = operations::check(&operations, classes, form)?;
    let architecture = Architecture::list(input, classes, count, &sizes);
    let list = List { operations, form, sizes };
    Ok(Shape { architecture, operations: Some(list), described: RECORD * count })
}

fn check_names(bytes: &[u8], classes: usize) -> Result<(), LoadError> {
    let mut names = Names(bytes);
    let count = names.by_ref().count();
    if count == classes && names.0.is_empty() { Ok(()) } else { Err(LoadError::ClassNames) }
}

/// Numbers of the header, little-endian.
struct Fields<'a>(&'a [u8; HEADER]);

impl Fields<'_> {
    /// `[channels, height, width]` of an image, and the number of classes.
    fn shape(&self) -> ([usize; 3], usize) {
        ([32, 34, 36].map(|offset| usize::from(self.u16(offset))), usize::from(self.u16(38)))
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }
}
