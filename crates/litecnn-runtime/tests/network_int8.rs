//! Lists of operations in integers: every set of instructions gives the bits of the plain evaluation.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::network::{plain, random_network};
use common::network_int8::{network_int8_reference, quantised_network};
use common::reader::Reader;
use common::{Rng, to_hwc};
use litecnn_runtime::{
    Activation, AlignedBytes, EncodeError, Layout, Level, LoadError, Model, Network, Operation, OperationKind,
    QuantisedNetwork, QuantisedOperation, Requantisation, Scaling, encode_network_int8,
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
fn every_level_gives_the_bits_of_the_definition() {
    let mut rng = Rng(31);
    let mut different = 0;
    for _ in 0..ROUNDS {
        let network = random(&mut rng);
        let integers = quantised_network(&network, &mut rng);
        let classes = network.shapes().unwrap().last().unwrap()[0];
        let file = encode_network_int8(&network, &names(classes), SCALING, &integers).unwrap();
        let file = AlignedBytes::new(&file);
        let bytes: Vec<u8> = (0..network.input.iter().product()).map(|_| rng.next() as u8).collect();
        let floats: Vec<f32> = bytes.iter().map(|&b| (f32::from(b) + 0.45 * rng.signed()) * SCALING.scale).collect();
        let expected = network_int8_reference(&network, &integers, &bytes);
        different += usize::from(expected.iter().any(|logit| *logit != expected[0]));
        for level in Level::available() {
            for (layout, turned) in [(Layout::Chw, false), (Layout::Hwc, true)] {
                let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(layout);
                assert!(model.is_int8() && model.operations().eq(network.operations.iter().copied()));
                // What is in the scratch must not matter.
                let mut scratch = vec![f32::NAN; model.scratch_len()];
                let mut found = vec![0.0; model.classes()];
                let bytes = if turned { to_hwc(network.input, &bytes) } else { bytes.clone() };
                let floats = if turned { to_hwc(network.input, &floats) } else { floats.clone() };
                model.logits(&bytes, &mut scratch, &mut found).unwrap();
                assert_eq!(found, expected, "{network:?} {layout:?} {level:?}");
                model.logits(&floats, &mut scratch, &mut found).unwrap();
                assert_eq!(found, expected, "{network:?} {layout:?} {level:?}");
            }
        }
    }
    assert!(different > ROUNDS * 9 / 10, "{different}");
}

/// An operation of `golden/generate_network_int8.py`, which sees so many channels.
fn operation(reader: &mut Reader, shapes: &[[usize; 3]], last: bool) -> (Operation, QuantisedOperation) {
    let [kind, from, added, activation, outputs, groups] = core::array::from_fn(|_| reader.number());
    let [kernel, stride, padding] = core::array::from_fn(|_| [reader.number() as u8, reader.number() as u8]);
    let operation = Operation {
        kind: [OperationKind::Convolution, OperationKind::MaxPool, OperationKind::AveragePool][kind - 1],
        from: from as u16,
        added: Some(added as u16).filter(|&added| added != u16::MAX),
        activation: [Activation::None, Activation::Relu, Activation::Relu6][activation],
        outputs: outputs as u16,
        groups: groups as u16,
        kernel,
        stride,
        padding,
    };
    let taps = usize::from(kernel[0]) * usize::from(kernel[1]);
    let count = if kind == 1 { outputs * shapes[from][0] / groups * taps } else { 0 };
    let weights = reader.bytes(count).iter().map(|&byte| byte as i8).collect();
    let biases = reader.words(outputs, i32::from_le_bytes);
    if last {
        let outputs = Requantisation::Logits(reader.words(outputs, f32::from_le_bytes));
        return (
            operation,
            QuantisedOperation { weights, biases, outputs, zeros: vec![], added: vec![], most: vec![] },
        );
    }
    let bytes = Requantisation::Bytes { multipliers: reader.shorts(outputs), shifts: reader.bytes(outputs).to_vec() };
    let zeros = reader.bytes(outputs).to_vec();
    let count = if operation.added.is_some() { outputs } else { 0 };
    let added = reader.shorts(count).into_iter().zip(reader.bytes(count).iter().copied()).collect();
    let count = if operation.activation == Activation::Relu6 { outputs } else { 0 };
    let most = reader.bytes(count).to_vec();
    (operation, QuantisedOperation { weights, biases, outputs: bytes, zeros, added, most })
}

#[test]
#[cfg_attr(miri, ignore = "too long")]
fn logits_are_those_of_numpy() {
    let mut reader = Reader(include_bytes!("golden/golden_network_int8.bin"));
    let mut lists = 0;
    while !reader.0.is_empty() {
        let [channels, height, width, images, count] = core::array::from_fn(|_| reader.number());
        let zeros = reader.bytes(channels).to_vec();
        let (factors, summands) = (vec![1.0; channels], vec![0.0; channels]);
        let mut network = Network { input: [channels, height, width], operations: vec![], factors, summands };
        let mut operations = vec![];
        for index in 1..=count {
            let (operation, integers) = operation(&mut reader, &network.shapes().unwrap(), index == count);
            network.operations.push(operation);
            operations.push(integers);
        }
        let classes = network.shapes().unwrap()[count][0];
        let pixels = reader.bytes(images * channels * height * width);
        let expected = reader.words(images * classes, f32::from_le_bytes);
        let integers = QuantisedNetwork { zeros, operations };
        let file = encode_network_int8(&network, &names(classes), SCALING, &integers).unwrap();
        let file = AlignedBytes::new(&file);
        for level in Level::available() {
            let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(Layout::Chw);
            let mut scratch = vec![0.0; model.scratch_len()];
            let mut found = vec![0.0; images * classes];
            model.session(&mut scratch).unwrap().logits_batch(pixels, &mut found).unwrap();
            assert_eq!(found, expected, "{network:?} {level:?}");
        }
        lists += 1;
    }
    assert_eq!(lists, 2);
}

#[test]
fn an_image_has_the_same_answer_in_every_batch() {
    let mut rng = Rng(32);
    for _ in 0..if cfg!(miri) { 1 } else { 40 } {
        let network = random(&mut rng);
        let integers = quantised_network(&network, &mut rng);
        let classes = network.shapes().unwrap().last().unwrap()[0];
        let file = encode_network_int8(&network, &names(classes), SCALING, &integers).unwrap();
        let file = AlignedBytes::new(&file);
        let mut answers: Option<Vec<f32>> = None;
        for level in Level::available() {
            let model = Model::from_bytes(&file).unwrap().with_level(level);
            let pixels = model.pixels();
            let images: Vec<u8> = (0..5 * pixels).map(|i| (i * i % 251) as u8).collect();
            let mut scratch = vec![f32::NAN; model.batch_scratch_len() + 3];
            let mut session = model.session(&mut scratch[3..]).unwrap();
            let mut together = vec![0.0; 5 * classes];
            session.predict_batch(&images, &mut together).unwrap();
            for (image, expected) in images.chunks(pixels).zip(together.chunks(classes)).rev() {
                let mut alone = vec![0.0; classes];
                session.predict(image, &mut alone).unwrap();
                assert_eq!(alone, expected, "{network:?} {level:?}");
            }
            // Probabilities, too, which are floats.
            assert_eq!(answers.get_or_insert_with(|| together.clone()), &together);
        }
    }
}

/// Two convolutions on 4x4 pixels, the second one of which adds the first one's outcome, and a dense layer.
fn small() -> Network {
    let conv = plain(OperationKind::Convolution, 3);
    let operations = vec![
        Operation { kernel: [3; 2], padding: [1; 2], ..conv },
        Operation { from: 1, added: Some(1), activation: Activation::Relu, ..conv },
        Operation { from: 2, kernel: [4; 2], ..plain(OperationKind::Convolution, 2) },
    ];
    Network { input: [1, 4, 4], operations, factors: vec![1.0], summands: vec![0.0] }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let network = small();
    let good = quantised_network(&network, &mut Rng(33));
    let write = |network: &Network, integers: &QuantisedNetwork| {
        encode_network_int8(network, &["a", "b"], SCALING, integers).map(drop)
    };
    assert_eq!(write(&network, &good), Ok(()));
    let mut fewer = good.clone();
    fewer.operations.pop();
    assert_eq!(write(&network, &fewer), Err(EncodeError::Layers { expected: 3, found: 2 }));
    type Change = fn(&mut QuantisedOperation);
    let changes: [(usize, Change); 8] = [
        (0, |of| _ = of.weights.pop()),
        (0, |of| _ = of.biases.pop()),
        (0, |of| _ = of.zeros.pop()),
        (0, |of| of.added = vec![(1, 0); 3]),
        (0, |of| of.most = vec![200; 3]),
        (1, |of| of.added.clear()),
        (1, |of| of.outputs = Requantisation::Logits(vec![1.0; 3])),
        (2, |of| of.outputs = Requantisation::Bytes { multipliers: vec![1; 2], shifts: vec![0; 2] }),
    ];
    for (index, change) in changes {
        let mut wrong = good.clone();
        change(&mut wrong.operations[index]);
        assert_eq!(write(&network, &wrong), Err(EncodeError::Layer { index }));
    }
    let impossible: [(usize, Change, LoadError); 4] = [
        (0, |of| of.biases[1] = i32::MAX, LoadError::Overflow),
        (1, |of| of.added[0].0 = 0, LoadError::Scales),
        (
            1,
            |of| of.outputs = Requantisation::Bytes { multipliers: vec![1; 3], shifts: vec![32; 3] },
            LoadError::Scales,
        ),
        (2, |of| of.outputs = Requantisation::Logits(vec![f32::NAN; 2]), LoadError::NotFinite),
    ];
    for (index, change, error) in impossible {
        let mut wrong = good.clone();
        change(&mut wrong.operations[index]);
        assert_eq!(write(&network, &wrong), Err(EncodeError::Integers(error)));
    }
    // Nothing is added to logits, and nothing bounds them.
    let bounded = |change: fn(&mut Operation)| {
        let mut network = small();
        change(&mut network.operations[2]);
        write(&network, &good)
    };
    let wrong = Err(EncodeError::Integers(LoadError::Operation { index: 3 }));
    assert_eq!(bounded(|last| last.activation = Activation::Relu6), wrong);
    let scaled = |scale| encode_network_int8(&network, &["a", "b"], Scaling { scale, shift: 0.0 }, &good).map(drop);
    assert_eq!([0.0, -1.0].map(scaled), [Err(EncodeError::Scale); 2]);
}

#[test]
fn a_file_is_a_quarter_as_large() {
    // What a separable convolution of 64 channels takes.
    let depthwise = Operation { groups: 64, kernel: [3; 2], padding: [1; 2], ..plain(OperationKind::Convolution, 64) };
    let operations = vec![
        plain(OperationKind::Convolution, 64),
        Operation { from: 1, ..depthwise },
        Operation { from: 2, ..plain(OperationKind::Convolution, 64) },
        Operation { from: 3, kernel: [8; 2], ..plain(OperationKind::AveragePool, 64) },
        Operation { from: 4, ..plain(OperationKind::Convolution, 2) },
    ];
    let network = Network { input: [3, 8, 8], operations, factors: vec![1.0; 3], summands: vec![0.0; 3] };
    let integers = quantised_network(&network, &mut Rng(34));
    let file = encode_network_int8(&network, &["a", "b"], SCALING, &integers).unwrap();
    // The image's zeros; biases and scales; a word for 1 to 4 weights.
    let words = 1 + 2 * (4 * 64 + 4) + 64 + 3 * 64 + 16 * 64 + 16 * 4;
    assert_eq!(file.len(), (64 + 24 * 5 + 6usize).next_multiple_of(64) + 4 * words);
}
