//! Rows of maps whose channels lie side by side: a lane is a channel that comes out.
//!
//! All values are in one memory, which is checked once a row; inside, pointers.

use super::Simd;

/// What happens to a row of outcomes on its way into the memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store {
    /// Positions.
    pub(crate) count: usize,
    /// Where the first one's first channel lies.
    pub(crate) to: usize,
    /// From a position to the next: channels of the map.
    pub(crate) step: usize,
    /// Where what is added lies, in the same steps.
    pub(crate) added: Option<usize>,
    /// Least and largest value.
    pub(crate) bounds: [f32; 2],
}

/// A row of a convolution, of one group of channels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    /// Where the rows it reads start: `slots` of them, `slot_len` values apart, the first one read being `slot`. After
    /// the last comes the first.
    pub(crate) input: usize,
    pub(crate) slots: usize,
    pub(crate) slot_len: usize,
    pub(crate) slot: usize,
    /// Rows of the kernel.
    pub(crate) rows: usize,
    /// Of a row of the kernel, `runs` of `run_len` neighbouring values, `run_step` apart.
    pub(crate) runs: usize,
    pub(crate) run_len: usize,
    pub(crate) run_step: usize,
    /// From a position's values to the next one's.
    pub(crate) step: usize,
    /// Channels out.
    pub(crate) outputs: usize,
    pub(crate) store: Store,
}

/// A row of an operation on each channel alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alone {
    /// Where the first row read lies.
    pub(crate) input: usize,
    /// Positions of a row read.
    pub(crate) width: usize,
    /// Rows and columns of the window; of the rows, those within the map.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) channels: usize,
    pub(crate) store: Store,
}

/// What [`alone`] makes of a window.
#[derive(Clone, Copy)]
pub(crate) enum Window<'t> {
    /// The sum of products with `weights[row][column][channel]`, and a bias.
    Products(&'t [f32], &'t [f32]),
    /// The largest value.
    Largest,
    /// The sum times this.
    Mean(f32),
}

/// Sums of products with `weights[row][run][value][output]`, and `bias[output]`.
#[inline(always)]
pub(crate) fn sums<S: Simd>(s: S, memory: &mut [f32], weights: &[f32], bias: &[f32], row: &Sums) {
    let Sums { outputs, store, .. } = *row;
    assert!(store.count > 0 && row.rows > 0 && row.rows <= row.slots && row.slot < row.slots);
    assert!(row.runs > 0 && row.run_len > 0 && outputs > 0);
    let end = row.input + (row.slots - 1) * row.slot_len + (store.count - 1) * row.step;
    assert!(end + (row.runs - 1) * row.run_step + row.run_len <= memory.len());
    assert!(weights.len() >= row.rows * row.runs * row.run_len * outputs && bias.len() >= outputs);
    check(memory, &store, outputs);
    let memory = memory.as_mut_ptr();
    let mut o = 0;
    while o < outputs {
        let lanes = (outputs - o).min(2 * S::WIDTH);
        // SAFETY: reads and writes end as checked above, for `outputs` channels of `count` positions.
        unsafe {
            let (weights, bias) = (weights.as_ptr().add(o), bias.as_ptr().add(o));
            match (lanes > S::WIDTH, lanes % S::WIDTH == 0) {
                (true, true) => tiles::<S, 2, false>(s, memory, weights, bias, o, S::WIDTH, row),
                (true, false) => tiles::<S, 2, true>(s, memory, weights, bias, o, lanes - S::WIDTH, row),
                (false, true) => tiles::<S, 1, false>(s, memory, weights, bias, o, S::WIDTH, row),
                (false, false) => tiles::<S, 1, true>(s, memory, weights, bias, o, lanes, row),
            }
        }
        o += lanes;
    }
}

/// Panics if a row of outcomes does not fit.
#[inline(always)]
fn check(memory: &[f32], store: &Store, channels: usize) {
    for place in [Some(store.to), store.added].into_iter().flatten() {
        assert!(place + (store.count - 1) * store.step + channels <= memory.len());
    }
}

/// `V` vectors of outputs from `o` on, the last of which has `last` lanes (all, unless `TAIL`), at all positions.
///
/// # Safety
/// As [`sums`] checks; `weights` and `bias` point at output `o`.
#[inline(always)]
unsafe fn tiles<S: Simd, const V: usize, const TAIL: bool>(
    s: S,
    memory: *mut f32,
    weights: *const f32,
    bias: *const f32,
    o: usize,
    last: usize,
    row: &Sums,
) {
    let count = row.store.count;
    let mut x = 0;
    // SAFETY: the positions from `x` on are fewer than `count`.
    unsafe {
        while S::MANY && count - x >= 8 {
            tile::<S, 8, V, TAIL>(s, memory, weights, bias, o, last, x, row);
            x += 8;
        }
        while count - x >= 4 {
            tile::<S, 4, V, TAIL>(s, memory, weights, bias, o, last, x, row);
            x += 4;
        }
        if count - x >= 2 {
            tile::<S, 2, V, TAIL>(s, memory, weights, bias, o, last, x, row);
            x += 2;
        }
        if count > x {
            tile::<S, 1, V, TAIL>(s, memory, weights, bias, o, last, x, row);
        }
    }
}

/// `P` positions from `x` on.
///
/// # Safety
/// As for [`tiles`].
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "what the loops around it know")]
unsafe fn tile<S: Simd, const P: usize, const V: usize, const TAIL: bool>(
    s: S,
    memory: *mut f32,
    mut weights: *const f32,
    bias: *const f32,
    o: usize,
    last: usize,
    x: usize,
    row: &Sums,
) {
    let Sums { slots, slot_len, rows, runs, run_len, run_step, step, outputs, .. } = *row;
    let mut sums = [[s.zero(); V]; P];
    // SAFETY: for each row, run, value and position the caller has checked what is read.
    unsafe {
        for v in 0..V {
            let bias = load::<S, V, TAIL>(s, bias, v, last);
            for p in 0..P {
                sums[p][v] = bias;
            }
        }
        let first = memory.cast_const().add(row.input + x * step);
        let mut slot = row.slot;
        for _ in 0..rows {
            let mut run = first.add(slot * slot_len);
            for _ in 0..runs {
                let mut input = run;
                for _ in 0..run_len {
                    let mut factors = [s.zero(); V];
                    for v in 0..V {
                        factors[v] = load::<S, V, TAIL>(s, weights, v, last);
                    }
                    for p in 0..P {
                        let value = s.splat(*input.add(p * step));
                        for v in 0..V {
                            sums[p][v] = s.fma(factors[v], value, sums[p][v]);
                        }
                    }
                    // Beyond the end after the last one, where nothing is read.
                    (input, weights) = (input.wrapping_add(1), weights.wrapping_add(outputs));
                }
                run = run.wrapping_add(run_step);
            }
            slot = if slot + 1 == slots { 0 } else { slot + 1 };
        }
        finish::<S, P, V, TAIL>(s, memory, &row.store, x, o, last, sums);
    }
}

/// Vector `v` of `V`, of which the last has `last` lanes if `TAIL`.
///
/// # Safety
/// The pointer must be good for them.
#[inline(always)]
unsafe fn load<S: Simd, const V: usize, const TAIL: bool>(s: S, from: *const f32, v: usize, last: usize) -> S::V {
    // SAFETY: the caller vouches for as many values.
    unsafe {
        let from = from.add(v * S::WIDTH);
        if TAIL && v + 1 == V { s.load_few(from, last) } else { s.load_from(from) }
    }
}

/// Adds, bounds and stores the outcomes of `P` positions from `x` on and `V` vectors of channels from `o` on.
///
/// # Safety
/// As [`check`] checks.
#[inline(always)]
unsafe fn finish<S: Simd, const P: usize, const V: usize, const TAIL: bool>(
    s: S,
    memory: *mut f32,
    store: &Store,
    x: usize,
    o: usize,
    last: usize,
    mut values: [[S::V; V]; P],
) {
    let at = x * store.step + o;
    // SAFETY: the caller has checked positions and channels. What is added is read before the outcome is written.
    unsafe {
        if let Some(added) = store.added {
            let added = memory.cast_const().add(added + at);
            for p in 0..P {
                for v in 0..V {
                    let value = load::<S, V, TAIL>(s, added.add(p * store.step), v, last);
                    values[p][v] = s.add(values[p][v], value);
                }
            }
        }
        let [low, high] = store.bounds.map(|bound| s.splat(bound));
        let to = memory.add(store.to + at);
        for p in 0..P {
            for v in 0..V {
                // In this order what is no number stays what it is.
                let value = s.min(high, s.max(low, values[p][v]));
                let to = to.add(p * store.step + v * S::WIDTH);
                if TAIL && v + 1 == V { s.store_few(to, last, value) } else { s.store_to(to, value) }
            }
        }
    }
}

/// A row of outcomes of each channel alone.
#[inline(always)]
pub(crate) fn alone<S: Simd>(s: S, memory: &mut [f32], window: Window<'_>, row: &Alone) {
    let Alone { width, rows, columns, stride, padding, channels, store, .. } = *row;
    assert!(store.count > 0 && rows > 0 && columns > 0 && width > 0 && stride > 0 && padding < columns);
    // The last window begins within the map.
    assert!((store.count - 1) * stride < width + padding);
    assert!(row.input + rows * width * channels <= memory.len());
    check(memory, &store, channels);
    if let Window::Products(weights, bias) = window {
        assert!(weights.len() >= rows * columns * channels && bias.len() >= channels);
    }
    let memory = memory.as_mut_ptr();
    let mut c = 0;
    while c < channels {
        let lanes = (channels - c).min(S::WIDTH);
        // SAFETY: windows are cut to the map, which ends as checked above, as do outcomes and weights.
        unsafe {
            if lanes == S::WIDTH {
                channel::<S, false>(s, memory, window, c, lanes, row);
            } else {
                channel::<S, true>(s, memory, window, c, lanes, row);
            }
        }
        c += lanes;
    }
}

/// A vector of channels from `c` on.
///
/// # Safety
/// As [`alone`] checks.
#[inline(always)]
unsafe fn channel<S: Simd, const TAIL: bool>(
    s: S,
    memory: *mut f32,
    window: Window<'_>,
    c: usize,
    last: usize,
    row: &Alone,
) {
    let Alone { width, columns, stride, padding, store, .. } = *row;
    // Windows from the first to the second of these lie wholly within the row.
    let inner = padding.div_ceil(stride).min(store.count);
    let end = (width + padding).checked_sub(columns).map_or(0, |room| room / stride + 1).clamp(inner, store.count);
    let mut x = 0;
    // SAFETY: as the caller says.
    unsafe {
        while x < store.count {
            if x < inner || x >= end {
                let first = padding.saturating_sub(x * stride);
                let beyond = (width + padding - x * stride).min(columns);
                windows::<S, 1, TAIL, false>(s, memory, window, c, last, x, first..beyond, row);
                x += 1;
            } else if S::MANY && end - x >= 8 {
                if columns == 3 && stride == 1 {
                    windows::<S, 8, TAIL, true>(s, memory, window, c, last, x, 0..3, row);
                } else {
                    windows::<S, 8, TAIL, false>(s, memory, window, c, last, x, 0..columns, row);
                }
                x += 8;
            } else if end - x >= 4 {
                if columns == 3 && stride == 1 {
                    windows::<S, 4, TAIL, true>(s, memory, window, c, last, x, 0..3, row);
                } else {
                    windows::<S, 4, TAIL, false>(s, memory, window, c, last, x, 0..columns, row);
                }
                x += 4;
            } else {
                windows::<S, 1, TAIL, false>(s, memory, window, c, last, x, 0..columns, row);
                x += 1;
            }
        }
    }
}

/// `P` windows from `x` on, of which these columns lie in the map. If `USUAL`, these are all three, and windows are one
/// position apart, so that neighbours' addresses are computed once.
///
/// # Safety
/// As [`alone`] checks.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "what the loops around it know")]
unsafe fn windows<S: Simd, const P: usize, const TAIL: bool, const USUAL: bool>(
    s: S,
    memory: *mut f32,
    window: Window<'_>,
    c: usize,
    last: usize,
    x: usize,
    columns: core::ops::Range<usize>,
    row: &Alone,
) {
    let step = if USUAL { row.channels } else { row.stride * row.channels };
    let columns = if USUAL { 0..3 } else { columns };
    // The first position looked at lies in the map, since `columns` starts where it begins.
    let first = row.input + (x * row.stride + columns.start - row.padding) * row.channels + c;
    // SAFETY: the caller has checked rows, and `columns` are within the map.
    unsafe {
        let first = memory.cast_const().add(first);
        // A macro, since closures would not be compiled for the instructions.
        macro_rules! each {
            (|$place:ident, $tap:ident| $do:expr) => {
                for ky in 0..row.rows {
                    for kx in columns.clone() {
                        let $tap = (ky * row.columns + kx) * row.channels + c;
                        let $place = first.add((ky * row.width + kx - columns.start) * row.channels);
                        $do
                    }
                }
            };
        }
        let mut values = [[s.zero(); 1]; P];
        match window {
            Window::Products(weights, bias) => {
                values = [[load::<S, 1, TAIL>(s, bias.as_ptr().add(c), 0, last)]; P];
                each!(|place, tap| {
                    let weight = load::<S, 1, TAIL>(s, weights.as_ptr().add(tap), 0, last);
                    for p in 0..P {
                        let value = load::<S, 1, TAIL>(s, place.add(p * step), 0, last);
                        values[p][0] = s.fma(value, weight, values[p][0]);
                    }
                });
            }
            Window::Largest => {
                values = [[s.splat(f32::NEG_INFINITY)]; P];
                each!(|place, _tap| {
                    for p in 0..P {
                        let value = load::<S, 1, TAIL>(s, place.add(p * step), 0, last);
                        values[p][0] = s.max(values[p][0], value);
                    }
                });
            }
            Window::Mean(factor) => {
                each!(|place, _tap| {
                    for p in 0..P {
                        let value = load::<S, 1, TAIL>(s, place.add(p * step), 0, last);
                        values[p][0] = s.add(values[p][0], value);
                    }
                });
                for p in 0..P {
                    values[p][0] = s.mul(values[p][0], s.splat(factor));
                }
            }
        }
        finish::<S, P, 1, TAIL>(s, memory, &row.store, x, c, last, values);
    }
}
