use crate::simd::{LANES, Level, Simd, with_level};

/// What lies outside an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outside {
    /// The image mirrored at its edge: `d c b a | a b c d | d c b a`.
    Reflect,
    /// One value everywhere.
    Constant(f32),
    /// The nearest pixel of the edge.
    Edge,
}

/// How one image is resampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// The affine map from places in the result to places in the source, both in `[-1, 1]` over the image: two rows
    /// of three, `x` first.
    pub map: [f32; 6],
    /// Added to every value, the result clipped to `[0, 1]`; none leaves values alone.
    pub brightness: Option<f32>,
}

/// Resamples up to 16 images bilinearly, each its own way, into lanes.
#[derive(Debug)]
pub struct Sampler {
    level: Level,
    height: usize,
    width: usize,
    channels: usize,
    outside: Outside,
    /// The images with a border of one pixel, `[16][height + 2][width + 2][channel]`.
    bordered: Vec<f32>,
}

impl Sampler {
    /// A sampler of images of this shape.
    ///
    /// # Panics
    /// If a side or the number of channels is 0 or above 65,536: beyond, places have no exact 32-bit number.
    pub fn new(height: usize, width: usize, channels: usize, outside: Outside, level: Level) -> Self {
        let possible = 1..=1 << 16;
        assert!([height, width, channels].iter().all(|n| possible.contains(n)), "{height}x{width}x{channels}");
        let border = if let Outside::Constant(value) = outside { value } else { 0.0 };
        let bordered = vec![border; LANES * (height + 2) * (width + 2) * channels];
        Self { level, height, width, channels, outside, bordered }
    }

    /// Resamples images `[height][width][channel]` of bytes, each looked up in `table`, into `lanes`
    /// `[height][width][channel][16]`. Lanes without an image are zero.
    ///
    /// # Panics
    /// If there are more than 16 images, not as many samplings, or a shape does not fit.
    pub fn apply(&mut self, images: &[&[u8]], samplings: &[Sampling], table: &[f32; 256], lanes: &mut [f32]) {
        let (height, width, channels) = (self.height, self.width, self.channels);
        assert!(images.len() <= LANES && images.len() == samplings.len(), "as many samplings as images, at most 16");
        assert_eq!(lanes.len(), height * width * channels * LANES);
        let row = (width + 2) * channels;
        for (image, bordered) in images.iter().zip(self.bordered.chunks_exact_mut((height + 2) * row)) {
            assert_eq!(image.len(), height * width * channels);
            for (y, from) in image.chunks_exact(width * channels).enumerate() {
                let to = &mut bordered[(y + 1) * row + channels..][..width * channels];
                for (to, &byte) in to.iter_mut().zip(from) {
                    *to = table[usize::from(byte)];
                }
            }
        }
        if images.len() < LANES {
            lanes.fill(0.0);
        }
        sample(self.level, self, samplings, lanes);
    }
}

with_level! {
    fn sample(sampler: &Sampler, samplings: &[Sampling], lanes: &mut [f32]) = sample_with
}

/// Where along one axis the pixels of a row of the result lie in the source.
struct Places {
    /// The pixel before the place, counted with the border.
    first: Vec<u32>,
    /// How far the place is from there to the next pixel.
    share: Vec<f32>,
}

impl Places {
    fn new(width: usize) -> Self {
        Self { first: vec![0; width], share: vec![0.0; width] }
    }

    /// Takes places `slope * column + start` in `[-1, 1]` on an axis of `size` pixels.
    #[inline(always)]
    fn set(&mut self, columns: &[f32], (slope, start): (f32, f32), size: usize, outside: Outside) {
        let length = size as f32;
        let last = length - 1.0;
        let pixels = |column: f32| ((slope * column + start + 1.0) * length - 1.0) * 0.5;
        match outside {
            Outside::Reflect => self.put(columns, size, |column| {
                let from_edge = (pixels(column) + 0.5).abs();
                let flips = (from_edge / length).floor();
                let rest = from_edge - flips * length;
                let odd = flips - 2.0 * (flips * 0.5).floor();
                let mirrored = if odd == 0.0 { rest } else { length - rest };
                (mirrored - 0.5).max(0.0).min(last)
            }),
            Outside::Edge => self.put(columns, size, |column| pixels(column).max(0.0).min(last)),
            Outside::Constant(_) => self.put(columns, size, |column| pixels(column).max(-1.0).min(length)),
        }
    }

    #[inline(always)]
    fn put(&mut self, columns: &[f32], size: usize, place: impl Fn(f32) -> f32) {
        let to = self.first.iter_mut().zip(&mut self.share);
        for ((first, share), &column) in to.zip(columns) {
            let at = place(column);
            // The last place has no next one; its share of that is then 1 of the border's pixel or 0.
            let whole = at.floor().min(size as f32 - 1.0);
            // SAFETY: between -1 and the size; `max` and `min` above have replaced what is not a number.
            *first = unsafe { (whole + 1.0).to_int_unchecked::<i32>() } as u32;
            *share = at - whole;
        }
    }
}

#[inline(always)]
unsafe fn sample_with<S: Simd>(sampler: &Sampler, samplings: &[Sampling], lanes: &mut [f32]) {
    match sampler.channels {
        1 => sample_rows::<1>(sampler, samplings, lanes),
        3 => sample_rows::<3>(sampler, samplings, lanes),
        _ => sample_rows::<0>(sampler, samplings, lanes),
    }
}

/// `C` is the number of channels; 0 if it is none of the usual ones.
#[inline(always)]
fn sample_rows<const C: usize>(sampler: &Sampler, samplings: &[Sampling], lanes: &mut [f32]) {
    let &Sampler { height, width, outside, .. } = sampler;
    let channels = if C == 0 { sampler.channels } else { C };
    let row = (width + 2) * channels;
    let middle = |i: usize, size: usize| (2 * i + 1) as f32 / size as f32 - 1.0;
    let columns: Vec<f32> = (0..width).map(|x| middle(x, width)).collect();
    let (mut xs, mut ys) = (Places::new(width), Places::new(width));
    assert_eq!(sampler.bordered.len(), LANES * (height + 2) * row);
    for (y, of_row) in lanes.chunks_exact_mut(width * channels * LANES).enumerate() {
        let down = middle(y, height);
        for (lane, sampling) in samplings.iter().enumerate().take(LANES) {
            let [a, b, c, d, e, f] = sampling.map;
            xs.set(&columns, (a, b * down + c), width, outside);
            ys.set(&columns, (d, e * down + f), height, outside);
            let image = &sampler.bordered[lane * (height + 2) * row..][..(height + 2) * row];
            for x in 0..width {
                // SAFETY: a first pixel is at most one before the last, border counted, so all four are there; the
                // output has a place for every pixel, channel and lane.
                unsafe {
                    let (wx, wy) = (*xs.share.get_unchecked(x), *ys.share.get_unchecked(x));
                    let (left, top) = (*xs.first.get_unchecked(x) as usize, *ys.first.get_unchecked(x) as usize);
                    let corner = image.as_ptr().add(top * row + left * channels);
                    for channel in 0..channels {
                        let from = corner.add(channel);
                        let (p, q) = (*from, *from.add(channels));
                        let (r, s) = (*from.add(row), *from.add(row + channels));
                        let (above, below) = (p + (q - p) * wx, r + (s - r) * wx);
                        *of_row.get_unchecked_mut((x * channels + channel) * LANES + lane) =
                            above + (below - above) * wy;
                    }
                }
            }
            if let Some(brightness) = sampling.brightness {
                for value in of_row.iter_mut().skip(lane).step_by(LANES) {
                    *value = (*value + brightness).clamp(0.0, 1.0);
                }
            }
        }
    }
}
