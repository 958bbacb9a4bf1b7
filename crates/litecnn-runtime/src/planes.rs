//! Bringing images and pooled values into the planes that the next convolution reads (see [`Conv`]).

use crate::Layout;
use crate::shape::Conv;
use crate::simd::{MAX_WIDTH, Rows, Simd, Task, copy_rows, split_rows, store_pair};

/// A value of an image: `u8`, scaled as the model file says, or `f32`, taken as it is (for models of this project
/// in `[0, 1]`).
pub trait Pixel: Copy + sealed::Split {}

impl Pixel for u8 {}
impl Pixel for f32 {}

#[allow(private_interfaces, private_bounds, reason = "sealed: part of a public trait, not to be named")]
pub(crate) mod sealed {
    use super::Scaling;
    use crate::Level;
    use crate::int8::Quantise;
    use crate::model::Forward;
    use crate::operations::FromImage;
    use crate::simd::{Simd, turn, turn_bytes};

    /// Even and odd values apart; slices hold at least what is read.
    #[allow(unreachable_pub, reason = "as above")]
    pub trait Split: Quantise {
        const ZERO: Self;
        const SCALED: bool;
        fn value(self) -> f32;
        fn split<S: Simd>(s: S, from: &[Self]) -> (S::V, S::V);
        fn colours<S: Simd>(s: S, from: &[Self]) -> Option<[(S::V, S::V); 3]>;
        /// Values of a vector of images, a lane each.
        fn lanes<S: Simd>(s: S, images: &[Self], scaling: Scaling, to: &mut [f32]);
        /// Runs a task. Not generic, so that kernels are compiled with this crate, not anew in each that uses it.
        fn answers(level: Level, task: Forward<'_, Self>);
        /// As [`Split::answers`].
        fn to_map(level: Level, task: FromImage<'_, Self>);
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
        #[inline(always)]
        fn lanes<S: Simd>(s: S, images: &[u8], scaling: Scaling, to: &mut [f32]) {
            turn_bytes(s, images, s.splat(scaling.scale), s.splat(scaling.shift), to);
        }
        fn answers(level: Level, task: Forward<'_, Self>) {
            level.run(task);
        }
        fn to_map(level: Level, task: FromImage<'_, Self>) {
            level.run(task);
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
        #[inline(always)]
        fn lanes<S: Simd>(s: S, images: &[f32], _: Scaling, to: &mut [f32]) {
            turn(s, images, to);
        }
        fn answers(level: Level, task: Forward<'_, Self>) {
            level.run(task);
        }
        fn to_map(level: Level, task: FromImage<'_, Self>) {
            level.run(task);
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

impl Scaling {
    /// Whether bytes can be made of floats by the inverse.
    pub(crate) fn is_invertible(self) -> bool {
        self.scale.is_normal() && self.scale > 0.0 && (1.0 / self.scale).is_finite()
    }
}

/// Longest run of values read at once: 32 pixels of three channels.
const RUN: usize = 96;

/// An image into the planes of the first convolution.
pub(crate) struct FromImage<'t, P> {
    pub(crate) conv: &'t Conv,
    pub(crate) layout: Layout,
    pub(crate) scaling: Scaling,
    pub(crate) image: &'t [P],
    pub(crate) planes: &'t mut [f32],
}

impl<P: Pixel> Task for FromImage<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { conv, layout, scaling, image, planes } = self;
        let (channels, len, stride) = (conv.inputs, conv.plane_len, conv.stride);
        let (rows, pairs) = (2 * conv.rows + 2, conv.pooled_width() + 1);
        let [scale, shift] = [s.splat(scaling.scale), s.splat(scaling.shift)];
        let mut run = [P::ZERO; RUN];
        // A vector may be written beyond a row, where the next one will be.
        macro_rules! put {
            ($planes:expr, $at:expr, $values:expr) => {{
                let (a, b) = $values;
                let values = if P::SCALED { [s.fma(a, scale, shift), s.fma(b, scale, shift)] } else { [a, b] };
                store_pair(s, $planes, $at, len, values);
            }};
        }
        if layout == Layout::Chw || channels == 1 {
            let pixels = conv.height * conv.width;
            for (image, planes) in image.chunks_exact(pixels).zip(planes.chunks_exact_mut(4 * len)) {
                for y in 0..rows {
                    let (image, planes) = (&image[y * conv.width..], &mut planes[y % 2 * 2 * len + y / 2 * stride..]);
                    for x in (0..pairs).step_by(S::WIDTH) {
                        put!(planes, x, P::split(s, at_least(&image[2 * x..], 2 * S::WIDTH, &mut run)));
                    }
                }
            }
            return;
        }
        for y in 0..rows {
            let image = &image[y * conv.width * channels..];
            let planes = &mut planes[y % 2 * 2 * len + y / 2 * stride..];
            for x in (0..pairs).step_by(S::WIDTH) {
                let from = &image[2 * x * channels..];
                if let (3, Some(colours)) = (channels, P::colours(s, at_least(from, 6 * S::WIDTH, &mut run))) {
                    for c in 0..3 {
                        put!(planes, 4 * c * len + x, colours[c]);
                    }
                    continue;
                }
                for c in 0..channels {
                    let [a, b] = channel_of(&from[c..], channels, (pairs - x).min(S::WIDTH));
                    put!(planes, 4 * c * len + x, (s.load(&a), s.load(&b)));
                }
            }
        }
    }
}

/// One of several channels of `count` pairs of pixels, even ones and odd ones. Not inlined, since it is rarely used.
#[inline(never)]
fn channel_of<P: Pixel>(from: &[P], channels: usize, count: usize) -> [[f32; MAX_WIDTH]; 2] {
    let mut values = [[0.0; MAX_WIDTH]; 2];
    for (i, value) in from.iter().step_by(channels).take(2 * count).enumerate() {
        values[i % 2][i / 2] = value.value();
    }
    values
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
