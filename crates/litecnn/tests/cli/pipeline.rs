//! The whole way on the samples, step by step and at once.

use litecnn_data::{LoadOptions, load};
use litecnn_model::{Model, UnifiedModel};
use litecnn_report::{Metrics, Summary};
use litecnn_run::{Answers, ArchitectureRecord, Pictures, Predictions, SeedDir, StepRecord};
use litecnn_train::{Recipe, TrainingData, unified_logits};
use tch::{Device, Kind};

use std::process::Command;

use crate::{bad, content, good, litecnn, samples};

const STEPS: [&str; 6] = ["train stage-1", "surgery", "train stage-2-1", "train stage-2-2", "train folds", "evaluate"];

#[test]
fn step_by_step_is_all_at_once_and_everything_fits_together() {
    let dir = tempfile::tempdir().unwrap();
    let (stepped, at_once) = (dir.path().join("stepped"), dir.path().join("at-once"));
    for step in STEPS {
        good(litecnn(step, &stepped).args(["--recipe", "smoke"]));
    }
    let output = good(litecnn("train --threads 3", &at_once).args(["--recipe", "smoke"]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not independent estimates"), "the folds' caveat");
    let output = good(litecnn("evaluate", &at_once).args(["--recipe", "smoke"]));
    assert!(String::from_utf8_lossy(&output.stdout).contains("weighted avg"));
    assert!(content(&stepped) == content(&at_once), "any number of threads, one process or six: the same bytes");

    // Done is done.
    let again = good(litecnn("train", &at_once).args(["--recipe", "smoke"]));
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    for step in ["stage-1", "surgery", "stage-2-1", "stage-2-2", "fold-1", "fold-2"] {
        assert!(said.contains(&format!("{step}: done already")), "{said}");
    }

    let seed = SeedDir::new(&at_once, "mnist", 0);
    let predictions = Predictions::read(&seed.predictions("test")).unwrap();
    assert_eq!(predictions.rows.len(), 200);
    let hits = predictions.pairs().filter(|(label, predicted)| label == predicted).count();
    let metrics = Metrics::read(&seed.metrics()).unwrap();
    assert_eq!(metrics.splits.test.accuracy, hits as f64 / 200.0);
    assert!(metrics.splits.test.accuracy > 0.5, "something was learnt: {}", metrics.splits.test.accuracy);
    assert_eq!(metrics.subject.params, 14_862);
    let steps: Vec<&str> = metrics.steps.iter().map(|s| s.step.as_str()).collect();
    assert_eq!(steps, ["branch-1", "branch-2", "stage-2-1", "stage-2-2", "fold-1", "fold-2"]);
    assert_eq!(metrics.steps[3].test_accuracy, metrics.splits.test.accuracy, "the final model is that of step 2");
    answers_fit(&seed, &metrics, &predictions);
    graphs_fit(&seed);
    pictures_fit(&seed, &predictions);
    let record = StepRecord::read(&seed.step("stage-1")).unwrap();
    assert!(record.peak_memory_bytes.is_none_or(|bytes| bytes > 1 << 20) && record.seconds > 0.0);

    let noted = std::fs::read_to_string(seed.root().join("test-scorings.csv")).unwrap();
    assert_eq!(noted.lines().count(), 2, "the test images were looked at once: {noted}");
    assert!(noted.trim_end().ends_with(&format!(",200,{hits}")), "{noted}");

    // The control takes as many epochs as the steps it stands beside.
    good(litecnn("train scratch --threads 1", &stepped).args(["--recipe", "smoke"]));
    good(litecnn("train scratch --threads 2", &at_once).args(["--recipe", "smoke"]));
    assert!(content(&stepped) == content(&at_once), "one thread or two: the same bytes");
    let epochs = |step: &str| StepRecord::read(&seed.step(step)).unwrap().epochs.unwrap();
    assert_eq!(epochs("scratch"), ["stage-1", "stage-2-1", "stage-2-2"].map(epochs).iter().sum::<u32>());

    let mut report = std::process::Command::new(env!("CARGO_BIN_EXE_litecnn"));
    let output = good(report.arg("report").arg(&at_once).args(["--png", "--tensorboard"]));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("difference") && !told.contains("missing"), "{told}");
    let page = std::fs::read_to_string(at_once.join("report.html")).unwrap();
    for figure in ["steps-mnist", "mistakes-mnist", "model-unified-mnist", "filters-mnist", "reliability-mnist"] {
        assert!(page.contains(&format!("<figure id=\"{figure}\">")), "{figure}");
        assert!(at_once.join(format!("figures/{figure}.png")).exists(), "{figure}");
    }
    for target in ["onnx", "c"] {
        let mut export = std::process::Command::new(env!("CARGO_BIN_EXE_litecnn"));
        good(export.current_dir(dir.path()).arg("export").arg(seed.final_weights()).args(["--to", target]));
    }
    for file in ["mnist.onnx", "mnist.c", "mnist.h"] {
        assert!(dir.path().join(file).exists(), "{file}");
    }
    assert!(at_once.join("tensorboard/mnist/seed-0/stage-1/branch-1/train").is_dir());
    let summary = Summary::read(&at_once.join("summary.json")).unwrap();
    let text = serde_json::to_value(&summary).unwrap();
    assert_eq!(text["format"], "litecnn-summary/1");
    assert_eq!(text["datasets"]["mnist"]["params"], 14_862);
}

/// Every model's accuracy follows from its answers, and the folds' joint answers from the folds.
fn answers_fit(seed: &SeedDir, metrics: &Metrics, predictions: &Predictions) {
    let answers = Answers::read(&seed.answers()).unwrap();
    let names = metrics.steps.iter().map(|s| s.step.as_str()).chain(["ensemble"]);
    assert!(names.eq(answers.models.iter().map(String::as_str)), "{:?}", answers.models);
    for step in &metrics.steps {
        let right = answers.right(&step.step).unwrap().into_iter().filter(|right| *right).count();
        assert_eq!(step.test_accuracy, right as f64 / 200.0, "{}", step.step);
    }
    assert_eq!(answers.rows.len(), predictions.rows.len());
    for (at, (answer, row)) in answers.rows.iter().zip(&predictions.rows).enumerate() {
        assert_eq!((answer.index, answer.label, answer.predicted[3]), (at as u32, row.label, row.predicted));
    }

    let recipe = Recipe::load("smoke").unwrap();
    let dataset = load("mnist", &LoadOptions { data_dir: Some(samples()), ..LoadOptions::default() }).unwrap();
    let data = TrainingData::new(&dataset, &recipe, 0, Device::Cpu).unwrap();
    let places: Vec<u32> = (0..200).collect();
    let probabilities = ["fold-1", "fold-2"].map(|fold| {
        let model = unified(seed, fold);
        unified_logits(&model, &data.test, &places, data.engine, 1).unwrap().softmax(1, Kind::Double)
    });
    let [first, second] = &probabilities;
    let mean: Vec<Vec<f64>> = Vec::try_from((first + second) / 2.0).unwrap();
    for (answer, p) in answers.rows.iter().zip(&mean) {
        let together = usize::from(answer.predicted[6]);
        assert!(p.iter().all(|&other| other <= p[together]), "{answer:?} {p:?}");
    }
}

fn unified(seed: &SeedDir, step: &str) -> UnifiedModel {
    match Model::load(&seed.best(step), Device::Cpu).unwrap().0 {
        Model::Unified(model) => model,
        Model::Branch(_) => panic!("{step} left a branch"),
    }
}

fn graphs_fit(seed: &SeedDir) {
    let record = ArchitectureRecord::read(&seed.architecture()).unwrap();
    let [branch, dual, unified] = &record.models[..] else { panic!("{record:?}") };
    let trained = |steps: [&str; 4]| {
        [branch, dual, unified].map(|model| (model.name.clone(), model.parameters(), steps.map(|s| model.trained(s))))
    };
    assert_eq!(
        trained(["stage-1", "stage-2-1", "stage-2-2", "folds"]),
        [
            ("branch".to_owned(), 6_930, [6_930, 0, 0, 0]),
            ("dual".to_owned(), 13_860, [13_860, 0, 0, 0]),
            ("unified".to_owned(), 14_862, [0, 1_002, 14_862, 14_862]),
        ]
    );
    for model in &record.models {
        let inputs = model.layers.iter().filter(|l| l.inputs.is_empty()).count();
        assert_eq!(inputs, if model.name == "dual" { 2 } else { 1 });
        for layer in &model.layers {
            assert_eq!(layer.trained_in.is_empty(), layer.parameters == 0, "{}", layer.name);
        }
    }
}

fn pictures_fit(seed: &SeedDir, predictions: &Predictions) {
    let pictures = Pictures::read(&seed.picture("pictures.json")).unwrap();
    let wrong = predictions.pairs().filter(|(label, predicted)| label != predicted).count();
    assert_eq!((pictures.mistakes.len(), pictures.originals.len()), (wrong.min(24), 6));
    for mistake in &pictures.mistakes {
        let row = &predictions.rows[mistake.index as usize];
        assert_eq!((mistake.label, mistake.predicted), (row.label, row.predicted));
        let given = |class: u16| row.probabilities[usize::from(class)];
        assert_eq!((mistake.probability, mistake.label_probability), (given(row.predicted), given(row.label)));
    }
    assert!(pictures.mistakes.is_sorted_by(|a, b| a.probability >= b.probability));
    let size = |name: &str| {
        let png = std::fs::read(seed.picture(name)).unwrap();
        assert_eq!(&png[1..4], b"PNG");
        [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
    };
    let rows = pictures.mistakes.len().div_ceil(6) as u32;
    assert_eq!((size("mistakes.png"), size("augmentation.png")), ([28 * 6, 28 * rows], [28 * 8, 28 * 6]));
}

/// A record that names fewer outputs than are left now is that of an earlier version.
#[test]
fn an_evaluation_by_an_earlier_version_is_made_again_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let recipe = ["--recipe", "smoke", "--max-epochs", "1"];
    good(litecnn("train", &run).args(recipe));
    let evaluate = || String::from_utf8(good(litecnn("evaluate", &run).args(recipe)).stderr).unwrap();
    evaluate();
    let before = content(&run);
    let seed = SeedDir::new(&run, "mnist", 0);
    let added = ["mistakes.png", "augmentation.png", "pictures.json"].map(|name| seed.picture(name));
    let added: Vec<_> = [seed.answers(), seed.architecture()].into_iter().chain(added).collect();

    let folder = seed.step("evaluate");
    let mut record = StepRecord::read(&folder).unwrap();
    for path in &added {
        let name = path.strip_prefix(seed.root()).unwrap().to_str().unwrap();
        assert!(record.outputs.remove(name).is_some(), "{name} is an output");
        std::fs::remove_file(path).unwrap();
    }
    record.write(&folder).unwrap();
    let said = String::from_utf8(good(litecnn("train", &run).args(recipe)).stderr).unwrap();
    for step in ["stage-1", "surgery", "stage-2-1", "stage-2-2", "fold-1", "fold-2"] {
        assert!(said.contains(&format!("{step}: done already")), "{said}");
    }
    assert!(evaluate().contains("6 models scored"));
    assert!(content(&run) == before, "the same bytes");
    assert!(evaluate().contains("done already"));

    for path in added {
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(evaluate().contains("6 models scored"), "{}", path.display());
        assert!(content(&run) == before, "{}", path.display());
    }

    // One fold is no ensemble.
    std::fs::remove_file(seed.step("fold-2").join("step.json")).unwrap();
    assert!(evaluate().contains("5 models scored"));
    let models = Answers::read(&seed.answers()).unwrap().models;
    assert_eq!(models, ["branch-1", "branch-2", "stage-2-1", "stage-2-2", "fold-1"]);
}

#[test]
fn an_altered_file_makes_the_steps_that_rest_on_it_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let recipe = ["--recipe", "smoke", "--max-epochs", "1"];
    good(litecnn("train", &run).args(recipe));
    let before = content(&run);
    let seed = SeedDir::new(&run, "mnist", 0);
    std::fs::write(seed.best("stage-2-1"), b"scribble").unwrap();
    let said = good(litecnn("train", &run).args(recipe)).stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("surgery: done already") && !said.contains("stage-2-1: done already"), "{said}");
    assert!(content(&run) == before, "made again, the same bytes");
}

#[test]
fn seeds_and_data_sets_share_a_run_directory() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let recipe = ["--recipe", "smoke", "--max-epochs", "1"];
    good(litecnn("train stage-1", &run).args(recipe));
    good(litecnn("train stage-1 --seed 7", &run).args(recipe));
    assert_eq!(litecnn_run::seeds_in(&run), [("mnist".to_owned(), 0), ("mnist".to_owned(), 7)]);
    let weights = |seed| std::fs::read(SeedDir::new(&run, "mnist", seed).branch(1)).unwrap();
    assert_ne!(weights(0), weights(7));
}

#[test]
fn summaries_show_the_published_counts() {
    for (what, counts) in [("mnist", ["6,930", "14,862", "58.05 KB"]), ("cifar10", ["9,310", "19,622", "76.65 KB"])] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_litecnn"));
        let text = String::from_utf8(good(command.args(["summary", what])).stdout).unwrap();
        for count in counts {
            assert!(text.contains(count), "{count}\n{text}");
        }
    }
}

#[test]
fn optional_sets_are_fetched_only_if_named() {
    let fetch = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.args(["data", "fetch", "--offline", "--data-dir"]).arg(samples()).args(words);
        command
    };
    let told = String::from_utf8(good(&mut fetch(&[])).stdout).unwrap();
    let names: Vec<&str> = told.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names, ["mnist", "fashion-mnist", "cifar10"]);
    let (status, message) = bad(&mut fetch(&["--dataset", "cifar100"]));
    assert!(status == 1 && message.contains("no `train.bin`"), "{message}");
}

#[test]
fn measured_networks_give_a_report_of_the_compression_study() {
    let dir = tempfile::tempdir().unwrap();
    let measured = litecnn_run::Measured {
        format: litecnn_run::Measured::FORMAT.into(),
        network: "vgg19-fire-grouped-shuffle".into(),
        treatment: "trained".into(),
        dataset: "cifar10".into(),
        data: "digest".into(),
        seed: 0,
        epochs: 1,
        images: 200,
        correct: 30,
        batch_accuracy: 0.15,
        parameters: 151_254,
        non_zero: 151_254,
        bytes: 650_000,
        seconds: 1.0,
        settings: std::collections::BTreeMap::new(),
    };
    measured.write(&dir.path().join("cifar10/seed-0/vgg19-fire-grouped-shuffle/measured.json")).unwrap();
    let mut report = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    report.args(["report", "--png"]).arg(dir.path());
    let told = String::from_utf8(good(&mut report).stdout).unwrap();
    assert!(told.contains("81.71 / 15.00") && told.contains("missing: Table I: "), "{told}");
    assert!(dir.path().join("COMPRESSION.md").is_file());
    assert!(dir.path().join("figures/compression-vgg-19-cifar10.png").is_file());
    let (status, message) = bad(report.arg("--tensorboard"));
    assert!(status == 2 && message.contains("--tensorboard is not for"), "{message}");
}
