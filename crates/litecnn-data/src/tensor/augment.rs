use litecnn_kernels::{Outside, Sampling};
use rand::RngExt;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use tch::{TchError, Tensor};

use super::stream::Stream;

/// Random changes to training images: rotation, zoom, brightness, translation (Isong 2025, "Data"), mirroring.
///
/// Each image gets its own [`Change`], drawn uniformly from the ranges; a range `r` means `[-r, r]`. Geometry is one
/// composed bilinear resampling on the batch's own device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Augmentation {
    /// Radians.
    #[serde(deserialize_with = "angle")]
    pub rotation: f64,
    /// Fraction of the height, below 1.
    #[serde(deserialize_with = "fraction")]
    pub zoom_height: f64,
    /// Fraction of the width, below 1.
    #[serde(deserialize_with = "fraction")]
    pub zoom_width: f64,
    /// Added to pixel values in `[0, 1]`, clipped to that range.
    #[serde(deserialize_with = "unit")]
    pub brightness: f64,
    /// Fraction of the height.
    #[serde(deserialize_with = "unit")]
    pub translation_height: f64,
    /// Fraction of the width.
    #[serde(deserialize_with = "unit")]
    pub translation_width: f64,
    /// Probability that an image is mirrored left to right.
    #[serde(default, deserialize_with = "unit", skip_serializing_if = "is_zero")]
    pub mirror: f64,
    /// What lies outside the image.
    pub fill: Fill,
    /// Value outside the image for [`Fill::Constant`], in `[0, 1]`.
    #[serde(deserialize_with = "unit")]
    pub fill_value: f64,
}

/// What lies outside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// The image mirrored at its edge: `d c b a | a b c d | d c b a`.
    Reflect,
    /// One value everywhere.
    Constant,
    /// The nearest pixel of the edge.
    Edge,
}

/// What happens to one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Radians.
    pub angle: f64,
    /// The image shows `1 + zoom_height` times its height: positive values zoom out.
    pub zoom_height: f64,
    /// The same for the width.
    pub zoom_width: f64,
    /// Added to pixel values.
    pub brightness: f64,
    /// Fraction of the height by which the content moves down.
    pub down: f64,
    /// Fraction of the width by which the content moves right.
    pub right: f64,
    /// Whether the image is mirrored left to right, before all else.
    pub mirrored: bool,
}

impl Augmentation {
    /// Leaves images as they are.
    pub const NONE: Self = Self {
        rotation: 0.0,
        zoom_height: 0.0,
        zoom_width: 0.0,
        brightness: 0.0,
        translation_height: 0.0,
        translation_width: 0.0,
        mirror: 0.0,
        fill: Fill::Reflect,
        fill_value: 0.0,
    };

    /// Whether images are left as they are.
    pub fn changes_nothing(&self) -> bool {
        Self { fill: Self::NONE.fill, fill_value: Self::NONE.fill_value, ..self.clone() } == Self::NONE
    }

    /// Draws a change for each of `images` images.
    pub fn draw(&self, images: usize, rng: &mut Stream) -> Vec<Change> {
        let change = |_| {
            let mut within = |range: f64| (2.0 * rng.random::<f64>() - 1.0) * range;
            Change {
                angle: within(self.rotation),
                zoom_height: within(self.zoom_height),
                zoom_width: within(self.zoom_width),
                brightness: within(self.brightness),
                down: within(self.translation_height),
                right: within(self.translation_width),
                // Nothing is drawn where nothing is mirrored.
                mirrored: self.mirror > 0.0 && rng.random::<f64>() < self.mirror,
            }
        };
        (0..images).map(change).collect()
    }

    /// What the kernels that resample on the CPU put outside an image.
    pub(super) fn outside(&self) -> Outside {
        match self.fill {
            Fill::Reflect => Outside::Reflect,
            Fill::Constant => Outside::Constant(self.fill_value as f32),
            Fill::Edge => Outside::Edge,
        }
    }

    /// A change as these kernels take it.
    pub(super) fn sampling(&self, change: &Change, height: usize, width: usize) -> Sampling {
        let brightness = (self.brightness != 0.0).then_some(change.brightness as f32);
        Sampling { map: change.sampling(height as f64, width as f64), brightness }
    }

    /// The images `[batch, channels, height, width]` with one change applied to each: mirrored, rotated, zoomed,
    /// brightened, moved, in this order. The result is channels-last in memory.
    ///
    /// # Errors
    /// A libtorch error, also if there are not as many changes as images.
    pub fn apply(&self, images: &Tensor, changes: &[Change]) -> Result<Tensor, TchError> {
        let (batch, _, height, width) = images.size4()?;
        if batch != changes.len() as i64 {
            return Err(TchError::Shape(format!("{} changes for {batch} images", changes.len())));
        }
        let theta: Vec<f32> = changes.iter().flat_map(|c| c.sampling(height as f64, width as f64)).collect();
        let theta = Tensor::f_from_slice(&theta)?.f_view([batch, 2, 3])?.f_to(images.device())?;
        let grid = Tensor::f_affine_grid_generator(&theta, images.size(), false)?;
        const BILINEAR: i64 = 0;
        let sample = |images: &Tensor, padding| images.f_grid_sampler(&grid, BILINEAR, padding, false);
        let mut moved = match self.fill {
            Fill::Constant if self.fill_value == 0.0 => sample(images, 0)?,
            // Only zeros can be filled in, so the value is shifted to zero and back.
            Fill::Constant => sample(&images.f_sub_scalar(self.fill_value)?, 0)?.f_add_scalar(self.fill_value)?,
            Fill::Edge => sample(images, 1)?,
            Fill::Reflect => sample(images, 2)?,
        };
        if self.brightness != 0.0 {
            let added: Vec<f32> = changes.iter().map(|c| c.brightness as f32).collect();
            let added = Tensor::f_from_slice(&added)?.f_view([batch, 1, 1, 1])?.f_to(images.device())?;
            moved = moved.f_add(&added)?.f_clamp(0.0, 1.0)?;
        }
        channels_last(&moved)
    }
}

impl Change {
    /// The affine map from places in the result to places in the source, both in `[-1, 1]` over the image:
    /// two rows of three.
    ///
    /// In pixels from the centre, the source place is `R Z (place - shift)`: moving is undone first, then zoom,
    /// then rotation, then mirroring.
    fn sampling(&self, height: f64, width: f64) -> [f32; 6] {
        let (sin, cos) = self.angle.sin_cos();
        let (zx, zy) = (1.0 + self.zoom_width, 1.0 + self.zoom_height);
        let (right, down) = (self.right * width, self.down * height);
        let rows = [
            [cos * zx, -sin * zy * height / width, (-cos * zx * right + sin * zy * down) * 2.0 / width],
            [sin * zx * width / height, cos * zy, (-sin * zx * right - cos * zy * down) * 2.0 / height],
        ];
        let flat = rows.as_flattened();
        let side = |i: usize| if self.mirrored && i < 3 { -1.0 } else { 1.0 };
        std::array::from_fn(|i| (side(i) * flat[i]) as f32)
    }
}

/// The same values, in memory ordered by height, width, channel.
fn channels_last(images: &Tensor) -> Result<Tensor, TchError> {
    let (batch, channels, height, width) = images.size4()?;
    // With one channel both orders are the same bytes; the strides must still say which is meant.
    let ordered = match channels {
        1 => images.f_contiguous()?.f_view([batch, height, width, 1])?,
        _ => images.f_permute([0, 2, 3, 1])?.f_contiguous()?,
    };
    ordered.f_permute([0, 3, 1, 2])
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn within<'de, D: Deserializer<'de>>(d: D, good: impl Fn(f64) -> bool, wanted: &str) -> Result<f64, D::Error> {
    let x = f64::deserialize(d)?;
    if good(x) { Ok(x) } else { Err(D::Error::custom(format!("{x} is impossible here: {wanted}"))) }
}

fn unit<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    within(d, |x| (0.0..=1.0).contains(&x), "at least 0, at most 1")
}

fn fraction<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    within(d, |x| (0.0..1.0).contains(&x), "at least 0 and below 1")
}

fn angle<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    within(d, |x| (0.0..=std::f64::consts::PI).contains(&x), "radians between 0 and pi")
}
