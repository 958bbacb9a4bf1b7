//! Pictures brought to other shapes, compared with Pillow; `reference/resize.py` made the reference.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use litecnn_pictures::{Background, PictureForm};
use serde_json::Value;

/// Also in `resize.py`.
fn value(x: u32, y: u32, c: u32) -> u8 {
    ((3 * x + 5 * y + 80 * c + 7 * (x * y % 17)) % 256) as u8
}

fn picture(channels: usize) -> Vec<u8> {
    let (width, height) = (61, 43);
    let picture: DynamicImage = if channels == 1 {
        GrayImage::from_fn(width, height, |x, y| [value(x, y, 0)].into()).into()
    } else {
        RgbImage::from_fn(width, height, |x, y| [0, 1, 2].map(|c| value(x, y, c)).into()).into()
    };
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Bmp).unwrap();
    bytes
}

#[test]
fn scaling_is_pillows_within_a_grey_level() {
    let reference: Value = serde_json::from_str(include_str!("reference/resize.json")).unwrap();
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let number = |key: &str| case[key].as_u64().unwrap() as usize;
        let form = PictureForm {
            channels: number("channels"),
            height: number("height"),
            width: number("width"),
            fit: case["fit"].as_str().unwrap().parse().unwrap(),
            background: Background::BLACK,
        };
        let expected = case["pixels"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u8);
        let found = form.pixels(&picture(form.channels)).unwrap();
        assert_eq!(found.len(), expected.len());
        let most = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
        assert!(most <= Some(1), "{form:?}: {most:?}");
    }
}
