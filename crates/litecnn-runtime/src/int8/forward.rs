//! How a model of bytes answers.

use super::shape::{Layer, Memory, features, pixels_len};
use super::weights::{Block, Dense, Words, blocks};
use crate::Architecture;
use crate::dense::softmax as probabilities;
use crate::simd::{Dots, DotsTask, Inputs, LaneRows, Unit, bytes_of_words, copy_lanes, dense_sums, spread, store_at};
use crate::simd::{MAX_WIDTH, window_sums};
use crate::{Layout, Level, Scaling};

/// A model and how it is to answer.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'t> {
    pub(crate) architecture: &'t Architecture,
    pub(crate) words: &'t [u32],
    pub(crate) level: Level,
    pub(crate) layout: Layout,
    pub(crate) scaling: Scaling,
    pub(crate) softmax: bool,
}

/// Values of an image that can be bytes.
pub(crate) trait Quantise: Copy {
    /// Answers images. `work` has [`Memory::len`] words.
    fn answer(setting: Setting<'_>, work: &mut [u32], images: &[Self], output: &mut [f32]);
    /// The inverse of the scaling, rounded; what is beyond 0 or 255 becomes that, what is not a number becomes 0.
    fn byte(self, inverse: f32, shift: f32) -> u8;
}

impl Quantise for u8 {
    fn answer(setting: Setting<'_>, work: &mut [u32], images: &[Self], output: &mut [f32]) {
        let memory = Memory::new(setting.architecture);
        setting.level.run_dots(Forward { setting, memory, work, images, output });
    }

    #[inline(always)]
    fn byte(self, _: f32, _: f32) -> u8 {
        self
    }
}

impl Quantise for f32 {
    fn answer(setting: Setting<'_>, work: &mut [u32], images: &[Self], output: &mut [f32]) {
        let (pixels, classes) = (setting.architecture.pixels(), setting.architecture.classes);
        let memory = Memory::new(setting.architecture);
        let (work, room) = work.split_at_mut(memory.len() - memory.image);
        let room = &mut bytes_of_words(room)[..pixels];
        let (inverse, shift) = (1.0 / setting.scaling.scale, setting.scaling.shift);
        for (image, output) in images.chunks_exact(pixels).zip(output.chunks_exact_mut(classes)) {
            for (to, value) in room.iter_mut().zip(image) {
                *to = value.byte(inverse, shift);
            }
            setting.level.run_dots(Forward { setting, memory, work, images: room, output });
        }
    }

    #[inline(always)]
    fn byte(self, inverse: f32, shift: f32) -> u8 {
        ((self - shift) * inverse + 0.5) as u8
    }
}

/// Images to answer: not generic, so that it is compiled once.
struct Forward<'t> {
    setting: Setting<'t>,
    memory: Memory,
    work: &'t mut [u32],
    images: &'t [u8],
    output: &'t mut [f32],
}

impl DotsTask for Forward<'_> {
    #[inline(always)]
    fn run<S: Dots>(self, s: S) {
        let Setting { architecture, words, layout, softmax, .. } = self.setting;
        let (pixels, classes) = (architecture.pixels(), architecture.classes);
        for (image, output) in self.images.chunks_exact(pixels).zip(self.output.chunks_exact_mut(classes)) {
            one(s, architecture, words, layout, &self.memory, self.work, image, output);
            if softmax {
                probabilities(output);
            }
        }
    }
}

/// Logits of one image.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "all of it is needed once")]
fn one<S: Dots>(
    s: S,
    architecture: &Architecture,
    words: &[u32],
    layout: Layout,
    memory: &Memory,
    work: &mut [u32],
    image: &[u8],
    output: &mut [f32],
) {
    let (planes, work) = work.split_at_mut(memory.planes);
    let (pooled, work) = work.split_at_mut(memory.pooled);
    let (to_features, work) = work.split_at_mut(memory.features);
    let (joined, hidden) = work.split_at_mut(memory.joined);
    let mut words = Words(words);

    let mut layer = Layer::new(architecture, 0);
    from_image(s, architecture, &layer, layout, image, pooled, planes);
    for index in 1..=architecture.depth {
        convolution(s, &layer, &mut words, planes, pooled);
        if index < architecture.depth {
            let next = Layer::new(architecture, index);
            let from = pooled.chunks_exact(layer.pooled_len).zip(planes.chunks_exact_mut(4 * next.len));
            for (unit, (from, planes)) in from.take(next.seen * next.units()).enumerate() {
                to_planes(s, &next, next.unit(unit % next.units()), from, layer.stride, planes);
            }
            layer = next;
        }
    }

    let (classes, branches, count) = (architecture.classes, architecture.branches(), features(architecture));
    let of_block = layer.rows * layer.columns;
    let lanes = LaneRows { rows: layer.rows, width: layer.columns, from: layer.stride, to: layer.columns };
    for branch in 0..branches {
        for (block, from) in pooled[branch * layer.blocks() * layer.pooled_len..]
            .chunks_exact(layer.pooled_len)
            .take(layer.blocks())
            .enumerate()
        {
            copy_lanes(s, lanes, from, &mut to_features[block * of_block..]);
        }
        let head = words.dense(count, classes, branches == 1);
        let features = &to_features[..count];
        if branches == 1 {
            return logits(s, &head, features, output);
        }
        // The rest of the last word is zero.
        let bytes = &mut bytes_of_words(joined)[branch * classes..];
        dense(s, &head, features, &mut bytes[..classes]);
        bytes[classes..].iter_mut().take(4).for_each(|byte| *byte = 0);
    }
    let units = architecture.hidden.unwrap_or(0);
    let joined = &joined[..(branches * classes).div_ceil(4)];
    let bytes = bytes_of_words(hidden);
    dense(s, &words.dense(joined.len(), units, false), joined, &mut bytes[..units]);
    bytes[units..].iter_mut().take(3).for_each(|byte| *byte = 0);
    let hidden = &hidden[..units.div_ceil(4)];
    logits(s, &words.dense(hidden.len(), classes, true), hidden, output);
}

/// All groups of a convolution: `[group][block]` of [`Layer::pooled_len`] lanes of four outputs.
#[inline(always)]
fn convolution<S: Dots>(s: S, layer: &Layer, words: &mut Words<'_>, planes: &[u32], pooled: &mut [u32]) {
    let of_group = layer.units() * 4 * layer.len;
    let mut pooled = pooled.chunks_exact_mut(layer.pooled_len);
    for group in 0..layer.groups {
        let planes = &planes[if layer.seen == 1 { 0 } else { group } * of_group..][..of_group];
        let inputs = Inputs { channels: layer.inputs, planes, len: layer.len, stride: layer.stride };
        for (outputs, to) in blocks(layer.outputs).zip(&mut pooled) {
            let block = words.block(layer, outputs.len());
            if S::MANY {
                match outputs.len() {
                    1 => windows::<S, 1>(s, layer, &inputs, &block, to),
                    2 => windows::<S, 2>(s, layer, &inputs, &block, to),
                    3 => windows::<S, 3>(s, layer, &inputs, &block, to),
                    _ => windows::<S, 4>(s, layer, &inputs, &block, to),
                }
            } else {
                one_by_one(s, layer, &inputs, &block, to);
            }
        }
    }
}

/// All windows of a block of `B` outputs at once.
#[inline(always)]
fn windows<S: Dots, const B: usize>(s: S, layer: &Layer, inputs: &Inputs<'_>, block: &Block<'_>, to: &mut [u32]) {
    let scales = s.scales(four(block.multipliers), four(block.shifts));
    for at in (0..layer.windows()).step_by(S::WIDTH) {
        let (mut sums, mut start) = ([s.splat(0); 4], [s.splat(0); B]);
        for o in 0..B {
            start[o] = s.splat(block.biases[o]);
        }
        sums[..B].copy_from_slice(&window_sums::<S, B>(s, inputs, block.weights, [0, B], at, start));
        store_at(s, to, at, s.requantise(sums, &scales));
    }
}

/// The same where there are registers for the sums of one output only.
#[inline(always)]
fn one_by_one<S: Dots>(s: S, layer: &Layer, inputs: &Inputs<'_>, block: &Block<'_>, to: &mut [u32]) {
    let scales = s.scales(four(block.multipliers), four(block.shifts));
    for at in (0..layer.windows()).step_by(S::WIDTH) {
        let mut sums = [s.splat(0); 4];
        for (o, &bias) in block.biases.iter().enumerate() {
            let place = [o, block.biases.len()];
            [sums[o % 4]] = window_sums::<S, 1>(s, inputs, block.weights, place, at, [s.splat(bias)]);
        }
        store_at(s, to, at, s.requantise(sums, &scales));
    }
}

/// Up to four values, then zeros.
fn four(values: &[u32]) -> [u32; 4] {
    let mut four = [0; 4];
    for (to, value) in four.iter_mut().zip(values) {
        *to = *value;
    }
    four
}

/// A unit's pixels, a word each, into its four planes.
#[inline(always)]
fn to_planes<S: Dots>(s: S, layer: &Layer, unit: Unit, from: &[u32], stride: usize, planes: &mut [u32]) {
    let width = if unit == Unit::Row { layer.columns } else { layer.columns + 1 };
    let lanes = LaneRows { rows: layer.rows + 1, width, from: 2 * stride, to: layer.stride };
    for (y, planes) in planes.chunks_exact_mut(2 * layer.len).enumerate() {
        let (left, right) = planes.split_at_mut(layer.len);
        spread(s, unit, lanes, &from[y * stride..], left, right);
    }
}

/// An image into the planes of the first convolution.
#[inline(always)]
fn from_image<S: Dots>(
    s: S,
    architecture: &Architecture,
    layer: &Layer,
    layout: Layout,
    image: &[u8],
    words: &mut [u32],
    planes: &mut [u32],
) {
    let width = architecture.width;
    if layer.inputs == 1 {
        for y in 0..2 * layer.rows + 2 {
            for x in 0..2 {
                let row = &mut planes[(y % 2 * 2 + x) * layer.len..][y / 2 * layer.stride..];
                for at in (0..layer.columns).step_by(S::WIDTH) {
                    let from = &image[y * width + x + 2 * at..];
                    let mut run = [0; 2 * MAX_WIDTH + 2];
                    store_at(s, row, at, s.overlapping(at_least(from, 2 * S::WIDTH + 2, &mut run)));
                }
            }
        }
        return;
    }
    let len = pixels_len(architecture);
    let needed = (2 * layer.rows + 2) * width;
    for (unit, (words, planes)) in words.chunks_exact_mut(len).zip(planes.chunks_exact_mut(4 * layer.len)).enumerate() {
        if unit == layer.units() {
            break;
        }
        let channels = (layer.inputs - 4 * unit).min(4);
        let words = &mut words[..len];
        match layout {
            Layout::Hwc if layer.inputs == 3 => {
                for at in (0..needed).step_by(S::WIDTH) {
                    let mut run = [0; 3 * MAX_WIDTH];
                    store_at(s, words, at, s.threes(at_least(&image[3 * at..], 3 * S::WIDTH, &mut run)));
                }
            }
            Layout::Hwc => {
                for (to, pixel) in words[..needed].iter_mut().zip(image.chunks_exact(layer.inputs)) {
                    *to = word(&pixel[4 * unit..][..channels]);
                }
            }
            Layout::Chw => {
                let area = architecture.height * width;
                let planes: [&[u8]; 4] =
                    core::array::from_fn(|c| &image[(4 * unit + c.min(channels - 1)) * area..][..needed]);
                let kept = ((1u64 << (8 * channels)) - 1) as u32;
                for (i, to) in words[..needed].iter_mut().enumerate() {
                    *to = u32::from_le_bytes(core::array::from_fn(|c| planes[c][i])) & kept;
                }
            }
        }
        to_planes(s, layer, layer.unit(unit), words, width, planes);
    }
}

/// Up to four bytes as a word.
#[inline(always)]
pub(crate) fn word(bytes: &[u8]) -> u32 {
    let mut four = [0; 4];
    four[..bytes.len()].copy_from_slice(bytes);
    u32::from_le_bytes(four)
}

/// A slice of at least `count` bytes that starts with those of `from`.
#[inline(always)]
fn at_least<'a, const LEN: usize>(from: &'a [u8], count: usize, run: &'a mut [u8; LEN]) -> &'a [u8] {
    if from.len() >= count {
        return from;
    }
    run[..from.len()].copy_from_slice(from);
    &run[..count]
}

/// A dense layer whose outputs are bytes.
#[inline(always)]
fn dense<S: Dots>(s: S, layer: &Dense<'_>, inputs: &[u32], output: &mut [u8]) {
    let outputs = layer.biases.len();
    for at in (0..outputs).step_by(S::WIDTH) {
        let range = at..(at + S::WIDTH).min(outputs);
        let start = s.load_part(&layer.biases[range.clone()]);
        let sums = dense_sums(s, layer.weights, outputs, at, inputs, start);
        let (multipliers, shifts) =
            (s.load_part(&layer.multipliers[range.clone()]), s.load_part(&layer.shifts[range.clone()]));
        s.store_bytes(&mut output[range], s.requantise_lanes(sums, multipliers, shifts));
    }
}

/// A dense layer whose outputs are logits.
#[inline(always)]
fn logits<S: Dots>(s: S, layer: &Dense<'_>, inputs: &[u32], output: &mut [f32]) {
    let outputs = layer.biases.len();
    for at in (0..outputs).step_by(S::WIDTH) {
        let range = at..(at + S::WIDTH).min(outputs);
        let start = s.load_part(&layer.biases[range.clone()]);
        let mut sums = [0; MAX_WIDTH];
        store_at(s, &mut sums, 0, dense_sums(s, layer.weights, outputs, at, inputs, start));
        for ((to, &sum), &scale) in output[range.clone()].iter_mut().zip(&sums).zip(&layer.multipliers[range]) {
            *to = sum as i32 as f32 * f32::from_bits(scale);
        }
    }
}
