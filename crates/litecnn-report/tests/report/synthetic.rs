//! A small run directory as training and evaluation would leave it, with fixed timings.

use std::collections::BTreeMap;
use std::path::Path;

use litecnn_report::{Metrics, Splits, StepAccuracy, Subject};
use litecnn_run::{
    Answer, Answers, ArchitectureRecord, EpochRecord, GraphLayer, Manifest, Mistake, ModelGraph, Original, Pictures,
    Prediction, Predictions, RunDir, SeedDir, StepRecord, StepTimes, write_history,
};
use safetensors::tensor::{Dtype, TensorView};

/// That of the paper, so that reports compare.
pub(crate) const RECIPE: &str = "76b38d34df641b6e38aa3dcceef152b7dce1d501bab6ed5521834d6e751468a3";
pub(crate) const STEPS: [&str; 6] = ["stage-1", "surgery", "stage-2-1", "stage-2-2", "fold-1", "fold-2"];

pub(crate) fn manifest(data: &str) -> Manifest {
    Manifest {
        format: Manifest::FORMAT.into(),
        created: "2025-01-15T08:00:00Z".into(),
        host: "a_machine".into(),
        versions: BTreeMap::from([("libtorch".into(), "2.13.0".into()), ("litecnn".into(), "0.1.0".into())]),
        recipe_name: "paper".into(),
        recipe_hash: RECIPE.into(),
        recipe: toml::from_str("batch-size = 32\n[stage-1]\nepochs = 20\nkeep = 'best'\n").unwrap(),
        data: data.into(),
        datasets: BTreeMap::from([("cifar10".into(), "d1".into()), ("mnist".into(), "d0".into())]),
        sources: BTreeMap::new(),
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
    if trains {
        write_history(&SeedDir::new(run, dataset, seed).history(step), &history(step, seed)).unwrap();
    }
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
    let dir = SeedDir::new(run, dataset, seed);
    metrics.write(&dir.metrics()).unwrap();
    let test = predictions(300, wrong_every);
    test.write(&dir.predictions("test")).unwrap();
    answers(&metrics, &test).write(&dir.answers()).unwrap();
    architecture(metrics.subject.params).write(&dir.architecture()).unwrap();
    pictures(&dir, &test);
    weights(&dir);
}

/// Notes what evaluation left, as its record does.
pub(crate) fn record_evaluation(run: &Path, dataset: &str, seed: u64) {
    let dir = SeedDir::new(run, dataset, seed);
    let left = [
        "architecture.json",
        "final.safetensors",
        "metrics.json",
        "pictures/augmentation.png",
        "pictures/mistakes.png",
        "pictures/pictures.json",
        "predictions-models-test.csv",
        "predictions-test.csv",
    ];
    let digest = |name: &str| (name.to_owned(), litecnn_run::sha256_file(&dir.root().join(name)).unwrap());
    finish(run, dataset, seed, STEPS[0]);
    let mut record = StepRecord::read(&dir.step(STEPS[0])).unwrap();
    record.step = "evaluate".into();
    record.epochs = None;
    record.outputs = left.into_iter().map(digest).collect();
    // No report reads it.
    record.outputs.insert("predictions-train.csv".into(), "of old".into());
    record.write(&dir.step("evaluate")).unwrap();
}

/// Answers with the accuracies of the metrics: of the final model's right answers, the first are made wrong.
fn answers(metrics: &Metrics, test: &Predictions) -> Answers {
    let wrong = |step: &StepAccuracy| {
        let more = (metrics.splits.test.accuracy - step.test_accuracy) * test.rows.len() as f64;
        let mut left = more.round() as u32;
        let answer = |row: &Prediction| {
            let spoil = row.predicted == row.label && left > 0;
            left -= u32::from(spoil);
            if spoil { (row.label + 5) % 10 } else { row.predicted }
        };
        test.rows.iter().map(answer).collect::<Vec<u16>>()
    };
    let mut models: Vec<String> = metrics.steps.iter().map(|s| s.step.clone()).collect();
    let mut columns: Vec<Vec<u16>> = metrics.steps.iter().map(wrong).collect();
    models.push("ensemble".into());
    columns.push(test.rows.iter().map(|row| row.predicted).collect());
    let row = |(i, row): (usize, &Prediction)| Answer {
        index: row.index,
        label: row.label,
        predicted: columns.iter().map(|column| column[i]).collect(),
    };
    Answers { models, rows: test.rows.iter().enumerate().map(row).collect() }
}

/// Graphs whose joined model has so many parameters.
fn architecture(params: u64) -> ArchitectureRecord {
    let layer = |name: &str, kind: &str, inputs: &[&str], output: &[u64], parameters, trained_in: &[&str]| GraphLayer {
        name: name.into(),
        kind: kind.into(),
        inputs: inputs.iter().map(|&i| i.into()).collect(),
        output: output.to_vec(),
        parameters,
        macs: 10 * parameters,
        trained_in: trained_in.iter().map(|&s| s.into()).collect(),
    };
    let branch = vec![
        layer("images", "Input", &[], &[1, 8, 8], 0, &[]),
        layer("conv1", "Conv2d 3x3 + ReLU", &["images"], &[2, 6, 6], 20, &["stage-1"]),
        layer("head", "Dense + softmax", &["conv1"], &[10], 730, &["stage-1"]),
    ];
    let after = ["stage-2-2", "folds"];
    let all = ["stage-2-1", "stage-2-2", "folds"];
    let unified = vec![
        layer("images", "Input", &[], &[1, 8, 8], 0, &[]),
        layer("branch-1.conv1", "Conv2d 3x3 + ReLU", &["images"], &[2, 6, 6], 20, &after),
        layer("branch-2.conv1", "Conv2d 3x3 + ReLU", &["images"], &[2, 6, 6], 20, &after),
        layer("concatenate", "Concatenate", &["branch-1.conv1", "branch-2.conv1"], &[144], 0, &[]),
        layer("output", "Dense + softmax", &["concatenate"], &[10], params - 40, &all),
    ];
    let models = [("branch", branch), ("unified", unified)];
    let models = models.into_iter().map(|(name, layers)| ModelGraph { name: name.into(), layers });
    ArchitectureRecord { format: ArchitectureRecord::FORMAT.into(), models: models.collect() }
}

/// Mistakes as they come, and two rows of augmentation, of tiles of 4 x 4 pixels.
fn pictures(dir: &SeedDir, test: &Predictions) {
    let wrong = test.rows.iter().filter(|row| row.label != row.predicted).take(6);
    let mistakes: Vec<Mistake> = wrong
        .map(|row| Mistake {
            index: row.index,
            label: row.label,
            predicted: row.predicted,
            probability: 0.4375,
            label_probability: 0.0625,
        })
        .collect();
    let pictures = Pictures {
        format: Pictures::FORMAT.into(),
        tile: [4, 4],
        mistake_columns: 3,
        mistakes,
        augmentation_columns: 8,
        originals: vec![Original { index: 0, label: 0 }, Original { index: 1, label: 1 }],
    };
    pictures.write(&dir.picture("pictures.json")).unwrap();
    for (name, columns, rows) in [("mistakes.png", 3, 2), ("augmentation.png", 8, 2)] {
        let sheet = image::GrayImage::from_fn(4 * columns, 4 * rows, |x, y| image::Luma([(10 * x + y) as u8]));
        sheet.save(dir.picture(name)).unwrap();
    }
}

/// First-layer filters of both branches, and nothing else.
fn weights(dir: &SeedDir) {
    let values: Vec<u8> = (0..18).flat_map(|i| (0.1 * i as f32 - 0.9).to_le_bytes()).collect();
    let view = || TensorView::new(Dtype::F32, vec![2, 1, 3, 3], &values).unwrap();
    let tensors = [("branch-1.conv1.weight", view()), ("branch-2.conv1.weight", view())];
    std::fs::write(dir.final_weights(), safetensors::serialize(tensors, None).unwrap()).unwrap();
}

/// Accuracy rises by halves, and falls in the last epoch.
pub(crate) fn history(step: &str, seed: u64) -> Vec<EpochRecord> {
    let outputs: &[&str] = if step == "stage-1" { &["branch-1", "branch-2"] } else { &["model"] };
    let epochs = 6 + seed as u32;
    let record = |(epoch, output): (u32, &str)| {
        let rise = 0.5f64.powi(epoch as i32);
        let fall = if epoch == epochs { 0.0625 } else { 0.0 };
        EpochRecord {
            epoch,
            output: output.into(),
            learning_rate: 0.001,
            loss: 2.0 * rise,
            accuracy: 1.0 - rise,
            validation_loss: 2.0 * rise + fall,
            validation_accuracy: 1.0 - rise - fall,
            seconds: 2.0,
            images_per_second: 200.0,
        }
    };
    (1..=epochs).flat_map(|epoch| outputs.iter().map(move |output| (epoch, *output))).map(record).collect()
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
