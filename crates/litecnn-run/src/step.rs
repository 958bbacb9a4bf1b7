use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, atomic, read_json, write_json};

const FILE: &str = "step.json";

/// What a finished step leaves behind, written last: `step.json` in the step's folder.
///
/// Paths are relative to the folder of data set and seed. A step is done when this file is there, names every
/// output wanted, and the inputs and outputs it names still have the digests it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// Always [`StepRecord::FORMAT`].
    pub format: String,
    /// `stage-1`, `surgery`, `stage-2-1`, `stage-2-2`, `fold-1` … or `evaluate`.
    pub step: String,
    /// SHA-256 of the resolved recipe.
    pub recipe: String,
    /// Path and SHA-256 of every file the step read, the data set under its own name.
    pub inputs: BTreeMap<String, String>,
    /// Path and SHA-256 of every file the step wrote.
    pub outputs: BTreeMap<String, String>,
    /// Start of the first process that worked on the step, RFC 3339.
    pub started: String,
    /// End of the last one.
    pub ended: String,
    /// Seconds of work, summed over the processes that took part.
    pub seconds: f64,
    /// Epochs trained, for training steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Largest resident memory of the process, in bytes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// `cpu`, `cuda:0` …
    pub device: String,
    /// What computed the batches: `kernels` or `libtorch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Worker threads used.
    pub threads: usize,
}

impl StepRecord {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-step/1";

    /// Reads the record of a step.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Damaged`] or [`RunError::Format`], naming the file.
    pub fn read(step_folder: &Path) -> Result<Self, RunError> {
        read_json(&step_folder.join(FILE), Self::FORMAT)
    }

    /// Writes the record: from here on the step is done.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write(&self, step_folder: &Path) -> Result<(), RunError> {
        write_json(&step_folder.join(FILE), self)
    }

    /// Whether the step in `step_folder` was finished with this recipe and these inputs, left at least `outputs`,
    /// and all it left is as it was. `seed_folder` is what output paths are relative to.
    ///
    /// A step that was never finished, or whose recipe, inputs or outputs changed, is simply not done; so is one
    /// that an earlier version finished, if it left less than is wanted now.
    ///
    /// # Errors
    /// [`RunError::Format`] if the record is of another version; [`RunError::Io`] if an output cannot be read.
    pub fn is_done(
        step_folder: &Path,
        seed_folder: &Path,
        recipe: &str,
        inputs: &BTreeMap<String, String>,
        outputs: &[String],
    ) -> Result<bool, RunError> {
        if !step_folder.join(FILE).exists() {
            return Ok(false);
        }
        let record = match Self::read(step_folder) {
            Ok(record) => record,
            Err(RunError::Damaged { .. }) => return Ok(false),
            Err(other) => return Err(other),
        };
        let all_left = outputs.iter().all(|path| record.outputs.contains_key(path));
        if record.recipe != recipe || record.inputs != *inputs || !all_left {
            return Ok(false);
        }
        for (path, digest) in &record.outputs {
            let path = seed_folder.join(path);
            if !path.exists() || atomic::sha256_file(&path)? != *digest {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_until_anything_it_rests_on_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (seed, step) = (dir.path(), dir.path().join("stage-1"));
        atomic::write_atomic(&step.join("best.safetensors"), b"weights").unwrap();
        let map = |k: &str, v: String| BTreeMap::from([(k.to_owned(), v)]);
        let inputs = map("mnist", "d0".into());
        let record = StepRecord {
            format: StepRecord::FORMAT.into(),
            step: "stage-1".into(),
            recipe: "r0".into(),
            inputs: inputs.clone(),
            outputs: map("stage-1/best.safetensors", atomic::sha256(b"weights")),
            started: "2025-01-01T00:00:00Z".into(),
            ended: "2025-01-01T00:00:09Z".into(),
            seconds: 9.0,
            epochs: Some(3),
            peak_memory_bytes: None,
            device: "cpu".into(),
            engine: Some("kernels".into()),
            threads: 2,
        };
        let left = ["stage-1/best.safetensors".to_owned()];
        let done = |recipe, inputs: &_| StepRecord::is_done(&step, seed, recipe, inputs, &left).unwrap();
        assert!(!done("r0", &inputs), "never run");
        record.write(&step).unwrap();
        assert_eq!(StepRecord::read(&step).unwrap(), record);
        assert!(done("r0", &inputs));
        assert!(!done("r1", &inputs), "another recipe");
        assert!(!done("r0", &map("mnist", "d1".into())), "other data");
        let more = [left[0].clone(), "stage-1/history.csv".to_owned()];
        assert!(!StepRecord::is_done(&step, seed, "r0", &inputs, &more).unwrap(), "more is wanted than was left");
        assert!(StepRecord::is_done(&step, seed, "r0", &inputs, &[]).unwrap(), "less is wanted than was left");
        std::fs::write(step.join("best.safetensors"), b"altered").unwrap();
        assert!(!done("r0", &inputs), "altered output");
        std::fs::remove_file(step.join("best.safetensors")).unwrap();
        assert!(!done("r0", &inputs), "missing output");
        std::fs::write(step.join(FILE), b"{").unwrap();
        assert!(!done("r0", &inputs), "a damaged record means the step is run again");
        std::fs::write(step.join(FILE), br#"{"format":"litecnn-step/9"}"#).unwrap();
        assert!(matches!(StepRecord::is_done(&step, seed, "r0", &inputs, &left), Err(RunError::Format { .. })));
    }
}
