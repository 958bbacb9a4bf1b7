//! Augmentation against resampling by SciPy (`reference/augmentation.py`), and its plain properties.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use litecnn_data::{Augmentation, Change, Fill, stream};
use tch::{Device, Kind, Tensor};

const NONE: Augmentation = Augmentation::NONE;

#[test]
fn agrees_with_scipy() {
    let text = include_str!("reference/augmentation.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let numbers = |key: &str| -> Vec<f64> { serde_json::from_value(case[key].clone()).unwrap() };
        let tensor = |key: &str| Tensor::from_slice(&numbers(key)).to_kind(Kind::Float);
        let shape: Vec<i64> = numbers("shape").iter().map(|&n| n as i64).collect();
        let shape = [&[1], shape.as_slice()].concat();
        let c = numbers("change");
        let change = Change {
            angle: c[0],
            zoom_height: c[1],
            zoom_width: c[2],
            brightness: c[3],
            down: c[4],
            right: c[5],
            mirrored: false,
        };
        let settings = Augmentation {
            fill: serde_json::from_value(case["fill"].clone()).unwrap(),
            fill_value: case["fill_value"].as_f64().unwrap(),
            brightness: case["brightness"].as_f64().unwrap(),
            ..NONE
        };
        let ours = settings.apply(&tensor("image").view(shape.as_slice()), &[change]).unwrap();
        let worst = (ours - tensor("expected").view(shape.as_slice())).abs().max().double_value(&[]);
        assert!(worst < 2e-5, "{case:.80}: {worst}");
    }
}

#[test]
fn no_change_changes_nothing_and_a_whole_pixel_moves_exactly() {
    let image = Tensor::arange(2 * 3 * 4 * 6, (Kind::Float, Device::Cpu)).view([2, 3, 4, 6]) / 144.0;
    let still = NONE.draw(2, &mut stream(0, "x"));
    let same = NONE.apply(&image, &still).unwrap();
    assert!((same - &image).abs().max().double_value(&[]) < 1e-6);
    let right = Change { right: 2.0 / 6.0, down: -1.0 / 4.0, ..still[0] };
    let moved = NONE.apply(&image, &[right, right]).unwrap();
    let (inside, source) = (moved.narrow(3, 2, 4).narrow(2, 0, 3), image.narrow(3, 0, 4).narrow(2, 1, 3));
    assert!((inside - source).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn mirrored_images_are_the_images_from_right_to_left_and_half_of_them_are() {
    let image = Tensor::arange(2 * 3 * 4 * 6, (Kind::Float, Device::Cpu)).view([2, 3, 4, 6]) / 144.0;
    let settings = Augmentation { mirror: 0.5, ..NONE };
    assert!(!settings.changes_nothing() && Augmentation { fill: Fill::Edge, ..NONE }.changes_nothing());
    let still = NONE.draw(1, &mut stream(0, "x"))[0];
    let mirrored = settings.apply(&image, &[Change { mirrored: true, ..still }, still]).unwrap();
    let expected = Tensor::cat(&[image.narrow(0, 0, 1).flip([3]), image.narrow(0, 1, 1)], 0);
    assert!((mirrored - &expected).abs().max().double_value(&[]) < 1e-6);
    // Mirrored first: what moves right moves right.
    let moved = settings.apply(&image, &[Change { mirrored: true, right: 2.0 / 6.0, ..still }, still]).unwrap();
    let off = moved.narrow(0, 0, 1).narrow(3, 2, 4) - expected.narrow(0, 0, 1).narrow(3, 0, 4);
    assert!(off.abs().max().double_value(&[]) < 1e-6);
    let drawn = settings.draw(10_000, &mut stream(0, "x"));
    let share = drawn.iter().filter(|change| change.mirrored).count() as f64 / 10_000.0;
    assert!((share - 0.5).abs() < 0.02, "{share}");
    // A setting that is off draws nothing: what is drawn otherwise is as without it.
    let other = Augmentation { rotation: 0.1, ..NONE };
    assert_eq!(serde_json::to_value(&other).unwrap().get("mirror"), None);
    assert!(other.draw(50, &mut stream(0, "x")).iter().all(|change| !change.mirrored));
}

#[test]
fn draws_fill_their_ranges_and_depend_on_the_stream() {
    let settings = Augmentation { rotation: 0.1, zoom_width: 0.2, translation_height: 0.3, ..NONE };
    let draw = |purpose| settings.draw(2000, &mut stream(1, purpose));
    let changes = draw("a");
    assert_eq!(changes, draw("a"));
    assert_ne!(changes, draw("b"));
    for (name, range, values) in [
        ("rotation", 0.1, changes.iter().map(|c| c.angle).collect::<Vec<_>>()),
        ("zoom", 0.2, changes.iter().map(|c| c.zoom_width).collect()),
        ("translation", 0.3, changes.iter().map(|c| c.down).collect()),
        ("none", 0.0, changes.iter().map(|c| c.right).collect()),
    ] {
        let (low, high) = values.iter().fold((0f64, 0f64), |(l, h), &v| (l.min(v), h.max(v)));
        assert!(low >= -range && high <= range && low <= -0.99 * range && high >= 0.99 * range, "{name} {low} {high}");
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!(mean.abs() <= 0.05 * range, "{name}: {mean}");
    }
}

#[test]
fn results_are_channels_last_and_counts_must_agree() {
    for channels in [1, 3] {
        let images = Tensor::rand([2, channels, 8, 8], (Kind::Float, Device::Cpu));
        let out = NONE.apply(&images, &NONE.draw(2, &mut stream(0, "x"))).unwrap();
        assert_eq!(out.stride(), [64 * channels, 1, 8 * channels, channels]);
        assert!(NONE.apply(&images, &NONE.draw(3, &mut stream(0, "x"))).is_err());
    }
}
