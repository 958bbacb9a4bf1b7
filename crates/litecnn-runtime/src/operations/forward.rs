//! Operations one after the other.

use super::LINE;
use super::form::normalisation;
use super::record::{Operation, OperationKind, Operations, Value};
use crate::Level;
use crate::model::take;
use crate::simd::{Alone, Simd, Store, Sums, Task, Window, alone, sums};

/// What all images have in common.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'t> {
    pub(crate) operations: Operations<'t>,
    pub(crate) weights: &'t [f32],
    /// Where the padded rows of a convolution lie in the memory.
    pub(crate) rows: usize,
}

/// Logits of the image that lies in the memory. A function of its own, so that it is not compiled anew for each kind of
/// pixels.
pub(crate) fn forward(level: Level, setting: Setting<'_>, memory: &mut [f32], output: &mut [f32]) {
    level.run(Forward { setting, memory });
    let operations = setting.operations;
    output.copy_from_slice(&memory[operations.value(operations.len()).place..][..output.len()]);
}

struct Forward<'t> {
    setting: Setting<'t>,
    memory: &'t mut [f32],
}

impl Task for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { setting: Setting { operations, mut weights, rows }, memory } = self;
        take(&mut weights, normalisation(operations.image.channels) as usize);
        for index in 1..=operations.len() {
            // Looked at when the model was loaded.
            let Some(operation) = operations.get(index) else { return };
            let from = operations.value(usize::from(operation.from));
            let to = operations.value(index);
            let added = operation.added.map(|added| operations.value(usize::from(added)).place);
            let count = operation.weights(from.channels) as usize;
            let of_this = &take(&mut weights, count.next_multiple_of(LINE))[..count];
            let (kernel, bias) = of_this.split_at(count.saturating_sub(to.channels));
            let step = Step { operation, from, to, added, rows };
            let memory = &mut *memory;
            match operation.kind {
                OperationKind::Convolution if operation.is_depthwise(from.channels) => {
                    s.call(EachAlone { step, kind: Kind::Products(kernel, bias), memory });
                }
                OperationKind::Convolution => s.call(Convolution { step, kernel, bias, memory }),
                OperationKind::MaxPool => s.call(EachAlone { step, kind: Kind::Largest, memory }),
                OperationKind::AveragePool => s.call(EachAlone { step, kind: Kind::Mean, memory }),
            }
        }
    }
}

/// An operation with what it reads and gives.
#[derive(Clone, Copy)]
struct Step {
    operation: Operation,
    from: Value,
    to: Value,
    added: Option<usize>,
    rows: usize,
}

impl Step {
    /// What comes of row `y`, from channel `channel` on.
    #[inline(always)]
    fn store(&self, y: usize, channel: usize) -> Store {
        let at = y * self.to.width * self.to.channels + channel;
        Store {
            count: self.to.width,
            to: self.to.place + at,
            step: self.to.channels,
            added: self.added.map(|added| added + at),
            bounds: self.operation.activation.bounds(),
        }
    }

    /// The rows of the map that row `y` is made of, and the first of the kernel's rows that meets one.
    #[inline(always)]
    fn window(&self, y: usize) -> (core::ops::Range<usize>, usize) {
        let [stride, padding, kernel] =
            [self.operation.stride, self.operation.padding, self.operation.kernel].map(|of| usize::from(of[0]));
        let start = y * stride;
        let rows = start.saturating_sub(padding)..(start + kernel - padding).min(self.from.height);
        (rows, padding.saturating_sub(start))
    }
}

struct Convolution<'t> {
    step: Step,
    /// `[group][row][column][input][output]`
    kernel: &'t [f32],
    bias: &'t [f32],
    memory: &'t mut [f32],
}

impl Task for Convolution<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { mut step, kernel, bias, memory } = self;
        let operation = step.operation;
        let [groups, columns] = [usize::from(operation.groups), usize::from(operation.kernel[1])];
        let [stride, padding] = [operation.stride, operation.padding].map(|of| usize::from(of[1]));
        if operation.kernel == [1, 1] && operation.stride == [1, 1] {
            // Rows do not matter.
            for value in [&mut step.from, &mut step.to] {
                (value.height, value.width) = (1, value.height * value.width);
            }
        }
        let Step { from, to, rows, .. } = step;
        let [inputs, outputs] = [from.channels, to.channels].map(|channels| channels / groups);
        let of_group = kernel.len() / groups;
        let of_row = of_group / usize::from(operation.kernel[0]);
        // Without groups, a row of the kernel is one run of values.
        let (runs, run_len) = if groups == 1 { (1, columns * inputs) } else { (columns, inputs) };
        let len = from.width * from.channels;
        let mut ring = (padding > 0).then(|| {
            let ring =
                Ring { place: rows, slots: usize::from(operation.kernel[0]), padding: padding * from.channels, len };
            memory[rows..][..ring.slots * ring.slot_len()].fill(0.0);
            ring
        });
        let mut copied = 0;
        for y in 0..to.height {
            let (window, first) = step.window(y);
            let (input, slots, slot_len, slot) = match &mut ring {
                None => (from.place, from.height, len, window.start),
                Some(ring) => {
                    for row in copied.max(window.start)..window.end {
                        ring.copy(memory, from.place, row);
                    }
                    copied = window.end;
                    (ring.place, ring.slots, ring.slot_len(), window.start % ring.slots)
                }
            };
            for group in 0..groups {
                let row = Sums {
                    input: input + group * inputs,
                    slots,
                    slot_len,
                    slot,
                    rows: window.len(),
                    runs,
                    run_len,
                    run_step: from.channels,
                    step: stride * from.channels,
                    outputs,
                    store: step.store(y, group * outputs),
                };
                let kernel = &kernel[group * of_group + first * of_row..][..window.len() * of_row];
                sums(s, memory, kernel, &bias[group * outputs..][..outputs], &row);
            }
        }
    }
}

/// The last rows of a map with zeros beside them: row `y` is at `y % slots`.
struct Ring {
    place: usize,
    slots: usize,
    /// Zeros on either side.
    padding: usize,
    /// Values of a row of the map.
    len: usize,
}

impl Ring {
    #[inline(always)]
    fn slot_len(&self) -> usize {
        self.len + 2 * self.padding
    }

    #[inline(always)]
    fn copy(&self, memory: &mut [f32], map: usize, row: usize) {
        let to = self.place + row % self.slots * self.slot_len() + self.padding;
        let from = map + row * self.len;
        memory.copy_within(from..from + self.len, to);
    }
}

#[derive(Clone, Copy)]
enum Kind<'t> {
    /// Weights `[row][column][channel]` and biases.
    Products(&'t [f32], &'t [f32]),
    Largest,
    Mean,
}

struct EachAlone<'t> {
    step: Step,
    kind: Kind<'t>,
    memory: &'t mut [f32],
}

impl Task for EachAlone<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { mut step, kind, memory } = self;
        let operation = step.operation;
        if operation.kernel == [1, 1] && operation.stride == [1, 1] {
            for value in [&mut step.from, &mut step.to] {
                (value.height, value.width) = (1, value.height * value.width);
            }
        }
        let Step { from, to, .. } = step;
        let columns = usize::from(operation.kernel[1]);
        let places = usize::from(operation.kernel[0]) * columns;
        for y in 0..to.height {
            let (rows, first) = step.window(y);
            let row = Alone {
                input: from.place + rows.start * from.width * from.channels,
                width: from.width,
                rows: rows.len(),
                columns,
                stride: usize::from(operation.stride[1]),
                padding: usize::from(operation.padding[1]),
                channels: from.channels,
                store: step.store(y, 0),
            };
            let window = match kind {
                Kind::Products(weights, bias) => Window::Products(&weights[first * columns * from.channels..], bias),
                Kind::Largest => Window::Largest,
                Kind::Mean => Window::Mean(1.0 / places as f32),
            };
            alone(s, memory, window, &row);
        }
    }
}
