//! A small run directory as training and evaluation would leave it, with fixed timings.

use std::collections::BTreeMap;
use std::path::Path;

use litecnn_report::{Metrics, Splits, StepAccuracy, Subject};
use litecnn_run::{Manifest, Prediction, Predictions, RunDir, SeedDir, StepRecord, StepTimes};

pub(crate) const RECIPE: &str = "5f0c27a1d3b84e96a7c1f02e9d6b38415f0c27a1d3b84e96a7c1f02e9d6b3841";
pub(crate) const STEPS: [&str; 6] = ["stage-1", "surgery", "stage-2-1", "stage-2-2", "fold-1", "fold-2"];

pub(crate) fn manifest(data: &str) -> Manifest {
    Manifest {
        format: Manifest::FORMAT.into(),
        created: "2025-01-15T08:00:00Z".into(),
        host: "a_machine".into(),
        versions: BTreeMap::from([("libtorch".into(), "2.13.0".into()), ("litecnn".into(), "0.1.0".into())]),
        recipe_name: "paper".into(),
        recipe_hash: RECIPE.into(),
        recipe: toml::from_str("batch-size = 32\n[stage-1]\nepochs = 20\n").unwrap(),
        data: data.into(),
        datasets: BTreeMap::new(),
        steps: BTreeMap::new(),
    }
}

/// A finished run: MNIST with two seeds, CIFAR-10 with one.
pub(crate) fn full_run(run: &Path, data: &str) {
    let mut dir = RunDir::open(run, manifest(data)).unwrap();
    for (dataset, seed) in [("mnist", 0), ("mnist", 1), ("cifar10", 0)] {
        let key = format!("{dataset}/seed-{seed}/stage-1");
        let times = StepTimes { started: "2025-01-15T08:00:00Z".into(), ended: None, device: "cpu".into() };
        dir.note_step(&key, times).unwrap();
        for step in STEPS {
            finish(run, dataset, seed, step);
        }
        evaluate(run, dataset, seed);
    }
}

pub(crate) fn finish(run: &Path, dataset: &str, seed: u64, step: &str) {
    let place = STEPS.iter().position(|s| *s == step).unwrap();
    let trains = step != "surgery";
    StepRecord {
        format: StepRecord::FORMAT.into(),
        step: step.into(),
        recipe: RECIPE.into(),
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        started: "2025-01-15T08:00:00Z".into(),
        ended: "2025-01-15T08:01:00Z".into(),
        seconds: if trains { 60.25 - 8.0 * place as f64 + 2.0 * seed as f64 } else { 0.125 },
        epochs: trains.then_some(20 - 3 * place as u32 + seed as u32),
        // Not every system tells.
        peak_memory_bytes: (dataset == "mnist").then_some((300 + place as u64) << 20),
        device: "cpu".into(),
        engine: None,
        threads: 2,
    }
    .write(&SeedDir::new(run, dataset, seed).step(step))
    .unwrap();
}

pub(crate) fn evaluate(run: &Path, dataset: &str, seed: u64) {
    let mnist = dataset == "mnist";
    let names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let classes: Vec<String> =
        (0..10).map(|i: usize| if mnist { i.to_string() } else { names[i].to_owned() }).collect();
    let wrong_every = if mnist { 100 + 50 * seed } else { 3 };
    let splits = Splits::from_predictions(
        &predictions(400, 2 * wrong_every),
        &predictions(200, wrong_every),
        &predictions(300, wrong_every),
    )
    .unwrap();
    let test = splits.test.accuracy;
    let accuracy = |(i, step): (usize, &str)| StepAccuracy {
        step: step.into(),
        test_accuracy: test - 0.01 * (5 - i) as f64,
        validation_accuracy: test - 0.0125 * (5 - i) as f64,
    };
    let steps = ["branch-1", "branch-2", "stage-2-1", "stage-2-2", "fold-1", "fold-2"];
    let subject = Subject {
        dataset: dataset.into(),
        seed,
        recipe: RECIPE.into(),
        classes,
        params: if mnist { 14_862 } else { 19_622 },
        weights_bytes: if mnist { 60_704 } else { 79_744 },
    };
    let metrics = Metrics::new(subject, splits, steps.into_iter().enumerate().map(accuracy).collect()).unwrap();
    metrics.write(&SeedDir::new(run, dataset, seed).metrics()).unwrap();
}

/// Labels in turn; every so-many-th image is taken for another class, which moves on from miss to miss.
fn predictions(images: u32, wrong_every: u64) -> Predictions {
    let row = |index: u32| {
        let label = index % 10;
        let wrong = u64::from(index) % wrong_every == wrong_every - 1;
        let predicted = if wrong { (label + 1 + index / 10 % 9) % 10 } else { label };
        let mut probabilities = vec![0.0625; 10];
        probabilities[predicted as usize] = 0.4375;
        Prediction { index, label: label as u16, predicted: predicted as u16, probabilities }
    };
    Predictions { classes: 10, rows: (0..images).map(row).collect() }
}
