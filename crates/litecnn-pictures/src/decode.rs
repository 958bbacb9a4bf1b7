use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::guard::guarded;
use crate::{Background, PictureError, jpeg};

/// Longest side and most bytes of a decoded picture. What a header claims beyond is refused before room is made.
pub(crate) const LONGEST: usize = 32_768;
pub(crate) const LARGEST: u64 = if cfg!(feature = "fuzzing") { 4 << 20 } else { 256 << 20 };

/// A picture of 8 bits, upright and opaque.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// 1 (grey) or 3.
    pub(crate) channels: usize,
    /// `[height][width][channel]`.
    pub(crate) pixels: Vec<u8>,
}

/// The first picture in a file.
pub(crate) fn decode(bytes: &[u8], background: Background) -> Result<Picture, PictureError> {
    let picture = guarded(|| if jpeg::is_jpeg(bytes) { jpeg::decode(bytes) } else { other(bytes) })?;
    Ok(match opaque(picture, background) {
        DynamicImage::ImageLuma8(p) => {
            Picture { width: p.width() as usize, height: p.height() as usize, channels: 1, pixels: p.into_raw() }
        }
        deep @ DynamicImage::ImageLuma16(_) => Picture {
            width: deep.width() as usize,
            height: deep.height() as usize,
            channels: 1,
            pixels: deep.into_luma8().into_raw(),
        },
        colour => Picture {
            width: colour.width() as usize,
            height: colour.height() as usize,
            channels: 3,
            pixels: colour.into_rgb8().into_raw(),
        },
    })
}

/// Refuses what would take too much room.
pub(crate) fn check_size(width: usize, height: usize, bytes: u64) -> Result<(), PictureError> {
    if width.max(height) > LONGEST || bytes > LARGEST {
        return Err(PictureError::Size { width, height, longest: LONGEST, most: LARGEST >> 20 });
    }
    if width == 0 || height == 0 {
        return Err(PictureError::damaged(format!("it has {width}x{height} pixels")));
    }
    Ok(())
}

fn other(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(PictureError::damaged)?;
    if reader.format().is_none_or(|format| !format.reading_enabled()) {
        return Err(PictureError::Unknown);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(LARGEST);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(PictureError::damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(width as usize, height as usize, decoder.total_bytes())?;
    let orientation = decoder.orientation().map_err(PictureError::damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(PictureError::damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The picture over a background, where it has transparent places.
fn opaque(picture: DynamicImage, background: Background) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let mixed = |value: u8, behind: u8, alpha: u8| {
        let sum = u32::from(value) * u32::from(alpha) + u32::from(behind) * u32::from(255 - alpha);
        ((sum + 127) / 255) as u8
    };
    let behind = background.0;
    if !picture.color().has_color() && background.is_grey() {
        let picture = picture.into_luma_alpha8();
        let (width, height) = picture.dimensions();
        let pixels = picture.pixels().map(|p| mixed(p.0[0], behind[0], p.0[1])).collect();
        return image::GrayImage::from_raw(width, height, pixels).unwrap_or_default().into();
    }
    let picture = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    let pixels = picture.pixels().flat_map(|p| {
        let [red, green, blue, alpha] = p.0;
        [mixed(red, behind[0], alpha), mixed(green, behind[1], alpha), mixed(blue, behind[2], alpha)]
    });
    image::RgbImage::from_raw(width, height, pixels.collect()).unwrap_or_default().into()
}
