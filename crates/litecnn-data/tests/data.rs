//! Bad input of every kind, from outside: each case must end in words that help, and leave nothing half-written.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

#[path = "data/bad_files.rs"]
mod bad_files;
#[path = "data/pictures.rs"]
mod pictures;
#[path = "data/places.rs"]
mod places;
#[path = "data/samples.rs"]
mod samples;
#[path = "data/written.rs"]
mod written;

use std::path::Path;

use litecnn_data::{DataError, Dataset, Images, LoadOptions, load};
use ndarray::Array4;

/// A set of two classes with 10 training and 4 test images of `channels` x 4 x 3.
fn tiny(channels: usize) -> Dataset {
    let images = |n: usize| Images {
        pixels: Array4::from_shape_fn((n, 4, 3, channels), |(i, y, x, c)| (i * 31 + y * 7 + x * 3 + c * 11) as u8),
        labels: (0..n).map(|i| (i % 2) as u8).collect(),
    };
    Dataset {
        name: "tiny".into(),
        title: "Tiny".into(),
        classes: vec!["even".into(), "odd".into()],
        coarse: None,
        train: images(10),
        validation: None,
        pictures: None,
        test: images(4),
        digest: String::new(),
        official: false,
    }
}

/// A set of four classes in two coarse ones: 12 training and 8 test images, written with two labels.
fn two_labels() -> Dataset {
    let images = |n: usize| Images {
        pixels: Array4::from_shape_fn((n, 2, 2, 3), |(i, y, x, c)| (i * 31 + y * 7 + x * 3 + c * 11) as u8),
        labels: (0..n).map(|i| (i % 4) as u8).collect(),
    };
    Dataset {
        name: "two".into(),
        classes: ["ant", "bear", "cod", "deer"].map(Into::into).into(),
        coarse: Some(vec![1, 0, 1, 0]),
        train: images(12),
        test: images(8),
        ..tiny(3)
    }
}

fn load_from(name: &str, folder: &Path) -> Result<Dataset, DataError> {
    load(name, &LoadOptions { data_dir: Some(folder.into()), ..LoadOptions::default() })
}

/// Asserts that loading fails with all these words.
fn refused(name: &str, folder: &Path, words: &[&str]) {
    says(&load_from(name, folder).unwrap_err(), words);
}

fn says(error: &DataError, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "`{word}` in: {message}");
    }
}
