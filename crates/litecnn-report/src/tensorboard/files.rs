use std::path::{Path, PathBuf};

use litecnn_run::RunError;
use prost::Message as _;

use super::event::Event;
use super::record;

/// Name of every event file. TensorBoard reads any file with `tfevents` in its name; `<time>.<host>` is what other
/// writers put behind it. The time is left at zero, so that a later file replaces an earlier one.
const NAME: &str = "events.out.tfevents.0.litecnn";
/// Under this name a file is written first: TensorBoard would read a half-written one, and its curves twice.
const UNFINISHED: &str = "litecnn-events.part";

/// Writes a file of events into each of the folders, which are relative to `root`, and removes those below `root`
/// that earlier calls left in other folders.
pub(super) fn replace(root: &Path, events: &[(PathBuf, Vec<Event>)]) -> Result<Vec<PathBuf>, RunError> {
    let mut written = Vec::new();
    for (folder, events) in events {
        let mut bytes = Vec::new();
        for event in events {
            record::append(&mut bytes, &event.encode_to_vec());
        }
        let path = root.join(folder).join(NAME);
        write(&path, &bytes)?;
        written.push(path);
    }
    remove_others(root, &written)?;
    Ok(written)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let unfinished = path.with_file_name(UNFINISHED);
    litecnn_run::write_atomic(&unfinished, bytes)?;
    std::fs::rename(&unfinished, path).map_err(|source| io("write", path, source))
}

/// Removes event files of ours that are not among `kept`, and folders that are empty then. Whether there were any.
fn remove_others(folder: &Path, kept: &[PathBuf]) -> Result<bool, RunError> {
    let mut removed = false;
    for entry in std::fs::read_dir(folder).map_err(|source| io("read", folder, source))? {
        let entry = entry.map_err(|source| io("read", folder, source))?;
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().map_err(|source| io("read", &path, source))?;
        // Links are not followed: what they lead to is not ours.
        if kind.is_dir() {
            removed |= remove_others(&path, kept)?;
        } else if name.to_string_lossy().contains(UNFINISHED) || name == NAME && !kept.contains(&path) {
            std::fs::remove_file(&path).map_err(|source| io("remove", &path, source))?;
            removed = true;
        }
    }
    if removed {
        // Refused unless it is empty, which is as it should be.
        let _ = std::fs::remove_dir(folder);
    }
    Ok(removed)
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> RunError {
    RunError::Io { action, path: path.to_owned(), source }
}
