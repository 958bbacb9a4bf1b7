//! Seeing the same memory as another type.

use super::MAX_WIDTH;

/// Bytes as floats in the machine's order, without copying; none if they do not start at a multiple of 4 or end
/// within a float.
pub(crate) fn floats_of(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: every pattern of bits is a float; the middle is what is aligned.
    let (before, floats, after) = unsafe { bytes.align_to::<f32>() };
    (before.is_empty() && after.is_empty()).then_some(floats)
}

/// As [`floats_of`], as words.
pub(crate) fn words_of(bytes: &[u8]) -> Option<&[u32]> {
    // SAFETY: every pattern of bits is a number; the middle is what is aligned.
    let (before, words, after) = unsafe { bytes.align_to::<u32>() };
    (before.is_empty() && after.is_empty()).then_some(words)
}

/// The same memory as words.
pub(crate) fn words_of_floats(floats: &mut [f32]) -> &mut [u32] {
    // SAFETY: both have 4 bytes, the same alignment and no pattern of bits that is not a value; the borrow is exclusive.
    unsafe { core::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len()) }
}

/// The same memory as bytes.
pub(crate) fn bytes_of_words(words: &mut [u32]) -> &mut [u8] {
    // SAFETY: bytes need no alignment, and every pattern of them is a word; the borrow is exclusive.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 4) }
}

/// How many floats to skip for the rest to start at a cache line.
pub(crate) fn line_offset(floats: &[f32]) -> usize {
    // Not promised to be found (it is not when compiling ahead or under Miri); then unaligned is as right.
    let offset = floats.as_ptr().align_offset(MAX_WIDTH * 4);
    if offset < MAX_WIDTH { offset } else { 0 }
}

/// A cache line of bytes, aligned as such.
#[cfg(feature = "alloc")]
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

/// Lines as bytes.
#[cfg(feature = "alloc")]
pub(crate) fn bytes_of(lines: &[Line]) -> &[u8] {
    // SAFETY: a line is 64 bytes without padding, and bytes need no alignment; the lifetime is the lines'.
    unsafe { core::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * 64) }
}

/// As [`bytes_of`], to change them.
#[cfg(feature = "alloc")]
pub(crate) fn bytes_of_mut(lines: &mut [Line]) -> &mut [u8] {
    // SAFETY: as for `bytes_of`; every pattern of bytes is a line; the borrow is exclusive.
    unsafe { core::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 64) }
}
