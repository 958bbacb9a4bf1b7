use std::io::ErrorKind;
use std::path::Path;

use crate::RunError;

/// Makes sure that what is written into a folder stays in it: no folder within, however deep, may be a symbolic link.
///
/// The folder itself may be one, that is its owner's choice, and so may files: [`write_atomic`](crate::write_atomic)
/// replaces a link and never writes through it. For folders that may come from somebody else, before anything is
/// written. A folder that is not there has no links.
///
/// # Errors
/// [`RunError::Link`] naming the first link found, [`RunError::Io`] if a folder cannot be looked at.
pub fn refuse_links(folder: &Path) -> Result<(), RunError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Whoever makes the folder says why that cannot be done.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(e) => return Err(RunError::io("read", folder)(e)),
    };
    for entry in entries {
        let entry = entry.map_err(RunError::io("read", folder))?;
        let (kind, path) = (entry.file_type().map_err(RunError::io("read", folder))?, entry.path());
        if kind.is_symlink() && !path.is_file() {
            return Err(RunError::Link { path });
        }
        if kind.is_dir() {
            refuse_links(&path)?;
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::write_atomic;

    #[test]
    fn folders_that_are_links_are_refused_however_deep() {
        let dir = tempfile::tempdir().unwrap();
        let (outside, run) = (dir.path().join("outside"), dir.path().join("run"));
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::create_dir_all(run.join("mnist/seed-0")).unwrap();
        refuse_links(&run).unwrap();
        refuse_links(&dir.path().join("absent")).unwrap();
        for (target, link) in [("../outside", "figures"), ("../../../outside", "mnist/seed-0/stage-1"), ("gone", "x")] {
            symlink(target, run.join(link)).unwrap();
            let message = refuse_links(&run).unwrap_err().to_string();
            assert!(message.contains(link) && message.contains("symbolic link"), "{message}");
            std::fs::remove_file(run.join(link)).unwrap();
        }
        symlink(&run, dir.path().join("by-another-name")).unwrap();
        refuse_links(&dir.path().join("by-another-name")).unwrap();
    }

    #[test]
    fn a_link_to_a_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (precious, run) = (dir.path().join("precious"), dir.path().join("run"));
        std::fs::write(&precious, "as it was").unwrap();
        std::fs::create_dir(&run).unwrap();
        symlink("../precious", run.join("step.json")).unwrap();
        refuse_links(&run).unwrap();
        write_atomic(&run.join("step.json"), b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "as it was");
        assert_eq!(std::fs::read_to_string(run.join("step.json")).unwrap(), "new");
    }
}
