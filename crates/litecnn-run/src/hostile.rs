//! Files of run directories as no program of ours leaves them: each is read or refused in words that name it, and no
//! header, count or name makes a reader allocate beyond reason.

use std::alloc::System;
use std::collections::BTreeMap;
use std::path::Path;

use cap::Cap;
use proptest::prelude::*;

use crate::damage::{damaged, damages};
use crate::*;

/// No test of this crate needs more; asking for more ends all of them.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, 128 << 20);

type Reader = fn(&Path) -> Result<(), RunError>;

/// [`made`], once: what is written is flushed to the disk.
fn files() -> &'static [(&'static str, Reader, Vec<u8>)] {
    static FILES: std::sync::OnceLock<Vec<(&'static str, Reader, Vec<u8>)>> = std::sync::OnceLock::new();
    FILES.get_or_init(made)
}

/// Name, what reads it, and an intact one.
fn made() -> Vec<(&'static str, Reader, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let left = || std::fs::read(&path).unwrap();
    let texts: [(&'static str, Reader, Vec<u8>); 4] = [
        ("run.toml", |path| Manifest::read(path.parent().unwrap()).map(drop), RUN.into()),
        ("step.json", |path| StepRecord::read(path.parent().unwrap()).map(drop), STEP.into()),
        ("architecture.json", |path| ArchitectureRecord::read(path).map(drop), ARCHITECTURE.into()),
        ("pictures.json", |path| Pictures::read(path).map(drop), PICTURES.into()),
    ];
    let mut files = Vec::from(texts);
    let record = EpochRecord {
        epoch: 1,
        output: "model".into(),
        learning_rate: 1e-3,
        loss: 0.5,
        accuracy: 0.75,
        validation_loss: 0.5,
        validation_accuracy: 0.75,
        seconds: 8.25,
        images_per_second: 100.0,
    };
    write_history(&path, &[record.clone(), EpochRecord { epoch: 2, ..record }]).unwrap();
    files.push(("history.csv", |path| read_history(path).map(drop), left()));
    let row = |index, predicted| Prediction { index, label: 1, predicted, probabilities: vec![0.5, 0.5] };
    Predictions { classes: 2, rows: vec![row(0, 0), row(4, 1)] }.write(&path).unwrap();
    files.push(("predictions-test.csv", |path| Predictions::read(path).map(drop), left()));
    let answer = Answer { index: 7, label: 1, predicted: vec![1, 0] };
    Answers { models: vec!["branch-1".into(), "fold-1".into()], rows: vec![answer.clone(), answer] }
        .write(&path)
        .unwrap();
    files.push(("predictions-models-test.csv", |path| Answers::read(path).map(drop), left()));
    let measured = Measured {
        format: Measured::FORMAT.into(),
        network: "vgg19-8".into(),
        treatment: "pruned".into(),
        dataset: "cifar10".into(),
        data: "digest".into(),
        seed: 3,
        epochs: 150,
        images: 10_000,
        correct: 9_127,
        batch_accuracy: 0.9128,
        parameters: 151_000,
        non_zero: 140_000,
        bytes: 190_000,
        seconds: 12.5,
        settings: BTreeMap::new(),
    };
    measured.write(&path).unwrap();
    files.push(("measured.json", |path| Measured::read(path).map(drop), left()));
    let round = RoundRecord {
        round: 0,
        non_zeroed: 9,
        non_zero_weights: 10,
        sparsity: 0.5,
        accuracy: 0.5,
        batch_accuracy: 0.25,
        epochs: 3,
        seconds: 1.5,
    };
    write_rounds(&path, &[round]).unwrap();
    files.push(("rounds.csv", |path| read_rounds(path).map(drop), left()));
    files
}

const RUN: &str = "format = 'litecnn-run/1'\ncreated = '2026-01-01T00:00:00Z'\nhost = 'h'\nrecipe_name = 'paper'\n\
    recipe_hash = '7a1f'\ndata = 'official'\n[versions]\nlitecnn = '0.1.0'\n[recipe]\nbatch-size = 32\n\
    [steps.'mnist/seed-0/stage-1']\nstarted = '2026-01-01T00:00:00Z'\ndevice = 'cpu'\n";
const STEP: &str = r#"{"format": "litecnn-step/1", "step": "stage-1", "recipe": "7a1f", "inputs": {"data:mnist": "d"},
    "outputs": {"stage-1/history.csv": "h"}, "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:09Z",
    "seconds": 9.0, "epochs": 3, "device": "cpu", "threads": 2}"#;
const ARCHITECTURE: &str = r#"{"format": "litecnn-architecture/1", "models": [{"name": "branch", "layers": [
    {"name": "x", "kind": "Input", "inputs": [], "output": [1, 28, 28], "parameters": 0, "macs": 0, "trained_in": []},
    {"name": "y", "kind": "Dense", "inputs": ["x"], "output": [2], "parameters": 6, "macs": 4, "trained_in": ["stage-1"]}]}]}"#;
const PICTURES: &str = r#"{"format": "litecnn-pictures/1", "tile": [28, 28], "mistake_columns": 8, "mistakes": [
    {"index": 3, "label": 1, "predicted": 2, "probability": 0.75, "label_probability": 0.25}],
    "augmentation_columns": 4, "originals": [{"index": 0, "label": 1}]}"#;

#[test]
fn intact_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for (name, read, bytes) in files() {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read(&path).unwrap_or_else(|e| panic!("{e}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]
    #[test]
    fn damaged_files_are_read_or_refused_by_name(damages in damages()) {
        let dir = tempfile::tempdir().unwrap();
        for (name, read, bytes) in files() {
            let path = dir.path().join(name);
            std::fs::write(&path, damaged(bytes, &damages)).unwrap();
            if let Err(error) = read(&path) {
                let told = error.to_string();
                prop_assert!(told.contains(name), "{}", told);
            }
        }
    }
}

/// Depth is what parsers of nested formats are attacked by: their stacks end before the input does.
#[test]
fn deep_nesting_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, read, _) in files() {
        for text in [
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
            format!("a = {}", "[".repeat(100_000)),
            "a.".repeat(100_000),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            // A table without rows is none the worse for the names of its columns.
            if let Err(error) = read(&path) {
                assert!(error.to_string().contains(name), "{error}");
            } else {
                assert!(name.ends_with(".csv"), "{name}");
            }
        }
    }
}
