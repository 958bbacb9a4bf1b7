use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, read_json, write_json};

/// What was found out of one trained, pruned or quantised network on a test set: `measured.json` beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Always [`Measured::FORMAT`].
    pub format: String,
    /// Name of the network, such as `vgg19-fire-grouped-shuffle`.
    pub network: String,
    /// What was done to it last: `trained`, `pruned`, `shrunk`, `quantised` …
    pub treatment: String,
    /// Name of the data set.
    pub dataset: String,
    /// Digest of the data set.
    pub data: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Epochs it was trained in all, those of earlier treatments included.
    pub epochs: u32,
    /// Test images.
    pub images: u64,
    /// Of these, those classified as labelled.
    pub correct: u64,
    /// Mean of the accuracies of batches of 128, the last of which is smaller, as Sobolewski & Szyc count; in [0, 1].
    pub batch_accuracy: f64,
    /// Trainable weights.
    pub parameters: u64,
    /// Weights of convolutions and dense layers that are not zero.
    pub non_zero: u64,
    /// Bytes of the file that holds the model.
    pub bytes: u64,
    /// Seconds of training, those of earlier treatments included.
    pub seconds: f64,
    /// Settings that tell it from its like, such as `round`, `calibration`, `scales`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl Measured {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-measured/1";

    /// Accuracy on the test images, in [0, 1].
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Damaged`] (also if an accuracy cannot be) or [`RunError::Format`], naming the file.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let read: Self = read_json(path, Self::FORMAT)?;
        if read.correct > read.images || !(0.0..=1.0).contains(&read.batch_accuracy) {
            let Self { images, correct, batch_accuracy, .. } = read;
            let reason = format!("{correct} of {images} images and a mean of {batch_accuracy} are no accuracies");
            return Err(RunError::damaged(path, reason));
        }
        Ok(read)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_json(path, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("measured.json");
        let measured = Measured {
            format: Measured::FORMAT.into(),
            network: "vgg19-8".into(),
            treatment: "quantised".into(),
            dataset: "cifar10".into(),
            data: "digest".into(),
            seed: 3,
            epochs: 150,
            images: 10_000,
            correct: 9_127,
            batch_accuracy: 0.9128,
            parameters: 151_000,
            non_zero: 140_000,
            bytes: 190_000,
            seconds: 12.5,
            settings: BTreeMap::from([("scales".into(), "per-tensor".into())]),
        };
        measured.write(&path).unwrap();
        assert_eq!(Measured::read(&path).unwrap(), measured);
        assert!((measured.accuracy() - 0.9127).abs() < 1e-12);
        let newer = std::fs::read_to_string(&path).unwrap().replace("measured/1", "measured/2");
        std::fs::write(&path, newer).unwrap();
        assert!(matches!(Measured::read(&path), Err(RunError::Format { .. })));
    }
}
