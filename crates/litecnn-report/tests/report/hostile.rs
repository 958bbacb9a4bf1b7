//! Files of figures as nobody wrote them: read or refused by name, told without a panic; and whatever names files and
//! folders have, nothing is written outside the folder.

use std::path::{Path, PathBuf};

use litecnn_report::contenders::{Contenders, write_comparison};
use litecnn_report::speed::{Bench, write_report};
use litecnn_report::{Metrics, ReportError, Summary, report};
use litecnn_run::SeedDir;
use proptest::prelude::*;

use crate::damage::{damaged, damages};
use crate::synthetic;

/// Reads a file and tells of it in a folder; what cannot be drawn is no fault of the file.
type Reader = fn(&Path, &Path) -> Result<Vec<PathBuf>, ReportError>;

fn metrics(path: &Path, _: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let metrics = Metrics::read(path)?;
    metrics.splits.test.report.to_text(&metrics.subject.classes, 2);
    Ok(vec![])
}

/// Name, reader, and an intact file.
fn files() -> Vec<(&'static str, Reader, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    synthetic::full_run(dir.path(), "official");
    report(dir.path()).unwrap();
    let left = |path: &Path| std::fs::read(path).unwrap();
    let files: [(&'static str, Reader, Vec<u8>); 4] = [
        ("metrics.json", metrics, left(&SeedDir::new(dir.path(), "mnist", 0).metrics())),
        ("summary.json", |path, _| Summary::read(path).map(|_| vec![]), left(&dir.path().join("summary.json"))),
        ("bench.json", |path, to| Ok(write_report(&Bench::read(path)?, to).unwrap_or_default()), bench("mnist")),
        (
            "comparison.json",
            |path, to| Ok(write_comparison(&Contenders::read(path)?, to).unwrap_or_default()),
            comparison("mnist"),
        ),
    ];
    files.into()
}

const MACHINE: &str = r#"{"cpu": "c", "cores": 2, "memory_bytes": null, "os": "linux", "libtorch": "2.13.0", "device": "cpu",
    "tf32": null, "litecnn": "0.1.0", "commit": "unknown", "date": "2025-01-31T12:00:00Z"}"#;

fn bench(model: &str) -> Vec<u8> {
    let row = |batch| {
        format!(
            r#"{{"program": "litecnn", "version": "0.1.0", "model": "{model}", "batch": {batch}, "threads": 1, "device": "cpu",
            "metric": "throughput", "unit": "images/s", "copy": null, "median": 150.0, "p95": 160.0, "p99": 170.0,
            "mean": 151.0, "std": 5.0, "min": 148.0, "repetitions": 100, "warmup": 10, "first_call": 900.0}}"#
        )
    };
    let rows = [row(1), row(8)].join(",");
    format!(r#"{{"format": "litecnn-bench/1", "machine": {MACHINE}, "models": [], "rows": [{rows}]}}"#).into()
}

fn comparison(dataset: &str) -> Vec<u8> {
    let contender = |name| {
        format!(
            r#"{{"dataset": "{dataset}", "name": "{name}", "words": "w", "family": "light", "parameters": 6930,
            "non_zero": 6930, "macs": 60000, "bytes": 28000, "timings": [{{"program": "litecnn-runtime", "us": 12.5}}],
            "images": 100, "trainings": [{{"seed": 0, "epochs": 4, "seconds": 9.0, "correct": 98}}]}}"#
        )
    };
    let contenders = [contender("two-stage"), contender("other")].join(",");
    format!(r#"{{"format": "litecnn-comparison/1", "machine": {MACHINE}, "contenders": [{contenders}]}}"#).into()
}

/// Everything below a folder that is no folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

#[test]
fn intact_files_are_told() {
    let dir = tempfile::tempdir().unwrap();
    for (name, read, bytes) in files() {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let written = read(&path, &dir.path().join("out")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(written.len() > 1, name == "comparison.json", "{name}: {written:?}");
    }
}

#[test]
fn names_from_files_never_lead_outside() {
    for name in ["../../../escaped", "/tmp/litecnn-escaped", "a/../../../escaped", "..", "a\\\\..\\\\b"] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("deep/er/out");
        for (file, bytes) in [("bench.json", bench(name)), ("comparison.json", comparison(name))] {
            let path = dir.path().join(file);
            std::fs::write(&path, bytes).unwrap();
            let (_, read, _) = files().into_iter().find(|(name, ..)| *name == file).unwrap();
            assert_eq!(read(&path, &out).unwrap().len() > 1, file == "comparison.json", "{file}");
        }
        let outside: Vec<PathBuf> = below(dir.path()).into_iter().filter(|path| !path.starts_with(&out)).collect();
        assert_eq!(outside.len(), 2, "{outside:?}");
        assert!(!Path::new("/tmp/litecnn-escaped.svg").exists());
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links_in_a_run() {
    use litecnn_report::write_tensorboard;
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    synthetic::full_run(dir.path(), "official");
    for folder in ["figures", "tables", "tensorboard"] {
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join(folder)).unwrap();
        for told in [report(dir.path()).unwrap_err(), write_tensorboard(dir.path()).unwrap_err()] {
            assert!(told.to_string().contains(&format!("{folder} is a symbolic link")), "{told}");
        }
        std::fs::remove_file(dir.path().join(folder)).unwrap();
    }
    assert!(below(elsewhere.path()).is_empty());
    report(dir.path()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_files_are_told_or_refused_by_name(damages in damages()) {
        let dir = tempfile::tempdir().unwrap();
        for (name, read, bytes) in intact() {
            let path = dir.path().join(name);
            std::fs::write(&path, damaged(bytes, &damages)).unwrap();
            if let Err(error) = read(&path, &dir.path().join("out")) {
                let told = error.to_string();
                prop_assert!(told.contains(name), "{}", told);
            }
        }
    }
}

/// [`files`], made once.
fn intact() -> &'static [(&'static str, Reader, Vec<u8>)] {
    static FILES: std::sync::OnceLock<Vec<(&'static str, Reader, Vec<u8>)>> = std::sync::OnceLock::new();
    FILES.get_or_init(files)
}
