//! Damaged, cut and foreign files: an error or a model that answers, never a panic.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::int8::quantised;
use common::network::{network_weights, plain};
use common::network_int8::quantised_network;
use common::{Rng, weights};
use litecnn_runtime::{
    Activation, AlignedBytes, Architecture, ArchitectureError, Fit, LoadError, Model, Network, Operation,
    OperationKind, Pictures, Scaling, encode, encode_int8, encode_network, encode_network_int8, with_pictures,
};

const SCALING: Scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
/// Damaged files: some with floats, some with integers, some lists of operations.
const ROUNDS: usize = if cfg!(miri) { 12 } else { 1_200_000 };

/// Each architecture with floats, then with integers; then lists of operations.
fn files() -> Vec<Vec<u8>> {
    let architectures = [
        Architecture::branch(1, 6, 7, &[2], 3),
        Architecture::unified(1, 10, 11, &[1, 2], 2, 3, true),
        Architecture::unified(2, 4, 5, &[1], 2, 1, false),
    ];
    let files = |architecture: &Architecture| {
        let names: Vec<String> = (0..architecture.classes()).map(|class| format!("é{class}")).collect();
        let floats = encode(architecture, &names, SCALING, &weights(architecture, &mut Rng(5))).unwrap();
        let integers = quantised(architecture, &mut Rng(5));
        let integers = encode_int8(architecture, &names, SCALING, &integers).unwrap();
        // Files that tell how pictures become images, and files that do not.
        [with_pictures(floats, Pictures { fit: Fit::Letterbox, background: [3, 9, 250] }), integers]
    };
    let layers = architectures.into_iter().flat_map(|architecture| files(&architecture.unwrap()));
    layers.chain([list(), list_of_integers()]).collect()
}

/// One operation of each kind, a sum and a shortcut: 6x5 pixels of 2 channels, 3 classes.
fn network() -> Network {
    let square = |kind, outputs| Operation { kernel: [3; 2], padding: [1; 2], ..plain(kind, outputs) };
    let operations = vec![
        Operation { activation: Activation::Relu6, ..square(OperationKind::Convolution, 4) },
        Operation { from: 1, groups: 4, ..square(OperationKind::Convolution, 4) },
        Operation { from: 2, added: Some(1), activation: Activation::Relu, ..plain(OperationKind::Convolution, 4) },
        Operation { from: 3, stride: [2; 2], ..square(OperationKind::MaxPool, 4) },
        Operation { from: 4, kernel: [3; 2], ..plain(OperationKind::AveragePool, 4) },
        Operation { from: 5, ..plain(OperationKind::Convolution, 3) },
    ];
    Network { input: [2, 6, 5], operations, factors: vec![2.0; 2], summands: vec![-1.0; 2] }
}

fn list() -> Vec<u8> {
    let weights = network_weights(&network(), &mut Rng(5));
    encode_network(&network(), &["é0", "é1", "é2"], SCALING, &weights).unwrap()
}

fn list_of_integers() -> Vec<u8> {
    let integers = quantised_network(&network(), &mut Rng(5));
    encode_network_int8(&network(), &["é0", "é1", "é2"], SCALING, &integers).unwrap()
}

/// Makes the length and the checksum right again. Written anew here: bit by bit.
fn seal(bytes: &mut [u8]) {
    if bytes.len() < 64 {
        return;
    }
    let length = (bytes.len() as u32).to_le_bytes();
    bytes[16..20].copy_from_slice(&length);
    let mut crc = u32::MAX;
    for &byte in bytes[..20].iter().chain(&bytes[24..]) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    bytes[20..24].copy_from_slice(&(!crc).to_le_bytes());
}

/// Loads, and answers if that works and does not take long.
fn try_out(bytes: &[u8], aligned: &mut AlignedBytes) -> Result<(), LoadError> {
    *aligned = AlignedBytes::new(bytes);
    let model = Model::from_bytes(aligned)?;
    assert_eq!(model.class_names().count(), model.classes());
    if model.architecture().multiply_adds() < if cfg!(miri) { 1_000 } else { 100_000 } {
        let mut scratch = vec![0.0; model.scratch_len()];
        let mut output = vec![0.0; model.classes()];
        model.predict(&vec![7u8; model.pixels()], &mut scratch, &mut output).unwrap();
    }
    Ok(())
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..1 + rng.below(3) {
        let header = bytes.len().min(if bytes.get(11) == Some(&3) { 224 } else { 96 });
        let at = if rng.below(4) == 0 { rng.below(bytes.len()) } else { rng.below(header) };
        match rng.below(8) {
            0 => bytes.truncate(1 + rng.below(bytes.len())),
            1 => bytes.extend((0..1 + rng.below(80)).map(|_| rng.next() as u8)),
            2 => bytes[at] ^= 1 << rng.below(8),
            3 => bytes[at] = 0xff,
            4 => bytes[at] = 0,
            5 => bytes[at] = rng.below(8) as u8,
            6 => bytes[at] = bytes[at].wrapping_add(1),
            _ => bytes[at] = rng.next() as u8,
        }
    }
}

#[test]
fn no_damage_goes_unnoticed() {
    let (files, mut rng, mut aligned) = (files(), Rng(6), AlignedBytes::new(&[]));
    for round in 0..ROUNDS {
        let file = &files[round % files.len()];
        let mut bytes = file.clone();
        damage(&mut bytes, &mut rng);
        if &bytes != file {
            assert!(try_out(&bytes, &mut aligned).is_err());
        }
    }
}

#[test]
fn files_with_a_right_checksum_are_refused_or_answer() {
    let (files, mut rng, mut aligned) = (files(), Rng(7), AlignedBytes::new(&[]));
    let mut loaded = 0;
    for round in 0..ROUNDS {
        let mut bytes = files[round % files.len()].clone();
        damage(&mut bytes, &mut rng);
        seal(&mut bytes);
        loaded += usize::from(try_out(&bytes, &mut aligned).is_ok());
    }
    // Changed weights, names and scalings are still models.
    assert!(cfg!(miri) || loaded > ROUNDS / 100 && loaded < ROUNDS / 2, "{loaded}");
}

#[test]
fn the_form_of_pictures_comes_back_and_changes_nothing_else() {
    for file in files() {
        for fit in [Fit::Stretch, Fit::Letterbox, Fit::Crop] {
            let told = Pictures { fit, background: [0, 7, 255] };
            let bytes = AlignedBytes::new(&with_pictures(file.clone(), told));
            assert_eq!(Model::from_bytes(&bytes).unwrap().pictures(), Some(told));
            assert!(bytes.iter().zip(&file).skip(64).all(|(a, b)| a == b), "only the header differs");
        }
    }
    // As files were before there were forms: zeros.
    let plain = AlignedBytes::new(&files()[1]);
    assert_eq!(Model::from_bytes(&plain).unwrap().pictures(), None);
    assert_eq!(with_pictures(vec![1, 2], Pictures { fit: Fit::Crop, background: [0; 3] }), [1, 2]);
}

#[test]
fn every_cut_is_noticed() {
    let mut aligned = AlignedBytes::new(&[]);
    for file in files() {
        for length in 0..file.len() {
            let found = try_out(&file[..length], &mut aligned).unwrap_err();
            let expected = match length {
                0..8 => LoadError::Foreign,
                8..64 => LoadError::Length { expected: 64, found: length },
                _ => LoadError::Length { expected: file.len(), found: length },
            };
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let file = files().remove(2);
    let mut aligned = AlignedBytes::new(&[]);
    let mut change = |at: usize, to: &[u8]| {
        let mut bytes = file.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        seal(&mut bytes);
        try_out(&bytes, &mut aligned).unwrap_err()
    };
    assert_eq!(change(0, b"P"), LoadError::Foreign);
    assert_eq!(change(8, &[2]), LoadError::Version { found: 2 });
    assert_eq!(change(10, &[2]), LoadError::Elements { found: 2 });
    assert!(matches!(change(10, &[1]), LoadError::Weights { .. }));
    assert_eq!(change(11, &[4]), LoadError::Header { offset: 11 });
    assert_eq!(change(12, &[2]), LoadError::Header { offset: 12 });
    assert_eq!(change(32, &[0]), LoadError::Architecture(ArchitectureError::Image));
    assert_eq!(change(34, &[9]), LoadError::Architecture(ArchitectureError::TooSmall));
    assert_eq!(change(34, &[0xff, 0xff, 0xff, 0xff]), LoadError::Architecture(ArchitectureError::TooLarge));
    assert_eq!(change(38, &[1]), LoadError::Architecture(ArchitectureError::Classes));
    assert_eq!(change(38, &[3]), LoadError::ClassNames);
    assert_eq!(change(44, &[16]), LoadError::Header { offset: 44 });
    assert_eq!(change(48, &f32::NAN.to_le_bytes()), LoadError::Header { offset: 48 });
    assert_eq!(change(60, &[4]), LoadError::Header { offset: 60 });
    assert_eq!(change(60, &[0]), LoadError::Header { offset: 60 });
    assert_eq!(change(70, &[0xff]), LoadError::ClassNames);
    assert_eq!(change(24, &[0, 1]), LoadError::Header { offset: 24 });
    assert!(matches!(change(40, &[4]), LoadError::Weights { .. }));
    assert_eq!(change(file.len() - 4, &f32::INFINITY.to_le_bytes()), LoadError::NotFinite);
    assert!(LoadError::Checksum.to_string().contains("damaged"));

    let shifted = [&[0u8][..], &file].concat();
    let copy = AlignedBytes::new(&shifted);
    assert_eq!(Model::from_bytes(&copy[1..]).unwrap_err(), LoadError::Misaligned);
}

#[test]
fn errors_say_what_is_wrong_with_integers() {
    // One convolution of two filters on 6x7 pixels, a head of three classes: words are 2 biases, 2 multipliers,
    // 2 shifts, 3 x 2 weights; 3 biases, 3 scales, 4 x 3 weights.
    let file = files().remove(1);
    let mut aligned = AlignedBytes::new(&[]);
    let weights = u32::from_le_bytes(file[24..28].try_into().unwrap()) as usize;
    assert_eq!(file.len() - weights, 4 * (6 + 6 + 6 + 12));
    let mut change = |word: usize, to: u32| {
        let mut bytes = file.clone();
        bytes[weights + 4 * word..][..4].copy_from_slice(&to.to_le_bytes());
        seal(&mut bytes);
        try_out(&bytes, &mut aligned)
    };
    for sum_out_of_range in [i32::MAX, i32::MIN] {
        assert_eq!(change(0, sum_out_of_range as u32), Err(LoadError::Overflow));
    }
    assert_eq!(change(2, 0), Err(LoadError::Scales));
    assert_eq!(change(3, 0x8000), Err(LoadError::Scales));
    assert_eq!(change(4, 32), Err(LoadError::Scales));
    assert_eq!(change(5, u32::MAX), Err(LoadError::Scales));
    assert_eq!(change(6, 0x0101_0101), Err(LoadError::Padding));
    assert_eq!(change(6, 0x0001_0101), Ok(()));
    assert_eq!(change(15, f32::NAN.to_bits()), Err(LoadError::NotFinite));
    assert_eq!(change(18, 0x0001_0000), Err(LoadError::Padding));
    assert_eq!(change(18, 0x8080), Ok(()));

    let mut bytes = file.clone();
    for scale in [0.0f32, -1.0, 1e-39] {
        bytes[48..52].copy_from_slice(&scale.to_le_bytes());
        seal(&mut bytes);
        assert_eq!(try_out(&bytes, &mut aligned), Err(LoadError::Header { offset: 48 }));
    }
}

#[test]
fn errors_say_what_is_wrong_with_operations() {
    let file = list();
    let mut aligned = AlignedBytes::new(&[]);
    let mut change = |at: usize, to: &[u8]| {
        let mut bytes = file.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        seal(&mut bytes);
        try_out(&bytes, &mut aligned).unwrap_err()
    };
    // Byte `at` of operation `index`.
    let of = |index: usize, at: usize| 64 + 24 * (index - 1) + at;
    let wrong = |index| LoadError::Operation { index };
    assert_eq!(change(10, &[2]), LoadError::Elements { found: 2 });
    assert!(matches!(change(10, &[1]), LoadError::Weights { .. } | LoadError::Gap | LoadError::Overlap { .. }));
    assert_eq!(change(12, &[1]), LoadError::Header { offset: 12 });
    assert_eq!(change(32, &[0]), LoadError::Architecture(ArchitectureError::Image));
    assert_eq!(change(38, &[1]), LoadError::Architecture(ArchitectureError::Classes));
    assert_eq!(change(38, &[4]), wrong(6));
    assert_eq!(change(40, &[1]), LoadError::Architecture(ArchitectureError::TooLarge));
    assert_eq!(change(44, &[0]), LoadError::Architecture(ArchitectureError::Operations));
    assert_eq!(change(44, &[200]), LoadError::Header { offset: 44 });
    assert_eq!(change(of(1, 0), &[0]), wrong(1));
    assert_eq!(change(of(1, 1), &[3]), wrong(1));
    assert_eq!(change(of(2, 2), &[2]), wrong(2));
    assert_eq!(change(of(3, 4), &[3]), wrong(3));
    assert_eq!(change(of(3, 4), &[0]), wrong(3));
    assert_eq!(change(of(2, 6), &[3]), wrong(2));
    assert_eq!(change(of(2, 6), &[0]), wrong(2));
    assert_eq!(change(of(4, 6), &[2]), wrong(4));
    assert_eq!(change(of(4, 8), &[2]), wrong(4));
    assert_eq!(change(of(1, 9), &[0xff]), wrong(1));
    assert_eq!(change(of(1, 10), &[5]), wrong(1));
    assert_eq!(change(of(1, 14), &[0]), wrong(1));
    assert_eq!(change(of(1, 16), &[0]), wrong(1));
    assert_eq!(change(of(1, 19), &[3]), wrong(1));
    assert_eq!(change(of(1, 20), &[8]), LoadError::Architecture(ArchitectureError::TooLarge));
    assert_eq!(change(of(1, 23), &[0xff]), LoadError::Architecture(ArchitectureError::TooLarge));
    assert_eq!(change(of(6, 21), &[0xf0]), LoadError::Gap);
    // The second one's outcome where the first one's lies, which the third adds.
    let place: [u8; 4] = file[of(1, 20)..][..4].try_into().unwrap();
    assert_eq!(change(of(2, 20), &place), LoadError::Overlap { index: 2 });
    assert_eq!(file[of(3, 20)..][..4], place);
    // Beyond the three weights and biases of the last one: 12 and 3 floats.
    assert_eq!(change(file.len() - 4, &[1]), LoadError::Padding);
}

#[test]
fn errors_say_what_is_wrong_with_operations_in_integers() {
    // Words: the image's zeros; 4 biases, 4 scales, 4 bounds in one, 4 x 9 weights; 4 biases, 4 scales, 4 x 3 weights of rows; 4 biases,
    // 4 scales, 4 factors, 4 weights; 4 biases, 4 scales; the same; 4 biases, 4 scales, 4 weights.
    let file = list_of_integers();
    let mut aligned = AlignedBytes::new(&[]);
    let weights = u32::from_le_bytes(file[24..28].try_into().unwrap()) as usize;
    let starts = [1, 46, 66, 82, 90, 98, 110];
    assert_eq!(file.len() - weights, 4 * starts[6]);
    let mut change = |word: usize, to: u32| {
        let mut bytes = file.clone();
        bytes[weights + 4 * word..][..4].copy_from_slice(&to.to_le_bytes());
        seal(&mut bytes);
        try_out(&bytes, &mut aligned)
    };
    assert_eq!(change(0, 0xffff), Ok(()));
    assert_eq!(change(0, 0x1_0000), Err(LoadError::Padding));
    for sum_out_of_range in [i32::MAX, i32::MIN] {
        assert_eq!(change(starts[0], sum_out_of_range as u32), Err(LoadError::Overflow));
    }
    assert_eq!(change(starts[3], i32::MAX as u32 - 127 * 255), Ok(()));
    assert_eq!(change(starts[3], i32::MAX as u32 - 127 * 255 + 1), Err(LoadError::Overflow));
    assert_eq!(change(starts[4], i32::MAX as u32 - 9 * 127 * 255 + 1), Err(LoadError::Overflow));
    assert_eq!(change(starts[0] + 4, 0xff1f_7fff), Ok(()));
    for scale in [0xff1f_0000, 0xff1f_8000, 0xff20_7fff] {
        assert_eq!(change(starts[0] + 4, scale), Err(LoadError::Scales));
    }
    assert_eq!(change(starts[2] + 8, 0xff_7fff), Ok(()));
    for factor in [0xff_0000, 0xff_8000, 0x100_7fff] {
        assert_eq!(change(starts[2] + 8, factor), Err(LoadError::Scales));
    }
    // Two channels of four, three columns of four, three outputs of four.
    assert_eq!(change(starts[0] + 8, 0), Ok(()));
    assert_eq!(change(starts[0] + 9, 0x8080), Ok(()));
    assert_eq!(change(starts[0] + 9, 0x1_0000), Err(LoadError::Padding));
    assert_eq!(change(starts[1] + 8, 0x80_8080), Ok(()));
    assert_eq!(change(starts[1] + 8, 0x100_0000), Err(LoadError::Padding));
    assert_eq!(change(starts[5] + 8 + 2, 0x8080_8080), Ok(()));
    for nothing in [starts[5] + 3, starts[5] + 7, starts[5] + 8 + 3] {
        assert_eq!(change(nothing, 1), Err(LoadError::Padding));
    }
    assert_eq!(change(starts[5] + 4, f32::INFINITY.to_bits()), Err(LoadError::NotFinite));

    // Logits are not bounded, nothing is added to them.
    for at in [1, 4] {
        let mut bytes = file.clone();
        bytes[64 + 24 * 5 + at] = if at == 1 { 1 } else { 5 };
        bytes[64 + 24 * 5 + at + 1] = 0;
        seal(&mut bytes);
        assert_eq!(try_out(&bytes, &mut aligned), Err(LoadError::Operation { index: 6 }));
    }
}
