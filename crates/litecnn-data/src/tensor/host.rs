use litecnn_kernels::{Level, Sampler, Sampling, bytes_to_lanes};
use tch::{Device, Kind, TchError, Tensor};

use super::augment::{Augmentation, Change};

/// Images as bytes in memory, laid out 16 at a time for the kernels of the crate litecnn-kernels.
#[derive(Debug)]
pub struct HostImages<'a> {
    /// One image after the other, `[height, width, channels]` each.
    pixels: &'a [u8],
    labels: &'a [i64],
    height: usize,
    width: usize,
    channels: usize,
    /// What a byte means, in `[0, 1]`.
    table: [f32; 256],
}

impl<'a> HostImages<'a> {
    /// None if the tensors are not bytes and labels in order on the CPU.
    pub(super) fn of(pixels: &'a Tensor, labels: &'a Tensor, scale: f64) -> Option<Self> {
        let on_cpu = |t: &Tensor, kind| t.device() == Device::Cpu && t.kind() == kind && t.is_contiguous();
        let &[_, height, width, channels] = pixels.size().as_slice() else { return None };
        if !on_cpu(pixels, Kind::Uint8) || !on_cpu(labels, Kind::Int64) {
            return None;
        }
        let empty = pixels.numel() == 0 || labels.numel() == 0;
        #[allow(unsafe_code, reason = "libtorch has no safe view of a tensor's memory")]
        // SAFETY: contiguous tensors of these kinds on the CPU, borrowed for 'a; nothing in this crate changes the
        // pixels and labels of images once made, and nobody else has them.
        let (pixels, labels): (&[u8], &[i64]) = if empty {
            (&[], &[])
        } else {
            unsafe {
                (
                    std::slice::from_raw_parts(pixels.data_ptr().cast::<u8>().cast_const(), pixels.numel()),
                    std::slice::from_raw_parts(labels.data_ptr().cast::<i64>().cast_const(), labels.numel()),
                )
            }
        };
        // As libtorch divides: in 32 bits.
        let table = std::array::from_fn(|byte| byte as f32 / scale as f32);
        let [height, width, channels] = [height, width, channels].map(|n| n as usize);
        Some(Self { pixels, labels, height, width, channels, table })
    }

    /// Bytes of one image.
    pub fn image_size(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The label of the image at `place`.
    ///
    /// # Errors
    /// [`TchError::Shape`] if there is no such image.
    pub fn label(&self, place: u32) -> Result<i64, TchError> {
        self.labels.get(place as usize).copied().ok_or_else(|| self.missing(place))
    }

    /// Writes up to 16 images as numbers to `lanes`, `[height][width][channel][16]`.
    ///
    /// # Errors
    /// [`TchError::Shape`] if a place does not exist, or lanes do not fit.
    pub fn fill(&self, places: &[u32], lanes: &mut [f32]) -> Result<(), TchError> {
        let images = self.images(places, lanes)?;
        bytes_to_lanes(&images, &self.table, lanes);
        Ok(())
    }

    /// What changes these images at random, see [`HostImages::fill_changed`].
    pub fn resampler(&self, augmentation: &'a Augmentation) -> Resampler<'a> {
        let outside = augmentation.outside();
        let sampler = Sampler::new(self.height, self.width, self.channels, outside, Level::detect());
        Resampler { augmentation, sampler }
    }

    /// As [`HostImages::fill`], with a change applied to each image; the same values as [`Augmentation::apply`] but
    /// for rounding.
    ///
    /// # Errors
    /// As [`HostImages::fill`], also if there are not as many changes as images.
    pub fn fill_changed(
        &self,
        places: &[u32],
        changes: &[Change],
        resampler: &mut Resampler<'_>,
        lanes: &mut [f32],
    ) -> Result<(), TchError> {
        let images = self.images(places, lanes)?;
        if images.len() != changes.len() {
            return Err(TchError::Shape(format!("{} changes for {} images", changes.len(), images.len())));
        }
        let augmentation = resampler.augmentation;
        let samplings: Vec<Sampling> =
            changes.iter().map(|c| augmentation.sampling(c, self.height, self.width)).collect();
        resampler.sampler.apply(&images, &samplings, &self.table, lanes);
        Ok(())
    }

    fn images(&self, places: &[u32], lanes: &[f32]) -> Result<Vec<&'a [u8]>, TchError> {
        let size = self.image_size();
        if places.len() > litecnn_kernels::LANES || lanes.len() != size * litecnn_kernels::LANES {
            return Err(TchError::Shape(format!("{} images in {} values", places.len(), lanes.len())));
        }
        let image = |&place: &u32| {
            let start = place as usize * size;
            self.pixels.get(start..start + size).ok_or_else(|| self.missing(place))
        };
        places.iter().map(image).collect()
    }

    fn missing(&self, place: u32) -> TchError {
        TchError::Shape(format!("image {place} of {}", self.labels.len()))
    }
}

/// Changes images at random on the CPU, 16 at a time.
#[derive(Debug)]
pub struct Resampler<'a> {
    augmentation: &'a Augmentation,
    sampler: Sampler,
}

#[cfg(test)]
mod tests {
    use litecnn_kernels::{LANES, from_lanes};
    use ndarray::Array4;

    use super::*;
    use crate::tensor::{DeviceImages, Fill, stream};

    fn images(channels: usize) -> DeviceImages {
        let pixels = Array4::from_shape_fn((20, 9, 12, channels), |(n, h, w, c)| {
            ((n * 131 + h * h * 17 + w * 29 + c * 71) % 256) as u8
        });
        let images = crate::Images { pixels, labels: (0..20).collect() };
        DeviceImages::new(&images, Device::Cpu, 255.0).unwrap()
    }

    /// Lanes as libtorch's batch would hold them, `[image][height][width][channel]`.
    fn rows(lanes: &[f32], images: usize) -> Vec<f32> {
        let mut rows = vec![0.0; lanes.len() / LANES * images];
        from_lanes(lanes, &mut rows);
        rows
    }

    fn channels_last(t: &Tensor) -> Vec<f32> {
        Vec::try_from(t.permute([0, 2, 3, 1]).contiguous().flatten(0, -1)).unwrap()
    }

    #[test]
    fn lanes_hold_what_batches_hold() {
        for channels in [1, 3, 2] {
            let device = images(channels);
            let host = device.host().unwrap();
            for places in [&[3u32, 19, 0][..], &(0..16).collect::<Vec<_>>()] {
                let batch = device.batches(places, 16).unwrap().next().unwrap().unwrap();
                let mut lanes = vec![9.0; host.image_size() * LANES];
                host.fill(places, &mut lanes).unwrap();
                assert_eq!(rows(&lanes, places.len()), channels_last(&batch.images));
                assert_eq!(host.label(places[1]).unwrap(), i64::from(places[1]));
                assert!(lanes.chunks(LANES).all(|c| c[places.len()..].iter().all(|&x| x == 0.0)), "idle lanes");
            }
        }
    }

    #[test]
    fn changed_lanes_hold_what_changed_batches_hold() {
        for channels in [1, 3, 2] {
            let device = images(channels);
            let host = device.host().unwrap();
            for (fill, brightness) in
                [(Fill::Reflect, 0.0), (Fill::Edge, 0.3), (Fill::Constant, 0.0), (Fill::Constant, 0.2)]
            {
                let augmentation = Augmentation {
                    rotation: 1.5,
                    zoom_height: 0.9,
                    zoom_width: 0.9,
                    brightness,
                    translation_height: 1.0,
                    translation_width: 1.0,
                    mirror: 0.5,
                    fill,
                    fill_value: brightness,
                };
                let places: Vec<u32> = (2..15).collect();
                let changes = augmentation.draw(places.len(), &mut stream(1, "test"));
                let batch = device.batches(&places, 16).unwrap().next().unwrap().unwrap();
                let expected = channels_last(&augmentation.apply(&batch.images, &changes).unwrap());
                let mut lanes = vec![0.0; host.image_size() * LANES];
                let mut resampler = host.resampler(&augmentation);
                host.fill_changed(&places, &changes, &mut resampler, &mut lanes).unwrap();
                let ours = rows(&lanes, places.len());
                let worst = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 2e-5, "{channels} {fill:?}: {worst}");
            }
        }
    }

    #[test]
    fn no_images_are_no_images() {
        let none = crate::Images { pixels: Array4::zeros((0, 9, 12, 1)), labels: vec![] };
        let device = DeviceImages::new(&none, Device::Cpu, 255.0).unwrap();
        assert!(device.host().unwrap().label(0).is_err());
    }

    #[test]
    fn wrong_places_and_room_are_errors() {
        let device = images(1);
        let host = device.host().unwrap();
        let mut lanes = vec![0.0; host.image_size() * LANES];
        assert!(host.fill(&[20], &mut lanes).unwrap_err().to_string().contains("image 20 of 20"));
        assert!(host.label(20).is_err());
        assert!(host.fill(&[1], &mut lanes[1..]).is_err());
        assert!(host.fill(&[0; 17], &mut lanes).is_err());
    }
}
