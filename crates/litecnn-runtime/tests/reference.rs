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
    for round in if cfg!(miri) { 2..3 } else { 0..80 } {
        let architecture = random_architecture(round, &mut rng);
        let weights = weights(&architecture, &mut rng);
        let file = AlignedBytes::new(&encode(&architecture, &names(&architecture), SCALING, &weights).unwrap());
        let (pixels, classes) = (architecture.pixels(), architecture.classes());
        let most = if cfg!(miri) { 5 } else { 40 };
        let bytes: Vec<u8> = (0..most * pixels).map(|_| rng.next() as u8).collect();
        let floats: Vec<f32> = (0..most * pixels).map(|_| rng.signed()).collect();
        for level in Level::available() {
            let layout = [Layout::Chw, Layout::Hwc][rng.below(2)];
            let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(layout);
            // What is in the scratch must not matter, nor where it starts.
            let mut scratch = vec![f32::NAN; model.scratch_len() + 3];
            let mut session = model.session(&mut scratch[3..]).unwrap();
            let (mut of_bytes, mut of_floats) = (vec![0.0; most * classes], vec![0.0; most * classes]);
            for i in (0..most).rev() {
                session.predict(&bytes[i * pixels..][..pixels], &mut of_bytes[i * classes..][..classes]).unwrap();
                session.predict(&floats[i * pixels..][..pixels], &mut of_floats[i * classes..][..classes]).unwrap();
                assert!(top1(&of_bytes[i * classes..][..classes]) < classes);
            }
            let mut scratch = vec![f32::NAN; model.batch_scratch_len()];
            for len in [model.scratch_len(), model.batch_scratch_len()] {
                let mut session = model.session(&mut scratch[..len]).unwrap();
                for batch in [rng.below(16), 16, 17 + rng.below(24)].map(|batch| batch.min(most)) {
                    let first = rng.below(most + 1 - batch);
                    let (images, answers) = (first * pixels..(first + batch) * pixels, first * classes..);
                    let mut found = vec![0.0; batch * classes];
                    session.predict_batch(&bytes[images.clone()], &mut found).unwrap();
                    assert_eq!(found, of_bytes[answers.clone()][..found.len()], "{architecture:?} {level:?} {batch}");
                    session.predict_batch(&floats[images], &mut found).unwrap();
                    assert_eq!(found, of_floats[answers][..found.len()], "{architecture:?} {level:?} {batch}");
                }
            }
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
