//! Models to export, as bytes of weight files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use litecnn_export::TrainedModel;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// A weight file in pieces, to be changed before it is written.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) card: Value,
    pub(crate) tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Parts {
    /// One branch with random weights; `head` is `dense` or `conv1x1`.
    pub(crate) fn branch(input: [usize; 3], filters: &[usize], classes: &[&str], head: &str) -> Self {
        let architecture = json!({"kind": "branch", "spec": spec(input, filters, classes.len()), "head": head});
        let mut parts = Self { card: card(&architecture, classes), tensors: vec![] };
        parts.add_branch("", input, filters, classes.len(), head);
        parts
    }

    /// A unified model with random weights; `activation` is `none` or `relu`.
    pub(crate) fn unified(
        input: [usize; 3],
        filters: &[usize],
        classes: &[&str],
        hidden: usize,
        activation: &str,
    ) -> Self {
        let spec = json!({"branch": spec(input, filters, classes.len()), "hidden": hidden, "dropout": 0.5, "head_activation": activation});
        let mut parts = Self { card: card(&json!({"kind": "unified", "spec": spec}), classes), tensors: vec![] };
        parts.add_branch("branch-1.", input, filters, classes.len(), "conv1x1");
        parts.add_branch("branch-2.", input, filters, classes.len(), "conv1x1");
        parts.add("hidden", &[hidden, 2 * classes.len()]);
        parts.add("output", &[classes.len(), hidden]);
        parts
    }

    fn add_branch(&mut self, prefix: &str, input: [usize; 3], filters: &[usize], classes: usize, head: &str) {
        let [mut channels, mut height, mut width] = input;
        for (i, &filters) in filters.iter().enumerate() {
            self.add(&format!("{prefix}conv{}", i + 1), &[filters, channels, 3, 3]);
            (channels, height, width) = (filters, (height - 2) / 2, (width - 2) / 2);
        }
        let mut shape = vec![classes, channels * height * width];
        if head == "conv1x1" {
            shape.extend([1, 1]);
        }
        self.add(&format!("{prefix}head"), &shape);
    }

    /// Weight and bias, such that values keep their size from layer to layer.
    fn add(&mut self, layer: &str, shape: &[usize]) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.tensors.len() as u64);
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
        let mut uniform = |n: usize, bound: f32| (0..n).map(|_| rng.random_range(-bound..bound)).collect();
        let weight = uniform(shape.iter().product(), bound);
        let bias = uniform(shape[0], 0.1);
        self.tensors.push((format!("{layer}.weight"), shape.to_vec(), weight));
        self.tensors.push((format!("{layer}.bias"), shape[..1].to_vec(), bias));
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, shape, values)| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name, shape.clone(), bytes)
        });
        let views: Vec<_> = views.collect();
        let views =
            views.iter().map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
        let metadata = HashMap::from([("litecnn".to_owned(), self.card.to_string())]);
        safetensors::serialize(views, Some(metadata)).unwrap()
    }

    pub(crate) fn model(&self) -> TrainedModel {
        TrainedModel::from_bytes(Path::new("made.safetensors"), &self.bytes()).unwrap()
    }
}

/// As litecnn-model writes it.
fn card(architecture: &Value, classes: &[&str]) -> Value {
    json!({
        "format": "litecnn-weights/1", "architecture": architecture, "flatten": "height,width,channel",
        "classes": classes, "dataset": "made", "recipe": "", "step": "stage-1",
    })
}

fn spec(input: [usize; 3], filters: &[usize], classes: usize) -> Value {
    let [channels, height, width] = input;
    json!({"input": {"channels": channels, "height": height, "width": width}, "filters": filters, "classes": classes})
}

/// Every kind of model, with names.
pub(crate) fn all() -> Vec<(&'static str, TrainedModel)> {
    let mut all = light();
    all.extend(crate::folded::all());
    all
}

/// Those that are no folded networks; the last one is a trained one of grey images of 28x28 pixels.
pub(crate) fn light() -> Vec<(&'static str, TrainedModel)> {
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    vec![
        ("dense head", Parts::branch([1, 28, 28], &[10, 20], &digits, "dense").model()),
        ("odd sides, odd names", Parts::branch([2, 11, 14], &[5], &["a\"b\\", "é??/", "*/"], "conv1x1").model()),
        ("joined", Parts::unified([3, 32, 32], &[10, 20], &digits, 32, "none").model()),
        ("joined, ReLU, three deep", Parts::unified([1, 40, 33], &[4, 5, 6], &["x", "y"], 7, "relu").model()),
        ("trained", TrainedModel::read(&fixture("mnist-final.safetensors")).unwrap()),
    ]
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Random bytes, an image after another, each `[height, width, channels]`.
pub(crate) fn images(model: &TrainedModel, count: usize) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    let image = |_| {
        let mut bytes = vec![0; model.input().iter().product()];
        rng.fill_bytes(&mut bytes);
        bytes
    };
    (0..count).map(image).collect()
}

/// An image of bytes `[height, width, channels]` as the model sees it: `[channels, height, width]` from 0 to 1.
pub(crate) fn planes(model: &TrainedModel, image: &[u8]) -> Vec<f32> {
    let channels = model.input()[0];
    let plane = |c: usize| image.iter().skip(c).step_by(channels).map(|&byte| f32::from(byte) / model.pixel_scale());
    (0..channels).flat_map(plane).collect()
}

/// Logits of an image of bytes in double precision.
pub(crate) fn logits(model: &TrainedModel, image: &[u8]) -> Vec<f64> {
    model.forward_f64(&planes(model, image)).unwrap()
}

pub(crate) fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::MIN, f64::max);
    let powers: Vec<f64> = logits.iter().map(|v| (v - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// Largest absolute difference; NaN if there is one.
pub(crate) fn deviation(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found
        .iter()
        .zip(expected)
        .map(|(&a, b)| (f64::from(a) - b).abs())
        .fold(0.0, |a, b| if a.is_nan() || b <= a { a } else { b })
}

pub(crate) fn largest(values: &[f64]) -> usize {
    (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap()
}
