use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, table};

/// A network after one round of pruning: a row of `rounds.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// Counted from 0, nothing pruned.
    pub round: u32,
    /// Weights of convolutions and dense layers that are not zero.
    pub non_zeroed: u64,
    /// All weights that are not zero: biases and batch norms, too.
    pub non_zero_weights: u64,
    /// Fraction of the weights of convolutions that are zero.
    pub sparsity: f64,
    /// Accuracy on the test images, as a fraction.
    pub accuracy: f64,
    /// Mean of the accuracies of batches of 128, as a fraction.
    pub batch_accuracy: f64,
    /// Epochs trained in all, those of earlier rounds and of the first training included as far as known.
    pub epochs: u32,
    /// Seconds of training, likewise.
    pub seconds: f64,
}

/// Writes `rounds.csv`, whole.
///
/// # Errors
/// [`RunError::Io`] if the file cannot be written.
pub fn write_rounds(path: &Path, rounds: &[RoundRecord]) -> Result<(), RunError> {
    table::write(path, rounds)
}

/// Reads `rounds.csv`.
///
/// # Errors
/// [`RunError::Io`] if it cannot be read, [`RunError::Damaged`] if it holds no rounds.
pub fn read_rounds(path: &Path) -> Result<Vec<RoundRecord>, RunError> {
    table::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rounds.csv");
        let record = RoundRecord {
            round: 4,
            non_zeroed: 159_165,
            non_zero_weights: 170_000,
            sparsity: 0.1 + 0.2,
            accuracy: 0.6066,
            batch_accuracy: 1.0 / 3.0,
            epochs: 350,
            seconds: 12.5,
        };
        let rounds = [RoundRecord { round: 0, ..record.clone() }, record];
        write_rounds(&path, &rounds).unwrap();
        assert_eq!(read_rounds(&path).unwrap(), rounds);
        std::fs::write(&path, "round,accuracy\n1,x\n").unwrap();
        assert!(read_rounds(&path).unwrap_err().to_string().contains("rounds.csv"));
    }
}
