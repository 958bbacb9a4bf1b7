//! A 3x3 convolution without padding, a 2x2 max-pooling and ReLU, forward and backward, 16 images at a time.
//!
//! Buffers are `[height][width][channel][16]`. Only the rows and columns that the pooling keeps are computed. ReLU
//! comes after pooling: the two commute, and a quarter of the values is left.

use crate::simd::{LANES, Simd, with_level};

/// Side of the kernel.
pub(crate) const KERNEL: usize = 3;

/// Shape of one convolution with pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conv {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) filters: usize,
}

impl Conv {
    /// Height after pooling.
    pub(crate) fn pooled_height(&self) -> usize {
        (self.height - (KERNEL - 1)) / 2
    }

    /// Width after pooling.
    pub(crate) fn pooled_width(&self) -> usize {
        (self.width - (KERNEL - 1)) / 2
    }

    /// Floats of the input of 16 images.
    pub(crate) fn input(&self) -> usize {
        self.height * self.width * self.channels * LANES
    }

    /// Values after pooling, of one image.
    pub(crate) fn outputs(&self) -> usize {
        self.pooled_height() * self.pooled_width() * self.filters
    }

    /// Weights of the kernel.
    pub(crate) fn weights(&self) -> usize {
        self.filters * self.taps()
    }

    /// Weights of one filter.
    fn taps(&self) -> usize {
        KERNEL * KERNEL * self.channels
    }

    /// Filters computed together.
    fn block(&self) -> usize {
        block(self.filters)
    }

    fn blocks(&self) -> usize {
        self.filters.div_ceil(self.block())
    }

    /// Pixels of a row of gradients: two zeros on the left, then the pooled pixels twice, then zeros up to where the
    /// last four input pixels look.
    fn gradient_row(&self) -> usize {
        4 * self.input_blocks() + 2
    }

    /// Blocks of four input pixels that a row of gradients reaches.
    fn input_blocks(&self) -> usize {
        (2 * self.pooled_width() + 2).div_ceil(4)
    }

    /// Floats of the spread gradients: of all rows, or of two.
    pub(crate) fn spread(&self, all_rows: bool) -> usize {
        let rows = if all_rows { 2 * self.pooled_height() } else { 2 };
        self.blocks() * rows * self.gradient_row() * self.block() * LANES
    }

    /// Floats of the sums of weight gradients, one a lane.
    pub(crate) fn weight_sums(&self) -> usize {
        self.blocks() * self.block() * self.taps() * LANES
    }

    /// Floats of the sums of bias gradients, one a lane.
    pub(crate) fn bias_sums(&self) -> usize {
        self.filters * LANES
    }

    /// Weights `[filter][3][3][channel]` as the forward kernel reads them: `[block][3][3][channel][filter]`, filters
    /// that do not exist being zero.
    pub(crate) fn pack_forward(&self, weights: &[f32], bias: &[f32], packed: &mut Vec<f32>, biases: &mut Vec<f32>) {
        let (size, taps) = (self.block(), self.taps());
        packed.clear();
        packed.resize(self.blocks() * taps * size, 0.0);
        biases.clear();
        biases.resize(self.blocks() * size, 0.0);
        biases[..self.filters].copy_from_slice(bias);
        for o in 0..self.filters {
            let to = (o / size) * taps * size + o % size;
            for k in 0..taps {
                packed[to + k * size] = weights[o * taps + k];
            }
        }
    }

    /// Weights `[filter][3][3][channel]` as the kernel for input gradients reads them:
    /// `[channel block][3][3][filter][channel]`, channels and filters that do not exist being zero.
    pub(crate) fn pack_backward(&self, weights: &[f32], packed: &mut Vec<f32>) {
        let (size, filters) = (block(self.channels), self.blocks() * self.block());
        packed.clear();
        packed.resize(self.channels.div_ceil(size) * KERNEL * KERNEL * filters * size, 0.0);
        for c in 0..self.channels {
            for k in 0..KERNEL * KERNEL {
                for o in 0..self.filters {
                    let to = (((c / size) * KERNEL * KERNEL + k) * filters + o) * size + c % size;
                    packed[to] = weights[(o * KERNEL * KERNEL + k) * self.channels + c];
                }
            }
        }
    }

    /// Adds the sums over lanes of `weight_sums` to `gradient`, `[filter][3][3][channel]`, and clears them.
    pub(crate) fn reduce(&self, weight_sums: &mut [f32], gradient: &mut [f32]) {
        let (size, channels) = (self.block(), self.channels);
        // As `weight_gradients` leaves them: [block][ky][channel][kx][filter][16].
        for (b, of_block) in weight_sums.chunks_exact_mut(self.taps() * size * LANES).enumerate() {
            for (place, sums) in of_block.chunks_exact_mut(LANES).enumerate() {
                let (o, rest) = (b * size + place % size, place / size);
                if o < self.filters {
                    let (kx, c, ky) = (rest % KERNEL, rest / KERNEL % channels, rest / KERNEL / channels);
                    gradient[((o * KERNEL + ky) * KERNEL + kx) * channels + c] += sum(sums);
                }
                sums.fill(0.0);
            }
        }
    }
}

/// Sum over the lanes, always in the same order.
pub(crate) fn sum(lanes: &[f32]) -> f32 {
    let mut a: [f32; LANES] = [0.0; LANES];
    a.copy_from_slice(lanes);
    let mut b = [0.0f32; 8];
    for i in 0..8 {
        b[i] = a[i] + a[i + 8];
    }
    let mut c = [0.0f32; 4];
    for i in 0..4 {
        c[i] = b[i] + b[i + 4];
    }
    (c[0] + c[2]) + (c[1] + c[3])
}

/// Filters (or channels) computed together: 4 or 5, whichever leaves fewer idle.
fn block(count: usize) -> usize {
    if count.next_multiple_of(5) <= count.next_multiple_of(4) { 5 } else { 4 }
}

/// Which of a window's four values was the largest, one bit a lane: second above first, third above these, fourth
/// above these; and whether the largest is above zero.
pub(crate) type Choice = [u16; 4];

with_level! {
    /// Pooled outputs `[pooled height][pooled width][filter][16]` of `input`, and in `choices` (if not empty) what the
    /// way back needs.
    pub(crate) fn forward(conv: &Conv, input: &[f32], packed: &[f32], biases: &[f32], output: &mut [f32], choices: &mut [Choice]) = forward_with
}

#[inline(always)]
unsafe fn forward_with<S: Simd>(
    conv: &Conv,
    input: &[f32],
    packed: &[f32],
    biases: &[f32],
    output: &mut [f32],
    choices: &mut [Choice],
) {
    assert_eq!(input.len(), conv.input());
    assert_eq!(output.len(), conv.outputs() * LANES);
    assert_eq!(packed.len(), conv.blocks() * conv.block() * conv.taps());
    assert_eq!(biases.len(), conv.blocks() * conv.block());
    assert!(choices.is_empty() || choices.len() == conv.outputs());
    // SAFETY: the lengths above are all that the kernels touch.
    unsafe {
        match (conv.block(), choices.is_empty()) {
            (5, false) => forward_blocks::<S, 5, true>(conv, input, packed, biases, output, choices),
            (5, true) => forward_blocks::<S, 5, false>(conv, input, packed, biases, output, choices),
            (_, false) => forward_blocks::<S, 4, true>(conv, input, packed, biases, output, choices),
            (_, true) => forward_blocks::<S, 4, false>(conv, input, packed, biases, output, choices),
        }
    }
}

#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn forward_blocks<S: Simd, const B: usize, const CHOOSE: bool>(
    conv: &Conv,
    input: &[f32],
    packed: &[f32],
    biases: &[f32],
    output: &mut [f32],
    choices: &mut [Choice],
) {
    let pixel = conv.channels * LANES;
    let row = conv.width * pixel;
    let (ph, pw, filters, taps) = (conv.pooled_height(), conv.pooled_width(), conv.filters, conv.taps());
    let mut lane = 0;
    while lane < LANES {
        for py in 0..ph {
            for px in 0..pw {
                for b in 0..conv.blocks() {
                    unsafe {
                        let corner = input.as_ptr().add(2 * py * row + 2 * px * pixel + lane);
                        let weights = packed.as_ptr().add(b * taps * B);
                        let bias = biases.as_ptr().add(b * B);
                        let mut acc = [[S::zero(); B]; 4];
                        for o in 0..B {
                            let start = S::splat(*bias.add(o));
                            for p in 0..4 {
                                acc[p][o] = start;
                            }
                        }
                        if S::PIXELS == 4 {
                            taps_of::<S, B, 4>(corner, row, pixel, weights, &mut acc);
                        } else {
                            let [a, b, c, d] = acc;
                            let (mut top, mut bottom) = ([a, b], [c, d]);
                            taps_of::<S, B, 2>(corner, row, pixel, weights, &mut top);
                            taps_of::<S, B, 2>(corner.add(row), row, pixel, weights, &mut bottom);
                            acc = [top[0], top[1], bottom[0], bottom[1]];
                        }
                        let place = (py * pw + px) * filters + b * B;
                        for o in 0..B {
                            if b * B + o < filters {
                                let first = acc[0][o];
                                let second = S::max(acc[1][o], first);
                                let third = S::max(acc[2][o], second);
                                let largest = S::max(acc[3][o], third);
                                let to = output.as_mut_ptr().add((place + o) * LANES + lane);
                                S::store(to, S::relu(largest));
                                if CHOOSE {
                                    let bits = [
                                        S::greater(acc[1][o], first),
                                        S::greater(acc[2][o], second),
                                        S::greater(acc[3][o], third),
                                        S::greater(largest, S::zero()),
                                    ];
                                    let choice = choices.get_unchecked_mut(place + o);
                                    for i in 0..4 {
                                        let before = if lane == 0 { 0 } else { choice[i] };
                                        choice[i] = before | bits[i] << lane;
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        lane += S::WIDTH;
    }
}

/// Adds the products of one block of filters for `P` neighbouring pixels: two a row.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn taps_of<S: Simd, const B: usize, const P: usize>(
    corner: *const f32,
    row: usize,
    pixel: usize,
    weights: *const f32,
    acc: &mut [[S::V; B]; P],
) {
    let mut sums = *acc;
    let mut w = weights;
    for ky in 0..KERNEL {
        // The three pixels of a kernel's row with all their channels lie in a row.
        // With a lane above 0 the end lies beyond the buffer; it is not looked at.
        let mut x = corner.wrapping_add(ky * row);
        let end = x.wrapping_add(KERNEL * pixel);
        while x < end {
            unsafe {
                let mut values = [S::zero(); P];
                for p in 0..P {
                    values[p] = S::load(x.add((p / 2) * row + (p % 2) * pixel));
                }
                for o in 0..B {
                    let weight = S::splat(*w.add(o));
                    for p in 0..P {
                        sums[p][o] = S::fma(values[p], weight, sums[p][o]);
                    }
                }
                w = w.add(B);
                x = x.wrapping_add(LANES);
            }
        }
    }
    *acc = sums;
}

with_level! {
    /// Adds to the sums of weight and bias gradients what the gradients of the pooled outputs say. The gradients are
    /// spread over the windows in `spread`, which `input_gradients` reads if it has room for all rows.
    pub(crate) fn weight_gradients(conv: &Conv, input: &[f32], choices: &[Choice], by_output: &[f32], spread: &mut [f32], weight_sums: &mut [f32], bias_sums: &mut [f32]) = weight_gradients_with
}

#[inline(always)]
unsafe fn weight_gradients_with<S: Simd>(
    conv: &Conv,
    input: &[f32],
    choices: &[Choice],
    by_output: &[f32],
    spread: &mut [f32],
    weight_sums: &mut [f32],
    bias_sums: &mut [f32],
) {
    assert_eq!(input.len(), conv.input());
    assert_eq!(choices.len(), conv.outputs());
    assert_eq!(by_output.len(), conv.outputs() * LANES);
    let all_rows = spread.len() == conv.spread(true);
    assert!(all_rows || spread.len() == conv.spread(false));
    assert_eq!(weight_sums.len(), conv.weight_sums());
    assert_eq!(bias_sums.len(), conv.bias_sums());
    // SAFETY: the lengths above are all that the kernels touch.
    unsafe {
        if conv.block() == 5 {
            gradient_rows::<S, 5>(conv, input, choices, by_output, spread, all_rows, weight_sums, bias_sums);
        } else {
            gradient_rows::<S, 4>(conv, input, choices, by_output, spread, all_rows, weight_sums, bias_sums);
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "buffers, each of its own kind")]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn gradient_rows<S: Simd, const B: usize>(
    conv: &Conv,
    input: &[f32],
    choices: &[Choice],
    by_output: &[f32],
    spread: &mut [f32],
    all_rows: bool,
    weight_sums: &mut [f32],
    bias_sums: &mut [f32],
) {
    let (ph, pw, filters, channels) = (conv.pooled_height(), conv.pooled_width(), conv.filters, conv.channels);
    let pixel = channels * LANES;
    let row = conv.width * pixel;
    let gradient_pixel = B * LANES;
    let gradient_row = conv.gradient_row() * gradient_pixel;
    let of_block = gradient_row * if all_rows { 2 * ph } else { 2 };
    let mut lane = 0;
    while lane < LANES {
        for py in 0..ph {
            let rows = if all_rows { 2 * py } else { 0 };
            for px in 0..pw {
                for o in 0..filters {
                    let place = (py * pw + px) * filters + o;
                    unsafe {
                        let choice = choices.get_unchecked(place);
                        let loaded = S::load(by_output.as_ptr().add(place * LANES + lane));
                        let mut left = S::keep(choice[3] >> lane, loaded);
                        let bias = bias_sums.as_mut_ptr().add(o * LANES + lane);
                        S::store(bias, S::add(S::load(bias), left));
                        let fourth = S::keep(choice[2] >> lane, left);
                        left = S::sub(left, fourth);
                        let third = S::keep(choice[1] >> lane, left);
                        left = S::sub(left, third);
                        let second = S::keep(choice[0] >> lane, left);
                        let first = S::sub(left, second);
                        let to = spread.as_mut_ptr().add(
                            (o / B) * of_block
                                + rows * gradient_row
                                + (2 + 2 * px) * gradient_pixel
                                + (o % B) * LANES
                                + lane,
                        );
                        S::store(to, first);
                        S::store(to.add(gradient_pixel), second);
                        S::store(to.add(gradient_row), third);
                        S::store(to.add(gradient_row + gradient_pixel), fourth);
                    }
                }
            }
            let mut sums = weight_sums.as_mut_ptr().wrapping_add(lane);
            for b in 0..conv.blocks() {
                for ky in 0..KERNEL {
                    for c in 0..channels {
                        unsafe {
                            let rows = Rows {
                                x: input.as_ptr().add((2 * py + ky) * row + c * LANES + lane),
                                pixel,
                                row,
                                g: spread.as_ptr().add(b * of_block + rows * gradient_row + 2 * gradient_pixel + lane),
                                gradient_row,
                                pixels: 2 * pw,
                            };
                            // As many filters at once as the registers hold.
                            match (S::PIXELS, B) {
                                (4, _) => rows.add::<S, B, B>(0, sums),
                                (_, 4) => {
                                    rows.add::<S, B, 2>(0, sums);
                                    rows.add::<S, B, 2>(2, sums);
                                }
                                _ => {
                                    rows.add::<S, B, 2>(0, sums);
                                    rows.add::<S, B, 3>(2, sums);
                                }
                            }
                            sums = sums.wrapping_add(KERNEL * B * LANES);
                        }
                    }
                }
            }
        }
        lane += S::WIDTH;
    }
}

/// Two rows of pixels of one channel, and of spread gradients.
struct Rows {
    x: *const f32,
    /// Distances of pixels and rows.
    pixel: usize,
    row: usize,
    g: *const f32,
    gradient_row: usize,
    pixels: usize,
}

impl Rows {
    /// Adds what they say to the sums of the three weights of a kernel's row, for `O` of a block's `B` filters.
    #[inline(always)]
    #[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
    unsafe fn add<S: Simd, const B: usize, const O: usize>(&self, first: usize, sums: *mut f32) {
        unsafe {
            let mut acc = [[S::zero(); O]; KERNEL];
            for kx in 0..KERNEL {
                for o in 0..O {
                    acc[kx][o] = S::load(sums.add((kx * B + first + o) * LANES));
                }
            }
            for r in 0..2 {
                let mut x = self.x.add(r * self.row);
                let mut g = self.g.add(r * self.gradient_row + first * LANES);
                for _ in 0..self.pixels {
                    let mut values = [S::zero(); KERNEL];
                    for kx in 0..KERNEL {
                        values[kx] = S::load(x.add(kx * self.pixel));
                    }
                    for o in 0..O {
                        let gradient = S::load(g.add(o * LANES));
                        for kx in 0..KERNEL {
                            acc[kx][o] = S::fma(gradient, values[kx], acc[kx][o]);
                        }
                    }
                    x = x.add(self.pixel);
                    g = g.wrapping_add(B * LANES);
                }
            }
            for kx in 0..KERNEL {
                for o in 0..O {
                    S::store(sums.add((kx * B + first + o) * LANES), acc[kx][o]);
                }
            }
        }
    }
}

with_level! {
    /// Gradients of the input, `[height][width][channel][16]`, from the gradients that `weight_gradients` spread.
    /// Places that no kept window looks at are not written: they must be zero.
    pub(crate) fn input_gradients(conv: &Conv, packed: &[f32], spread: &[f32], by_input: &mut [f32]) = input_gradients_with
}

#[inline(always)]
unsafe fn input_gradients_with<S: Simd>(conv: &Conv, packed: &[f32], spread: &[f32], by_input: &mut [f32]) {
    let size = block(conv.channels);
    assert_eq!(by_input.len(), conv.input());
    assert_eq!(spread.len(), conv.spread(true));
    let filters = conv.blocks() * conv.block();
    assert_eq!(packed.len(), conv.channels.div_ceil(size) * KERNEL * KERNEL * filters * size);
    // SAFETY: the lengths above are all that the kernels touch.
    unsafe {
        if size == 5 {
            input_blocks::<S, 5>(conv, packed, spread, by_input);
        } else {
            input_blocks::<S, 4>(conv, packed, spread, by_input);
        }
    }
}

#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn input_blocks<S: Simd, const B: usize>(conv: &Conv, packed: &[f32], spread: &[f32], by_input: &mut [f32]) {
    let (rows, channels) = (2 * conv.pooled_height(), conv.channels);
    let gradient = Spread {
        size: conv.block(),
        blocks: conv.blocks(),
        row: conv.gradient_row() * conv.block() * LANES,
        of_block: conv.gradient_row() * conv.block() * LANES * rows,
    };
    let of_tap = gradient.size * gradient.blocks * B;
    let mut lane = 0;
    while lane < LANES {
        for y in 0..rows + 2 {
            let taps = y.saturating_sub(rows - 1)..(y + 1).min(KERNEL);
            for x in (0..4 * conv.input_blocks()).step_by(4) {
                for b in 0..channels.div_ceil(B) {
                    let mut acc = [[unsafe { S::zero() }; B]; 4];
                    for ky in taps.clone() {
                        for kx in 0..KERNEL {
                            unsafe {
                                let weights = packed.as_ptr().add((b * KERNEL * KERNEL + ky * KERNEL + kx) * of_tap);
                                // Two zeros stand before a row's first gradient.
                                let pixel = (x + 2 - kx) * gradient.size * LANES;
                                let from = spread.as_ptr().add((y - ky) * gradient.row + pixel + lane);
                                if S::PIXELS == 4 {
                                    filters_of::<S, B, 4>(&gradient, from, weights, &mut acc);
                                } else {
                                    let [i, j, k, l] = acc;
                                    let (mut left, mut right) = ([i, j], [k, l]);
                                    filters_of::<S, B, 2>(&gradient, from, weights, &mut left);
                                    let from = from.add(2 * gradient.size * LANES);
                                    filters_of::<S, B, 2>(&gradient, from, weights, &mut right);
                                    acc = [left[0], left[1], right[0], right[1]];
                                }
                            }
                        }
                    }
                    for p in 0..4 {
                        for c in 0..B {
                            if x + p < conv.width && b * B + c < channels {
                                let place = (y * conv.width + x + p) * channels + b * B + c;
                                unsafe { S::store(by_input.as_mut_ptr().add(place * LANES + lane), acc[p][c]) };
                            }
                        }
                    }
                }
            }
        }
        lane += S::WIDTH;
    }
}

/// How spread gradients lie: `[block][row][pixel][filter][16]`, in floats.
struct Spread {
    size: usize,
    blocks: usize,
    row: usize,
    of_block: usize,
}

/// Adds the products of all filters for `P` pixels in a row and one block of channels.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "lengths are checked by the caller")]
unsafe fn filters_of<S: Simd, const B: usize, const P: usize>(
    gradient: &Spread,
    from: *const f32,
    weights: *const f32,
    acc: &mut [[S::V; B]; P],
) {
    let mut sums = *acc;
    let mut w = weights;
    for block in 0..gradient.blocks {
        let mut g = from.wrapping_add(block * gradient.of_block);
        for _ in 0..gradient.size {
            unsafe {
                let mut values = [S::zero(); P];
                for p in 0..P {
                    values[p] = S::load(g.add(p * gradient.size * LANES));
                }
                for c in 0..B {
                    let weight = S::splat(*w.add(c));
                    for p in 0..P {
                        sums[p][c] = S::fma(values[p], weight, sums[p][c]);
                    }
                }
                w = w.add(B);
                g = g.wrapping_add(LANES);
            }
        }
    }
    *acc = sums;
}
