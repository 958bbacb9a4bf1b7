//! Vectors of 32-bit lanes that hold four bytes each, and the loops on them: products of unsigned and signed bytes,
//! summed in 32 bits. All of it is exact, so every set of instructions gives the same numbers.

/// A set of vector instructions for bytes. As for [`Simd`](super::Simd), methods are inlined into functions that
/// enable the instructions, and a token only exists where the processor has them.
pub(crate) trait Dots: Copy {
    type V: Copy;
    /// Four unsigned bytes a lane, as products want them.
    type Data: Copy;
    /// Four signed bytes a lane, as products want them.
    type Weights: Copy;
    /// Multipliers and shifts of four outputs, see [`Dots::requantise`].
    type Scales: Copy;
    /// Those of four channels, see [`Dots::requantise_channels`].
    type Channels: Copy;
    /// Lanes of a vector; divides [`MAX_WIDTH`].
    const WIDTH: usize;
    /// Whether there are 32 vector registers (else 16).
    const MANY: bool;
    fn splat(self, value: u32) -> Self::V;
    /// # Safety
    /// The pointer must be good for [`Dots::WIDTH`] values; it need not be aligned.
    unsafe fn load(self, from: *const u32) -> Self::V;
    /// A slice of at most [`Dots::WIDTH`] values, then zeros.
    fn load_part(self, from: &[u32]) -> Self::V;
    /// # Safety
    /// As for [`Dots::load`].
    unsafe fn store(self, to: *mut u32, v: Self::V);
    fn data(self, v: Self::V) -> Self::Data;
    fn weights(self, v: Self::V) -> Self::Weights;
    /// In each lane, the sum and four products.
    fn dot(self, sum: Self::V, data: Self::Data, weights: Self::Weights) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// Of signed lanes.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// Multipliers are below 2^15, shifts below 32.
    fn scales(self, multipliers: [u32; 4], shifts: [u32; 4]) -> Self::Scales;
    /// Sums of four outputs as bytes, one beside the other in each lane: [`byte`] of each.
    fn requantise(self, sums: [Self::V; 4], by: &Self::Scales) -> Self::V;
    /// [`byte`] of each lane.
    fn requantise_lanes(self, sum: Self::V, multipliers: Self::V, shifts: Self::V) -> Self::V;
    /// The low bytes of the first lanes, as many as there is room for and lanes are.
    fn store_bytes(self, to: &mut [u8], v: Self::V);
    /// Lanes 0, 2, 4… to `even`, lanes 1, 3, 5… to `odd`.
    ///
    /// # Safety
    /// The pointers must be good for half a vector each; they need not be aligned.
    unsafe fn split_to(self, v: Self::V, even: *mut u32, odd: *mut u32);
    /// Half a vector: in each lane the lower halves of two neighbours.
    ///
    /// # Safety
    /// The pointer must be good for half a vector; it need not be aligned.
    unsafe fn pairs_to(self, v: Self::V, to: *mut u32);
    /// Half a vector: in each lane two neighbours of `a` and two of `b`, all below 256, as bytes.
    ///
    /// # Safety
    /// As for [`Dots::pairs_to`].
    unsafe fn fours_to(self, a: Self::V, b: Self::V, to: *mut u32);
    /// In lane `i` the bytes from `2 * i` to `2 * i + 3`. Panics if there are fewer than `2 * WIDTH + 2`.
    fn overlapping(self, from: &[u8]) -> Self::V;
    /// Three bytes a lane and a zero. Panics if there are fewer than `3 * WIDTH`.
    fn threes(self, from: &[u8]) -> Self::V;
    /// The same four values in every quarter (of four lanes).
    fn broadcast(self, four: [u32; 4]) -> Self::V;
    /// The larger ones of unsigned bytes.
    fn max_bytes(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller ones.
    fn min_bytes(self, a: Self::V, b: Self::V) -> Self::V;
    /// In every quarter, lane `j` of vector `i` is what lane `i` of the four has as byte `j`: the first's lowest.
    fn interleave(self, words: [Self::V; 4]) -> [Self::V; 4];
    /// In every quarter, lane `j` of vector `i` is lane `i` of vector `j`.
    fn transpose(self, v: [Self::V; 4]) -> [Self::V; 4];
    fn channels(self, by: &[ByteOf; 4]) -> Self::Channels;
    /// Sums of four channels, in every quarter lane `j` of vector `i` that of lane `i` and channel `j`, as bytes, one
    /// beside the other in each lane: [`ByteOf::sum`] of each, with the bytes of what is added.
    fn requantise_channels(self, sums: [Self::V; 4], by: &Self::Channels, added: Option<Self::V>) -> Self::V;
}

/// How a sum and a byte that is added become a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ByteOf {
    /// Below 2^15.
    pub(crate) multiplier: u32,
    /// Below 32.
    pub(crate) shift: u32,
    /// Of what is added, below 2^15, and the byte that stands for zero there.
    pub(crate) added: u32,
    pub(crate) zero: u32,
}

impl ByteOf {
    /// [`byte`], with `(added - zero) * multiplier / 2^8`, rounded, before the division by 64.
    #[inline(always)]
    pub(crate) fn sum(self, sum: i32, added: Option<u8>) -> u8 {
        let Self { multiplier, shift, added: factor, zero } = self;
        let Some(added) = added else { return byte(sum, multiplier, shift) };
        let short = (sum >> shift).clamp(-0x8000, 0x7fff);
        let scaled = (short * multiplier as i32 + 0x4000) >> 15;
        let added = ((i32::from(added) - zero as i32) * 128 * factor as i32 + 0x4000) >> 15;
        (((scaled + added).clamp(-0x8000, 0x7fff) + 32) >> 6).clamp(0, 255) as u8
    }
}

/// Something to do with whatever instructions there are.
pub(crate) trait DotsTask {
    /// Must be inlined always, with all it calls that takes a token.
    fn run<S: Dots>(self, s: S);
}

/// What becomes of a sum: shifted right and saturated to 16 bits, multiplied by `multiplier / 2^15` and rounded,
/// divided by 64 and rounded, saturated to a byte. Shifts round down, halves up.
#[inline(always)]
pub(crate) fn byte(sum: i32, multiplier: u32, shift: u32) -> u8 {
    let short = (sum >> shift).clamp(-0x8000, 0x7fff);
    let scaled = (short * multiplier as i32 + 0x4000) >> 15;
    ((scaled + 32) >> 6).clamp(0, 255) as u8
}

/// How the bytes of a group of channels lie in the lanes of a convolution's four planes. Plane `2 * y + x` has the rows
/// `2 * i + y`. `C` is what columns a lane's window starts at: column `2 * lane`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// One channel: a lane is the columns from `C + x` to `C + x + 3`, of which a kernel row sees three.
    Row,
    /// Two channels: a lane is the columns `C + x` and `C + x + 1`.
    Pair,
    /// Three or four channels: a lane is the column `C + x`.
    Quad,
}

impl Unit {
    /// What holds so many channels, up to four.
    pub(crate) const fn of(channels: usize) -> Self {
        match channels {
            1 => Self::Row,
            2 => Self::Pair,
            _ => Self::Quad,
        }
    }

    /// Lanes that a row of the kernel sees: words of weights an output and kernel row.
    pub(crate) const fn taps(self) -> usize {
        match self {
            Self::Row => 1,
            Self::Pair => 2,
            Self::Quad => 3,
        }
    }
}

/// The inputs of a convolution: `channels / 4` quads, then a unit of what is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) channels: usize,
    /// For each unit four planes.
    pub(crate) planes: &'a [u32],
    /// Of a plane.
    pub(crate) len: usize,
    /// From a plane's row to the next one.
    pub(crate) stride: usize,
}

/// The largest of each pooling window's four sums, for `C` of a block's `outputs` from `first` on, and the vector of
/// windows that starts `at`. The block's weights are `[unit][kernel row][output][tap]`; sums start with `start`.
#[inline(always)]
pub(crate) fn window_sums<S: Dots, const C: usize>(
    s: S,
    inputs: &Inputs<'_>,
    weights: &[u32],
    [first, outputs]: [usize; 2],
    at: usize,
    start: [S::V; C],
) -> [S::V; C] {
    let Inputs { channels, planes, len, stride } = *inputs;
    // Three channels are a quad like four.
    let (quads, rest) = ((channels + 1) / 4, channels % 4);
    let of_quads = quads * 9 * outputs;
    let taps = rest % 3;
    assert!(first + C <= outputs && of_quads + 3 * taps * outputs <= weights.len());
    assert!(channels.div_ceil(4) * 4 * len <= planes.len() && at + stride + 1 + S::WIDTH <= len);
    let mut sums = [start; 4];
    // SAFETY: of each unit's four planes at most `len` values are looked at: a vector after `at`, a row and one value;
    // weights are within `3 * taps * outputs` of each unit. Both are checked above.
    unsafe {
        let (mut planes, mut weights) = (planes.as_ptr().add(at), weights.as_ptr());
        for _ in 0..quads {
            pass::<S, 3, C>(s, planes, [len, stride], weights.add(3 * first), 3 * outputs, &mut sums);
            (planes, weights) = (planes.wrapping_add(4 * len), weights.wrapping_add(9 * outputs));
        }
        match taps {
            1 => pass::<S, 1, C>(s, planes, [len, stride], weights.add(first), outputs, &mut sums),
            2 => pass::<S, 2, C>(s, planes, [len, stride], weights.add(2 * first), 2 * outputs, &mut sums),
            _ => {}
        }
    }
    let mut largest = start;
    for c in 0..C {
        largest[c] = s.max(s.max(sums[0][c], sums[1][c]), s.max(sums[2][c], sums[3][c]));
    }
    largest
}

/// Adds one unit's products to the sums of the four positions of a window.
///
/// # Safety
/// `planes` must be good for `3 * len + stride + 1` values and a vector, `weights` for `C * TAPS` words at 0, `step` and
/// `2 * step`.
#[inline(always)]
unsafe fn pass<S: Dots, const TAPS: usize, const C: usize>(
    s: S,
    planes: *const u32,
    [len, stride]: [usize; 2],
    weights: *const u32,
    step: usize,
    sums: &mut [[S::V; C]; 4],
) {
    // A local copy stays in registers.
    let mut local = *sums;
    for r in 0..4 {
        // SAFETY: within what the caller vouches for.
        unsafe {
            let row = planes.add(r % 2 * 2 * len + r / 2 * stride);
            // Plane and lane of each; a row needs two, the others four.
            let places = match TAPS {
                3 => [[0, 0], [1, 0], [0, 1], [1, 1]],
                2 => [[0, 0], [0, 1], [1, 0], [1, 1]],
                _ => [[0, 0], [1, 0], [0, 0], [1, 0]],
            };
            let mut data = [s.data(s.splat(0)); 4];
            for i in 0..if TAPS == 1 { 2 } else { 4 } {
                data[i] = s.data(s.load(row.add(places[i][0] * len + places[i][1])));
            }
            for y in 0..2 {
                if r < y || r - y > 2 {
                    continue;
                }
                let weights = weights.add((r - y) * step);
                for c in 0..C {
                    for tap in 0..TAPS {
                        let weight = s.weights(s.splat(*weights.add(c * TAPS + tap)));
                        for x in 0..2 {
                            let seen = match TAPS {
                                3 => x + tap,
                                2 => 2 * x + tap,
                                _ => x,
                            };
                            local[2 * y + x][c] = s.dot(local[2 * y + x][c], data[seen], weight);
                        }
                    }
                }
            }
        }
    }
    *sums = local;
}

/// Sums of a dense layer's outputs, a vector of them: `weights` are `[input][outputs]` words, of which those from
/// `first` on are used; inputs are words of four bytes.
#[inline(always)]
pub(crate) fn dense_sums<S: Dots>(
    s: S,
    weights: &[u32],
    outputs: usize,
    first: usize,
    inputs: &[u32],
    start: S::V,
) -> S::V {
    let count = S::WIDTH.min(outputs - first);
    assert!(weights.len() >= inputs.len() * outputs);
    // Four sums, so that each need not wait for the one before.
    let mut sums = [start, s.splat(0), s.splat(0), s.splat(0)];
    let mut at = first;
    let (fours, rest) = inputs.as_chunks::<4>();
    for four in fours {
        for i in 0..4 {
            let weights = s.load_part(&weights[at..][..count]);
            sums[i] = s.dot(sums[i], s.data(s.splat(four[i])), s.weights(weights));
            at += outputs;
        }
    }
    for &input in rest {
        let weights = s.load_part(&weights[at..][..count]);
        sums[0] = s.dot(sums[0], s.data(s.splat(input)), s.weights(weights));
        at += outputs;
    }
    s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]))
}

/// A vector to a place of a slice.
#[inline(always)]
pub(crate) fn store_at<S: Dots>(s: S, to: &mut [u32], at: usize, v: S::V) {
    let to = &mut to[at..][..S::WIDTH];
    // SAFETY: there is room for a vector, see the line above.
    unsafe { s.store(to.as_mut_ptr(), v) };
}

/// Rows of lanes, so many apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneRows {
    pub(crate) rows: usize,
    /// Lanes of a row that matter; whole vectors are read and written.
    pub(crate) width: usize,
    /// From a row's start to the next one's.
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl LaneRows {
    fn end(&self, stride: usize, width: usize) -> usize {
        (self.rows - 1) * stride + width
    }
}

/// Pixels, a lane each, into the two planes of every second row: [`LaneRows::width`] of each plane. What is written beyond a
/// row is overwritten by the next.
#[inline(always)]
pub(crate) fn spread<S: Dots>(s: S, unit: Unit, lanes: LaneRows, from: &[u32], left: &mut [u32], right: &mut [u32]) {
    let half = S::WIDTH / 2;
    let width = lanes.width.next_multiple_of(half);
    assert!(lanes.rows > 0 && lanes.end(lanes.from, 2 * width + 3) <= from.len());
    assert!(lanes.end(lanes.to, width) <= left.len().min(right.len()));
    for y in 0..lanes.rows {
        for x in (0..width).step_by(half) {
            // SAFETY: the ends of the last row are checked above (`2 * width` lanes from 3 on, or half a vector), and
            // others lie before them.
            unsafe {
                let from = from.as_ptr().add(y * lanes.from + 2 * x);
                let at = y * lanes.to + x;
                let (left, right) = (left.as_mut_ptr().add(at), right.as_mut_ptr().add(at));
                match unit {
                    Unit::Quad => s.split_to(s.load(from), left, right),
                    Unit::Pair => {
                        s.pairs_to(s.load(from), left);
                        s.pairs_to(s.load(from.add(1)), right);
                    }
                    Unit::Row => {
                        s.fours_to(s.load(from), s.load(from.add(2)), left);
                        s.fours_to(s.load(from.add(1)), s.load(from.add(3)), right);
                    }
                }
            }
        }
    }
}

/// Copies rows. What is written beyond a row is overwritten by the next.
#[inline(always)]
pub(crate) fn copy_lanes<S: Dots>(s: S, lanes: LaneRows, from: &[u32], to: &mut [u32]) {
    let width = lanes.width.next_multiple_of(S::WIDTH);
    assert!(lanes.rows > 0 && lanes.end(lanes.from, width) <= from.len() && lanes.end(lanes.to, width) <= to.len());
    for y in 0..lanes.rows {
        for x in (0..width).step_by(S::WIDTH) {
            // SAFETY: the ends of the last row are checked above, and others lie before them.
            unsafe { s.store(to.as_mut_ptr().add(y * lanes.to + x), s.load(from.as_ptr().add(y * lanes.from + x))) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::MAX_WIDTH;
    use super::*;
    use crate::Level;

    /// Every method, lane by lane, beside what it is defined to be.
    struct Check<'t> {
        words: &'t [u32],
        bytes: &'t [u8],
    }

    impl DotsTask for Check<'_> {
        fn run<S: Dots>(self, s: S) {
            let Self { words, bytes } = self;
            let lanes = |v: S::V| {
                let mut lanes = [0; MAX_WIDTH];
                store_at(s, &mut lanes, 0, v);
                lanes
            };
            let word = |i: usize, lane: usize| words[i * MAX_WIDTH + lane];
            let v = [0, 1, 2, 3].map(|i| s.load_part(&words[i * MAX_WIDTH..][..S::WIDTH]));
            let dot = lanes(s.dot(v[0], s.data(v[1]), s.weights(v[2])));
            let [max, sum] = [lanes(s.max(v[0], v[1])), lanes(s.add(v[0], v[1]))];
            let [over, threes] = [lanes(s.overlapping(bytes)), lanes(s.threes(bytes))];
            let mut stored = [7; MAX_WIDTH];
            s.store_bytes(&mut stored[..S::WIDTH - 1], v[3]);
            for i in 0..S::WIDTH {
                let products = word(1, i).to_le_bytes().into_iter().zip(word(2, i).to_le_bytes());
                let products = products.map(|(d, w)| i32::from(d) * i32::from(w as i8)).sum::<i32>();
                assert_eq!(dot[i], word(0, i).wrapping_add(products as u32));
                assert_eq!(max[i] as i32, (word(0, i) as i32).max(word(1, i) as i32));
                assert_eq!(sum[i], word(0, i).wrapping_add(word(1, i)));
                assert_eq!(over[i].to_le_bytes(), bytes[2 * i..2 * i + 4]);
                assert_eq!(threes[i], u32::from_le_bytes([bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 0]));
                assert_eq!(stored[i], if i + 1 < S::WIDTH { word(3, i) as u8 } else { 7 });
            }
            for shift in [0, 1, 7, 16, 30, 31] {
                let (multipliers, shifts) = ([1, 0x4000, 0x7fff, 0x5a5a], [shift, 31 - shift, shift, shift / 2]);
                let four = lanes(s.requantise(v, &s.scales(multipliers, shifts)));
                let one = lanes(s.requantise_lanes(v[0], s.splat(0x7fff), s.splat(shift)));
                for i in 0..S::WIDTH {
                    let expected = [0, 1, 2, 3].map(|k| byte(word(k, i) as i32, multipliers[k], shifts[k]));
                    assert_eq!(four[i].to_le_bytes(), expected);
                    assert_eq!(one[i], u32::from(byte(word(0, i) as i32, 0x7fff, shift)));
                }
            }
            let fours = [0, 1, 2, 3].map(|k| words[k]);
            let broadcast = lanes(s.broadcast(fours));
            let (largest, least) = (lanes(s.max_bytes(v[0], v[1])), lanes(s.min_bytes(v[0], v[1])));
            let [interleaved, turned] = [s.interleave(v), s.transpose(v)].map(|v| v.map(lanes));
            for lane in 0..S::WIDTH {
                let (first, i) = (lane / 4 * 4, lane % 4);
                assert_eq!(broadcast[lane], fours[i]);
                let (a, b) = (word(0, lane).to_le_bytes(), word(1, lane).to_le_bytes());
                assert_eq!(largest[lane].to_le_bytes(), [0, 1, 2, 3].map(|k| a[k].max(b[k])));
                assert_eq!(least[lane].to_le_bytes(), [0, 1, 2, 3].map(|k| a[k].min(b[k])));
                for j in 0..4 {
                    let bytes = [0, 1, 2, 3].map(|k| word(k, lane).to_le_bytes()[j]);
                    assert_eq!(interleaved[i][first + j].to_le_bytes(), bytes);
                    assert_eq!(turned[i][first + j], word(j, lane));
                }
            }
            for shift in [0, 3, 16, 31] {
                let by = [(1, 0x7fff, 0), (0x4000, 1, 128), (0x7fff, 0x5a5a, 255), (0x5a5a, 0x4000, 7)];
                let by = by.map(|(multiplier, added, zero)| ByteOf { multiplier, shift, added, zero });
                for added in [None, Some(1)] {
                    let bytes = lanes(s.requantise_channels(v, &s.channels(&by), added.map(|added: usize| v[added])));
                    for lane in 0..S::WIDTH {
                        let expected = [0, 1, 2, 3].map(|j| {
                            let sum = word(lane % 4, lane / 4 * 4 + j) as i32;
                            by[j].sum(sum, added.map(|added| word(added, lane).to_le_bytes()[j]))
                        });
                        assert_eq!(bytes[lane].to_le_bytes(), expected, "{shift} {added:?}");
                    }
                }
            }
            for (unit, mask) in [(Unit::Quad, u32::MAX), (Unit::Pair, 0xffff), (Unit::Row, 0xff)] {
                let from: Vec<u32> = words.iter().map(|word| word & mask).collect();
                let [mut left, mut right] = [[0; MAX_WIDTH]; 2];
                let rows = LaneRows { rows: 1, width: S::WIDTH / 2, from: 0, to: 0 };
                spread(s, unit, rows, &from, &mut left, &mut right);
                for i in 0..S::WIDTH / 2 {
                    for (x, plane) in [left, right].iter().enumerate() {
                        let from = &from[2 * i + x..];
                        let expected = match unit {
                            Unit::Quad => from[0],
                            Unit::Pair => from[0] | from[1] << 16,
                            Unit::Row => from[0] | from[1] << 8 | from[2] << 16 | from[3] << 24,
                        };
                        assert_eq!(plane[i], expected, "{unit:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn int8_methods_are_those_of_the_definition_at_every_level() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(0x915f_77f5).wrapping_add(0x2545_f491);
            state ^ state >> 15
        };
        for round in 0..if cfg!(miri) { 3 } else { 2_000 } {
            // Large sums, then smaller and smaller ones.
            let mut words: Vec<u32> = (0..4 * MAX_WIDTH).map(|_| (next() as i32 >> (round % 32)) as u32).collect();
            words[..4].copy_from_slice(&[i32::MIN as u32, i32::MAX as u32, 0, u32::MAX]);
            let bytes: Vec<u8> = (0..4 * MAX_WIDTH).map(|_| next() as u8).collect();
            for level in Level::available() {
                level.run_dots(Check { words: &words, bytes: &bytes });
            }
        }
    }

    #[test]
    fn int8_bytes_are_rounded_and_saturated() {
        // A multiplier of 2^14 and no shift: a byte is half of the sum, rounded, divided by 64 and rounded.
        assert_eq!([-1, 0, 62, 63, 190, 191].map(|sum| byte(sum, 1 << 14, 0)), [0, 0, 0, 1, 1, 2]);
        assert_eq!([32_574, 32_575, 40_000, i32::MAX].map(|sum| byte(sum, 1 << 14, 0)), [254, 255, 255, 255]);
        assert_eq!(byte(i32::MIN, 0x7fff, 31), 0);
        // Shifts round down.
        assert_eq!([(63 << 4) - 1, 63 << 4].map(|sum| byte(sum, 1 << 14, 4)), [0, 1]);
    }

    #[test]
    fn int8_bytes_are_added() {
        // Half of the byte, without its zero: a multiplier of 2^14 is one.
        let by = ByteOf { multiplier: 1 << 14, shift: 0, added: 1 << 13, zero: 10 };
        assert_eq!([0, 10, 12, 255].map(|added| by.sum(0, Some(added))), [0, 0, 1, 123]);
        assert_eq!(by.sum(100 << 7, Some(0)), 95);
        assert_eq!(by.sum(100 << 7, None), 100);
        // Neither half of a sum leaves 16 bits.
        let most = ByteOf { multiplier: 0x7fff, shift: 0, added: 0x7fff, zero: 0 };
        assert_eq!(most.sum(i32::MAX, Some(255)), 255);
        assert_eq!(ByteOf { zero: 255, ..most }.sum(i32::MIN, Some(0)), 0);
    }
}
