//! Weight files as nobody wrote them: refused by name, or exported in every form that the runtime then reads.

use std::path::Path;

use litecnn_export::TrainedModel;
use litecnn_runtime::{AlignedBytes, Model};
use proptest::prelude::*;

use crate::damage::{damaged, damages};
use crate::models::{Parts, fixture};

fn try_out(bytes: &[u8]) {
    let model = match TrainedModel::from_bytes(Path::new("some.safetensors"), bytes) {
        Ok(model) => model,
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains("some.safetensors"), "{told}");
            return;
        }
    };
    assert!(model.parameters() * 4 <= bytes.len());
    let _ = (litecnn_export::onnx(&model), litecnn_export::c(&model, "model"));
    if let Ok(file) = litecnn_export::litecnn(&model) {
        let file = AlignedBytes::new(&file);
        assert_eq!(Model::from_bytes(&file).unwrap().classes(), model.classes().len());
    }
}

/// The length of the head made that of the text up to the last tensor: what lies behind is reached.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.windows(3).rposition(|piece| piece == b"]}}").map_or(bytes.len(), |at| at + 3);
    if let Some(head) = bytes.first_chunk_mut() {
        *head = (end.saturating_sub(8) as u64).to_le_bytes();
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn damaged_files_are_exported_or_refused_by_name(damages in damages()) {
        let files = ["dense", "conv1x1"].map(|kind| Parts::branch([1, 6, 6], &[2], &["a", "b"], kind).bytes());
        let folded = crate::folded::all()[3].1.folded().unwrap().bytes().unwrap();
        for file in files.into_iter().chain([folded]) {
            try_out(&file);
            let file = damaged(&file, &damages);
            try_out(&file);
            try_out(&sealed(file));
        }
    }

    #[test]
    fn any_bytes_are_refused_by_name(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        try_out(&bytes);
        try_out(&sealed(bytes));
    }
}

#[test]
fn claims_of_any_size_cost_nothing() {
    let whole = std::fs::read(fixture("mnist-final.safetensors")).unwrap();
    for (from, to) in [
        ("\\\"height\\\":28", "\\\"height\\\":30000"),
        ("\\\"height\\\":28", "\\\"height\\\":4000000000"),
        ("\\\"filters\\\":[10,20]", "\\\"filters\\\":[10,4096]"),
        ("[10,1,3,3]", "[4000000000,1,3,3]"),
        ("[10,1,3,3]", "[18446744073709551615,18446744073709551615,3,3]"),
    ] {
        let length = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
        let head = String::from_utf8(whole[8..8 + length].to_vec()).unwrap();
        assert!(head.contains(from), "{head}");
        let head = head.replacen(from, to, 1);
        let claims = [&(head.len() as u64).to_le_bytes(), head.as_bytes(), &whole[8 + length..]].concat();
        let told = TrainedModel::from_bytes(Path::new("some.safetensors"), &claims).unwrap_err().to_string();
        assert!(told.contains("some.safetensors"), "{told}");
    }
}
