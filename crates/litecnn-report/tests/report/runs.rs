//! Reports of whole, partial and damaged run directories.

use std::path::{Path, PathBuf};

use litecnn_report::{Metrics, ReportError, Summary, report};
use litecnn_run::{RunDir, SeedDir};

use crate::synthetic::{STEPS, evaluate, finish, full_run, manifest};

/// Compares a text with `tests/golden/<name>`, or writes it there if `UPDATE_GOLDEN` is set.
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(text == expected, "{name} differs; UPDATE_GOLDEN=1 rewrites it. Now:\n{text}");
}

fn read(run: &Path, name: &str) -> String {
    std::fs::read_to_string(run.join(name)).unwrap()
}

#[test]
fn a_full_run() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let made = report(run.path()).unwrap();
    assert_eq!(made.missing, []);
    assert_eq!(made.files[..3], ["summary.json", "RESULTS.md", "report.html"].map(|name| run.path().join(name)));
    assert!(made.files.iter().all(|file| file.exists()));
    golden("summary.json", &read(run.path(), "summary.json"));
    golden("RESULTS.md", &read(run.path(), "RESULTS.md"));
    golden("table.txt", &format!("{}\n", made.table));
    assert_eq!(Summary::read(&run.path().join("summary.json")).unwrap(), made.summary);
    assert_eq!(Summary::collect(run.path()).unwrap(), made.summary);
    let order: Vec<&String> = made.summary.datasets.keys().collect();
    assert_eq!(order, ["mnist", "cifar10"]);

    let again = report(run.path()).unwrap();
    assert_eq!(again.summary, made.summary, "a second report replaces the first");
}

#[test]
fn data_that_is_not_official_is_a_smoke_test() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "samples");
    let made = report(run.path()).unwrap();
    assert!(
        made.table.ends_with("not the official one (samples): not to be compared with published figures."),
        "{}",
        made.table
    );
    let page = read(run.path(), "RESULTS.md");
    let top: String = page.lines().take(6).collect();
    assert!(top.contains("These figures cannot be compared with published ones"), "{top}");
    assert!(top.contains("Is the paper reproduced? **Not answered"), "{top}");
}

#[test]
fn a_partial_run_says_what_is_missing() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let second = SeedDir::new(run.path(), "mnist", 1);
    std::fs::remove_dir_all(second.step("fold-2")).unwrap();
    std::fs::remove_file(second.step("stage-2-2").join("step.json")).unwrap();
    std::fs::remove_file(SeedDir::new(run.path(), "cifar10", 0).metrics()).unwrap();
    let made = report(run.path()).unwrap();
    golden("partial-RESULTS.md", &read(run.path(), "RESULTS.md"));
    let missing: Vec<String> = made.missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "mnist seed 1: not finished: stage-2-2, fold-2; run `litecnn train`, which goes on from there",
            "cifar10 seed 0: no metrics.json; run `litecnn evaluate`",
        ]
    );
    let mnist = &made.summary.datasets["mnist"];
    assert!(mnist.seconds[0].is_some() && mnist.seconds[1].is_none());
    assert_eq!(mnist.steps["fold-2"].epochs, [Some(5), None]);
    assert!(!made.summary.datasets.contains_key("cifar10"));
    assert!(!made.table.contains("CIFAR-10"));
}

#[test]
fn training_that_has_only_begun_is_a_report_too() {
    let run = tempfile::tempdir().unwrap();
    RunDir::open(run.path(), manifest("official")).unwrap();
    finish(run.path(), "mnist", 0, STEPS[0]);
    let made = report(run.path()).unwrap();
    assert_eq!(made.missing.len(), 2);
    assert!(made.summary.datasets.is_empty());
    let page = read(run.path(), "RESULTS.md");
    assert!(page.contains("this run has measured none of the paper's data sets"), "{page}");
    assert!(page.contains("- mnist seed 0: not finished: surgery, stage-2-1, stage-2-2"), "{page}");
}

#[test]
fn steps_that_one_seed_did_not_measure() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let path = SeedDir::new(run.path(), "mnist", 1).metrics();
    let mut metrics = Metrics::read(&path).unwrap();
    metrics.steps.retain(|s| s.step != "fold-2");
    metrics.write(&path).unwrap();
    let made = report(run.path()).unwrap();
    assert_eq!(
        made.missing[0].to_string(),
        "mnist seed 1: no accuracy of fold-2 in metrics.json; run `litecnn evaluate`"
    );
    let mnist = &made.summary.datasets["mnist"];
    assert_eq!(mnist.steps["fold-2"].test_accuracy.as_ref().unwrap().values.len(), 1);
    assert_eq!(mnist.steps["fold-1"].test_accuracy.as_ref().unwrap().values.len(), 2);
}

#[test]
fn other_data_sets_and_class_names_full_of_markup() {
    let run = tempfile::tempdir().unwrap();
    RunDir::open(run.path(), manifest("official")).unwrap();
    evaluate(run.path(), "pets", 7);
    let path = SeedDir::new(run.path(), "pets", 7).metrics();
    let mut metrics = Metrics::read(&path).unwrap();
    metrics.subject.classes[3] = "a|b *c*".into();
    metrics.write(&path).unwrap();
    let made = report(run.path()).unwrap();
    let page = read(run.path(), "RESULTS.md");
    assert!(page.contains("| a\\|b \\*c\\* | – / "), "{page}");
    assert!(made.table.contains("pets"), "{}", made.table);
}

#[test]
fn nothing_there_is_an_error_that_says_so() {
    let run = tempfile::tempdir().unwrap();
    for place in [run.path().to_owned(), run.path().join("absent")] {
        let error = report(&place).unwrap_err();
        assert!(matches!(error, ReportError::NothingToReport { .. }));
        assert!(error.to_string().contains("holds no results"), "{error}");
        assert!(!place.join("summary.json").exists());
    }
    evaluate(run.path(), "mnist", 0);
    let error = report(run.path()).unwrap_err().to_string();
    assert!(error.contains("run.toml"), "{error}");
}

#[test]
fn damaged_files_are_named_and_nothing_is_written() {
    type Harm = fn(&str) -> String;
    let cases: [(&str, Harm, &str); 9] = [
        ("mnist/seed-0/metrics.json", |_| "{".into(), "is damaged"),
        ("mnist/seed-0/metrics.json", |t| t.replace("litecnn-metrics/1", "litecnn-metrics/9"), "litecnn-metrics/9"),
        ("mnist/seed-0/metrics.json", |t| t.replacen("\"images\": 300", "\"images\": 301", 1), "do not follow"),
        ("mnist/seed-0/metrics.json", |t| t.replacen("\"recall\": 1.0", "\"recall\": 0.5", 1), "does not follow"),
        ("mnist/seed-0/metrics.json", |t| t.replacen("\"seed\": 0", "\"seed\": 3", 1), "it is of mnist seed 3"),
        ("mnist/seed-1/metrics.json", |t| t.replacen("14862", "14863", 1), "14863 parameters"),
        ("cifar10/seed-0/metrics.json", |t| t.replacen("76b3", "0000", 1), "recipe 0000"),
        ("cifar10/seed-0/surgery/step.json", |t| t.replace("threads", "thread"), "is damaged"),
        ("cifar10/seed-0/surgery/step.json", |t| t.replacen("76b3", "0000", 1), "recipe 0000"),
    ];
    for (file, harm, expected) in cases {
        let run = tempfile::tempdir().unwrap();
        full_run(run.path(), "official");
        let path = run.path().join(file);
        let (before, after) = (read(run.path(), file), harm(&read(run.path(), file)));
        assert_ne!(before, after, "{file}");
        std::fs::write(&path, after).unwrap();
        let message = report(run.path()).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(file), "{message}");
        assert!(!run.path().join("summary.json").exists() && !run.path().join("RESULTS.md").exists());
    }
}

#[test]
fn metrics_refuse_what_does_not_fit() {
    let run = tempfile::tempdir().unwrap();
    evaluate(run.path(), "mnist", 0);
    let metrics = Metrics::read(&SeedDir::new(run.path(), "mnist", 0).metrics()).unwrap();
    let mut subject = metrics.subject.clone();
    subject.classes.pop();
    let error = Metrics::new(subject, metrics.splits, metrics.steps).unwrap_err();
    assert!(matches!(error, ReportError::ClassNames { names: 9, classes: 10 }), "{error}");
    let none = litecnn_run::Predictions { classes: 2, rows: vec![] };
    let error = litecnn_report::Splits::from_predictions(&none, &none, &none).unwrap_err();
    assert!(matches!(error, ReportError::NoPredictions { split: "train" }), "{error}");
}
