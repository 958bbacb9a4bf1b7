use std::fmt;
use std::sync::Arc;

use rand::seq::SliceRandom;
use tch::{Device, Kind, TchError, Tensor};

use super::host::HostImages;
use super::stream::Stream;
use crate::Images;

/// Images on a device as they are in the file (one byte a value), turned into numbers batch by batch.
#[derive(Debug)]
pub struct DeviceImages {
    /// `u8 [images, height, width, channels]`
    pixels: Tensor,
    /// `i64 [images]`
    labels: Tensor,
    scale: f64,
    /// Holds the memory of `pixels` where libtorch does not; never changed.
    owner: Option<Arc<Bytes>>,
}

struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Some images with their labels.
#[derive(Debug)]
pub struct Batch {
    /// `f32 [batch, channels, height, width]` with values in `[0, 1]`, channels-last in memory.
    pub images: Tensor,
    /// `i64 [batch]`
    pub labels: Tensor,
    /// Place of the first of them in the order of the epoch.
    pub start: usize,
}

impl Batch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl DeviceImages {
    /// Copies images to a device. Values are divided by `scale` (255 for the usual bytes) when a batch is made.
    ///
    /// # Errors
    /// A libtorch error if the device does not exist or has no room.
    pub fn new(images: &Images, device: Device, scale: f64) -> Result<Self, TchError> {
        let shape: Vec<i64> = images.pixels.shape().iter().map(|&n| n as i64).collect();
        let standard = images.pixels.as_standard_layout();
        let pixels = Tensor::f_from_slice(standard.as_slice().unwrap_or_default())?.f_view(shape.as_slice())?;
        Ok(Self { pixels: pixels.f_to(device)?, labels: wide(&images.labels, device)?, scale, owner: None })
    }

    /// As [`DeviceImages::new`], but on the CPU the images stay where they are, so that memory holds them once.
    ///
    /// # Errors
    /// As [`DeviceImages::new`].
    pub fn of(images: Images, device: Device, scale: f64) -> Result<Self, TchError> {
        if device != Device::Cpu || images.pixels.is_empty() || !images.pixels.is_standard_layout() {
            return Self::new(&images, device, scale);
        }
        let shape: Vec<i64> = images.pixels.shape().iter().map(|&n| n as i64).collect();
        let strides: Vec<i64> = images.pixels.strides().iter().map(|&n| n as i64).collect();
        let labels = wide(&images.labels, device)?;
        let (bytes, start) = images.pixels.into_raw_vec_and_offset();
        let owner = Arc::new(Bytes(bytes));
        let first = &owner.0[start.unwrap_or_default()..];
        #[allow(unsafe_code, reason = "libtorch has no safe way to use memory that it did not make")]
        // SAFETY: shape and strides are those of the array the bytes were taken from, which begins at `first`. They stay
        // where they are while `owner` is there, which every tensor that refers to them has beside it; what leaves this
        // type are copies, or borrows from it. Nothing writes to them.
        let pixels = unsafe { Tensor::f_from_blob(first.as_ptr(), &shape, &strides, Kind::Uint8, device)? };
        Ok(Self { pixels, labels, scale, owner: Some(owner) })
    }

    /// The same images (not a copy) for another thread.
    pub fn share(&self) -> Self {
        Self {
            pixels: self.pixels.shallow_clone(),
            labels: self.labels.shallow_clone(),
            scale: self.scale,
            owner: self.owner.clone(),
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where they are.
    pub fn device(&self) -> Device {
        self.pixels.device()
    }

    /// The images as bytes in memory; none if they are on another device than the CPU.
    pub fn host(&self) -> Option<HostImages<'_>> {
        HostImages::of(&self.pixels, &self.labels, self.scale)
    }

    /// Labels of the images at `places`, `i64 [places]`.
    ///
    /// # Errors
    /// A libtorch error, also for places that do not exist.
    pub fn labels(&self, places: &[u32]) -> Result<Tensor, TchError> {
        self.labels.f_index_select(0, &index(places, self.device())?)
    }

    /// Batches of the images at `places`, in that order, `size` each; the last one holds what is left.
    ///
    /// # Errors
    /// A libtorch error if the device has no room.
    pub fn batches(&self, places: &[u32], size: usize) -> Result<Batches<'_>, TchError> {
        Ok(Batches { images: self, order: index(places, self.device())?, size: size.max(1), start: 0 })
    }

    /// As [`DeviceImages::batches`], the order shuffled with `rng`.
    ///
    /// # Errors
    /// A libtorch error if the device has no room.
    pub fn shuffled_batches(&self, places: &[u32], size: usize, rng: &mut Stream) -> Result<Batches<'_>, TchError> {
        let mut order = places.to_vec();
        order.shuffle(rng);
        self.batches(&order, size)
    }
}

/// The batches of one epoch.
#[derive(Debug)]
pub struct Batches<'a> {
    images: &'a DeviceImages,
    order: Tensor,
    size: usize,
    start: usize,
}

impl Batches<'_> {
    /// Labels of the whole epoch in its order, `i64 [images]`.
    ///
    /// # Errors
    /// A libtorch error.
    pub fn labels(&self) -> Result<Tensor, TchError> {
        self.images.labels.f_index_select(0, &self.order)
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, TchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.start;
        let length = self.size.min(self.order.numel() - start);
        if length == 0 {
            return None;
        }
        self.start += length;
        let make = || {
            let places = self.order.f_narrow(0, start as i64, length as i64)?;
            let pixels = self.images.pixels.f_index_select(0, &places)?.f_to_kind(Kind::Float)?;
            // The permuted view of height, width, channel is channels-last: no copy.
            let images = pixels.f_div_scalar(self.images.scale)?.f_permute([0, 3, 1, 2])?;
            Ok(Batch { images, labels: self.images.labels.f_index_select(0, &places)?, start })
        };
        Some(make())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.numel() - self.start).div_ceil(self.size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches<'_> {}

fn wide(labels: &[u8], device: Device) -> Result<Tensor, TchError> {
    let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    Tensor::f_from_slice(&labels)?.f_to(device)
}

fn index(places: &[u32], device: Device) -> Result<Tensor, TchError> {
    let places: Vec<i64> = places.iter().map(|&p| i64::from(p)).collect();
    Tensor::f_from_slice(&places)?.f_to(device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::stream;
    use ndarray::Array4;

    fn images() -> Images {
        let pixels = Array4::from_shape_fn((7, 4, 5, 3), |(n, h, w, c)| (n * 31 + h * 15 + w * 3 + c) as u8);
        Images { pixels, labels: (0..7).collect() }
    }

    #[test]
    fn batches_hold_every_image_once_the_last_partial() {
        let images = images();
        let device = DeviceImages::new(&images, Device::Cpu, 255.0).unwrap();
        let places = [6, 0, 3, 2, 5];
        let batches: Vec<Batch> = device.batches(&places, 2).unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(batches.iter().map(|b| b.start).collect::<Vec<_>>(), [0, 2, 4]);
        for (position, &place) in places.iter().enumerate() {
            let batch = &batches[position / 2];
            let at = (position % 2) as i64;
            assert_eq!(batch.labels.int64_value(&[at]), i64::from(place));
            let value = batch.images.double_value(&[at, 2, 3, 4]) as f32;
            assert_eq!(value, f32::from(images.pixels[[place as usize, 3, 4, 2]]) / 255.0);
        }
        assert_eq!(batches[0].images.size(), [2, 3, 4, 5]);
        assert_eq!(batches[0].images.stride(), [60, 1, 15, 3], "channels-last");
    }

    #[test]
    fn images_given_away_are_not_copied_and_stay_while_they_are_shared() {
        let (given, copied) = (images(), DeviceImages::new(&images(), Device::Cpu, 255.0).unwrap());
        let place = given.pixels.as_ptr();
        let device = DeviceImages::of(given, Device::Cpu, 255.0).unwrap();
        let shared = device.share();
        assert_eq!(device.pixels.data_ptr().cast_const().cast(), place);
        drop(device);
        assert_eq!(shared.pixels, copied.pixels);
        let batch = |images: &DeviceImages| images.batches(&[6, 0], 2).unwrap().next().unwrap().unwrap();
        let (ours, theirs) = (batch(&shared), batch(&copied));
        drop(shared);
        assert_eq!((ours.images, ours.labels), (theirs.images, theirs.labels));
    }

    #[test]
    fn shuffled_batches_are_a_permutation_that_depends_on_the_stream() {
        let device = DeviceImages::new(&images(), Device::Cpu, 255.0).unwrap();
        let places: Vec<u32> = (0..7).collect();
        let order = |purpose: &str| -> Vec<i64> {
            let batches = device.shuffled_batches(&places, 3, &mut stream(0, purpose)).unwrap();
            Vec::try_from(batches.labels().unwrap()).unwrap()
        };
        let (a, b) = (order("a"), order("b"));
        assert_eq!(a, order("a"));
        assert_ne!(a, b);
        let mut sorted = a;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..7).collect::<Vec<i64>>());
    }

    #[test]
    fn no_images_no_batches_and_places_that_do_not_exist_are_errors() {
        let device = DeviceImages::new(&images(), Device::Cpu, 255.0).unwrap();
        let none = Images { pixels: Array4::zeros((0, 4, 5, 3)), labels: vec![] };
        assert!(DeviceImages::of(none, Device::Cpu, 255.0).unwrap().is_empty());
        assert_eq!(device.batches(&[], 4).unwrap().count(), 0);
        assert!(device.batches(&[7], 4).unwrap().next().unwrap().is_err());
    }
}
