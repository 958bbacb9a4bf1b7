use std::io::Cursor;

use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

const BLACK: Background = Background::BLACK;
const WHITE: Background = Background::WHITE;

fn form([channels, height, width]: [usize; 3], background: Background) -> PictureForm {
    PictureForm { channels, height, width, fit: Fit::Stretch, background }
}

fn pixels(bytes: &[u8], shape: [usize; 3], background: Background) -> Result<Vec<u8>, PictureError> {
    form(shape, background).pixels(bytes)
}

/// Two pixels of one bit each, by a palette of two colours.
const PALETTE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01\x01\x03\0\0\0\xce\xec\xed\xc9\0\0\0\x06PLTE\
    \n\x14\x1e\xc8d2w\xa0\xb3\x9c\0\0\0\nIDATx\x9ccp\0\0\0B\0A)7\xf4\xef\0\0\0\0IEND\xaeB`\x82";

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let (picture, mut bytes) = (picture.into(), Vec::new());
    if format == ImageFormat::Jpeg {
        return jpeg(picture);
    }
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// `image` is built without its own JPEG here, as it is where pictures are read.
fn jpeg(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let picture = picture.into().to_rgb8();
    let (mut bytes, [width, height]) = (Vec::new(), [picture.width(), picture.height()].map(|side| side as u16));
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 75);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
    encoder.encode(&picture, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

fn error(bytes: &[u8]) -> String {
    format!("{:#}", pixels(bytes, [1, 1, 1], BLACK).unwrap_err())
}

#[test]
fn every_format_is_read_by_its_content() {
    let picture = RgbImage::from_fn(16, 8, |x, _| if x < 8 { Rgb([255, 255, 0]) } else { Rgb([0, 0, 64]) });
    for (format, most) in [
        (ImageFormat::Png, 0),
        (ImageFormat::Bmp, 0),
        (ImageFormat::WebP, 0),
        (ImageFormat::Gif, 0),
        (ImageFormat::Jpeg, 12),
    ] {
        let found = pixels(&encoded(picture.clone(), format), [3, 8, 16], BLACK).unwrap();
        let far = found.iter().zip(picture.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(found.len() == 3 * 16 * 8 && far <= Some(most), "{format:?}: {far:?}");
    }
}

#[test]
fn grey_colour_16_bit_and_palettes_become_what_the_model_sees() {
    let red = png(RgbImage::from_pixel(1, 1, Rgb([255, 0, 0])));
    assert_eq!(pixels(&red, [3, 1, 1], BLACK).unwrap(), [255, 0, 0]);
    // A weight of 0.2126, as in Rec. 709.
    assert_eq!(pixels(&red, [1, 1, 1], BLACK).unwrap(), [54]);
    let grey = png(GrayImage::from_pixel(1, 1, Luma([7])));
    assert_eq!(pixels(&grey, [3, 1, 1], BLACK).unwrap(), [7, 7, 7]);
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_raw(3, 1, vec![0, 0x8080, 0xffff]).unwrap();
    assert_eq!(pixels(&png(deep), [1, 1, 3], BLACK).unwrap(), [0, 0x80, 255]);
    assert_eq!(pixels(PALETTE, [3, 1, 2], BLACK).unwrap(), [10, 20, 30, 200, 100, 50]);
    assert!(pixels(&red, [2, 1, 1], BLACK).unwrap_err().to_string().contains("2 channels"));
}

#[test]
fn a_background_shows_through() {
    let picture = RgbaImage::from_raw(3, 1, vec![90, 90, 90, 0, 200, 100, 0, 128, 1, 2, 3, 255]).unwrap();
    let bytes = png(picture);
    assert_eq!(pixels(&bytes, [3, 1, 3], BLACK).unwrap(), [0, 0, 0, 100, 50, 0, 1, 2, 3]);
    assert_eq!(pixels(&bytes, [3, 1, 3], WHITE).unwrap(), [255, 255, 255, 227, 177, 127, 1, 2, 3]);
    let grey = png(GrayAlphaImage::from_raw(2, 1, vec![90, 0, 90, 255]).unwrap());
    assert_eq!(pixels(&grey, [1, 1, 2], BLACK).unwrap(), [0, 90]);
    // What was transparent leaves no trace when pixels are mixed.
    let invisible = RgbaImage::from_fn(8, 8, |x, _| Rgba([255, 255, 255, if x < 4 { 255 } else { 0 }]));
    let found = pixels(&png(invisible), [1, 1, 2], BLACK).unwrap();
    assert!(found[0] == 255 - found[1] && found[1] < 50, "{found:?}");
}

#[test]
fn pictures_are_scaled_to_the_model() {
    let halves = GrayImage::from_fn(100, 50, |x, _| Luma([if x < 50 { 0 } else { 200 }]));
    let found = pixels(&png(halves), [1, 4, 4], BLACK).unwrap();
    assert!(found.chunks(4).all(|row| row == &found[..4] && row[0] == 0 && row[3] == 200), "{found:?}");
}

/// Red above blue, held such that the camera says: rotate by a quarter to the right.
#[test]
fn cameras_say_which_side_is_up() {
    let picture = RgbImage::from_fn(16, 16, |_, y| if y < 8 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    let jpeg = jpeg(picture);
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xff, 0xe1, 0, exif.len() as u8 + 2]);
    turned.extend(exif);
    turned.extend(&jpeg[2..]);
    let reds = |bytes: &[u8]| {
        let found = pixels(bytes, [3, 16, 16], BLACK).unwrap();
        let red = |x: usize, y: usize| found[3 * (16 * y + x)] > 128;
        [red(0, 0), red(15, 0), red(0, 15), red(15, 15)]
    };
    assert_eq!(reds(&jpeg), [true, true, false, false]);
    assert_eq!(reds(&turned), [false, true, false, true]);
}

#[test]
fn what_is_no_picture_is_told() {
    assert_eq!(error(b"no picture"), "it is neither PNG, JPEG, GIF, BMP nor WebP");
    assert_eq!(error(b""), "it is neither PNG, JPEG, GIF, BMP nor WebP");
    let noise = RgbImage::from_fn(40, 40, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, (7 * x) as u8]));
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif] {
        let bytes = encoded(noise.clone(), format);
        for length in [8, 20, 60, bytes.len() / 2] {
            assert!(pixels(&bytes[..length], [1, 1, 1], BLACK).is_err(), "{format:?} cut to {length}");
        }
    }
}

/// A few bytes can claim any size; no room is made for it.
#[test]
fn sizes_beyond_reason_are_refused() {
    let mut bmp = encoded(RgbImage::new(1, 1), ImageFormat::Bmp);
    for (width, height) in [(30_000u32, 30_000u32), (40_000, 1), (0x7fff_ffff, 0x7fff_ffff)] {
        bmp[18..22].copy_from_slice(&width.to_le_bytes());
        bmp[22..26].copy_from_slice(&height.to_le_bytes());
        let error = error(&bmp);
        assert!(error.contains("it claims") || width > 1 << 16, "{error}");
    }
    let mut gif = encoded(RgbImage::new(1, 1), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert!(error(&gif).starts_with("it claims 65535x65535 pixels; up to 32768"), "{}", error(&gif));
    // Only the length of the chunk is checked before its claim is looked at; the sum is made right.
    let mut png = png(GrayImage::new(1, 1));
    png[16..24].copy_from_slice(&[0, 0, 0x60, 0, 0, 0, 0x60, 0]);
    let mut crc = u32::MAX;
    for &byte in &png[12..29] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    assert_eq!(error(&png), "it claims 24576x24576 pixels; up to 32768 a side and 256 MiB in all are read");
}

/// Where the cut is in the last row of blocks, the decoder cannot tell it from a missing end mark.
#[test]
fn truncated_pictures_are_refused() {
    let noise = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, (7 * x) as u8]));
    let jpeg = jpeg(noise);
    for length in 0..jpeg.len() {
        let cut = pixels(&jpeg[..length], [1, 1, 1], BLACK);
        assert!(cut.is_err() || length > jpeg.len() * 3 / 4, "{length} of {}", jpeg.len());
    }
}

#[test]
fn shapes_are_kept_where_asked() {
    // Red, green and blue thirds side by side.
    let thirds = RgbImage::from_fn(36, 12, |x, _| {
        let mut colour = [0; 3];
        colour[x as usize / 12] = 255;
        Rgb(colour)
    });
    let thirds = png(thirds);
    let fitted = |fit, height, width| {
        let form = PictureForm { channels: 3, height, width, fit, background: Background([9, 8, 7]) };
        form.pixels(&thirds).unwrap()
    };
    assert_eq!(fitted(Fit::Crop, 12, 12), [0, 255, 0].repeat(144));
    let boxed = fitted(Fit::Letterbox, 36, 36);
    let row = |y: usize| &boxed[y * 36 * 3..(y + 1) * 36 * 3];
    assert_eq!(row(11), [9, 8, 7].repeat(36));
    assert_eq!(row(24), [9, 8, 7].repeat(36));
    assert_eq!(&row(12)[..3], [255, 0, 0]);
    assert_eq!(&row(23)[105..], [0, 0, 255]);
    // Bars at the sides, one wider where the rest is odd.
    let high = png(GrayImage::from_pixel(1, 100, Luma([200])));
    let form = PictureForm { channels: 1, height: 4, width: 4, fit: Fit::Letterbox, background: Background([9, 9, 9]) };
    assert_eq!(form.pixels(&high).unwrap(), [9, 200, 9, 9].repeat(4));
    let form = PictureForm { fit: Fit::Crop, ..form };
    assert_eq!(form.pixels(&high).unwrap(), [200; 16]);
}

#[test]
fn grey_in_colour_gives_the_same_grey() {
    let grey = GrayImage::from_fn(50, 31, |x, y| Luma([(x * 5 + y * y) as u8]));
    let colour = DynamicImage::from(grey.clone()).into_rgb8();
    for fit in Fit::ALL {
        let form = |channels| PictureForm { channels, height: 13, width: 17, fit, background: WHITE };
        let one = form(1).pixels(&png(grey.clone())).unwrap();
        assert_eq!(form(1).pixels(&png(colour.clone())).unwrap(), one);
        let three: Vec<u8> = one.iter().flat_map(|v| [*v; 3]).collect();
        assert_eq!(form(3).pixels(&png(colour.clone())).unwrap(), three);
        assert_eq!(form(3).pixels(&png(grey.clone())).unwrap(), three);
    }
}

#[test]
fn a_coloured_background_shows_behind_grey() {
    let grey = png(GrayAlphaImage::from_raw(2, 1, vec![90, 0, 90, 255]).unwrap());
    let found = pixels(&grey, [3, 1, 2], Background([10, 20, 30])).unwrap();
    assert_eq!(found, [10, 20, 30, 90, 90, 90]);
}

/// Two frames: red, then blue.
#[test]
fn of_an_animation_the_first_picture_counts() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
        encoder.encode_frame(image::Frame::new(RgbaImage::from_pixel(4, 4, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    assert_eq!(pixels(&bytes, [3, 1, 1], BLACK).unwrap(), [255, 0, 0]);
}

#[test]
fn jpegs_that_claim_too_much_are_refused() {
    let mut jpeg = jpeg(RgbImage::new(8, 8));
    let header = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[header + 5..header + 9].copy_from_slice(&[0x7f, 0xff, 0x7f, 0xff]);
    assert!(error(&jpeg).starts_with("it claims 32767x32767 pixels; up to 32768"), "{}", error(&jpeg));
    jpeg[header + 5..header + 9].copy_from_slice(&[0xff, 0xff, 0, 1]);
    assert!(error(&jpeg).starts_with("it claims 1x65535 pixels"), "{}", error(&jpeg));
}

#[test]
fn forms_no_image_has_are_refused() {
    for (channels, height, width) in [(0, 1, 1), (2, 1, 1), (4, 1, 1), (3, 0, 1), (3, 1, 4097)] {
        let error = pixels(PALETTE, [channels, height, width], BLACK).unwrap_err();
        assert!(matches!(error, PictureError::Form { .. }), "{error}");
    }
}

/// What fuzzing once found; its first byte chose the form.
#[test]
fn findings_stay_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions/pictures");
    for file in std::fs::read_dir(folder).into_iter().flatten() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for (channels, fit) in [1, 3].into_iter().flat_map(|channels| Fit::ALL.map(|fit| (channels, fit))) {
            let form = PictureForm { channels, height: 8, width: 5, fit, background: WHITE };
            let length = form.pixels(&bytes[1..]).map_or(40 * channels, |pixels| pixels.len());
            assert_eq!(length, 40 * channels);
        }
    }
}

mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    fn picture(format: ImageFormat) -> Vec<u8> {
        let colours = RgbImage::from_fn(9, 7, |x, y| Rgb([(x * 28) as u8, (y * 36) as u8, (x * y) as u8]));
        encoded(colours, format)
    }

    const FORMATS: [ImageFormat; 5] =
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP];

    proptest! {
        #[test]
        fn are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), start in 0usize..6) {
            let mut all = FORMATS.get(start).map_or_else(Vec::new, |format| picture(*format)[..12].to_vec());
            all.extend(bytes);
            let _ = pixels(&all, [3, 2, 2], BLACK);
        }

        #[test]
        fn of_pictures_changed_at_some_places(
            format in prop::sample::select(&FORMATS[..]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = picture(format);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(pixels) = pixels(&bytes, [3, 2, 2], BLACK) {
                prop_assert_eq!(pixels.len(), 12);
            }
        }
    }
}
