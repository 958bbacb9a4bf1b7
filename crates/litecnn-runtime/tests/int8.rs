//! Models of 8-bit weights: every set of instructions gives the bits of the plain evaluation.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::int8::{quantised, reference};
use common::{Rng, random_architecture, to_hwc};
use litecnn_runtime::{
    AlignedBytes, Architecture, EncodeError, Layout, Level, LoadError, Model, PredictError, Requantisation, Scaling,
    encode_int8, top1,
};

const SCALING: Scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
/// Architectures tried.
const ROUNDS: usize = if cfg!(miri) { 2 } else { 400 };

fn names(architecture: &Architecture) -> Vec<String> {
    (0..architecture.classes()).map(|class| format!("class {class}")).collect()
}

#[test]
fn every_level_gives_the_bits_of_the_definition() {
    let mut rng = Rng(11);
    let mut different = 0;
    for round in 0..ROUNDS {
        let architecture = random_architecture(round, &mut rng);
        let model = quantised(&architecture, &mut rng);
        let file = AlignedBytes::new(&encode_int8(&architecture, &names(&architecture), SCALING, &model).unwrap());
        let bytes: Vec<u8> = (0..architecture.pixels()).map(|_| rng.next() as u8).collect();
        let expected = reference(&architecture, &model, &bytes);
        different += usize::from(expected.iter().any(|logit| *logit != expected[0]));
        for level in Level::available() {
            for (layout, turned) in [(Layout::Chw, false), (Layout::Hwc, true)] {
                let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(layout);
                assert!(model.is_int8());
                // What is in the scratch must not matter.
                let mut scratch = vec![f32::NAN; model.scratch_len()];
                let mut found = vec![0.0; model.classes()];
                let bytes = if turned { to_hwc(architecture.input_shape(), &bytes) } else { bytes.clone() };
                model.logits(&bytes, &mut scratch, &mut found).unwrap();
                assert_eq!(found, expected, "{architecture:?} {layout:?} {level:?}");
                // Floats of the same pixels, as far off as rounding puts right.
                let floats: Vec<f32> =
                    bytes.iter().map(|&b| (f32::from(b) + 0.45 * rng.signed()) * SCALING.scale).collect();
                model.logits(&floats, &mut scratch, &mut found).unwrap();
                assert_eq!(found, expected, "{architecture:?} {layout:?} {level:?}");
            }
        }
    }
    assert!(different > ROUNDS * 9 / 10, "{different}");
}

#[test]
fn an_image_has_the_same_answer_in_every_batch_and_at_every_level() {
    let mut rng = Rng(12);
    for round in 2..if cfg!(miri) { 3 } else { 30 } {
        let architecture = random_architecture(round, &mut rng);
        let model = quantised(&architecture, &mut rng);
        let file = AlignedBytes::new(&encode_int8(&architecture, &names(&architecture), SCALING, &model).unwrap());
        let (pixels, classes) = (architecture.pixels(), architecture.classes());
        let images: Vec<u8> = (0..7 * pixels).map(|_| rng.next() as u8).collect();
        let mut answers: Option<Vec<f32>> = None;
        for level in Level::available() {
            let model = Model::from_bytes(&file).unwrap().with_level(level);
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
            // Probabilities, too, which are floats.
            assert_eq!(answers.get_or_insert_with(|| together.clone()), &together);
        }
    }
}

#[test]
fn floats_beyond_the_scaling_are_its_ends() {
    let mut rng = Rng(13);
    let architecture = Architecture::branch(1, 6, 6, &[2], 3).unwrap();
    let model = quantised(&architecture, &mut rng);
    let scaling = Scaling { scale: 0.5, shift: -10.0 };
    let file = AlignedBytes::new(&encode_int8(&architecture, &["a", "b", "c"], scaling, &model).unwrap());
    let model = Model::from_bytes(&file).unwrap();
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut answers = |floats: &[f32; 4], bytes: &[u8; 4]| {
        let [mut a, mut b] = [[0.0; 3]; 2];
        model.logits(&floats.repeat(9), &mut scratch, &mut a).unwrap();
        model.logits(&bytes.repeat(9), &mut scratch, &mut b).unwrap();
        assert_eq!(a, b);
    };
    answers(&[-10.0, 0.0, 117.5, -9.5], &[0, 20, 255, 1]);
    answers(&[-1e30, f32::NEG_INFINITY, f32::NAN, 1e30], &[0, 0, 0, 255]);
    answers(&[-10.26, -9.74, f32::INFINITY, 117.7], &[0, 1, 255, 255]);
}

#[test]
fn buffers_of_other_lengths_are_refused() {
    let architecture = Architecture::branch(1, 6, 6, &[2], 3).unwrap();
    let model = quantised(&architecture, &mut Rng(14));
    let file = AlignedBytes::new(&encode_int8(&architecture, &["a", "b", "c"], SCALING, &model).unwrap());
    let model = Model::from_bytes(&file).unwrap();
    let mut scratch = vec![0.0; model.scratch_len()];
    let short = model.scratch_len() - 1;
    let mut out = [0.0; 3];
    let error = model.predict(&[0u8; 36], &mut scratch[..short], &mut out).unwrap_err();
    assert_eq!(error, PredictError::Scratch { needed: short + 1, found: short });
    let error = model.predict(&[0u8; 35], &mut scratch, &mut out).unwrap_err();
    assert_eq!(error, PredictError::Image { needed: 36, found: 35 });
    let error = model.predict(&[0u8; 36], &mut scratch, &mut out[..2]).unwrap_err();
    assert_eq!(error, PredictError::Output { needed: 3, found: 2 });
}

#[test]
fn impossible_numbers_are_not_written() {
    let architecture = Architecture::branch(1, 6, 6, &[2], 3).unwrap();
    let model = quantised(&architecture, &mut Rng(15));
    let write = |change: &dyn Fn(&mut litecnn_runtime::Quantised)| {
        let mut model = model.clone();
        change(&mut model);
        encode_int8(&architecture, &["a", "b", "c"], SCALING, &model).unwrap_err()
    };
    let scales = |multiplier, shift| Requantisation::Bytes { multipliers: vec![multiplier; 2], shifts: vec![shift; 2] };
    assert_eq!(write(&|m| m.layers.truncate(1)), EncodeError::Layers { expected: 2, found: 1 });
    assert_eq!(write(&|m| m.layers[1].weights.truncate(3)), EncodeError::Layer { index: 1 });
    assert_eq!(write(&|m| m.layers[0].biases.push(1)), EncodeError::Layer { index: 0 });
    assert_eq!(write(&|m| m.layers[0].outputs = Requantisation::Logits(vec![1.0; 2])), EncodeError::Layer { index: 0 });
    assert_eq!(write(&|m| m.layers[0].outputs = scales(0, 0)), EncodeError::Integers(LoadError::Scales));
    assert_eq!(write(&|m| m.layers[0].outputs = scales(0x8000, 0)), EncodeError::Integers(LoadError::Scales));
    assert_eq!(write(&|m| m.layers[0].outputs = scales(1, 32)), EncodeError::Integers(LoadError::Scales));
    let too_far = |index: usize, weight: i8, bias: i32| {
        write(&|m| {
            m.layers[index].weights.fill(weight);
            m.layers[index].biases[1] = bias;
        })
    };
    // Nine or eight products of a weight of 1 or -1 and a byte of 255.
    assert_eq!(too_far(0, 1, i32::MAX - 9 * 255 + 1), EncodeError::Integers(LoadError::Overflow));
    assert_eq!(too_far(1, -1, i32::MIN + 8 * 255 - 1), EncodeError::Integers(LoadError::Overflow));
    let mut just = model.clone();
    just.layers[0].weights.fill(1);
    just.layers[0].biases[1] = i32::MAX - 9 * 255;
    assert!(encode_int8(&architecture, &["a", "b", "c"], SCALING, &just).is_ok());
    let nan = Requantisation::Logits(vec![f32::NAN; 3]);
    assert_eq!(write(&|m| m.layers[1].outputs = nan.clone()), EncodeError::Integers(LoadError::NotFinite));
    for scale in [0.0, -1.0, f32::NAN, 1e-40] {
        let error = encode_int8(&architecture, &["a", "b", "c"], Scaling { scale, shift: 0.0 }, &model).unwrap_err();
        assert_eq!(error, EncodeError::Scale);
    }
}
