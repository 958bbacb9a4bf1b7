use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, table};

/// The file that tells how often weights were shown the test images.
pub const SCORINGS: &str = "test-scorings.csv";

/// One time that weights were shown the test images: a row of `test-scorings.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scoring {
    /// When, UTC.
    pub date: String,
    /// SHA-256 of the weight file.
    pub weights: String,
    /// Name of the data set.
    pub dataset: String,
    /// Its SHA-256.
    pub data: String,
    /// Number of test images.
    pub images: u64,
    /// Of these, those that were told right.
    pub correct: u64,
}

/// Adds a scoring to those in a folder.
///
/// # Errors
/// [`RunError::Io`] if the file cannot be read or written, [`RunError::Damaged`] if it holds no scorings.
pub fn note_scoring(folder: &Path, scoring: Scoring) -> Result<(), RunError> {
    let path = folder.join(SCORINGS);
    let mut all: Vec<Scoring> = if path.exists() { table::read(&path)? } else { Vec::new() };
    all.push(scoring);
    table::write(&path, &all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scoring_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let scoring = |correct| Scoring {
            date: "2025-01-01T00:00:00Z".into(),
            weights: "a".into(),
            dataset: "mnist".into(),
            data: "b".into(),
            images: 10,
            correct,
        };
        note_scoring(dir.path(), scoring(7)).unwrap();
        note_scoring(dir.path(), scoring(8)).unwrap();
        let rows: Vec<Scoring> = table::read(&dir.path().join(SCORINGS)).unwrap();
        assert_eq!(rows, [scoring(7), scoring(8)]);
    }
}
