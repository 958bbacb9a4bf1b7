use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::decode::Picture;
use crate::{Fit, PictureError, PictureForm};

/// A picture as an image of a form, `[height][width][channel]`.
pub(crate) fn fitted(picture: Picture, form: &PictureForm) -> Result<Vec<u8>, PictureError> {
    let picture = if form.channels == 1 { grey(picture) } else { picture };
    let (from, to) = ((picture.width, picture.height), (form.width, form.height));
    let pixels = match form.fit {
        _ if from == to => picture.pixels,
        Fit::Stretch => scaled(&picture, [0.0, 0.0, from.0 as f64, from.1 as f64], to)?,
        Fit::Crop => scaled(&picture, middle(from, to), to)?,
        Fit::Letterbox => {
            let inner = inner(from, to);
            let pixels = scaled(&picture, [0.0, 0.0, from.0 as f64, from.1 as f64], inner)?;
            return Ok(letterboxed(&colours(pixels, picture.channels, form), inner, form));
        }
    };
    Ok(colours(pixels, picture.channels, form))
}

/// The largest part in the middle that has the target's shape: left, top, width, height.
fn middle((width, height): (usize, usize), to: (usize, usize)) -> [f64; 4] {
    let (width, height) = (width as f64, height as f64);
    let ratio = to.0 as f64 / to.1 as f64;
    let (inner_width, inner_height) = (width.min(height * ratio), height.min(width / ratio));
    [(width - inner_width) / 2.0, (height - inner_height) / 2.0, inner_width, inner_height]
}

/// The largest size of the picture's shape within the target, in whole pixels.
fn inner((width, height): (usize, usize), to: (usize, usize)) -> (usize, usize) {
    let scale = (to.0 as f64 / width as f64).min(to.1 as f64 / height as f64);
    let side = |length: usize, most: usize| ((length as f64 * scale).round() as usize).clamp(1, most);
    (side(width, to.0), side(height, to.1))
}

fn scaled(picture: &Picture, part: [f64; 4], to: (usize, usize)) -> Result<Vec<u8>, PictureError> {
    let kind = if picture.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let source = ImageRef::new(picture.width as u32, picture.height as u32, &picture.pixels, kind)
        .map_err(PictureError::damaged)?;
    let mut target = Image::new(to.0 as u32, to.1 as u32, kind);
    let [left, top, width, height] = part;
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(left, top, width, height);
    Resizer::new().resize(&source, &mut target, &options).map_err(PictureError::damaged)?;
    Ok(target.into_vec())
}

fn letterboxed(inner: &[u8], (width, height): (usize, usize), form: &PictureForm) -> Vec<u8> {
    let channels = form.channels;
    let bar = if channels == 1 { vec![luma(form.background.0)] } else { form.background.0.to_vec() };
    let mut image = bar.repeat(form.height * form.width);
    let (left, top) = ((form.width - width) / 2, (form.height - height) / 2);
    for (y, row) in inner.chunks_exact(width * channels).take(height).enumerate() {
        let at = ((top + y) * form.width + left) * channels;
        image[at..at + row.len()].copy_from_slice(row);
    }
    image
}

/// Pixels of so many channels in those of the form.
fn colours(pixels: Vec<u8>, channels: usize, form: &PictureForm) -> Vec<u8> {
    if channels == form.channels { pixels } else { pixels.iter().flat_map(|value| [*value; 3]).collect() }
}

fn grey(picture: Picture) -> Picture {
    if picture.channels == 1 {
        return picture;
    }
    let pixels = picture.pixels.chunks_exact(3).map(|p| luma([p[0], p[1], p[2]])).collect();
    Picture { channels: 1, pixels, ..picture }
}

/// By the weights of Rec. 709, in whole numbers.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue)) / 10_000) as u8
}
