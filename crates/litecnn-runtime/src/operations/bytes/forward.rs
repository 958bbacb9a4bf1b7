//! Operations one after the other, on bytes.

use super::planes::{Planes, copies, phase, phases};
use super::weights::{Kernel, Weights};
use crate::operations::record::{Operation, OperationKind, Operations, Value};
use crate::planes::Pixel;
use crate::simd::positions::{
    Run, Taps, Window, alone_as_they_are, alone_bytes, products, products_as_they_are, split,
};
use crate::simd::{Dots, DotsTask};
use crate::{Layout, Level, Scaling};

/// What all images have in common.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'t> {
    pub(crate) operations: Operations<'t>,
    pub(crate) planes: Planes,
    pub(crate) words: &'t [u32],
    /// Where rows are copied to in the memory.
    pub(crate) rows: usize,
    pub(crate) layout: Layout,
    pub(crate) scaling: Scaling,
}

/// Logits of an image.
pub(crate) fn forward<P: Pixel>(
    level: Level,
    setting: &Setting<'_>,
    image: &[P],
    memory: &mut [u32],
    output: &mut [f32],
) {
    let Setting { operations, planes, mut words, .. } = *setting;
    let (zeros, rest) = words.split_at(operations.image.channels.div_ceil(4));
    words = rest;
    from_image(setting, zeros, image, memory);
    for index in 1..=operations.len() {
        // Looked at when the model was loaded.
        let Some(operation) = operations.get(index) else { return };
        let from = operations.value(usize::from(operation.from));
        let to = operations.value(index);
        let last = index == operations.len();
        let added = operation.added.map(|added| operations.value(usize::from(added)).place);
        let weights = Weights::take(&mut words, &operation, from.channels, last);
        let step = Step { operation, from, to, added, planes, rows: setting.rows, weights };
        if last {
            level.run_dots(Last { step, memory, output });
            return;
        }
        level.run_dots(Between { step, memory: &mut *memory });
        let plane = planes.plane(&to) as usize;
        for (block, plane) in memory[to.place..].chunks_exact_mut(plane).take(to.channels.div_ceil(4)).enumerate() {
            planes.surround(&to, plane, weights.zero(block));
        }
    }
}

/// An image into its planes.
fn from_image<P: Pixel>(setting: &Setting<'_>, zeros: &[u32], image: &[P], memory: &mut [u32]) {
    let Setting { operations, planes, layout, scaling, .. } = *setting;
    let value = operations.image;
    let (channels, width, area) = (value.channels, value.width, value.height * value.width);
    let (inverse, shift) = (1.0 / scaling.scale, scaling.shift);
    let plane = planes.plane(&value) as usize;
    for (block, (plane, &zero)) in memory[value.place..].chunks_exact_mut(plane).zip(zeros).enumerate() {
        let first = 4 * block;
        let count = (channels - first).min(4);
        for y in 0..value.height {
            let row = &mut plane[planes.place(&value, [y as isize, 0])..][..width];
            let positions = y * width..(y + 1) * width;
            match layout {
                Layout::Hwc => {
                    let pixels = &image[positions.start * channels..positions.end * channels];
                    for (to, pixel) in row.iter_mut().zip(pixels.chunks_exact(channels)) {
                        *to = word(&pixel[first..first + count], inverse, shift);
                    }
                }
                Layout::Chw => {
                    row.fill(0);
                    for c in 0..count {
                        let pixels = &image[(first + c) * area..][positions.clone()];
                        for (to, pixel) in row.iter_mut().zip(pixels) {
                            *to |= u32::from(pixel.byte(inverse, shift)) << (8 * c);
                        }
                    }
                }
            }
        }
        planes.surround(&value, plane, zero);
    }
}

/// Up to four pixels as bytes of a word.
#[inline(always)]
fn word<P: Pixel>(pixels: &[P], inverse: f32, shift: f32) -> u32 {
    let bytes = pixels.iter().enumerate();
    bytes.fold(0, |word, (c, pixel)| word | u32::from(pixel.byte(inverse, shift)) << (8 * c))
}

/// An operation with what it reads and gives.
#[derive(Clone, Copy)]
struct Step<'t> {
    operation: Operation,
    from: Value,
    to: Value,
    added: Option<usize>,
    planes: Planes,
    rows: usize,
    weights: Weights<'t>,
}

impl Step<'_> {
    /// Runs of positions, and the positions of each: one for all where outcomes lie as what they see does.
    #[inline(always)]
    fn runs(&self) -> [usize; 2] {
        let Self { operation, from, to, planes, .. } = self;
        let alike = operation.stride[0] == 1 && from.width == to.width && !copies(operation, to);
        if alike { [1, (to.height - 1) * planes.stride(to) + to.width] } else { [to.height, to.width] }
    }

    /// What run `y` sees.
    #[inline(always)]
    fn taps(&self, y: usize) -> Taps {
        let Self { operation, from, to, planes, .. } = self;
        let [rows, columns] = operation.kernel.map(usize::from);
        if copies(operation, to) {
            let (phases, phase) = (phases(operation, to), phase(operation, to));
            let row = phases * phase;
            return Taps { input: self.rows, plane: rows * row, rows, row, columns, phases, phase };
        }
        let input = from.place + self.planes.place(from, self.first(y));
        let (plane, row) = (planes.plane(from) as usize, planes.stride(from));
        Taps { input, plane, rows, row, columns, phases: 1, phase: 0 }
    }

    /// The first place that the first position of row `y` sees.
    #[inline(always)]
    fn first(&self, y: usize) -> [isize; 2] {
        let [down, right] = self.operation.padding.map(isize::from);
        [(y * usize::from(self.operation.stride[0])) as isize - down, -right]
    }

    /// Where what run `y` gives lies.
    #[inline(always)]
    fn run(&self, y: usize, count: usize, block: usize) -> Run {
        let at = block * self.planes.plane(&self.to) as usize + self.planes.place(&self.to, [y as isize, 0]);
        Run { count, to: self.to.place + at, added: self.added.map(|added| added + at) }
    }

    #[inline(always)]
    fn window(&self) -> Window {
        match self.operation.kind {
            OperationKind::Convolution => Window::Products,
            OperationKind::MaxPool => Window::Largest,
            OperationKind::AveragePool => Window::Sum,
        }
    }

    /// Copies the rows that row `y` sees, if they are not seen where they lie: `[plane][row][phase]`.
    #[inline(always)]
    fn copy<S: Dots>(&self, s: S, y: usize, memory: &mut [u32]) {
        let Self { operation, from, to, planes, .. } = self;
        if !copies(operation, to) {
            return;
        }
        let [rows, columns] = operation.kernel.map(usize::from);
        let (phases, phase) = (phases(operation, to), phase(operation, to));
        let count = to.width + (columns - 1) / phases;
        let [top, left] = self.first(y);
        let plane = planes.plane(from) as usize;
        for index in 0..from.channels.div_ceil(4) * rows {
            let row = top + (index % rows) as isize;
            let start = from.place + index / rows * plane + planes.place(from, [row, left]);
            let copy = self.rows + index * phases * phase;
            if operation.kind == OperationKind::MaxPool && operation.padding != [0, 0] {
                // Around the map there is what stands for zero, which may be more than what is in it.
                let within = (0..from.height as isize).contains(&row);
                for i in 0..count * phases {
                    let seen = within && (0..from.width as isize).contains(&(left + i as isize));
                    memory[copy + i % phases * phase + i / phases] = if seen { memory[start + i] } else { 0 };
                }
            } else if phases == 2 {
                split(s, memory, start, [copy, copy + phase], count);
            } else {
                for i in 0..count * phases {
                    // After the last column there may be nothing more.
                    let word = memory.get(start + i).copied().unwrap_or(0);
                    memory[copy + i % phases * phase + i / phases] = word;
                }
            }
        }
    }
}

/// An operation that gives bytes.
struct Between<'t> {
    step: Step<'t>,
    memory: &'t mut [u32],
}

impl DotsTask for Between<'_> {
    #[inline(always)]
    fn run<S: Dots>(self, s: S) {
        let Self { step, memory } = self;
        let [runs, count] = step.runs();
        for y in 0..runs {
            step.copy(s, y, memory);
            let (taps, mut weights) = (step.taps(y), step.weights);
            for block in 0..step.to.channels.div_ceil(4) {
                let kernel = Kernel::new(&step.operation, step.from.channels, block);
                let run = step.run(y, count, block);
                let block = weights.block(&kernel);
                if kernel.alone {
                    alone_bytes(s, memory, step.window(), &block, &taps, kernel.block, &run);
                } else {
                    products(s, memory, &block, &taps, kernel.planes, &run);
                }
            }
        }
    }
}

/// The operation that gives the logits, whose map is one position.
struct Last<'t> {
    step: Step<'t>,
    memory: &'t mut [u32],
    output: &'t mut [f32],
}

impl DotsTask for Last<'_> {
    #[inline(always)]
    fn run<S: Dots>(self, s: S) {
        let Self { step, memory, output } = self;
        step.copy(s, 0, memory);
        let (taps, mut weights) = (step.taps(0), step.weights);
        for (block, logits) in output.chunks_mut(4).enumerate() {
            let kernel = Kernel::new(&step.operation, step.from.channels, block);
            let of_block = weights.block(&kernel);
            let sums = if kernel.alone {
                alone_as_they_are(s, memory, step.window(), &of_block, &taps, block)
            } else {
                products_as_they_are(s, memory, &of_block, &taps, kernel.planes)
            };
            for (i, logit) in logits.iter_mut().enumerate() {
                *logit = sums[i] as f32 * step.weights.logit(4 * block + i);
            }
        }
    }
}
