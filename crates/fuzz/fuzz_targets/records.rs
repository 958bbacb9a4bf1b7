//! Files of run directories, each read by what belongs to its first byte: `run.toml`, `step.json`, histories,
//! predictions, answers, architectures, pictures, what was measured, rounds of pruning,
//! trials of a search.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use litecnn_fuzz::read;
use litecnn_run::{
    Answers, ArchitectureRecord, Manifest, Measured, Pictures, Predictions, StepRecord, read_history, read_rounds,
    read_trials,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let folder = |path: &Path| path.parent().expect("a folder").to_owned();
    match kind {
        b'm' => {
            read("run.toml", bytes, |path| Manifest::read(&folder(path)));
        }
        b's' => {
            read("step.json", bytes, |path| StepRecord::read(&folder(path)));
        }
        b'h' => {
            if let Some(records) = read("history.csv", bytes, read_history) {
                assert!(records.iter().all(|r| r.loss.is_finite() && (0.0..=1.0).contains(&r.accuracy)));
            }
        }
        b'p' => {
            if let Some(read) = read("predictions-test.csv", bytes, Predictions::read) {
                assert!(read.rows.iter().all(|row| row.probabilities.len() == read.classes));
                assert!(read.pairs().all(|(label, predicted)| label < read.classes && predicted < read.classes));
                assert_eq!(read.right().len(), read.rows.len());
            }
        }
        b'a' => {
            if let Some(read) = read("predictions-models-test.csv", bytes, Answers::read) {
                for model in &read.models {
                    assert_eq!(read.right(model).expect("it is among them").len(), read.rows.len());
                }
            }
        }
        b'g' => {
            if let Some(read) = read("architecture.json", bytes, ArchitectureRecord::read) {
                for model in &read.models {
                    assert!(model.trained("stage-1") <= model.parameters());
                }
            }
        }
        b'i' => {
            read("pictures.json", bytes, Pictures::read);
        }
        b'e' => {
            if let Some(read) = read("measured.json", bytes, Measured::read) {
                assert!((0.0..=1.0).contains(&read.accuracy()));
            }
        }
        b'r' => {
            read("rounds.csv", bytes, read_rounds);
        }
        b't' => {
            read("trials.csv", bytes, read_trials);
        }
        _ => {}
    }
});
