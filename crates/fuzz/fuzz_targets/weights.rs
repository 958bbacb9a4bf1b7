//! Weight files of models and of networks of the study, plain and quantised, as they are and with the length of the head
//! made right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use litecnn_fuzz::{read, sealed};
use litecnn_model::Model;
use tch::Device;

fuzz_target!(|bytes: &[u8]| {
    try_out(bytes);
    if let Some(bytes) = sealed(bytes) {
        try_out(&bytes);
    }
});

fn try_out(bytes: &[u8]) {
    let name = "weights.safetensors";
    if let Some((model, card)) = read(name, bytes, |path| Model::load(path, Device::Cpu)) {
        assert!(model.parameters() as usize * 4 <= bytes.len());
        assert!(card.classes.len() >= 2);
    }
    if let Some((model, _)) = read(name, bytes, |path| litecnn_zoo::Model::load(path, Device::Cpu)) {
        assert!(model.state().weights().numel() * 4 <= bytes.len());
    }
    read(name, bytes, litecnn_zoo::Quantised::load);
}
