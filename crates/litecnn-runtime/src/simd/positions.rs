//! Maps of bytes in planes of four channels each: a lane is a position.
//!
//! All values are in one memory, which is checked once a run of positions; inside, pointers.

use core::ops::Range;

use super::int8::{ByteOf, Dots};

/// Four channels that come out: what their sums start with, and how they become bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'t> {
    pub(crate) biases: [u32; 4],
    pub(crate) by: [ByteOf; 4],
    /// The largest byte of each.
    pub(crate) most: u32,
    /// Empty for poolings.
    pub(crate) weights: &'t [u32],
}

/// Where a run of positions lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) count: usize,
    /// The word of the first position.
    pub(crate) to: usize,
    /// That of what is added.
    pub(crate) added: Option<usize>,
}

/// What the positions of a run see: in each plane, each row of the kernel and each of its columns a word, and as many
/// as there are positions from there on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taps {
    /// Of the first plane's first row and column.
    pub(crate) input: usize,
    /// From a plane to the next one.
    pub(crate) plane: usize,
    pub(crate) rows: usize,
    pub(crate) row: usize,
    pub(crate) columns: usize,
    /// Columns come in so many phases, as far apart as `phase`; after the last one comes the first again, a word further.
    pub(crate) phases: usize,
    pub(crate) phase: usize,
}

/// What is made of each channel's window alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// The sum of products with `weights[row][column / 4][channel]`, words of four columns.
    Products,
    /// The largest byte, times [`POOLED`].
    Largest,
    /// The sum of bytes, each times [`POOLED`].
    Sum,
}

/// What poolings multiply by, so that a byte can be made of a sum of few.
pub(crate) const POOLED: u32 = 127;

impl Taps {
    /// The column after one that is in phase `phase`.
    #[inline(always)]
    fn next(&self, from: *const u32, phase: &mut usize) -> *const u32 {
        *phase += 1;
        if *phase < self.phases {
            return from.wrapping_add(self.phase);
        }
        *phase = 0;
        from.wrapping_sub((self.phases - 1) * self.phase).wrapping_add(1)
    }

    /// Panics if `count` positions see what is not in the memory.
    fn check(&self, memory: &[u32], planes: usize, count: usize) {
        assert!(planes > 0 && self.rows > 0 && self.columns > 0 && self.phases > 0 && count > 0);
        let last = (self.phases.min(self.columns) - 1) * self.phase + (self.columns - 1) / self.phases;
        assert!(self.input + (planes - 1) * self.plane + (self.rows - 1) * self.row + last + count <= memory.len());
    }
}

impl Run {
    /// Whole vectors are read, what is written ends with the run.
    fn check<S: Dots>(&self, memory: &[u32]) {
        assert!(self.to + self.count <= memory.len());
        assert!(self.added.is_none_or(|added| added + self.count.next_multiple_of(S::WIDTH) <= memory.len()));
    }
}

/// Bytes of sums of products with `weights[plane][row][column][4]`, words of four channels that come in, of the planes
/// `planes`.
#[inline(always)]
pub(crate) fn products<S: Dots>(
    s: S,
    memory: &mut [u32],
    block: &Block<'_>,
    taps: &Taps,
    planes: Range<usize>,
    run: &Run,
) {
    taps.check(memory, planes.end, run.count.next_multiple_of(S::WIDTH));
    run.check::<S>(memory);
    assert!(block.weights.len() >= planes.len() * taps.rows * taps.columns * 4);
    let by = s.channels(&block.by);
    let memory = memory.as_mut_ptr();
    let mut at = 0;
    // SAFETY: reads of whole vectors are checked above, tiles are no longer than what is left of them; writes end with
    // the run.
    unsafe {
        while at < run.count {
            let left = (run.count - at).div_ceil(S::WIDTH);
            if S::MANY && left >= 4 {
                tile::<S, 4>(s, memory, block, &by, taps, &planes, run, at);
                at += 4 * S::WIDTH;
            } else if left >= 2 {
                tile::<S, 2>(s, memory, block, &by, taps, &planes, run, at);
                at += 2 * S::WIDTH;
            } else {
                tile::<S, 1>(s, memory, block, &by, taps, &planes, run, at);
                at += S::WIDTH;
            }
        }
    }
}

/// Sums of the one position there is, before they are scaled.
#[inline(always)]
pub(crate) fn products_as_they_are<S: Dots>(
    s: S,
    memory: &[u32],
    block: &Block<'_>,
    taps: &Taps,
    planes: Range<usize>,
) -> [i32; 4] {
    taps.check(memory, planes.end, S::WIDTH);
    assert!(block.weights.len() >= planes.len() * taps.rows * taps.columns * 4);
    // SAFETY: as checked above.
    let [sums] = unsafe { sums::<S, 1>(s, memory.as_ptr(), block, taps, &planes, 0) };
    let mut of_first = [0; 4];
    for o in 0..4 {
        of_first[o] = first(s, sums[o])[0];
    }
    of_first
}

/// `P` vectors of positions from `at` on.
///
/// # Safety
/// As [`products`] checks.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "what the loop around it knows")]
unsafe fn tile<S: Dots, const P: usize>(
    s: S,
    memory: *mut u32,
    block: &Block<'_>,
    by: &S::Channels,
    taps: &Taps,
    planes: &Range<usize>,
    run: &Run,
    at: usize,
) {
    // SAFETY: as the caller says.
    unsafe {
        let sums = sums::<S, P>(s, memory.cast_const(), block, taps, planes, at);
        for p in 0..P {
            finish(s, memory, s.transpose(sums[p]), by, block.most, run, at + p * S::WIDTH);
        }
    }
}

/// Sums of `P` vectors of positions from `at` on: of each four channels.
///
/// # Safety
/// As [`products`] checks.
#[inline(always)]
unsafe fn sums<S: Dots, const P: usize>(
    s: S,
    memory: *const u32,
    block: &Block<'_>,
    taps: &Taps,
    planes: &Range<usize>,
    at: usize,
) -> [[S::V; 4]; P] {
    let mut sums = [[s.splat(0); 4]; P];
    for o in 0..4 {
        for p in 0..P {
            sums[p][o] = s.splat(block.biases[o]);
        }
    }
    let mut weights = block.weights.as_ptr();
    // SAFETY: planes, rows and columns are those whose ends the caller has checked, as are the weights.
    unsafe {
        let mut plane = memory.add(taps.input + planes.start * taps.plane + at);
        for _ in 0..planes.len() {
            let mut row = plane;
            for _ in 0..taps.rows {
                let (mut from, mut phase) = (row, 0);
                for _ in 0..taps.columns {
                    let mut data = [s.data(s.splat(0)); P];
                    for p in 0..P {
                        data[p] = s.data(s.load(from.add(p * S::WIDTH)));
                    }
                    for o in 0..4 {
                        let weight = s.weights(s.splat(*weights.add(o)));
                        for p in 0..P {
                            sums[p][o] = s.dot(sums[p][o], data[p], weight);
                        }
                    }
                    weights = weights.wrapping_add(4);
                    from = taps.next(from, &mut phase);
                }
                row = row.wrapping_add(taps.row);
            }
            plane = plane.wrapping_add(taps.plane);
        }
    }
    sums
}

/// Sums of a vector of positions, in every quarter lane `j` of vector `i` that of position `i` and channel `j`, as bytes
/// into the memory.
///
/// # Safety
/// As [`Run::check`] checks.
#[inline(always)]
unsafe fn finish<S: Dots>(s: S, memory: *mut u32, sums: [S::V; 4], by: &S::Channels, most: u32, run: &Run, at: usize) {
    // SAFETY: as the caller says. What is added is read before the outcome is written.
    unsafe {
        let mut added = None;
        if let Some(from) = run.added {
            added = Some(s.load(memory.cast_const().add(from + at)));
        }
        let bytes = s.min_bytes(s.requantise_channels(sums, by, added), s.splat(most));
        let to = memory.add(run.to + at);
        if at + S::WIDTH <= run.count {
            s.store(to, bytes);
        } else {
            let mut lanes = [0; super::MAX_WIDTH];
            s.store(lanes.as_mut_ptr(), bytes);
            core::ptr::copy_nonoverlapping(lanes.as_ptr(), to, run.count - at);
        }
    }
}

/// Bytes of the windows of one plane, each channel alone.
#[inline(always)]
pub(crate) fn alone_bytes<S: Dots>(
    s: S,
    memory: &mut [u32],
    window: Window,
    block: &Block<'_>,
    taps: &Taps,
    plane: usize,
    run: &Run,
) {
    taps.check(memory, plane + 1, run.count.next_multiple_of(S::WIDTH));
    run.check::<S>(memory);
    let by = s.channels(&block.by);
    check_weights(window, block, taps);
    let memory = memory.as_mut_ptr();
    for at in (0..run.count).step_by(S::WIDTH) {
        // SAFETY: reads of whole vectors are checked above; writes end with the run.
        unsafe {
            let sums = window_of(s, memory.cast_const(), window, block, taps, plane, at);
            finish(s, memory, sums, &by, block.most, run, at);
        }
    }
}

/// [`products_as_they_are`] of the window of one plane.
#[inline(always)]
pub(crate) fn alone_as_they_are<S: Dots>(
    s: S,
    memory: &[u32],
    window: Window,
    block: &Block<'_>,
    taps: &Taps,
    plane: usize,
) -> [i32; 4] {
    taps.check(memory, plane + 1, S::WIDTH);
    check_weights(window, block, taps);
    // SAFETY: as checked above.
    let [sums, ..] = unsafe { window_of(s, memory.as_ptr(), window, block, taps, plane, 0) };
    first(s, sums)
}

fn check_weights(window: Window, block: &Block<'_>, taps: &Taps) {
    assert!(window != Window::Products || block.weights.len() >= taps.rows * taps.columns.div_ceil(4) * 4);
}

/// Sums of a vector of positions from `at` on, as [`finish`] wants them.
///
/// # Safety
/// As [`alone_bytes`] checks.
#[inline(always)]
unsafe fn window_of<S: Dots>(
    s: S,
    memory: *const u32,
    window: Window,
    block: &Block<'_>,
    taps: &Taps,
    plane: usize,
    at: usize,
) -> [S::V; 4] {
    let mut sums = [s.broadcast(block.biases); 4];
    let mut weights = block.weights.as_ptr();
    let pooled = s.splat(u32::from_le_bytes([POOLED as u8; 4]));
    let mut largest = s.splat(0);
    // SAFETY: rows and columns are those whose ends the caller has checked, as are the weights.
    unsafe {
        let mut row = memory.add(taps.input + plane * taps.plane + at);
        for _ in 0..taps.rows {
            let (mut from, mut phase) = (row, 0);
            if window == Window::Largest {
                for _ in 0..taps.columns {
                    largest = s.max_bytes(largest, s.load(from));
                    from = taps.next(from, &mut phase);
                }
            } else {
                let mut column = 0;
                while column < taps.columns {
                    let mut four = [s.splat(0); 4];
                    for k in 0..4 {
                        if column + k < taps.columns {
                            four[k] = s.load(from);
                            from = taps.next(from, &mut phase);
                        }
                    }
                    let mut weight = pooled;
                    if window == Window::Products {
                        weight = s.broadcast(weights.cast::<[u32; 4]>().read_unaligned());
                        weights = weights.wrapping_add(4);
                    }
                    let (four, weight) = (s.interleave(four), s.weights(weight));
                    for i in 0..4 {
                        sums[i] = s.dot(sums[i], s.data(four[i]), weight);
                    }
                    column += 4;
                }
            }
            row = row.wrapping_add(taps.row);
        }
    }
    if window == Window::Largest {
        let four = s.interleave([largest, s.splat(0), s.splat(0), s.splat(0)]);
        for i in 0..4 {
            sums[i] = s.dot(sums[i], s.data(four[i]), s.weights(pooled));
        }
    }
    sums
}

/// The first four lanes.
#[inline(always)]
fn first<S: Dots>(s: S, v: S::V) -> [i32; 4] {
    let mut lanes = [0; super::MAX_WIDTH];
    super::store_at(s, &mut lanes, 0, v);
    [0, 1, 2, 3].map(|i| lanes[i] as i32)
}

/// Every second word of a row to `even`, the others to `odd`, `count` of each. Whole halves of vectors are read and
/// written.
#[inline(always)]
pub(crate) fn split<S: Dots>(s: S, memory: &mut [u32], from: usize, [even, odd]: [usize; 2], count: usize) {
    let half = S::WIDTH / 2;
    let count = count.next_multiple_of(half);
    assert!(from + 2 * count <= memory.len() && even.max(odd) + count <= memory.len());
    let memory = memory.as_mut_ptr();
    for i in (0..count).step_by(half) {
        // SAFETY: the ends are checked above.
        unsafe { s.split_to(s.load(memory.cast_const().add(from + 2 * i)), memory.add(even + i), memory.add(odd + i)) };
    }
}
