//! A convolution that keeps the size of the map (odd kernel, step 1, zeros around), forward and backward, a row at a
//! time. Buffers are laid out as [`Map`] says.

use std::ops::Range;

use super::map::{Map, Vector};
use crate::simd::{LANES, Simd, with_level};

/// Channels out computed together, at most.
const WIDEST: usize = 6;
/// Pixels of a row for which all channels out are computed before going on.
const TILE: usize = 4;

/// Shape of one convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conv {
    pub(crate) kernel: usize,
    /// Of the input.
    pub(crate) map: Map,
    pub(crate) out: usize,
}

impl Conv {
    pub(crate) fn output(&self) -> Map {
        self.map.with(self.out)
    }

    /// `[out][in][kernel][kernel]`.
    pub(crate) fn weights(&self) -> usize {
        self.out * self.map.channels * self.taps()
    }

    fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Weights `[out][in][ky][kx]` as the forward kernel reads them.
    pub(crate) fn pack(&self, weights: &[f32], packed: &mut Vec<f32>) {
        let (inputs, taps) = (self.map.channels, self.taps());
        pack(self.out, inputs, taps, |o, i, k| weights[(o * inputs + i) * taps + k], packed);
    }

    /// The same for the way back, which is a convolution with the kernel turned about and channels in and out swapped.
    pub(crate) fn pack_back(&self, weights: &[f32], packed: &mut Vec<f32>) {
        let (inputs, taps) = (self.map.channels, self.taps());
        pack(inputs, self.out, taps, |i, o, k| weights[(o * inputs + i) * taps + taps - 1 - k], packed);
    }

    /// The convolution from gradients of the output to those of the input.
    pub(crate) fn back(&self) -> Self {
        Self { map: self.output(), out: self.map.channels, ..*self }
    }
}

/// Channels out computed together: as leaves the fewest idle.
fn block(out: usize) -> usize {
    (4..=WIDEST).rev().min_by_key(|&size| out.next_multiple_of(size)).unwrap_or(WIDEST)
}

/// `[block][ky][in][kx][out of the block]`; what does not exist is zero.
fn pack(out: usize, inputs: usize, taps: usize, weight: impl Fn(usize, usize, usize) -> f32, packed: &mut Vec<f32>) {
    let (size, side) = (block(out), taps.isqrt());
    packed.clear();
    packed.resize(out.div_ceil(size) * taps * inputs * size, 0.0);
    for o in 0..out {
        for i in 0..inputs {
            for k in 0..taps {
                let place = ((o / size * side + k / side) * inputs + i) * side + k % side;
                packed[place * size + o % size] = weight(o, i, k);
            }
        }
    }
}

with_level! {
    /// Row `y` of the output, written to `to`, or added to what is there.
    pub(crate) fn row(conv: &Conv, y: usize, input: &[Vector], packed: &[f32], to: &mut [Vector], add: bool) = row_with
}

#[inline(always)]
unsafe fn row_with<S: Simd>(conv: &Conv, y: usize, input: &[Vector], packed: &[f32], to: &mut [Vector], add: bool) {
    assert_eq!(input.len(), conv.map.vectors());
    assert_eq!(to.len(), conv.output().row());
    let size = block(conv.out);
    assert_eq!(packed.len(), conv.out.div_ceil(size) * conv.taps() * conv.map.channels * size);
    assert!(y < conv.map.height && conv.kernel <= 3);
    // SAFETY: the lengths above are all that the kernels touch.
    unsafe {
        match (conv.kernel, size) {
            (1, 4) => row_of::<S, 1, 4>(conv, y, input, packed, to, add),
            (1, 5) => row_of::<S, 1, 5>(conv, y, input, packed, to, add),
            (1, _) => row_of::<S, 1, 6>(conv, y, input, packed, to, add),
            (_, 4) => row_of::<S, 3, 4>(conv, y, input, packed, to, add),
            (_, 5) => row_of::<S, 3, 5>(conv, y, input, packed, to, add),
            (_, _) => row_of::<S, 3, 6>(conv, y, input, packed, to, add),
        }
    }
}

#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn row_of<S: Simd, const K: usize, const B: usize>(
    conv: &Conv,
    y: usize,
    input: &[Vector],
    packed: &[f32],
    to: &mut [Vector],
    add: bool,
) {
    let (map, out) = (conv.map, conv.output());
    let half = K / 2;
    // Rows of the kernel that lie within the map.
    let first = half.saturating_sub(y);
    let last = K.min(map.height + half - y);
    // Pixels whose inputs are in the nearest cache while all channels out are computed.
    for tile in (0..map.width).step_by(TILE) {
        let end = map.width.min(tile + TILE);
        for b in 0..conv.out.div_ceil(B) {
            let there = B.min(conv.out - b * B);
            let mut lane = 0;
            while lane < LANES {
                let mut x = tile;
                while x < end {
                    unsafe {
                        let window = Window {
                            input: input
                                .as_ptr()
                                .cast::<f32>()
                                .add((map.at(y + first - half, 0) + x - half) * LANES + lane),
                            row: map.row() * LANES,
                            line: map.line() * LANES,
                            channels: map.channels,
                            weights: packed.as_ptr().add((b * K + first) * map.channels * K * B),
                            rows: last - first,
                        };
                        let to = to.as_mut_ptr().cast::<f32>().add((out.at(0, b * B) + x) * LANES + lane);
                        let line = out.line() * LANES;
                        if S::PIXELS == 4 && x + 4 <= end {
                            window.pixels::<S, K, B, 4>(to, line, there, add);
                            x += 4;
                        } else if x + 2 <= end {
                            window.pixels::<S, K, B, 2>(to, line, there, add);
                            x += 2;
                        } else {
                            window.pixels::<S, K, B, 1>(to, line, there, add);
                            x += 1;
                        }
                    }
                }
                lane += S::WIDTH;
            }
        }
    }
}

/// What some neighbouring pixels of the output see.
struct Window {
    input: *const f32,
    /// Distances of rows and channels.
    row: usize,
    line: usize,
    channels: usize,
    weights: *const f32,
    rows: usize,
}

impl Window {
    #[inline(always)]
    #[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
    unsafe fn pixels<S: Simd, const K: usize, const B: usize, const P: usize>(
        &self,
        to: *mut f32,
        line: usize,
        there: usize,
        add: bool,
    ) {
        unsafe {
            let mut acc = [[S::zero(); B]; P];
            let mut weights = self.weights;
            for ky in 0..self.rows {
                let row = self.input.add(ky * self.row);
                for c in 0..self.channels {
                    let from = row.add(c * self.line);
                    for kx in 0..K {
                        let mut x = [S::zero(); P];
                        for p in 0..P {
                            x[p] = S::load(from.add((p + kx) * LANES));
                        }
                        for o in 0..B {
                            let weight = S::splat(*weights.add(o));
                            for p in 0..P {
                                acc[p][o] = S::fma(weight, x[p], acc[p][o]);
                            }
                        }
                        weights = weights.add(B);
                    }
                }
            }
            for o in 0..B {
                if o < there {
                    for p in 0..P {
                        let to = to.add(o * line + p * LANES);
                        let value = if add { S::add(S::load(to), acc[p][o]) } else { acc[p][o] };
                        S::store(to, value);
                    }
                }
            }
        }
    }
}

with_level! {
    /// Adds what some rows say to the sums of the weights' gradients, `[out][in][ky][kx][16]`; `by_output` has these rows.
    pub(crate) fn weight_gradients(conv: &Conv, rows: Range<usize>, input: &[Vector], by_output: &[Vector], sums: &mut [Vector]) = weight_gradients_with
}

#[inline(always)]
unsafe fn weight_gradients_with<S: Simd>(
    conv: &Conv,
    rows: Range<usize>,
    input: &[Vector],
    by_output: &[Vector],
    sums: &mut [Vector],
) {
    assert_eq!(input.len(), conv.map.vectors());
    assert_eq!(by_output.len(), rows.len() * conv.output().row());
    assert_eq!(sums.len(), conv.weights());
    assert!(rows.end <= conv.map.height && conv.kernel <= 3);
    // SAFETY: the lengths above are all that the kernels touch.
    unsafe {
        // As many sums as the registers hold.
        if S::PIXELS == 4 {
            pieces::<S, 5, 4>(conv, &rows, input, by_output, sums);
        } else {
            pieces::<S, 4, 3>(conv, &rows, input, by_output, sums);
        }
    }
}

/// Piece by piece: of `O` channels out and `I` in as far as there are, else of single ones.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn pieces<S: Simd, const O: usize, const I: usize>(
    conv: &Conv,
    rows: &Range<usize>,
    input: &[Vector],
    by_output: &[Vector],
    sums: &mut [Vector],
) {
    let inputs = conv.map.channels;
    let mut o = 0;
    while o < conv.out {
        let outs = if o + O <= conv.out { O } else { 1 };
        let mut i = 0;
        while i < inputs {
            let ins = if i + I <= inputs { I } else { 1 };
            for ky in 0..conv.kernel {
                for kx in 0..conv.kernel {
                    let piece = Piece { conv, rows: rows.clone(), o, i, ky, kx };
                    unsafe {
                        match (outs == O, ins == I) {
                            (true, true) => piece.add::<S, O, I>(input, by_output, sums),
                            (true, _) => piece.add::<S, O, 1>(input, by_output, sums),
                            (_, true) => piece.add::<S, 1, I>(input, by_output, sums),
                            _ => piece.add::<S, 1, 1>(input, by_output, sums),
                        }
                    }
                }
            }
            i += ins;
        }
        o += outs;
    }
}

/// Some weights: of channels from `o` and `i` on, at one place of the kernel.
struct Piece<'a> {
    conv: &'a Conv,
    rows: Range<usize>,
    o: usize,
    i: usize,
    ky: usize,
    kx: usize,
}

impl Piece<'_> {
    #[inline(always)]
    #[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
    unsafe fn add<S: Simd, const O: usize, const I: usize>(
        &self,
        input: &[Vector],
        by_output: &[Vector],
        sums: &mut [Vector],
    ) {
        let (map, out) = (self.conv.map, self.conv.output());
        let half = self.conv.kernel / 2;
        let (input, by_output) = (input.as_ptr().cast::<f32>(), by_output.as_ptr().cast::<f32>());
        let place = |o: usize, i: usize| {
            (((self.o + o) * map.channels + self.i + i) * self.conv.kernel + self.ky) * self.conv.kernel + self.kx
        };
        let mut lane = 0;
        while lane < LANES {
            unsafe {
                let sums = sums.as_mut_ptr().cast::<f32>();
                let mut acc = [[S::zero(); I]; O];
                for o in 0..O {
                    for i in 0..I {
                        acc[o][i] = S::load(sums.add(place(o, i) * LANES + lane));
                    }
                }
                for y in self.rows.clone() {
                    let seen = y + self.ky;
                    if seen < half || seen - half >= map.height {
                        continue;
                    }
                    let g = by_output.add(out.at(y - self.rows.start, self.o) * LANES + lane);
                    let x = input.add((map.at(seen - half, self.i) + self.kx - half) * LANES + lane);
                    for p in 0..map.width {
                        let mut xs = [S::zero(); I];
                        for i in 0..I {
                            xs[i] = S::load(x.add((i * map.line() + p) * LANES));
                        }
                        for o in 0..O {
                            let g = S::load(g.add((o * out.line() + p) * LANES));
                            for i in 0..I {
                                acc[o][i] = S::fma(g, xs[i], acc[o][i]);
                            }
                        }
                    }
                }
                for o in 0..O {
                    for i in 0..I {
                        S::store(sums.add(place(o, i) * LANES + lane), acc[o][i]);
                    }
                }
            }
            lane += S::WIDTH;
        }
    }
}
