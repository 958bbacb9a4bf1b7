//! Any bytes as a model file, once as they are and once with length and checksum made right, so that what lies behind
//! those checks is reached. What is accepted must answer, twice the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use litecnn_runtime::{AlignedBytes, Level, Model};

/// More takes too long to be tried often.
const MOST_MULTIPLY_ADDS: usize = 100_000;

fuzz_target!(|bytes: &[u8]| {
    answer(bytes);
    let mut sealed = bytes.to_vec();
    if seal(&mut sealed) {
        answer(&sealed);
    }
});

fn answer(bytes: &[u8]) {
    let file = AlignedBytes::new(bytes);
    let Ok(model) = Model::from_bytes(&file) else { return };
    assert_eq!(model.class_names().count(), model.classes());
    let architecture = model.architecture();
    if architecture.multiply_adds() > MOST_MULTIPLY_ADDS || model.scratch_len() > 1 << 20 {
        return;
    }
    // Pixels that depend on the file too; allocations of exactly the lengths asked for.
    let images: Box<[u8]> = bytes.iter().rev().copied().cycle().take(2 * model.pixels()).collect();
    let floats: Box<[f32]> = images.iter().map(|&byte| f32::from(byte) / 7.0).collect();
    for level in Level::available() {
        let model = model.clone().with_level(level);
        let mut scratch = vec![f32::NAN; model.scratch_len()].into_boxed_slice();
        let mut outputs = [(); 3].map(|()| vec![f32::NAN; 2 * model.classes()].into_boxed_slice());
        let [first, second, other] = &mut outputs;
        model.predict_batch(&images, &mut scratch, first).unwrap();
        model.predict_batch(&floats, &mut scratch, other).unwrap();
        let mut session = model.session(&mut scratch).unwrap();
        for (image, output) in images.chunks(model.pixels()).zip(second.chunks_mut(model.classes())) {
            session.predict(image, output).unwrap();
        }
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        // Weights near the largest number overflow; what is not a number has no fixed bits.
        assert!(first.iter().any(|v| v.is_nan()) || bits(first) == bits(second), "{architecture:?} {level:?}");
    }
}

/// Makes the length and the checksum right; whether there is a header to put them in.
fn seal(bytes: &mut [u8]) -> bool {
    if bytes.len() < 64 {
        return false;
    }
    let length = (bytes.len() as u32).to_le_bytes();
    bytes[16..20].copy_from_slice(&length);
    let crc = bytes[..20].iter().chain(&bytes[24..]).fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    bytes[20..24].copy_from_slice(&(!crc).to_le_bytes());
    true
}
