use std::path::Path;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{RunError, atomic};

/// Reads a JSON file whose `format` must be `expected`; the format is looked at first, so that a newer file is
/// called newer and not damaged.
///
/// # Errors
/// [`RunError::Io`], [`RunError::Damaged`] or [`RunError::Format`], naming the file.
pub fn read_json<T: DeserializeOwned>(path: &Path, expected: &'static str) -> Result<T, RunError> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let bytes = atomic::read(path)?;
    let head: Head = serde_json::from_slice(&bytes).map_err(|e| RunError::damaged(path, e))?;
    if head.format != expected {
        return Err(RunError::Format { path: path.to_owned(), found: head.format, expected });
    }
    serde_json::from_slice(&bytes).map_err(|e| RunError::damaged(path, e))
}

/// Writes a value as indented JSON with a final line break, whole or not at all.
///
/// # Errors
/// [`RunError::Io`] naming the file.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| RunError::damaged(path, e))?;
    text.push(b'\n');
    atomic::write_atomic(path, &text)
}
