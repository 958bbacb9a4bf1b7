//! Every step of the optimisers against numbers printed by Keras 3 (`../reference/optimizers.py`) and PyTorch
//! (`../reference/adamw.py`).

use litecnn_train::{Memory, Optimizer, OptimizerSettings, Recipe};
use tch::{Kind, Tensor};

fn settings(text: &str) -> OptimizerSettings {
    let recipe = Recipe::parse(&format!("[stage-1]\noptimizer = {{ {text} }}"), std::path::Path::new("test")).unwrap();
    recipe.stage_1.optimizer
}

fn cases() -> [(&'static str, OptimizerSettings); 9] {
    let sgd = |rest: &str| settings(&format!("kind = \"sgd\", decay-form = \"decoupled\", {rest}"));
    let adamw = |rest: &str| settings(&format!("kind = \"adamw\", {rest}"));
    [
        ("nadam", Recipe::paper().stage_1.optimizer),
        (
            "nadam-other",
            settings("kind = \"nadam\", learning-rate = 0.02, beta-1 = 0.8, beta-2 = 0.95, epsilon = 1e-5"),
        ),
        ("sgd-nesterov-decay", Recipe::paper().stage_2_2.optimizer),
        ("sgd-nesterov-decay-large", sgd("learning-rate = 0.05, momentum = 0.9, nesterov = true, weight-decay = 0.1")),
        ("sgd-momentum", sgd("learning-rate = 0.01, momentum = 0.5, nesterov = false, weight-decay = 0.0")),
        ("sgd", sgd("learning-rate = 0.01, momentum = 0.0, nesterov = false, weight-decay = 0.0")),
        ("adamw", adamw("learning-rate = 0.001, beta-1 = 0.9, beta-2 = 0.999, epsilon = 1e-8, weight-decay = 0.01")),
        ("adamw-other", adamw("learning-rate = 0.02, beta-1 = 0.8, beta-2 = 0.95, epsilon = 1e-5, weight-decay = 0.3")),
        (
            "adamw-no-decay",
            adamw("learning-rate = 0.004, beta-1 = 0.9, beta-2 = 0.99, epsilon = 1e-8, weight-decay = 0"),
        ),
    ]
}

struct Reference {
    start: Tensor,
    gradients: Vec<Tensor>,
    all: serde_json::Value,
}

fn reference() -> Reference {
    let mut all: serde_json::Value = serde_json::from_str(include_str!("../reference/optimizers.json")).unwrap();
    let mut torch: serde_json::Value = serde_json::from_str(include_str!("../reference/adamw.json")).unwrap();
    all["cases"].as_object_mut().unwrap().append(torch["cases"].as_object_mut().unwrap());
    let row = |v: &serde_json::Value| Tensor::from_slice(&serde_json::from_value::<Vec<f32>>(v.clone()).unwrap());
    let gradients: Vec<Tensor> = all["gradients"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(gradients.len(), 50);
    Reference { start: row(&all["start"]), gradients, all }
}

#[test]
fn fifty_steps_agree_with_keras_and_pytorch_to_a_millionth() {
    let reference = reference();
    for (name, settings) in cases() {
        let mut weights = reference.start.copy();
        let mut optimizer = Optimizer::new(&settings, &weights);
        let mut in_memory: Vec<f32> = Vec::try_from(&weights).unwrap();
        let mut host = optimizer.to_host().unwrap();
        for (step, gradient) in reference.gradients.iter().enumerate() {
            optimizer.step(&mut weights, gradient).unwrap();
            if step == 23 {
                // There and back again.
                let mut other = Optimizer::new(&settings, &weights);
                other.take_back(&host).unwrap();
                host = other.to_host().unwrap();
            }
            host.step(&mut in_memory, &Vec::<f32>::try_from(gradient).unwrap());
            let expected: Vec<f64> = serde_json::from_value(reference.all["cases"][name][step].clone()).unwrap();
            let expected = Tensor::from_slice(&expected);
            for ours in [&weights, &Tensor::from_slice(&in_memory)] {
                let off = (ours.to_kind(Kind::Double) - &expected).norm().double_value(&[]);
                let relative = off / expected.norm().double_value(&[]);
                assert!(relative < 1e-6, "{name}, step {}: {relative}", step + 1);
            }
        }
    }
}

#[test]
fn saved_and_restored_in_the_middle_changes_no_bit() {
    let reference = reference();
    for (name, settings) in cases() {
        let (mut straight, mut broken) = (reference.start.copy(), reference.start.copy());
        let mut optimizer = Optimizer::new(&settings, &straight);
        let mut before = Optimizer::new(&settings, &broken);
        for (step, gradient) in reference.gradients.iter().enumerate() {
            if step == 23 {
                let saved: Vec<(&str, Tensor)> = before.tensors().into_iter().map(|(n, t)| (n, t.copy())).collect();
                let counters = serde_json::to_string(&before.counters()).unwrap();
                let mut after = Optimizer::new(&settings, &broken);
                let mut find = |name: &str| saved.iter().find(|(n, _)| *n == name).map(|(_, t)| t.copy());
                after.restore(serde_json::from_str(&counters).unwrap(), &mut find).unwrap();
                before = after;
            }
            optimizer.step(&mut straight, gradient).unwrap();
            before.step(&mut broken, gradient).unwrap();
        }
        assert_eq!(straight, broken, "{name}");
    }
}

#[test]
fn missing_state_is_named() {
    let weights = Tensor::zeros([3], (Kind::Float, tch::Device::Cpu));
    let mut optimizer = Optimizer::new(&Recipe::paper().stage_1.optimizer, &weights);
    let counters = optimizer.counters();
    let message = optimizer.restore(counters, &mut |_| None).unwrap_err().to_string();
    assert!(message.contains("no usable optimiser state `m`"), "{message}");
}
