use litecnn_data::{DeviceImages, HostImages, Normalisation, Resampler};
use litecnn_kernels::{BranchKernel, LANES};

use super::host;
use crate::TrainError;
use crate::goal::Shown;
use crate::look::Look;
use crate::mixing::Blend;

/// The images of a batch as they are shown, laid out for the kernels.
pub(super) struct Feed<'a> {
    host: HostImages<'a>,
    look: Look<'a>,
    resampler: Option<Resampler<'a>>,
    channels: usize,
    width: usize,
    /// Of each group of 16 images, `[height][width][channel][16]`.
    groups: Vec<Vec<f32>>,
    used: usize,
}

impl<'a> Feed<'a> {
    /// Batches of up to `size` images for this kernel.
    pub(super) fn new(
        images: &'a DeviceImages,
        kernel: &BranchKernel,
        look: Look<'a>,
        size: usize,
    ) -> Result<Self, TrainError> {
        let host = host(images, kernel)?;
        let resampler = look.augmentation.as_ref().map(|(augmentation, _)| host.resampler(augmentation));
        let groups = vec![vec![0.0; host.image_size() * LANES]; size.min(images.len()).div_ceil(LANES)];
        let (channels, width) = (kernel.shape().channels, kernel.shape().width);
        Ok(Self { host, look, resampler, channels, width, groups, used: 0 })
    }

    /// Shows the images at these places, the epoch's batch `n`, counted from 0; returns how.
    pub(super) fn show(&mut self, n: usize, batch: &[u32]) -> Result<Shown, TrainError> {
        self.used = batch.len().div_ceil(LANES);
        let changes = self.look.changes(batch.len());
        for (g, (places, lanes)) in batch.chunks(LANES).zip(&mut self.groups).enumerate() {
            match (&changes, &mut self.resampler) {
                (Some((_, changes)), Some(resampler)) => {
                    self.host.fill_changed(places, &changes[g * LANES..][..places.len()], resampler, lanes)?;
                }
                _ => self.host.fill(places, lanes)?,
            }
        }
        let shown = self.look.shown_by(n, changes.as_ref().map(|(_, changes)| changes.as_slice()));
        if let Some(blend) = &shown.blend {
            blend_pairs(blend, &mut self.groups, batch.len(), self.width, self.channels);
        }
        if let Some(figures) = self.look.normalisation {
            self.groups.iter_mut().take(self.used).for_each(|lanes| normalise(figures, lanes));
        }
        Ok(shown)
    }

    /// The images last shown, by groups of 16.
    pub(super) fn groups(&self) -> &[Vec<f32>] {
        &self.groups[..self.used]
    }

    /// The label of the image at a place.
    pub(super) fn labels(&self, places: &[u32]) -> Result<Vec<i64>, TrainError> {
        Ok(places.iter().map(|&place| self.host.label(place)).collect::<Result<_, _>>()?)
    }

    pub(super) fn look(&self) -> &Look<'a> {
        &self.look
    }
}

/// Blends each image with the one as far from the end.
fn blend_pairs(blend: &Blend, groups: &mut [Vec<f32>], images: usize, width: usize, channels: usize) {
    let pixels = groups.first().map_or(0, |lanes| lanes.len() / (LANES * channels));
    for i in 0..images / 2 {
        let j = images - 1 - i;
        let [(a, at_a), (b, at_b)] = [i, j].map(|image| (image / LANES, image % LANES));
        let at = [(a, at_a), (b, at_b)];
        match *blend {
            Blend::Mix { own } => {
                let (own, other) = (own as f32, (1.0 - own) as f32);
                let mixed = |x: f32, y: f32| (own * x + other * y, own * y + other * x);
                (0..pixels * channels).for_each(|value| change(groups, at, value, mixed));
            }
            Blend::Cut { place: [top, left, rows, columns], .. } => {
                for row in top..top + rows {
                    let start = (row * width + left) * channels;
                    (start..start + columns * channels).for_each(|value| change(groups, at, value, |x, y| (y, x)));
                }
            }
        }
    }
}

/// Changes one value of two images, each at a group and a lane.
fn change(groups: &mut [Vec<f32>], [a, b]: [(usize, usize); 2], value: usize, both: impl Fn(f32, f32) -> (f32, f32)) {
    let (at_a, at_b) = (value * LANES + a.1, value * LANES + b.1);
    (groups[a.0][at_a], groups[b.0][at_b]) = both(groups[a.0][at_a], groups[b.0][at_b]);
}

fn normalise(figures: &Normalisation, lanes: &mut [f32]) {
    let channels = figures.mean.len();
    for pixel in lanes.chunks_exact_mut(channels * LANES) {
        let figures = figures.mean.iter().zip(&figures.deviation);
        for (lanes, (&mean, &deviation)) in pixel.chunks_exact_mut(LANES).zip(figures) {
            let (mean, deviation) = (mean as f32, deviation as f32);
            for x in lanes {
                *x = (*x - mean) / deviation;
            }
        }
    }
}
