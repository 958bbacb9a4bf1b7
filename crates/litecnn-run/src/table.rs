use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{RunError, atomic};

/// Writes records as CSV, a row each, whole or not at all.
pub(crate) fn write(path: &Path, records: &[impl Serialize]) -> Result<(), RunError> {
    atomic::write_atomic_with(path, |out| {
        let mut csv = csv::Writer::from_writer(out);
        for record in records {
            csv.serialize(record)?;
        }
        csv.flush()
    })
}

/// Reads records written by [`write`].
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RunError> {
    let bytes = atomic::read(path)?;
    let records: Result<Vec<T>, _> = csv::Reader::from_reader(bytes.as_slice()).deserialize().collect();
    records.map_err(|e| RunError::damaged(path, e))
}
