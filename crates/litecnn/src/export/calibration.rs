//! Images that 8-bit scales are chosen by.

use std::path::Path;

#[cfg(feature = "training")]
use anyhow::Context;
use anyhow::Result;
#[cfg(not(feature = "training"))]
use litecnn_cli::Usage;
use litecnn_export::TrainedModel;
use litecnn_pictures::{Background, Fit, PictureForm};

use crate::predict::{pictures, pixels_of};

/// Up to `count` images `[height][width][channel]`, evenly spaced among the pictures of a folder, or else among the
/// training images of the model's data set, which the run that the weight file lies in may tell more of.
pub(super) fn images(path: &Path, model: &TrainedModel, folder: Option<&Path>, count: usize) -> Result<Vec<u8>> {
    let Some(folder) = folder else { return training_images(path, model, count) };
    let [channels, height, width] = model.input();
    let plain = PictureForm { channels, height, width, fit: Fit::Stretch, background: Background::BLACK };
    let form = model.pictures().unwrap_or(plain);
    let mut images = Vec::new();
    for path in evenly(&pictures(folder)?, count) {
        images.extend(pixels_of(path, &form)?);
    }
    Ok(images)
}

/// Up to `count` of some, evenly spaced.
fn evenly<T>(all: &[T], count: usize) -> impl Iterator<Item = &T> {
    let count = count.min(all.len());
    (0..count).map(move |i| &all[i * all.len() / count])
}

#[cfg(feature = "training")]
fn training_images(path: &Path, model: &TrainedModel, count: usize) -> Result<Vec<u8>> {
    let images = crate::training::training_images(path, model.dataset())
        .context("no images to calibrate with; name a folder of pictures by --calibrate")?;
    let pixels: usize = model.input().iter().product();
    let images: Vec<&[u8]> = images.chunks_exact(pixels).collect();
    Ok(evenly(&images, count).copied().flatten().copied().collect())
}

#[cfg(not(feature = "training"))]
fn training_images(_: &Path, _: &TrainedModel, _: usize) -> Result<Vec<u8>> {
    Err(Usage(
        "this build reads no data sets: for --int8 name a folder of training pictures, --calibrate FOLDER".into(),
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_ones_are_evenly_spaced() {
        assert_eq!(evenly(&[0, 1, 2, 3, 4, 5], 3).collect::<Vec<_>>(), [&0, &2, &4]);
        assert_eq!(evenly(&[0, 1], 3).collect::<Vec<_>>(), [&0, &1]);
        assert_eq!(evenly::<u8>(&[], 3).count(), 0);
    }
}
