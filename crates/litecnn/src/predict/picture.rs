//! Pictures of any usual form as the model sees them.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Result, bail};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

/// What files in a folder are taken for pictures.
pub(super) const ENDS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "bmp", "webp"];
/// Longest side and most bytes of a decoded picture. What a header claims beyond is refused before room is made.
const LONGEST: u32 = 32_768;
const LARGEST: u64 = 256 << 20;

/// What shows through where a picture is transparent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Background {
    Black,
    White,
}

/// Whether a file is named as a picture.
pub(super) fn named_so(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| ENDS.iter().any(|known| known.eq_ignore_ascii_case(end)))
}

/// A picture file as the model sees it, `[height][width][channel]`.
pub(super) fn pixels(bytes: &[u8], [channels, height, width]: [usize; 3], background: Background) -> Result<Vec<u8>> {
    let (width, height) = (u32::try_from(width)?, u32::try_from(height)?);
    let mut picture = opaque(decoded(bytes)?, background);
    if (picture.width(), picture.height()) != (width, height) {
        picture = picture.resize_exact(width, height, FilterType::Triangle);
    }
    match channels {
        1 => Ok(picture.into_luma8().into_raw()),
        3 => Ok(picture.into_rgb8().into_raw()),
        n => bail!("the model sees {n} channels; pictures have 1 or 3"),
    }
}

/// The first picture in a file, upright.
fn decoded(bytes: &[u8]) -> Result<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    if reader.format().is_none() {
        bail!("it is neither PNG, JPEG, GIF, BMP nor WebP");
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(LARGEST);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > LONGEST || decoder.total_bytes() > LARGEST {
        let most = LARGEST >> 20;
        bail!("it claims {width}x{height} pixels; up to {LONGEST} a side and {most} MiB in all are read");
    }
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The picture over a background, where it has transparent places.
fn opaque(picture: DynamicImage, background: Background) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let behind = match background {
        Background::Black => 0,
        Background::White => 255,
    };
    let mut picture = picture.into_rgba8();
    for pixel in picture.pixels_mut() {
        let [.., alpha] = pixel.0;
        for value in &mut pixel.0[..3] {
            let sum = u32::from(*value) * u32::from(alpha) + behind * u32::from(255 - alpha);
            *value = ((sum + 127) / 255) as u8;
        }
        pixel.0[3] = 255;
    }
    picture.into()
}

#[cfg(test)]
mod tests;
