use image::{GrayAlphaImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use Background::{Black, White};

/// Two pixels of one bit each, by a palette of two colours.
const PALETTE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01\x01\x03\0\0\0\xce\xec\xed\xc9\0\0\0\x06PLTE\
    \n\x14\x1e\xc8d2w\xa0\xb3\x9c\0\0\0\nIDATx\x9ccp\0\0\0B\0A)7\xf4\xef\0\0\0\0IEND\xaeB`\x82";

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

fn error(bytes: &[u8]) -> String {
    format!("{:#}", pixels(bytes, [1, 1, 1], Black).unwrap_err())
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
        let found = pixels(&encoded(picture.clone(), format), [3, 8, 16], Black).unwrap();
        let far = found.iter().zip(picture.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(found.len() == 3 * 16 * 8 && far <= Some(most), "{format:?}: {far:?}");
    }
}

#[test]
fn grey_colour_16_bit_and_palettes_become_what_the_model_sees() {
    let red = png(RgbImage::from_pixel(1, 1, Rgb([255, 0, 0])));
    assert_eq!(pixels(&red, [3, 1, 1], Black).unwrap(), [255, 0, 0]);
    // A weight of 0.2126, as in Rec. 709.
    assert_eq!(pixels(&red, [1, 1, 1], Black).unwrap(), [54]);
    let grey = png(GrayImage::from_pixel(1, 1, Luma([7])));
    assert_eq!(pixels(&grey, [3, 1, 1], Black).unwrap(), [7, 7, 7]);
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_raw(3, 1, vec![0, 0x8080, 0xffff]).unwrap();
    assert_eq!(pixels(&png(deep), [1, 1, 3], Black).unwrap(), [0, 0x80, 255]);
    assert_eq!(pixels(PALETTE, [3, 1, 2], Black).unwrap(), [10, 20, 30, 200, 100, 50]);
    assert!(pixels(&red, [2, 1, 1], Black).unwrap_err().to_string().contains("2 channels"));
}

#[test]
fn a_background_shows_through() {
    let picture = RgbaImage::from_raw(3, 1, vec![90, 90, 90, 0, 200, 100, 0, 128, 1, 2, 3, 255]).unwrap();
    let bytes = png(picture);
    assert_eq!(pixels(&bytes, [3, 1, 3], Black).unwrap(), [0, 0, 0, 100, 50, 0, 1, 2, 3]);
    assert_eq!(pixels(&bytes, [3, 1, 3], White).unwrap(), [255, 255, 255, 227, 177, 127, 1, 2, 3]);
    let grey = png(GrayAlphaImage::from_raw(2, 1, vec![90, 0, 90, 255]).unwrap());
    assert_eq!(pixels(&grey, [1, 1, 2], Black).unwrap(), [0, 90]);
    // What was transparent leaves no trace when pixels are mixed.
    let invisible = RgbaImage::from_fn(8, 8, |x, _| Rgba([255, 255, 255, if x < 4 { 255 } else { 0 }]));
    let found = pixels(&png(invisible), [1, 1, 2], Black).unwrap();
    assert!(found[0] == 255 - found[1] && found[1] < 50, "{found:?}");
}

#[test]
fn pictures_are_scaled_to_the_model() {
    let halves = GrayImage::from_fn(100, 50, |x, _| Luma([if x < 50 { 0 } else { 200 }]));
    let found = pixels(&png(halves), [1, 4, 4], Black).unwrap();
    assert!(found.chunks(4).all(|row| row == &found[..4] && row[0] == 0 && row[3] == 200), "{found:?}");
}

/// Red above blue, held such that the camera says: rotate by a quarter to the right.
#[test]
fn cameras_say_which_side_is_up() {
    let picture = RgbImage::from_fn(16, 16, |_, y| if y < 8 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    let jpeg = encoded(picture, ImageFormat::Jpeg);
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xff, 0xe1, 0, exif.len() as u8 + 2]);
    turned.extend(exif);
    turned.extend(&jpeg[2..]);
    let reds = |bytes: &[u8]| {
        let found = pixels(bytes, [3, 16, 16], Black).unwrap();
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
            assert!(pixels(&bytes[..length], [1, 1, 1], Black).is_err(), "{format:?} cut to {length}");
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
