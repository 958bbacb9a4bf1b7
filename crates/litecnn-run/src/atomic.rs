use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{RunError, lock};

/// How the names of files begin that are being written.
const UNFINISHED: &str = ".unfinished-";

/// Writes a file whole or not at all: to a temporary name in the same folder, flushed to the disk, then renamed.
///
/// Missing parent folders are made. A reader sees the old bytes or the new ones, never a mixture, whatever
/// happens to this process.
///
/// # Errors
/// [`RunError::Io`] naming the path; the temporary file is removed. [`RunError::Gone`] if the folder was one that this
/// process holds a [`Lock`](crate::Lock) of, and was removed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    write_atomic_with(path, |out| out.write_all(bytes))
}

/// As [`write_atomic`], for content that is produced piece by piece.
///
/// # Errors
/// [`RunError::Io`] naming the path, also for errors of `produce`; the temporary file is removed.
pub fn write_atomic_with(
    path: &Path,
    produce: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), RunError> {
    lock::in_place(path)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
    let write = || -> std::io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("{UNFINISHED}{name}-");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            // Temporary files are private by default; results are not.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder)?;
        {
            let mut out = std::io::BufWriter::new(file.as_file_mut());
            produce(&mut out)?;
            out.flush()?;
        }
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        // The rename itself must reach the disk too.
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    // The folder may have gone meanwhile, which is the better answer.
    write().map_err(|e| lock::in_place(path).err().unwrap_or_else(|| RunError::io("write", path)(e)))
}

/// Removes what killed processes were writing below `folder`. Nobody may be writing there now.
pub(crate) fn sweep(folder: &Path) {
    sweep_named(folder, "");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep(&entry.path());
        }
    }
}

/// As [`sweep`], in one folder, for files whose names begin with `name`.
pub(crate) fn sweep_named(folder: &Path, name: &str) {
    let prefix = format!("{UNFINISHED}{name}");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // One that stays is a nuisance, no fault.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Reads a whole file.
///
/// # Errors
/// [`RunError::Io`] naming the path.
pub fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    std::fs::read(path).map_err(RunError::io("read", path))
}

/// SHA-256 of some bytes, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file, in lower-case hexadecimal, read in pieces.
///
/// # Errors
/// [`RunError::Io`] naming the path.
pub fn sha256_file(path: &Path) -> Result<String, RunError> {
    let mut file = std::fs::File::open(path).map_err(RunError::io("read", path))?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let n = std::io::Read::read(&mut file, &mut piece).map_err(RunError::io("read", path))?;
        if n == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&piece[..n]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/file.txt");
        write_atomic(&path, b"old").unwrap();
        let failed = write_atomic_with(&path, |out| {
            out.write_all(b"half of the new")?;
            Err(std::io::Error::other("no space left"))
        });
        assert!(failed.unwrap_err().to_string().contains("no space left"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn digests_are_the_published_ones() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(sha256_file(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
