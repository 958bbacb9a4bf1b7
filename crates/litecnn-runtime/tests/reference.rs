//! Every set of instructions against a plain evaluation in double precision.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Rng, random_architecture, reference, softmax, to_hwc, weights};
use litecnn_runtime::{AlignedBytes, Architecture, Layout, Level, Model, PredictError, Scaling, encode, top1};

const SCALING: Scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
/// Architectures tried.
const ROUNDS: usize = if cfg!(miri) { 1 } else { 300 };

fn names(architecture: &Architecture) -> Vec<String> {
    (0..architecture.classes()).map(|class| format!("class {class}")).collect()
}

#[test]
fn logits_are_those_of_the_definition() {
    let mut rng = Rng(1);
    let mut worst = 0.0f64;
    for round in 0..ROUNDS {
        let architecture = random_architecture(round, &mut rng);
        let weights = weights(&architecture, &mut rng);
        let file = AlignedBytes::new(&encode(&architecture, &names(&architecture), SCALING, &weights).unwrap());
        let bytes: Vec<u8> = (0..architecture.pixels()).map(|_| rng.next() as u8).collect();
        let floats: Vec<f32> = bytes.iter().map(|&b| f32::from(b) * SCALING.scale).collect();
        let expected = reference(&architecture, &weights, &floats);
        for level in Level::available() {
            for (layout, turned) in [(Layout::Chw, false), (Layout::Hwc, true)] {
                let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(layout);
                // What is in the scratch must not matter.
                let mut scratch = vec![f32::NAN; model.scratch_len()];
                let mut found = vec![0.0; model.classes()];
                let bytes = if turned { to_hwc(architecture.input_shape(), &bytes) } else { bytes.clone() };
                model.logits(&bytes, &mut scratch, &mut found).unwrap();
                let mut check = |found: &[f32], expected: &[f64]| {
                    for (found, expected) in found.iter().zip(expected) {
                        let error = (f64::from(*found) - expected).abs() / expected.abs().max(1.0);
                        worst = worst.max(error);
                        assert!(error < 2e-5, "{found} for {expected}: {architecture:?} {layout:?} {level:?}");
                    }
                };
                check(&found, &expected);
                let floats = if turned { to_hwc(architecture.input_shape(), &floats) } else { floats.clone() };
                model.logits(&floats, &mut scratch, &mut found).unwrap();
                check(&found, &expected);
                model.predict(&floats, &mut scratch, &mut found).unwrap();
                check(&found, &softmax(&expected));
            }
        }
    }
    println!("largest error {worst:e}");
}

#[test]
fn an_image_has_the_same_answer_in_every_batch() {
    let mut rng = Rng(2);
    for round in 2..if cfg!(miri) { 4 } else { 40 } {
        let architecture = random_architecture(round, &mut rng);
        let weights = weights(&architecture, &mut rng);
        let file = AlignedBytes::new(&encode(&architecture, &names(&architecture), SCALING, &weights).unwrap());
        for level in Level::available() {
            let model = Model::from_bytes(&file).unwrap().with_level(level);
            let (pixels, classes) = (model.pixels(), model.classes());
            let images: Vec<u8> = (0..7 * pixels).map(|_| rng.next() as u8).collect();
            let mut scratch = vec![0.0; model.scratch_len() + 3];
            let mut together = vec![0.0; 7 * classes];
            model.predict_batch(&images, &mut scratch[3..], &mut together).unwrap();
            let mut session = model.session(&mut scratch).unwrap();
            for i in (0..7).rev() {
                let mut alone = vec![0.0; classes];
                session.predict(&images[i * pixels..][..pixels], &mut alone).unwrap();
                assert_eq!(alone, together[i * classes..][..classes]);
                assert!(top1(&alone) < classes);
            }
            session.predict_batch::<u8>(&[], &mut []).unwrap();
        }
    }
}

#[test]
fn buffers_of_other_lengths_are_refused() {
    let architecture = Architecture::branch(1, 6, 6, &[2], 3).unwrap();
    let file = encode(&architecture, &["a", "b", "c"], SCALING, &weights(&architecture, &mut Rng(3))).unwrap();
    let file = AlignedBytes::new(&file);
    let model = Model::from_bytes(&file).unwrap();
    assert_eq!(model.class_names().collect::<Vec<_>>(), ["a", "b", "c"]);
    let mut scratch = vec![0.0; model.scratch_len()];
    let short = model.scratch_len() - 1;
    let mut out = [0.0; 3];
    let error = model.predict(&[0u8; 36], &mut scratch[..short], &mut out).unwrap_err();
    assert_eq!(error, PredictError::Scratch { needed: short + 1, found: short });
    for count in [0, 35, 72] {
        let error = model.predict(&vec![0u8; count], &mut scratch, &mut out).unwrap_err();
        assert_eq!(error, PredictError::Image { needed: 36, found: count });
    }
    let error = model.predict(&[0.0f32; 36], &mut scratch, &mut out[..2]).unwrap_err();
    assert_eq!(error, PredictError::Output { needed: 3, found: 2 });
    let error = model.predict_batch(&[0u8; 70], &mut scratch, &mut out).unwrap_err();
    assert_eq!(error, PredictError::Image { needed: 36, found: 70 });
}
