//! Lists of operations: every set of instructions against a plain evaluation in double precision.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::network::{network_reference, network_weights, plain, random_network};
use common::{Rng, softmax, to_hwc};
use litecnn_runtime::{
    AlignedBytes, EncodeError, Layout, Level, LoadError, Model, Network, Operation, OperationKind, Scaling,
    encode_network,
};

const SCALING: Scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
/// Lists tried.
const ROUNDS: usize = if cfg!(miri) { 3 } else { 1_500 };

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

fn random(rng: &mut Rng) -> Network {
    let classes = 2 + rng.below(12);
    if cfg!(miri) { random_network(rng, 6, 5, classes) } else { random_network(rng, 20, 70, classes) }
}

#[test]
fn logits_are_those_of_the_definition() {
    let mut rng = Rng(21);
    let mut worst = 0.0f64;
    for _ in 0..ROUNDS {
        let network = random(&mut rng);
        let weights = network_weights(&network, &mut rng);
        let classes = network.shapes().unwrap().last().unwrap()[0];
        let file = AlignedBytes::new(&encode_network(&network, &names(classes), SCALING, &weights).unwrap());
        let bytes: Vec<u8> = (0..network.input.iter().product()).map(|_| rng.next() as u8).collect();
        let floats: Vec<f32> = bytes.iter().map(|&b| f32::from(b) * SCALING.scale).collect();
        let expected = network_reference(&network, &weights, &floats);
        for level in Level::available() {
            for (layout, turned) in [(Layout::Chw, false), (Layout::Hwc, true)] {
                let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(layout);
                assert!(model.operations().eq(network.operations.iter().copied()));
                // What is in the scratch must not matter.
                let mut scratch = vec![f32::NAN; model.scratch_len()];
                let mut found = vec![0.0; model.classes()];
                let bytes = if turned { to_hwc(network.input, &bytes) } else { bytes.clone() };
                let floats = if turned { to_hwc(network.input, &floats) } else { floats.clone() };
                let mut check = |found: &[f32], expected: &[f64]| {
                    for (found, expected) in found.iter().zip(expected) {
                        let error = (f64::from(*found) - expected).abs() / expected.abs().max(1.0);
                        worst = worst.max(error);
                        assert!(error < 1e-5, "{found} for {expected}: {network:?} {layout:?} {level:?}");
                    }
                };
                model.logits(&bytes, &mut scratch, &mut found).unwrap();
                check(&found, &expected);
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
    let mut rng = Rng(22);
    for _ in 0..if cfg!(miri) { 1 } else { 40 } {
        let network = random(&mut rng);
        let weights = network_weights(&network, &mut rng);
        let classes = network.shapes().unwrap().last().unwrap()[0];
        let file = AlignedBytes::new(&encode_network(&network, &names(classes), SCALING, &weights).unwrap());
        for level in Level::available() {
            let model = Model::from_bytes(&file).unwrap().with_level(level);
            let pixels = model.pixels();
            let images: Vec<u8> = (0..5 * pixels).map(|_| rng.next() as u8).collect();
            let mut scratch = vec![f32::NAN; model.batch_scratch_len() + 3];
            let mut session = model.session(&mut scratch[3..]).unwrap();
            let mut together = vec![0.0; 5 * classes];
            session.predict_batch(&images, &mut together).unwrap();
            for (image, expected) in images.chunks(pixels).zip(together.chunks(classes)).rev() {
                let mut alone = vec![0.0; classes];
                session.predict(image, &mut alone).unwrap();
                assert_eq!(alone, expected, "{network:?} {level:?}");
            }
            session.predict_batch::<u8>(&[], &mut []).unwrap();
        }
    }
}

#[test]
fn memory_is_used_again() {
    // Ten convolutions of 16 channels on 8x8 pixels, sums with what lies two before.
    let conv = |from: u16| Operation { from, kernel: [3; 2], padding: [1; 2], ..plain(OperationKind::Convolution, 16) };
    let mut operations: Vec<Operation> = (0..10).map(conv).collect();
    for i in [3u16, 5, 7, 9] {
        operations[usize::from(i)].added = Some(i - 1);
    }
    operations.push(Operation { from: 10, kernel: [8; 2], ..plain(OperationKind::Convolution, 2) });
    let network = Network { input: [3, 8, 8], operations, factors: vec![1.0; 3], summands: vec![0.0; 3] };
    let weights = network_weights(&network, &mut Rng(23));
    let file = AlignedBytes::new(&encode_network(&network, &["a", "b"], SCALING, &weights).unwrap());
    let model = Model::from_bytes(&file).unwrap();
    // Two maps, three padded rows, and what aligning may take.
    assert_eq!(model.scratch_len(), 2 * 16 * 64 + 3 * 10 * 16 + 16);
    assert_eq!(model.architecture().operations(), Some(11));
    assert_eq!(model.architecture().parameters(), weights.len());
    assert_eq!(model.architecture().multiply_adds(), 9 * 64 * 16 * (3 + 9 * 16) + 2 * 1024);
}

#[test]
fn impossible_lists_are_not_written() {
    let conv = plain(OperationKind::Convolution, 2);
    let write = |operation: Operation| {
        let network =
            Network { input: [3, 4, 5], operations: vec![operation], factors: vec![1.0; 3], summands: vec![0.0; 3] };
        encode_network(&network, &["a", "b"], SCALING, &[]).unwrap_err()
    };
    let first = EncodeError::Operations(LoadError::Operation { index: 1 });
    for wrong in [
        Operation { from: 1, ..conv },
        Operation { added: Some(1), ..conv },
        Operation { added: Some(0), ..conv },
        Operation { groups: 0, ..conv },
        Operation { groups: 2, ..conv },
        Operation { groups: 3, ..conv },
        Operation { outputs: 0, ..conv },
        Operation { kernel: [5, 1], ..conv },
        Operation { stride: [1, 0], ..conv },
    ] {
        assert_eq!(write(wrong), first, "{wrong:?}");
    }
    assert_eq!(write(conv), EncodeError::Weights { expected: 8, found: 0 });
}
