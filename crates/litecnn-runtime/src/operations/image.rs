//! An image as the map that operations read.

use super::Setting;
use crate::Layout;
use crate::planes::{Pixel, Scaling};
use crate::simd::{Simd, Task};

/// Values of a run of pixels that are changed alike; whole pixels of 1, 2, 3, 4, 6, 8, 12 or 16 channels.
const RUN: usize = 48;

/// An image of any pixels into the memory.
pub(crate) struct FromImage<'t, P> {
    pub(crate) setting: Setting<'t>,
    pub(crate) layout: Layout,
    pub(crate) scaling: Scaling,
    pub(crate) image: &'t [P],
    pub(crate) memory: &'t mut [f32],
}

impl<P: Pixel> Task for FromImage<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Setting { operations, weights, .. } = self.setting;
        let (factors, summands) = weights.split_at(operations.image.channels);
        let affine = Affine { scaling: self.scaling, factors, summands: &summands[..factors.len()] };
        let map = &mut self.memory[operations.image.place..][..self.image.len()];
        to_map(&affine, self.layout, self.image, map);
    }
}

/// What becomes of the pixels of each channel: `pixel * factor + summand`.
struct Affine<'t> {
    /// Of bytes, before; floats are taken as they are.
    scaling: Scaling,
    factors: &'t [f32],
    summands: &'t [f32],
}

impl Affine<'_> {
    #[inline(always)]
    fn of<P: Pixel>(&self, channel: usize) -> [f32; 2] {
        let [factor, summand] = [self.factors[channel], self.summands[channel]];
        if P::SCALED { [factor * self.scaling.scale, factor * self.scaling.shift + summand] } else { [factor, summand] }
    }
}

/// An image to `map`, `[position][channel]`.
#[inline(always)]
fn to_map<P: Pixel>(affine: &Affine<'_>, layout: Layout, image: &[P], map: &mut [f32]) {
    let channels = affine.factors.len();
    if layout == Layout::Chw && channels > 1 {
        let planes = image.chunks_exact(image.len() / channels);
        for (channel, plane) in planes.enumerate() {
            let [factor, summand] = affine.of::<P>(channel);
            for (to, pixel) in map[channel..].iter_mut().step_by(channels).zip(plane) {
                *to = pixel.value() * factor + summand;
            }
        }
        return;
    }
    if RUN.is_multiple_of(channels) {
        let [mut factors, mut summands] = [[0.0; RUN]; 2];
        for i in 0..RUN {
            [factors[i], summands[i]] = affine.of::<P>(i % channels);
        }
        let (runs, rest) = image.as_chunks::<RUN>();
        let (map, map_rest) = map.split_at_mut(runs.len() * RUN);
        for (to, run) in map.as_chunks_mut::<RUN>().0.iter_mut().zip(runs) {
            for i in 0..RUN {
                to[i] = run[i].value() * factors[i] + summands[i];
            }
        }
        for (i, (to, pixel)) in map_rest.iter_mut().zip(rest).enumerate() {
            *to = pixel.value() * factors[i] + summands[i];
        }
        return;
    }
    for (pixels, to) in image.chunks_exact(channels).zip(map.chunks_exact_mut(channels)) {
        for (channel, (to, pixel)) in to.iter_mut().zip(pixels).enumerate() {
            let [factor, summand] = affine.of::<P>(channel);
            *to = pixel.value() * factor + summand;
        }
    }
}
