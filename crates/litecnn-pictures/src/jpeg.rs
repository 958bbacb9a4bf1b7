use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::PictureError;
use crate::decode::{LONGEST, check_size};

pub(crate) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Decodes without the detour by `image`, which reads the headers three times over.
pub(crate) fn decode(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let lenient = DecoderOptions::default().set_max_width(LONGEST).set_max_height(LONGEST).set_strict_mode(false);
    // Sizes beyond are told by `check_size`, with words of our own.
    let headers = lenient.set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), headers);
    decoder.decode_headers().map_err(PictureError::damaged)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| PictureError::damaged("it has no size"))?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let channels = if grey { 1 } else { 3 };
    check_size(width, height, (width * height * channels) as u64)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));

    // Odd headers are passed over; pixels that are not there are not made up.
    let colours = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(lenient.set_strict_mode(true).jpeg_set_out_colorspace(colours));
    let pixels = decoder.decode().map_err(PictureError::damaged)?;
    let (width, height) = (width as u32, height as u32);
    let picture = if grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    let mut picture = picture.ok_or_else(|| PictureError::damaged("it has fewer pixels than it claims"))?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture)
}
