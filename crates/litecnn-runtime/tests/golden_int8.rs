//! Answers of NumPy in integers, see `golden/generate_int8.py`.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::int8::layers;
use common::reader::Reader;
use litecnn_runtime::{
    AlignedBytes, Architecture, Layout, Level, Model, Quantised, QuantisedLayer, Requantisation, Scaling, encode_int8,
};

fn layer(reader: &mut Reader, [outputs, inputs]: [usize; 2], last: bool) -> QuantisedLayer {
    let weights = reader.bytes(outputs * inputs).iter().map(|&byte| byte as i8).collect();
    let biases = reader.words(outputs, i32::from_le_bytes);
    let outputs = if last {
        Requantisation::Logits(reader.words(outputs, f32::from_le_bytes))
    } else {
        let multipliers = reader.shorts(outputs);
        Requantisation::Bytes { multipliers, shifts: reader.bytes(outputs).to_vec() }
    };
    QuantisedLayer { weights, biases, outputs }
}

#[test]
#[cfg_attr(miri, ignore = "too long")]
fn logits_are_those_of_numpy() {
    let mut reader = Reader(include_bytes!("golden/golden_int8.bin"));
    let mut models = 0;
    while !reader.0.is_empty() {
        let [channels, height, width, classes, hidden, relu, images, depth, count] =
            core::array::from_fn(|_| reader.number());
        let filters: Vec<usize> = (0..depth).map(|_| reader.number()).collect();
        let architecture = match hidden {
            0 => Architecture::branch(channels, height, width, &filters, classes),
            _ => Architecture::unified(channels, height, width, &filters, classes, hidden, relu != 0),
        };
        let architecture = architecture.unwrap();
        let shapes = layers(&architecture);
        assert_eq!(shapes.len(), count);
        let integers = shapes.iter().enumerate().map(|(i, &shape)| layer(&mut reader, shape, i + 1 == count)).collect();
        let pixels = reader.bytes(images * architecture.pixels());
        let expected = reader.words(images * classes, f32::from_le_bytes);

        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
        let file = encode_int8(&architecture, &names, scaling, &Quantised { layers: integers }).unwrap();
        let file = AlignedBytes::new(&file);
        for level in Level::available() {
            let model = Model::from_bytes(&file).unwrap().with_level(level).with_layout(Layout::Chw);
            let mut scratch = vec![0.0; model.scratch_len()];
            let mut found = vec![0.0; images * classes];
            model.session(&mut scratch).unwrap().logits_batch(pixels, &mut found).unwrap();
            assert_eq!(found, expected, "{architecture:?} {level:?}");
        }
        models += 1;
    }
    assert_eq!(models, 5);
}
