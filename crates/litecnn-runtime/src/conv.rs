//! Convolution, max-pooling and ReLU in one go, by Winograd's minimal filtering: with `F(2, 3)` along both axes the
//! four values of a pooling window take 16 multiplications a channel instead of 36.
//!
//! For one axis, of four neighbouring inputs `d` and a kernel `g`:
//! `m = [(d0 - d2) g0, (d1 + d2) (g0 + g1 + g2) / 2, (d2 - d1) (g0 - g1 + g2) / 2, (d3 - d1) g2]`, and the two outputs
//! are `m0 + m1 + m2` and `m1 - m2 + m3` (with another sign of the last than usual, which makes it a sum).

pub(crate) use crate::shape::Conv;
use crate::shape::MAX_BLOCK;
use crate::simd::{Lanes, MAX_WIDTH, Simd, Task, differences, patch, products, split_each, store_each, transform};

/// Prepares the weights of one group, `[3][3][input][output]`, for [`Forward`]: `[4][input][4][output]`, or
/// `[output][3][4]` for a single input (along one axis only: transforming twice costs more than it saves there).
#[inline(always)]
pub(crate) fn prepare<S: Simd>(s: S, conv: &Conv, weights: &[f32], prepared: &mut [f32]) {
    let (inputs, outputs) = (conv.inputs, conv.outputs);
    let row = inputs * outputs;
    if conv.is_grey() {
        for (o, to) in prepared.chunks_exact_mut(12).enumerate() {
            for ky in 0..3 {
                let g: [f32; 3] = core::array::from_fn(|kx| weights[(3 * ky + kx) * outputs + o]);
                to[4 * ky..][..4].copy_from_slice(&points(g));
            }
        }
        return;
    }
    for c in 0..inputs {
        let mut o = 0;
        while o < outputs {
            // The last vector of several overlaps the one before.
            let at = if outputs >= S::WIDTH { o.min(outputs - S::WIDTH) } else { 0 };
            let count = S::WIDTH.min(outputs);
            let mut taps = [[s.zero(); 3]; 3];
            for tap in 0..9 {
                taps[tap / 3][tap % 3] = s.load_part(&weights[tap * row + c * outputs + at..][..count]);
            }
            let mut columns = [[s.zero(); 3]; 4];
            for kx in 0..3 {
                let column = vector_points(s, [taps[0][kx], taps[1][kx], taps[2][kx]]);
                for i in 0..4 {
                    columns[i][kx] = column[i];
                }
            }
            for i in 0..4 {
                let row_of = vector_points(s, columns[i]);
                for j in 0..4 {
                    let to = &mut prepared[4 * i * row + (4 * c + j) * outputs + at..][..count];
                    if count == S::WIDTH {
                        s.store(to, row_of[j]);
                    } else {
                        let mut part = [0.0; MAX_WIDTH];
                        s.store(&mut part, row_of[j]);
                        to.copy_from_slice(&part[..count]);
                    }
                }
            }
            o += S::WIDTH;
        }
    }
}

#[inline(always)]
fn vector_points<S: Simd>(s: S, [a, b, c]: [S::V; 3]) -> [S::V; 4] {
    let (half, outer) = (s.splat(0.5), s.add(a, c));
    [a, s.mul(s.add(outer, b), half), s.mul(s.sub(outer, b), half), c]
}

fn points([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, (a + c + b) * 0.5, (a + c - b) * 0.5, c]
}

/// Where pooled windows go.
pub(crate) enum Sink<'a> {
    /// As they are computed, `[output][windows]`, [`Conv::pooled_len`] of each output.
    Pooled(&'a mut [f32]),
    /// To the planes of the next convolution, if rows are whole vectors.
    Planes(&'a Conv, &'a mut [f32]),
}

impl Sink<'_> {
    /// Where a vector of windows goes, the first of which is number `at`: the place of output 0.
    #[inline(always)]
    fn place(&self, conv: &Conv, at: usize) -> usize {
        match self {
            Self::Pooled(_) => at,
            Self::Planes(next, _) => {
                let (y, x) = (at / conv.stride, at % conv.stride);
                y % 2 * 2 * next.plane_len + y / 2 * next.stride + x / 2
            }
        }
    }

    /// `N` vectors of windows of each of `B` outputs from `o` on.
    #[inline(always)]
    fn put<S: Simd, const N: usize, const B: usize>(
        &mut self,
        s: S,
        conv: &Conv,
        o: usize,
        places: [usize; N],
        v: [[S::V; N]; B],
    ) {
        match self {
            Self::Pooled(pooled) => store_each(s, &mut pooled[o * conv.pooled_len..], places, conv.pooled_len, v),
            Self::Planes(next, planes) => {
                let (len, step) = (next.plane_len, 4 * next.plane_len);
                // Beyond a row is the next one, written later.
                split_each(s, &mut planes[o * step..], places, step, len, v);
            }
        }
    }
}

/// Pooled windows of one group of outputs.
pub(crate) struct Forward<'t, 'a, L> {
    pub(crate) layer: Layer<'a>,
    /// How inputs lie.
    pub(crate) lanes: L,
    /// Vectors of windows.
    pub(crate) vectors: usize,
    /// Working memory.
    pub(crate) block: &'t mut [f32],
    pub(crate) sink: Sink<'t>,
}

impl<L: Lanes> Task for Forward<'_, '_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { layer, lanes, vectors, block, mut sink } = self;
        if layer.conv.is_grey() {
            return grey(s, &layer, lanes, vectors, &mut sink);
        }
        let mut at = 0;
        while at + MAX_BLOCK <= vectors {
            windows::<S, L, MAX_BLOCK>(s, &layer, lanes, at, block, &mut sink);
            at += MAX_BLOCK;
        }
        if at < vectors {
            windows::<S, L, 1>(s, &layer, lanes, at, block, &mut sink);
        }
    }
}

/// A group of a convolution.
pub(crate) struct Layer<'a> {
    pub(crate) conv: &'a Conv,
    pub(crate) prepared: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) planes: &'a [f32],
}

/// All outputs of `N` vectors of windows from number `at` on.
#[inline(always)]
fn windows<S: Simd, L: Lanes, const N: usize>(
    s: S,
    layer: &Layer<'_>,
    lanes: L,
    at: usize,
    block: &mut [f32],
    sink: &mut Sink<'_>,
) {
    let conv = layer.conv;
    let block = &mut block[..16 * conv.inputs * N * S::WIDTH];
    let (mut starts, mut places) = ([0; N], [0; N]);
    for n in 0..N {
        (starts[n], places[n]) = (lanes.start(at + n), sink.place(conv, (at + n) * S::WIDTH));
    }
    transform::<S, L, N>(s, lanes, layer.planes, conv.inputs, starts, block);
    let mut o = 0;
    macro_rules! all {
        ($size:literal) => {
            while o + $size <= conv.outputs {
                outputs::<S, N, $size>(s, layer, o, places, block, sink);
                o += $size;
            }
        };
    }
    // As many outputs as the registers hold sums of.
    match (S::MANY, N) {
        (true, _) => all!(5),
        (false, 1) => all!(4),
        (false, _) if S::WIDTH > 4 => all!(3),
        (false, _) => all!(2),
    }
    all!(2);
    if o < conv.outputs {
        outputs::<S, N, 1>(s, layer, o, places, block, sink);
    }
}

/// `B` outputs from `o` on of `N` vectors of windows.
#[inline(always)]
fn outputs<S: Simd, const N: usize, const B: usize>(
    s: S,
    layer: &Layer<'_>,
    o: usize,
    places: [usize; N],
    block: &[f32],
    sink: &mut Sink<'_>,
) {
    let conv = layer.conv;
    let (of_block, of_weights) = (conv.inputs * 4 * N * S::WIDTH, conv.inputs * 4 * conv.outputs);
    let (mut start, zero) = ([s.zero(); B], [s.zero(); B]);
    for b in 0..B {
        start[b] = s.splat(layer.bias[o + b]);
    }
    macro_rules! row {
        ($row:literal, $start:expr) => {{
            let (v, u) = (&block[$row * of_block..][..of_block], &layer.prepared[$row * of_weights..][..of_weights]);
            products::<S, N, B>(s, v, u, conv.outputs, o, $start)
        }};
    }
    // A product of the second row takes part in all four outputs, so the bias does too.
    let rows = [row!(0, zero), row!(1, start), row!(2, zero), row!(3, zero)];
    let mut pooled = [[s.zero(); N]; B];
    for b in 0..B {
        for n in 0..N {
            let mut largest = s.zero();
            for x in 0..2 {
                let [first, second, third, fourth] =
                    [rows[0][x][b][n], rows[1][x][b][n], rows[2][x][b][n], rows[3][x][b][n]];
                let (sum, difference) = (s.add(second, third), s.sub(second, third));
                largest = s.max(s.max(s.add(sum, first), s.add(difference, fourth)), largest);
            }
            pooled[b][n] = largest;
        }
    }
    sink.put(s, conv, o, places, pooled);
}

/// A single input: transformed along rows only, all of a vector of windows' values in registers.
#[inline(always)]
fn grey<S: Simd, L: Lanes>(s: S, layer: &Layer<'_>, lanes: L, vectors: usize, sink: &mut Sink<'_>) {
    let (conv, bias) = (layer.conv, layer.bias);
    for vector in 0..vectors {
        let mut e = patch(s, lanes, layer.planes, lanes.start(vector));
        for y in 0..4 {
            e[y] = differences(s, e[y]);
        }
        let place = sink.place(conv, vector * S::WIDTH);
        for (o, (w, &bias)) in layer.prepared.as_chunks::<12>().0.iter().zip(bias).enumerate() {
            let bias = s.splat(bias);
            let mut rows = [s.zero(); 2];
            for y in 0..2 {
                let (mut p, mut q) = (s.fma(s.splat(w[1]), e[y][1], bias), s.mul(s.splat(w[2]), e[y][2]));
                for k in 1..3 {
                    p = s.fma(s.splat(w[4 * k + 1]), e[y + k][1], p);
                    q = s.fma(s.splat(w[4 * k + 2]), e[y + k][2], q);
                }
                let (mut left, mut right) = (s.add(p, q), s.sub(p, q));
                for k in 0..3 {
                    left = s.fma(s.splat(w[4 * k]), e[y + k][0], left);
                    right = s.fma(s.splat(w[4 * k + 3]), e[y + k][3], right);
                }
                rows[y] = s.max(left, right);
            }
            sink.put(s, conv, o, [place], [[s.max(s.max(rows[0], rows[1]), s.zero())]]);
        }
    }
}
