use std::path::Path;

use litecnn_run::RunError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ReportError;

/// Reads a JSON file whose `format` must be `expected`; the format is looked at first, so that a newer file is
/// called newer and not damaged.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, expected: &'static str) -> Result<T, ReportError> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let bytes = litecnn_run::read(path)?;
    let head: Head = serde_json::from_slice(&bytes).map_err(|e| RunError::damaged(path, e))?;
    if head.format != expected {
        return Err(RunError::Format { path: path.to_owned(), found: head.format, expected }.into());
    }
    Ok(serde_json::from_slice(&bytes).map_err(|e| RunError::damaged(path, e))?)
}

/// Writes a value as indented JSON with a final line break, whole or not at all.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<(), ReportError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| RunError::damaged(path, e))?;
    text.push(b'\n');
    Ok(litecnn_run::write_atomic(path, &text)?)
}
