//! Recipes and state files as nobody wrote them.

use std::path::Path;

use litecnn_model::{read_tensors, write_tensors};
use litecnn_train::{
    Checkpointer, EarlyStoppingSettings, Epoch, Fit, Keep, NadamSettings, Optimizer, OptimizerSettings, Part, Plan,
    Problem, Recipe, Score, Silent, TrainError, Trained, fit,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::damage::{damaged, damages};

/// Two weights that go downhill.
struct Tiny {
    weights: Tensor,
    optimizer: Optimizer,
}

impl Problem for Tiny {
    type Error = TrainError;

    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        (1, 1)
    }

    fn learning_rates(&self, _: &Epoch<'_>) -> Vec<f64> {
        vec![self.optimizer.learning_rate()]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        let mut lane = epoch.lane(0, self.optimizer.learning_rate());
        self.optimizer.step(&mut self.weights, &Tensor::from_slice(&[0.5f32, -0.5]))?;
        lane.batch_done();
        Ok(Trained::Whole(self.validate()?))
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        Ok(vec![Score { loss: 0.5, accuracy: 0.5 }])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![Part { name: "model", output: 0, buffer: &mut self.weights, optimizer: Some(&mut self.optimizer) }]
    }
}

/// Trains to the end of an epoch, going on from the state file if that is of use.
fn train(path: &Path, epochs: u32) -> Result<(Fit, Vec<f32>), TrainError> {
    let settings = NadamSettings { learning_rate: 0.01, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };
    let weights = Tensor::ones([2], (Kind::Float, Device::Cpu));
    let optimizer = Optimizer::new(&OptimizerSettings::Nadam(settings), &weights);
    let checkpointer = Checkpointer { path: path.to_owned(), fingerprint: "f".into() };
    let early_stopping = EarlyStoppingSettings { patience: 5, min_delta: 0.0 };
    let plan = Plan {
        step: "stage-1",
        epochs,
        keep: Keep::Best,
        early_stopping: Some(&early_stopping),
        monitor: &|records| records[0].validation_accuracy,
        checkpointer: Some(&checkpointer),
        observer: &Silent,
    };
    let mut tiny = Tiny { weights, optimizer };
    let fit = fit(&mut tiny, &plan)?;
    Ok((fit, Vec::try_from(&tiny.weights)?))
}

#[test]
fn a_state_that_contradicts_itself_is_time_lost_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.safetensors");
    train(&path, 2).unwrap();
    let good = std::fs::read(&path).unwrap();
    let (description, tensors) = read_tensors::<Value>(&path).unwrap();
    let expected = train(&path, 3).unwrap();
    let own = |fit: &Fit| fit.history.iter().map(litecnn_run::EpochRecord::untimed).collect::<Vec<_>>();
    for (key, value) in [
        ("outputs", json!([])),
        ("outputs", json!([{"kept_epoch": 1, "kept_accuracy": 0.5}, {"kept_epoch": 1, "kept_accuracy": 0.5}])),
        ("history", json!([])),
        ("epoch", json!(1)),
        ("epoch", json!(u32::MAX)),
        ("format", json!("litecnn-state/0")),
        ("counters", json!("none")),
    ] {
        let mut changed = description.clone();
        changed[key] = value;
        let named: Vec<_> = tensors.iter().map(|(name, tensor)| (name.clone(), tensor)).collect();
        write_tensors(&path, &changed, &named).unwrap();
        let (fit, weights) = train(&path, 3).unwrap();
        assert_eq!((own(&fit), weights), (own(&expected.0), expected.1.clone()), "{key}");
    }
    std::fs::write(&path, good).unwrap();
    assert_eq!(train(&path, 3).unwrap().1, expected.1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn damaged_states_are_used_refused_or_passed_over(damages in damages()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.safetensors");
        train(&path, 1).unwrap();
        let file = damaged(&std::fs::read(&path).unwrap(), &damages);
        std::fs::write(&path, file).unwrap();
        if let Ok((fit, _)) = train(&path, 2) {
            prop_assert!(fit.kept.len() == 1 && fit.history.len() == fit.epochs as usize);
        }
    }

    #[test]
    fn damaged_recipes_are_read_or_refused_by_name(damages in damages()) {
        for intact in [include_str!("../../recipes/paper.toml"), include_str!("../../recipes/smoke.toml")] {
            let text = String::from_utf8_lossy(&damaged(intact.as_bytes(), &damages)).into_owned();
            match Recipe::parse(&text, Path::new("mine.toml")) {
                Ok(recipe) => prop_assert_eq!(Recipe::parse(&recipe.to_toml(), Path::new("x")).unwrap(), recipe),
                Err(error) => prop_assert!(error.to_string().contains("mine.toml"), "{}", error),
            }
        }
    }
}

#[test]
fn deep_recipes_are_refused() {
    for deep in ["[".repeat(50_000), format!("a = {}", "[".repeat(50_000)), "a.".repeat(50_000), "{a=".repeat(50_000)] {
        assert!(Recipe::parse(&deep, Path::new("mine.toml")).is_err());
    }
}
