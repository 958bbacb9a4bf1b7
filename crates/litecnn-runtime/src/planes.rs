//! Bringing images and pooled values into the planes that the next convolution reads (see [`Conv`]).

use crate::Layout;
use crate::shape::Conv;
use crate::simd::{Rows, Simd, copy_rows, split_rows};

/// A value of an image: `u8`, scaled as the model file says, or `f32`, taken as it is (for models of this project
/// in `[0, 1]`).
pub trait Pixel: Copy + sealed::Split {}

impl Pixel for u8 {}
impl Pixel for f32 {}

#[allow(private_interfaces, private_bounds, reason = "sealed: part of a public trait, not to be named")]
pub(crate) mod sealed {
    use crate::int8::Quantise;
    use crate::simd::Simd;

    /// Even and odd values apart; slices hold at least what is read.
    #[allow(unreachable_pub, reason = "as above")]
    pub trait Split: Quantise {
        const ZERO: Self;
        const SCALED: bool;
        fn value(self) -> f32;
        fn split<S: Simd>(s: S, from: &[Self]) -> (S::V, S::V);
        fn colours<S: Simd>(s: S, from: &[Self]) -> Option<[(S::V, S::V); 3]>;
    }

    impl Split for u8 {
        const ZERO: Self = 0;
        const SCALED: bool = true;
        #[inline(always)]
        fn value(self) -> f32 {
            f32::from(self)
        }
        #[inline(always)]
        fn split<S: Simd>(s: S, from: &[Self]) -> (S::V, S::V) {
            s.bytes_split(from)
        }
        #[inline(always)]
        fn colours<S: Simd>(s: S, from: &[Self]) -> Option<[(S::V, S::V); 3]> {
            Some(s.colours_split(from))
        }
    }

    impl Split for f32 {
        const ZERO: Self = 0.0;
        const SCALED: bool = false;
        #[inline(always)]
        fn value(self) -> f32 {
            self
        }
        #[inline(always)]
        fn split<S: Simd>(s: S, from: &[Self]) -> (S::V, S::V) {
            s.load_split(from)
        }
        #[inline(always)]
        fn colours<S: Simd>(_: S, _: &[Self]) -> Option<[(S::V, S::V); 3]> {
            None
        }
    }
}

/// Bytes become `scale * pixel + shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Usually 1/255.
    pub scale: f32,
    /// Usually 0.
    pub shift: f32,
}

/// Longest run of values read at once: 32 pixels of three channels.
const RUN: usize = 96;

/// An image into the planes of the first convolution.
#[inline(always)]
pub(crate) fn from_image<S: Simd, P: Pixel>(
    s: S,
    conv: &Conv,
    layout: Layout,
    scaling: Scaling,
    image: &[P],
    planes: &mut [f32],
) {
    let (channels, len, stride) = (conv.inputs, conv.plane_len, conv.stride);
    let (rows, pairs) = (2 * conv.rows + 2, conv.pooled_width() + 1);
    let [scale, shift] = [s.splat(scaling.scale), s.splat(scaling.shift)];
    if layout == Layout::Chw || channels == 1 {
        let pixels = conv.height * conv.width;
        for (image, planes) in image.chunks_exact(pixels).zip(planes.chunks_exact_mut(4 * len)) {
            for y in 0..rows {
                let (even, odd) = row_of(planes, len, y, stride);
                for x in (0..pairs).step_by(S::WIDTH) {
                    let from = &image[y * conv.width + 2 * x..];
                    let mut run = [P::ZERO; RUN];
                    let (a, b) = P::split(s, at_least(from, 2 * S::WIDTH, &mut run));
                    s.store(&mut even[x..], if P::SCALED { s.fma(a, scale, shift) } else { a });
                    s.store(&mut odd[x..], if P::SCALED { s.fma(b, scale, shift) } else { b });
                }
            }
        }
        return;
    }
    for y in 0..rows {
        let image = &image[y * conv.width * channels..];
        for x in (0..pairs).step_by(S::WIDTH) {
            let from = &image[2 * x * channels..];
            let mut run = [P::ZERO; RUN];
            if let (3, Some(colours)) = (channels, P::colours(s, at_least(from, 6 * S::WIDTH, &mut run))) {
                for (planes, (a, b)) in planes.chunks_exact_mut(4 * len).zip(colours) {
                    let (even, odd) = row_of(planes, len, y, stride);
                    s.store(&mut even[x..], if P::SCALED { s.fma(a, scale, shift) } else { a });
                    s.store(&mut odd[x..], if P::SCALED { s.fma(b, scale, shift) } else { b });
                }
                continue;
            }
            for (c, planes) in planes.chunks_exact_mut(4 * len).enumerate() {
                let (even, odd) = row_of(planes, len, y, stride);
                for (i, pair) in from.chunks_exact(2 * channels).take((pairs - x).min(S::WIDTH)).enumerate() {
                    let value = |p: P| {
                        if P::SCALED { p.value() * scaling.scale + scaling.shift } else { p.value() }
                    };
                    (even[x + i], odd[x + i]) = (value(pair[c]), value(pair[channels + c]));
                }
            }
        }
    }
}

/// A slice of at least `count` values that starts with those of `from`.
#[inline(always)]
fn at_least<'a, P: Copy>(from: &'a [P], count: usize, run: &'a mut [P; RUN]) -> &'a [P] {
    if from.len() >= count {
        return from;
    }
    run[..from.len()].copy_from_slice(from);
    &run[..count]
}

/// Even and odd columns of row `y` of a channel, and what follows them: a vector may be written beyond the row,
/// where the next one will be.
#[inline(always)]
fn row_of(planes: &mut [f32], len: usize, y: usize, stride: usize) -> (&mut [f32], &mut [f32]) {
    let (even, odd) = planes[y % 2 * 2 * len..][..2 * len].split_at_mut(len);
    (&mut even[y / 2 * stride..], &mut odd[y / 2 * stride..])
}

/// Pooled windows of a convolution, of all groups, into the planes of the next one.
#[inline(always)]
pub(crate) fn from_pooled<S: Simd>(s: S, conv: &Conv, next: &Conv, pooled: &[f32], planes: &mut [f32]) {
    let len = next.plane_len;
    let rows = Rows { count: next.rows + 1, width: next.pooled_width() + 1, from: 2 * conv.stride, to: next.stride };
    for (from, planes) in pooled.chunks_exact(conv.pooled_len).zip(planes.chunks_exact_mut(4 * len)) {
        let (even_rows, odd_rows) = planes.split_at_mut(2 * len);
        for (y, planes) in [even_rows, odd_rows].into_iter().enumerate() {
            let (even, odd) = planes.split_at_mut(len);
            split_rows(s, rows, &from[y * conv.stride..], even, odd);
        }
    }
}

/// Pooled windows of a group of the last convolution without those computed in vain: `[output][height][width]`.
#[inline(always)]
pub(crate) fn to_features<S: Simd>(s: S, conv: &Conv, pooled: &[f32], features: &mut [f32]) {
    let (height, width) = (conv.pooled_height(), conv.pooled_width());
    let rows = Rows { count: height, width, from: conv.stride, to: width };
    for (o, from) in pooled.chunks_exact(conv.pooled_len).take(conv.outputs).enumerate() {
        copy_rows(s, rows, from, &mut features[o * height * width..]);
    }
}
