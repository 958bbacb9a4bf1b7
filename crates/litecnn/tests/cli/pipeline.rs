//! The whole way on the samples, step by step and at once.

use litecnn_report::{Metrics, Summary};
use litecnn_run::{Predictions, SeedDir, StepRecord};

use crate::{content, good, litecnn};

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
    let record = StepRecord::read(&seed.step("stage-1")).unwrap();
    assert!(record.peak_memory_bytes.is_none_or(|bytes| bytes > 1 << 20) && record.seconds > 0.0);

    let mut report = std::process::Command::new(env!("CARGO_BIN_EXE_litecnn"));
    let output = good(report.arg("report").arg(&at_once));
    assert!(String::from_utf8_lossy(&output.stdout).contains("difference"));
    let summary = Summary::read(&at_once.join("summary.json")).unwrap();
    let text = serde_json::to_value(&summary).unwrap();
    assert_eq!(text["format"], "litecnn-summary/1");
    assert_eq!(text["datasets"]["mnist"]["params"], 14_862);
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
