//! Weight files as the export reads them, as they are and with the length of the head made right. What is accepted can
//! be written as a small model, and that one read.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use litecnn_export::TrainedModel;
use litecnn_fuzz::{sealed, told};
use litecnn_runtime::{AlignedBytes, Model};

fuzz_target!(|bytes: &[u8]| {
    try_out(bytes);
    if let Some(bytes) = sealed(bytes) {
        try_out(&bytes);
    }
});

fn try_out(bytes: &[u8]) {
    let path = Path::new("the.safetensors");
    let Some(model) = told(path, TrainedModel::from_bytes(path, bytes)) else { return };
    assert!(model.parameters() * 4 <= bytes.len());
    let _ = litecnn_export::onnx(&model);
    let _ = litecnn_export::c(&model, "model");
    if let Ok(file) = litecnn_export::litecnn(&model) {
        let file = AlignedBytes::new(&file);
        let small = Model::from_bytes(&file).expect("it was just written");
        assert_eq!(small.classes(), model.classes().len());
    }
}
