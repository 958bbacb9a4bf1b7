use rand::RngExt;
use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor};

use super::stream::Stream;

/// Random crops of images widened by black pixels, and mirroring: what training on CIFAR images commonly does.
///
/// Each image gets its own [`Crop`], as large as the image; all places are equally likely.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Crops {
    /// Black pixels put on each side.
    pub padding: u32,
    /// Probability that an image is mirrored left to right.
    pub mirror: f64,
}

/// What happens to one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// First row of the widened image, from 0 to twice the padding.
    pub top: u32,
    /// First column, likewise.
    pub left: u32,
    /// Whether the crop is then mirrored left to right.
    pub mirrored: bool,
}

impl Crops {
    /// Draws a crop for each of `images` images.
    pub fn draw(&self, images: usize, rng: &mut Stream) -> Vec<Crop> {
        let last = 2 * self.padding;
        (0..images)
            .map(|_| Crop {
                top: rng.random_range(0..=last),
                left: rng.random_range(0..=last),
                mirrored: rng.random::<f64>() < self.mirror,
            })
            .collect()
    }

    /// The images `[batch, channels, height, width]`, each cropped as told; channels-last in memory.
    ///
    /// # Errors
    /// A libtorch error, also if there are not as many crops as images or one reaches beyond the widened image.
    pub fn apply(&self, images: &Tensor, crops: &[Crop]) -> Result<Tensor, TchError> {
        let (batch, _, height, width) = images.size4()?;
        if batch != crops.len() as i64 {
            return Err(TchError::Shape(format!("{} crops for {batch} images", crops.len())));
        }
        let padding = i64::from(self.padding);
        let widened = images.f_constant_pad_nd([padding; 4])?.f_permute([0, 2, 3, 1])?;
        let to_device = |values: &[i64]| Tensor::f_from_slice(values)?.f_view([-1, 1])?.f_to(images.device());
        let column = |of: &dyn Fn(&Crop) -> i64| to_device(&crops.iter().map(of).collect::<Vec<_>>());
        let steps = |n: i64| Tensor::f_arange(n, (Kind::Int64, images.device()));
        let rows = column(&|c| i64::from(c.top))?.f_add(&steps(height)?)?;
        // A mirrored crop is read from its last column backwards.
        let start = column(&|c| i64::from(c.left) + if c.mirrored { width - 1 } else { 0 })?;
        let step = column(&|c| if c.mirrored { -1 } else { 1 })?;
        let columns = start.f_add(&step.f_mul(&steps(width)?)?)?;
        let places = [
            steps(batch)?.f_view([batch, 1, 1])?,
            rows.f_view([batch, height, 1])?,
            columns.f_view([batch, 1, width])?,
        ];
        widened.f_index(&places.map(Some))?.f_permute([0, 3, 1, 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::stream;
    use tch::Device;

    fn images() -> Tensor {
        Tensor::arange(4 * 2 * 5 * 7, (Kind::Float, Device::Cpu)).view([4, 2, 5, 7]) + 1.0
    }

    #[test]
    fn every_pixel_is_where_it_should_be() {
        let (crops, images) = (Crops { padding: 2, mirror: 0.5 }, images());
        let drawn = [
            Crop { top: 2, left: 2, mirrored: false },
            Crop { top: 0, left: 4, mirrored: false },
            Crop { top: 4, left: 0, mirrored: true },
            Crop { top: 1, left: 3, mirrored: true },
        ];
        let cropped = crops.apply(&images, &drawn).unwrap();
        assert_eq!(cropped.size(), images.size());
        for (n, crop) in drawn.iter().enumerate() {
            for (c, y, x) in (0..2).flat_map(|c| (0..5).flat_map(move |y| (0..7).map(move |x| (c, y, x)))) {
                let column = if crop.mirrored { 6 - x } else { x };
                let (row, column) = (y + i64::from(crop.top) - 2, column + i64::from(crop.left) - 2);
                let inside = (0..5).contains(&row) && (0..7).contains(&column);
                let expected = if inside { images.double_value(&[n as i64, c, row, column]) } else { 0.0 };
                assert_eq!(cropped.double_value(&[n as i64, c, y, x]), expected, "{crop:?} {c} {y} {x}");
            }
        }
        assert_eq!(cropped.stride(), [70, 1, 14, 2], "channels-last");
    }

    #[test]
    fn nothing_to_do_changes_nothing() {
        let none = Crops { padding: 0, mirror: 0.0 };
        let drawn = none.draw(4, &mut stream(0, "test"));
        assert_eq!(none.apply(&images(), &drawn).unwrap(), images());
    }

    #[test]
    fn all_places_are_equally_likely_and_repeatable() {
        let crops = Crops { padding: 4, mirror: 0.5 };
        let drawn = crops.draw(81_000, &mut stream(0, "test"));
        assert_eq!(drawn, crops.draw(81_000, &mut stream(0, "test")));
        for (top, left) in (0..9).flat_map(|top| (0..9).map(move |left| (top, left))) {
            let hits = drawn.iter().filter(|c| (c.top, c.left) == (top, left)).count() as f64;
            // Five standard deviations of a binomial around its mean.
            assert!((hits - 1000.0).abs() < 5.0 * 1000f64.sqrt(), "{top} {left}: {hits}");
        }
        let mirrored = drawn.iter().filter(|c| c.mirrored).count() as f64 / 81_000.0;
        assert!((mirrored - 0.5).abs() < 0.01, "{mirrored}");
    }

    #[test]
    fn wrong_numbers_and_places_are_errors() {
        let crops = Crops { padding: 1, mirror: 0.0 };
        let one = Crop { top: 0, left: 0, mirrored: false };
        assert!(crops.apply(&images(), &[one; 3]).unwrap_err().to_string().contains("3 crops for 4 images"));
        assert!(crops.apply(&images(), &[Crop { top: 3, ..one }; 4]).is_err());
    }
}
