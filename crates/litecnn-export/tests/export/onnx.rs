use std::process::Command;

use litecnn_export::{TrainedModel, onnx};
use rten::{Model, Value};

use crate::models::{self, deviation, planes, softmax};
use crate::tools;

/// Logits and probabilities by rten, image after image.
fn run(model: &TrainedModel, images: &[Vec<u8>]) -> [Vec<f32>; 2] {
    let engine = Model::load(onnx(model)).unwrap();
    let [channels, height, width] = model.input();
    let pixels: Vec<f32> = images.iter().flat_map(|image| planes(model, image)).collect();
    let input = Value::from_shape([images.len(), channels, height, width], pixels).unwrap();
    let [from, logits, probabilities] = ["images", "logits", "probabilities"].map(|id| engine.node_id(id).unwrap());
    let outputs = engine.run(vec![(from, input.into())], &[logits, probabilities], None).unwrap();
    let outputs = outputs.into_iter().map(|value| {
        let (shape, values) = value.into_shape_vec::<f32, 2>().unwrap();
        assert_eq!(shape, [images.len(), model.classes().len()]);
        values
    });
    outputs.collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn rten_gives_the_same_answers() {
    for (name, model) in models::all() {
        for batch in [1, 5] {
            let images = models::images(&model, batch);
            let expected: Vec<Vec<f64>> = images.iter().map(|image| models::logits(&model, image)).collect();
            let [logits, probabilities] = run(&model, &images);
            let far = deviation(&logits, &expected.concat());
            let probable: Vec<f64> = expected.iter().flat_map(|logits| softmax(logits)).collect();
            let probably_far = deviation(&probabilities, &probable);
            let size = expected.concat().iter().fold(0.0_f64, |a, v| a.max(v.abs()));
            println!("{name}, batch {batch}: {far:.1e} (logits up to {size:.1}), probabilities {probably_far:.1e}");
            assert!(far <= 1e-6 * size.max(10.0) && probably_far <= 1e-5, "{name}");
        }
    }
}

#[test]
fn equal_models_give_equal_bytes() {
    for (name, model) in models::all() {
        assert_eq!(onnx(&model), onnx(&model.clone()), "{name}");
    }
}

/// ONNX's own checker and ONNX Runtime. Which Python is asked is in `LITECNN_ONNX_PYTHON`; one that is named there
/// must have the packages.
#[test]
fn onnx_runtime_gives_the_same_answers() {
    let named = std::env::var("LITECNN_ONNX_PYTHON").ok();
    let python = named.as_deref().unwrap_or("python3");
    if !tools::runs(python, &["-c", "import onnx, onnxruntime, numpy"]) {
        let lacking = format!("{python} lacks onnx, onnxruntime or numpy (pip install onnx onnxruntime numpy)");
        assert!(named.is_none(), "LITECNN_ONNX_PYTHON: {lacking}");
        println!("skipped: {lacking}");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/onnx_check.py");
    for (name, model) in models::all() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let images = models::images(&model, 5);
        let pixels = images.iter().flat_map(|image| planes(&model, image)).flat_map(f32::to_le_bytes);
        let logits = images.iter().flat_map(|image| models::logits(&model, image));
        write("model.onnx", &onnx(&model));
        write("images.f32", &pixels.collect::<Vec<u8>>());
        write("logits.f64", &logits.flat_map(f64::to_le_bytes).collect::<Vec<u8>>());
        write("classes.json", serde_json::Value::from(model.classes()).to_string().as_bytes());
        println!("{name}: {}", tools::run(Command::new(python).arg(script).arg(folder.path()), b"").trim());
    }
}
