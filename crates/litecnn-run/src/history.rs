use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, atomic};

/// One output of a model after one epoch: a row of `history.csv`.
///
/// A model with one output gives one row an epoch (output `model`), the dual model two (`branch-1`, `branch-2`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: u32,
    /// Which output of the model: `branch-1`, `branch-2` or `model`.
    pub output: String,
    /// The optimiser's learning rate in this epoch.
    pub learning_rate: f64,
    /// Mean cross-entropy (nats) over the training images as they were seen during the epoch.
    pub loss: f64,
    /// Accuracy over the same images, as a fraction.
    pub accuracy: f64,
    /// Mean cross-entropy (nats) on the validation images after the epoch.
    pub validation_loss: f64,
    /// Accuracy on the validation images after the epoch, as a fraction.
    pub validation_accuracy: f64,
    /// Wall-clock seconds of the training part of the epoch.
    pub seconds: f64,
    /// Training images divided by `seconds`.
    pub images_per_second: f64,
}

impl EpochRecord {
    /// The record without its timings, which differ from run to run; everything else is repeatable to the bit.
    pub fn untimed(&self) -> Self {
        Self { seconds: 0.0, images_per_second: 0.0, ..self.clone() }
    }
}

/// Writes `history.csv`, whole.
///
/// # Errors
/// [`RunError::Io`] if the file cannot be written.
pub fn write_history(path: &Path, records: &[EpochRecord]) -> Result<(), RunError> {
    atomic::write_atomic_with(path, |out| {
        let mut csv = csv::Writer::from_writer(out);
        for record in records {
            csv.serialize(record)?;
        }
        csv.flush()
    })
}

/// Reads `history.csv`.
///
/// # Errors
/// [`RunError::Io`] if it cannot be read, [`RunError::Damaged`] naming the line if it is not a history.
pub fn read_history(path: &Path) -> Result<Vec<EpochRecord>, RunError> {
    let bytes = atomic::read(path)?;
    csv::Reader::from_reader(bytes.as_slice())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|e| RunError::damaged(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.csv");
        let records: Vec<EpochRecord> = (1..=3)
            .map(|epoch| EpochRecord {
                epoch,
                output: "model".into(),
                learning_rate: 1e-3,
                loss: 1.0 / 3.0 / f64::from(epoch),
                accuracy: 0.1 + 0.2,
                validation_loss: f64::from(1.1f32),
                validation_accuracy: 0.9876,
                seconds: 8.25,
                images_per_second: 50_000.0 / 8.25,
            })
            .collect();
        write_history(&path, &records).unwrap();
        assert_eq!(read_history(&path).unwrap(), records);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.csv");
        std::fs::write(
            &path,
            "epoch,output,learning_rate,loss,accuracy,validation_loss,validation_accuracy,seconds,images_per_second\n1,model,x,1,1,1,1,1,1\n",
        )
        .unwrap();
        let message = read_history(&path).unwrap_err().to_string();
        assert!(message.contains("line: 2") && message.contains("history.csv"), "{message}");
    }
}
