//! Blocks and whole networks against PyTorch; the values are made by `reference/generate.py`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use litecnn_model::InputShape;
use litecnn_zoo::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

/// Tensors by name.
struct Values(HashMap<String, Tensor>);

impl Values {
    fn read(bytes: &[u8]) -> Self {
        let file = SafeTensors::deserialize(bytes).unwrap();
        let tensors = file.tensors().into_iter().map(|(name, view)| {
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            (name, Tensor::from_data_size(view.data(), &shape, Kind::Float))
        });
        Self(tensors.collect())
    }

    fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no value `{name}`"))
    }
}

/// The largest difference as a part of the largest value, or of `least` if that is larger.
fn difference(ours: &Tensor, reference: &Tensor, least: f64) -> f64 {
    assert_eq!(ours.size(), reference.size());
    let largest = reference.abs().max().double_value(&[]).max(least);
    (ours - reference).abs().max().double_value(&[]) / largest
}

#[derive(Deserialize)]
struct Case {
    name: String,
    layers: Vec<Layer>,
    input: [i64; 3],
}

#[test]
fn blocks_compute_what_pytorch_computes() {
    tch::set_num_threads(1);
    let bytes = std::fs::read(reference("blocks.safetensors")).unwrap();
    let (_, head) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&head.metadata().as_ref().unwrap()["cases"]).unwrap();
    let values = Values::read(&bytes);
    assert!(cases.len() >= 40);
    let mut worst = 0f64;
    for Case { name, layers, input: [channels, height, width] } in cases {
        let graph = Graph::of_layers(InputShape { channels, height, width }, &layers).unwrap();
        let mut model = Model::zeros(graph, Device::Cpu).unwrap();
        let variables = model.graph().variables.clone();
        let given = values.0.keys().filter(|key| key.starts_with(&format!("{name}/value/"))).count();
        assert_eq!(given, variables.len(), "{name}");
        for variable in &variables {
            model.set(&variable.name, values.get(&format!("{name}/value/{}", variable.name))).unwrap();
        }
        let of_case = values.0.iter().filter(|(key, _)| key.starts_with(&format!("{name}/train/")));
        let largest = of_case.map(|(_, value)| value.abs().max().double_value(&[])).fold(0.0, f64::max);
        let mut compare = |what: &str, ours: &Tensor| {
            // A gradient that cancels, such as that of a bias before a batch norm, is rounding alone: so no gradient is
            // measured by less than a tenth of the block's largest value.
            let least = if what.contains("gradient") { 0.1 * largest } else { 0.0 };
            let difference = difference(ours, values.get(&format!("{name}/{what}")), least);
            assert!(difference < 2e-5, "{name}/{what}: {difference}");
            worst = worst.max(difference);
        };
        for mode in ["eval", "train"] {
            let x = values.get(&format!("{name}/x")).detach().set_requires_grad(true);
            let y = match mode {
                "eval" => model.forward(&x),
                _ => model.forward_train(&x, &mut ChaCha8Rng::seed_from_u64(0)),
            };
            let y = y.unwrap();
            compare(&format!("{mode}/y"), &y);
            let loss = (&y * values.get(&format!("{name}/cotangent"))).sum(Kind::Float);
            let trained = || model.variables().filter(|(v, _)| v.used && !v.role.is_statistic());
            let mut leaves: Vec<&Tensor> = vec![&x];
            leaves.extend(trained().map(|(_, value)| value));
            let gradients = Tensor::run_backward(&[loss], &leaves, false, false);
            compare(&format!("{mode}/x-gradient"), &gradients[0]);
            for ((variable, _), gradient) in trained().zip(&gradients[1..]) {
                compare(&format!("{mode}/gradient/{}", variable.name), gradient);
            }
        }
        for (variable, value) in model.variables().filter(|(v, _)| v.used && v.role.is_statistic()) {
            compare(&format!("after/{}", variable.name), value);
        }
    }
    println!("largest difference: {worst:.1e} of the largest value");
}

/// Numbers in [-1, 1) made of a name and places by arithmetic of 32-bit integers, as in `reference/generate.py`.
fn filled(name: &str, shape: &[i64], value: impl Fn(f64) -> f64) -> Tensor {
    let seed = crc32(name.as_bytes());
    let values: Vec<f32> = (0..shape.iter().product::<i64>() as u32)
        .map(|n| {
            let mut n = n.wrapping_mul(2_654_435_761).wrapping_add(seed);
            n ^= n >> 16;
            n = n.wrapping_mul(0x045D_9F3B);
            n ^= n >> 16;
            value(f64::from(n) / f64::from(1u32 << 31) - 1.0) as f32
        })
        .collect();
    Tensor::from_slice(&values).view(shape)
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Every variable, or running statistics alone, made of their names.
fn fill(model: &mut Model, statistics_only: bool) {
    for variable in model.graph().variables.clone() {
        let Variable { name, shape, role, .. } = variable;
        let fan_in = shape[1..].iter().product::<i64>() as f64;
        let value = match role {
            Role::ConvWeight | Role::LinearWeight => filled(&name, &shape, |u| u * (3.0 / fan_in).sqrt()),
            Role::Scale | Role::Variance => filled(&name, &shape, |u| 1.0 + 0.5 * u),
            Role::Bias | Role::Shift | Role::Mean => filled(&name, &shape, |u| 0.1 * u),
        };
        if role.is_statistic() || !statistics_only {
            model.set(&name, &value).unwrap();
        }
    }
}

/// The same network without dropout.
fn without_dropout(mut network: Network) -> Network {
    for layer in network.parts.iter_mut().flat_map(|part| &mut part.layers) {
        match layer {
            Layer::Dropout(dropout) => dropout.rate = 0.0,
            Layer::DenseHead(head) => head.dropout = 0.0,
            _ => {}
        }
    }
    network
}

#[test]
fn networks_compute_what_pytorch_computes() {
    // Tests run side by side already.
    tch::set_num_threads(1);
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    let values = Values::read(&std::fs::read(reference("networks.safetensors")).unwrap());
    let images = filled("images", &[2, 3, 32, 32], |u| u);
    // There is no reference of variants that the study does not have.
    let published = Published::sobolewski_szyc().unwrap();
    let variants: Vec<_> = Variant::all().filter(|variant| published.of(variant, 10).is_some()).collect();
    assert_eq!(variants.len(), 28);
    for variant in variants {
        let graph = without_dropout(variant.network(10)).graph().unwrap();
        let mut model = Model::zeros(graph, Device::Cpu).unwrap();
        fill(&mut model, false);
        for mode in ["train", "eval"] {
            let logits = tch::no_grad(|| match mode {
                "eval" => model.forward(&images),
                _ => model.forward_train(&images, &mut ChaCha8Rng::seed_from_u64(0)),
            });
            let key = format!(
                "{}-{}/{mode}",
                ["resnet101", "vgg19"][usize::from(variant.family == Family::Vgg19)],
                variant.no
            );
            let difference = difference(&logits.unwrap(), values.get(&key), 0.0);
            println!("{variant} {mode}: {difference:.1e}");
            // In training the last batch norms of VGG-19 see eight values a channel, and enlarge rounding.
            let allowed = if mode == "eval" { 1e-5 } else { 2e-2 };
            assert!(difference < allowed, "{variant} {mode}: {difference}");
            fill(&mut model, true);
        }
    }
}
