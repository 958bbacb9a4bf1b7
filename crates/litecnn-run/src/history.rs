use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, table};

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
    table::write(path, records)
}

/// Reads `history.csv`.
///
/// # Errors
/// [`RunError::Io`] if it cannot be read, [`RunError::Damaged`] naming the line if it is not a history: epochs of every
/// output count from 1, losses are numbers and accuracies within 0..=1.
pub fn read_history(path: &Path) -> Result<Vec<EpochRecord>, RunError> {
    let records: Vec<EpochRecord> = table::read(path)?;
    for (place, record) in records.iter().enumerate() {
        check(record, &records[..place]).map_err(|e| RunError::damaged(path, format!("line {}: {e}", place + 2)))?;
    }
    Ok(records)
}

fn check(record: &EpochRecord, before: &[EpochRecord]) -> Result<(), String> {
    if record.output.is_empty() {
        return Err("the output has no name".to_owned());
    }
    let expected = before.iter().rev().find(|r| r.output == record.output).map_or(1, |r| r.epoch.saturating_add(1));
    if record.epoch != expected {
        return Err(format!("epoch {} of {} stands where epoch {expected} belongs", record.epoch, record.output));
    }
    if let Some(bad) = [record.loss, record.validation_loss].iter().find(|loss| !loss.is_finite()) {
        return Err(format!("{bad} is not a loss"));
    }
    let accuracies = [record.accuracy, record.validation_accuracy];
    match accuracies.iter().find(|accuracy| !(0.0..=1.0).contains(*accuracy)) {
        Some(bad) => Err(format!("{bad} is not an accuracy")),
        None => Ok(()),
    }
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

    #[test]
    fn rows_that_no_training_writes_are_refused_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.csv");
        let head =
            "epoch,output,learning_rate,loss,accuracy,validation_loss,validation_accuracy,seconds,images_per_second";
        for (rows, expected) in [
            ("2,model,1,1,1,1,1,1,1", "line 2: epoch 2 of model stands where epoch 1 belongs"),
            ("1,a,1,1,1,1,1,1,1\n1,b,1,1,1,1,1,1,1\n3,a,1,1,1,1,1,1,1", "line 4: epoch 3 of a"),
            ("1,a,1,1,1,1,1,1,1\n1,a,1,1,1,1,1,1,1", "line 3: epoch 1 of a stands where epoch 2"),
            ("1,,1,1,1,1,1,1,1", "line 2: the output has no name"),
            ("1,a,1,NaN,1,1,1,1,1", "line 2: NaN is not a loss"),
            ("1,a,1,1,1,inf,1,1,1", "line 2: inf is not a loss"),
            ("1,a,1,1,1.5,1,1,1,1", "line 2: 1.5 is not an accuracy"),
            ("1,a,1,1,1,1,-0.5,1,1", "line 2: -0.5 is not an accuracy"),
        ] {
            std::fs::write(&path, format!("{head}\n{rows}\n")).unwrap();
            let message = read_history(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
