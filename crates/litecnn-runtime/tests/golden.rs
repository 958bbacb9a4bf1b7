//! Answers of PyTorch, see `golden/generate.py`. `LITECNN_GOLDEN` names another file that it wrote.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::to_hwc;
use litecnn_runtime::{AlignedBytes, Architecture, Layout, Level, Model, Scaling, encode};

/// Takes pieces off the front of a file.
struct Reader(Vec<u8>, usize);

impl Reader {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        self.1 += count;
        self.0[self.1 - count..self.1].to_vec()
    }

    fn number(&mut self) -> usize {
        u32::from_le_bytes(self.bytes(4).try_into().unwrap()) as usize
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| f32::from_le_bytes(self.bytes(4).try_into().unwrap())).collect()
    }
}

#[test]
#[cfg_attr(miri, ignore = "too long")]
fn logits_are_those_of_pytorch() {
    let file = match std::env::var_os("LITECNN_GOLDEN") {
        Some(path) => std::fs::read(path).unwrap(),
        None => include_bytes!("golden/golden.bin").to_vec(),
    };
    let mut reader = Reader(file, 0);
    let mut models = 0;
    while reader.1 < reader.0.len() {
        let [channels, height, width, classes, hidden, relu, images, depth, weights] =
            core::array::from_fn(|_| reader.number());
        let filters: Vec<usize> = (0..depth).map(|_| reader.number()).collect();
        let architecture = match hidden {
            0 => Architecture::branch(channels, height, width, &filters, classes),
            _ => Architecture::unified(channels, height, width, &filters, classes, hidden, relu != 0),
        };
        let architecture = architecture.unwrap();
        let weights = reader.floats(weights);
        let pixels = reader.bytes(images * architecture.pixels());
        let expected = reader.floats(images * classes);

        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
        let file = AlignedBytes::new(&encode(&architecture, &names, scaling, &weights).unwrap());
        let hwc: Vec<u8> =
            pixels.chunks_exact(architecture.pixels()).flat_map(|i| to_hwc([channels, height, width], i)).collect();
        for level in Level::available() {
            for (layout, pixels) in [(Layout::Chw, &pixels), (Layout::Hwc, &hwc)] {
                let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(layout);
                let mut scratch = vec![0.0; model.scratch_len()];
                let mut found = vec![0.0; images * classes];
                model.session(&mut scratch).unwrap().logits_batch(pixels, &mut found).unwrap();
                let largest = expected.iter().fold(1.0f32, |largest, x| largest.max(x.abs()));
                let error = found.iter().zip(&expected).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
                println!("{}: off by {error:e} of {largest}", level.name());
                assert!(error < 2e-6 * largest.max(5.0), "{error} of {largest}: {architecture:?} {layout:?} {level:?}");
            }
        }
        models += 1;
    }
    assert!(models > 0);
}
