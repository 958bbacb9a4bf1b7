//! Event files: which there are, and that TensorBoard reads from them what the histories hold.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use litecnn_report::{ReportError, write_tensorboard};
use litecnn_run::{EpochRecord, RunDir, SeedDir, StepTimes, write_history};
use serde_json::Value;

use crate::synthetic::{evaluate, finish, manifest};

const FILE: &str = "events.out.tfevents.0.litecnn";
/// 2025-01-15T08:00:00Z, when synthetic steps start.
const START: f64 = 1_736_928_000.0;

/// A run under way: all kinds of steps, two seeds; of the last step there is no record yet.
fn run_with_histories(run: &Path) {
    let mut dir = RunDir::open(run, manifest("official")).unwrap();
    for (dataset, seed) in [("mnist", 0), ("mnist", 1), ("cifar10", 0)] {
        for step in ["stage-1", "surgery", "stage-2-1"] {
            finish(run, dataset, seed, step);
        }
        history(run, dataset, seed, "stage-1", &["branch-1", "branch-2"]);
        history(run, dataset, seed, "stage-2-1", &["model"]);
    }
    finish(run, "mnist", 0, "fold-2");
    history(run, "mnist", 0, "fold-2", &["model"]);
    history(run, "mnist", 0, "fold-10", &["model"]);
    let times = StepTimes { started: "2025-01-15T08:02:00Z".into(), ended: None, device: "cpu".into() };
    dir.note_step("mnist/seed-0/fold-10", times).unwrap();
    evaluate(run, "mnist", 0);
}

/// Figures that have no exact `f32`, an accuracy of 0 among them.
fn history(run: &Path, dataset: &str, seed: u64, step: &str, outputs: &[&str]) {
    let mut records = Vec::new();
    for epoch in 1..=12 {
        for (o, output) in outputs.iter().enumerate() {
            let x = f64::from(epoch) + 0.1 * o as f64 + 0.01 * seed as f64 + 0.001 * step.len() as f64;
            records.push(EpochRecord {
                epoch,
                output: (*output).into(),
                learning_rate: 1e-3 / f64::from(epoch),
                loss: 2.3 / x,
                accuracy: 1.0 - 1.0 / x,
                validation_loss: 2.5 / x,
                validation_accuracy: if epoch == 1 { 0.0 } else { 1.0 - 1.1 / x },
                seconds: 3.1 + 0.1 * x,
                images_per_second: 50_000.0 / x,
            });
        }
    }
    write_history(&SeedDir::new(run, dataset, seed).history(step), &records).unwrap();
}

/// Every curve TensorBoard must show: run, tag, then epoch, value and time.
type Curves = BTreeMap<String, BTreeMap<String, Vec<(u32, f32, f64)>>>;

fn expected(run: &Path) -> Curves {
    type Figure = fn(&EpochRecord) -> f64;
    const FIGURES: [(&str, &str, Figure); 6] = [
        ("train", "accuracy", |r| r.accuracy),
        ("train", "loss", |r| r.loss),
        ("train", "learning_rate", |r| r.learning_rate),
        ("train", "images_per_second", |r| r.images_per_second),
        ("validation", "accuracy", |r| r.validation_accuracy),
        ("validation", "loss", |r| r.validation_loss),
    ];
    let mut curves = Curves::new();
    for (name, step) in [
        ("mnist/seed-0/stage-1/branch-1", "mnist/seed-0/stage-1"),
        ("mnist/seed-0/stage-1/branch-2", "mnist/seed-0/stage-1"),
        ("mnist/seed-0/stage-2-1", "mnist/seed-0/stage-2-1"),
        ("mnist/seed-0/fold-2", "mnist/seed-0/fold-2"),
        ("mnist/seed-0/fold-10", "mnist/seed-0/fold-10"),
        ("mnist/seed-1/stage-1/branch-1", "mnist/seed-1/stage-1"),
        ("mnist/seed-1/stage-1/branch-2", "mnist/seed-1/stage-1"),
        ("mnist/seed-1/stage-2-1", "mnist/seed-1/stage-2-1"),
        ("cifar10/seed-0/stage-1/branch-1", "cifar10/seed-0/stage-1"),
        ("cifar10/seed-0/stage-1/branch-2", "cifar10/seed-0/stage-1"),
        ("cifar10/seed-0/stage-2-1", "cifar10/seed-0/stage-2-1"),
    ] {
        let output = name.strip_prefix(step).unwrap().trim_start_matches('/');
        let output = if output.is_empty() { "model" } else { output };
        let records = litecnn_run::read_history(&run.join(step).join("history.csv")).unwrap();
        for (side, tag, figure) in FIGURES {
            let mut time = if name.ends_with("fold-10") { START + 120.0 } else { START };
            let points = records.iter().filter(|r| r.output == output).map(|r| {
                time += r.seconds;
                (r.epoch, figure(r) as f32, time)
            });
            let curve = points.collect();
            curves.entry(format!("{name}/{side}")).or_default().insert(tag.into(), curve);
        }
    }
    curves
}

/// What TensorBoard reads from a folder, or nothing if it is not installed: then why not is said.
///
/// Which Python is asked is in `LITECNN_TENSORBOARD_PYTHON`; one that is named there must have TensorBoard.
fn read_back(folder: &Path) -> Option<Value> {
    let named = std::env::var_os("LITECNN_TENSORBOARD_PYTHON");
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tensorboard/read_back.py");
    let answer = Command::new(&python).arg(script).arg(folder).output();
    let lacking = match &answer {
        Ok(answer) if answer.status.code() == Some(3) => String::from_utf8_lossy(&answer.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
        Ok(_) => {
            let answer = answer.unwrap();
            assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
            return Some(serde_json::from_slice(&answer.stdout).unwrap());
        }
    };
    let python = python.display();
    assert!(named.is_none(), "LITECNN_TENSORBOARD_PYTHON={python}: {lacking} (pip install tensorboard)");
    // Not `println`, which tests keep to themselves when they pass.
    let line = format!("skipped: reading with TensorBoard; {python}: {lacking} (pip install tensorboard)\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

/// The curves among what was read; the recipe, which belongs to no curve, is left out.
fn curves(read: &Value) -> Curves {
    let runs = read.as_object().unwrap().iter().filter(|(run, _)| *run != ".");
    runs.map(|(run, tags)| {
        let tags = tags.as_object().unwrap().iter().map(|(tag, points)| {
            let points = points.as_array().unwrap().iter().map(|p| {
                let value = p[1].as_f64().unwrap();
                assert_eq!(f64::from(value as f32), value);
                (p[0].as_u64().unwrap() as u32, value as f32, p[2].as_f64().unwrap())
            });
            (tag.clone(), points.collect())
        });
        (run.clone(), tags.collect())
    })
    .collect()
}

#[test]
fn tensorboard_reads_what_the_histories_hold() {
    let run = tempfile::tempdir().unwrap();
    run_with_histories(run.path());
    let files = write_tensorboard(run.path()).unwrap();
    let folder = run.path().join("tensorboard");
    let Some(read) = read_back(&folder) else { return };
    let expected = expected(run.path());
    assert_eq!(curves(&read["pages"]), expected);
    assert_eq!(curves(&read["scripts"]), expected);
    assert_eq!(files.len(), expected.len() + 1);
    let recipe = &read["pages"]["."];
    let text = "Recipe paper, data official, made on a\\_machine.\n\n\
                ```toml\nbatch-size = 32\n\n[stage-1]\nepochs = 20\n```\n";
    assert_eq!(*recipe, serde_json::json!({ "recipe": [[0, text, START]] }));

    // The comparison is worth something: TensorBoard refuses a record with one byte changed.
    let file = folder.join("mnist/seed-0/stage-2-1/validation").join(FILE);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let read = read_back(&folder).unwrap();
    assert_ne!(curves(&read["pages"]), expected);
    assert_ne!(curves(&read["scripts"]), expected);
    write_tensorboard(run.path()).unwrap();
    assert_eq!(curves(&read_back(&folder).unwrap()["pages"]), expected, "a second call mends it");
}

#[test]
fn one_file_a_curve_in_the_order_of_training() {
    let run = tempfile::tempdir().unwrap();
    run_with_histories(run.path());
    let files = write_tensorboard(run.path()).unwrap();
    let folder = run.path().join("tensorboard");
    let name = |file: &PathBuf| file.strip_prefix(&folder).unwrap().parent().unwrap().display().to_string();
    let names: Vec<String> = files.iter().map(name).collect();
    assert!(files.iter().all(|file| file.file_name().unwrap() == FILE && file.exists()));
    assert_eq!(
        names[..13],
        [
            "",
            "mnist/seed-0/stage-1/branch-1/train",
            "mnist/seed-0/stage-1/branch-1/validation",
            "mnist/seed-0/stage-1/branch-2/train",
            "mnist/seed-0/stage-1/branch-2/validation",
            "mnist/seed-0/stage-2-1/train",
            "mnist/seed-0/stage-2-1/validation",
            "mnist/seed-0/fold-2/train",
            "mnist/seed-0/fold-2/validation",
            "mnist/seed-0/fold-10/train",
            "mnist/seed-0/fold-10/validation",
            "mnist/seed-1/stage-1/branch-1/train",
            "mnist/seed-1/stage-1/branch-1/validation",
        ]
    );
    assert_eq!(names.last().unwrap(), "cifar10/seed-0/stage-2-1/validation");
    assert_eq!(litecnn_run::seeds_in(run.path()).len(), 3, "the folder is not taken for a data set");
}

#[test]
fn a_second_call_replaces_what_is_ours_and_nothing_else() {
    let run = tempfile::tempdir().unwrap();
    run_with_histories(run.path());
    let contents = |files: &[PathBuf]| -> Vec<Vec<u8>> { files.iter().map(|f| std::fs::read(f).unwrap()).collect() };
    let files = write_tensorboard(run.path()).unwrap();
    let first = contents(&files);
    assert_eq!(write_tensorboard(run.path()).unwrap(), files);
    assert_eq!(contents(&files), first);

    let seed = run.path().join("tensorboard/mnist/seed-0");
    let half_written = seed.join("stage-1/branch-1/train/.unfinished-litecnn-events.part-x1");
    let foreign = seed.join("fold-10/train/events.out.tfevents.1736928000.other");
    let note = seed.join("fold-2/notes.txt");
    let empty = seed.join("mine");
    for file in [&half_written, &foreign, &note] {
        std::fs::write(file, "x").unwrap();
    }
    std::fs::create_dir(&empty).unwrap();
    let dir = SeedDir::new(run.path(), "mnist", 0);
    for step in ["stage-2-1", "fold-2", "fold-10"] {
        std::fs::remove_dir_all(dir.step(step)).unwrap();
    }
    let left = write_tensorboard(run.path()).unwrap();
    assert_eq!(left.len(), files.len() - 6);
    assert!(files.iter().all(|file| file.exists() == left.contains(file)));
    assert!(!half_written.exists() && !seed.join("stage-2-1").exists());
    assert!(!seed.join("fold-2/train").exists() && !seed.join("fold-10/validation").exists());
    assert!(foreign.exists() && note.exists() && empty.exists());
}

#[test]
fn damaged_files_are_named_and_no_curves_written() {
    type Harm = fn(&str) -> String;
    let cases: [(&str, Harm, &str); 6] = [
        ("mnist/seed-1/stage-2-1/history.csv", |t| t.replacen("model", "model,1", 1), "line: 2"),
        ("mnist/seed-1/stage-2-1/history.csv", |t| t.replacen("\n1,", "\none,", 1), "line: 2"),
        ("mnist/seed-1/stage-2-1/history.csv", |t| t.replace("model", "../model"), "`../model` is not the name"),
        ("mnist/seed-1/stage-2-1/history.csv", |t| t.replacen("model", "", 1), "the output has no name"),
        ("mnist/seed-1/stage-2-1/step.json", |t| t.replacen("76b3", "0000", 1), "recipe 0000"),
        ("run.toml", |_| "format = 1".into(), "is damaged"),
    ];
    for (file, harm, expected) in cases {
        let run = tempfile::tempdir().unwrap();
        run_with_histories(run.path());
        let path = run.path().join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        let after = harm(&before);
        assert_ne!(before, after, "{file}");
        std::fs::write(&path, after).unwrap();
        let message = write_tensorboard(run.path()).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(file), "{message}");
        assert!(!run.path().join("tensorboard").exists());
    }
}

#[test]
fn a_run_without_results_is_an_error_and_one_without_histories_has_its_recipe() {
    let run = tempfile::tempdir().unwrap();
    let error = write_tensorboard(run.path()).unwrap_err();
    assert!(matches!(error, ReportError::NothingToReport { .. }), "{error}");
    RunDir::open(run.path(), manifest("official")).unwrap();
    finish(run.path(), "mnist", 0, "surgery");
    assert_eq!(write_tensorboard(run.path()).unwrap(), [run.path().join("tensorboard").join(FILE)]);
}
