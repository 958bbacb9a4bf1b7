use std::fs::{File, Metadata, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::RunError;

/// An exclusive lock on a place, held until it is dropped or the process ends (however it ends).
///
/// It is an advisory lock of the operating system on a file that stays behind empty, so a killed process never
/// leaves a stale lock. What this process writes below the folder of the file is refused once the file is not there any
/// more: whoever removed the folder does not want it back, and another process may hold a lock of its own there.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

/// The lock files this process holds, and what they were when it got them.
static HELD: Mutex<Vec<(PathBuf, Metadata)>> = Mutex::new(Vec::new());

impl Lock {
    /// Takes the lock, or refuses at once if another process holds it. Use it for run directories.
    ///
    /// # Errors
    /// [`RunError::Locked`] if it is held, [`RunError::Io`] if the lock file cannot be made, [`RunError::Link`] if it is
    /// a symbolic link.
    pub fn try_acquire(path: &Path) -> Result<Self, RunError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Self::hold(path, file),
            Err(TryLockError::WouldBlock) => Err(RunError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(e)) => Err(RunError::io("lock", path)(e)),
        }
    }

    /// Takes the lock, waiting for whoever holds it; `on_wait` is called once if there is a wait. Use it for caches.
    ///
    /// # Errors
    /// [`RunError::Io`] if the lock file cannot be made or locked.
    pub fn acquire(path: &Path, on_wait: impl FnOnce()) -> Result<Self, RunError> {
        match Self::try_acquire(path) {
            Err(RunError::Locked { .. }) => {
                on_wait();
                let file = open(path)?;
                file.lock().map_err(RunError::io("lock", path))?;
                Self::hold(path, file)
            }
            other => other,
        }
    }

    fn hold(path: &Path, file: File) -> Result<Self, RunError> {
        let metadata = file.metadata().map_err(RunError::io("lock", path))?;
        held().push((path.to_owned(), metadata));
        Ok(Self { path: path.to_owned(), _file: file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        held().retain(|(path, _)| *path != self.path);
    }
}

/// Refuses a path in a folder that this process has locked if the lock is not in its place any more.
pub(crate) fn in_place(path: &Path) -> Result<(), RunError> {
    for (lock, then) in held().iter() {
        let Some(folder) = lock.parent().filter(|folder| path.starts_with(folder)) else { continue };
        if !std::fs::metadata(lock).is_ok_and(|now| same(then, &now)) {
            return Err(RunError::Gone { path: folder.to_owned() });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same(_: &Metadata, _: &Metadata) -> bool {
    true
}

fn held() -> MutexGuard<'static, Vec<(PathBuf, Metadata)>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(path: &Path) -> Result<File, RunError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
    }
    // Opened, a link would be made a file wherever it points.
    if path.is_symlink() {
        return Err(RunError::Link { path: path.to_owned() });
    }
    File::options().create(true).truncate(false).write(true).open(path).map_err(RunError::io("lock", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("place/.lock");
        let first = Lock::try_acquire(&path).unwrap();
        assert!(matches!(Lock::try_acquire(&path), Err(RunError::Locked { .. })));
        drop(first);
        Lock::try_acquire(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("elsewhere", dir.path().join(".lock")).unwrap();
        assert!(matches!(Lock::try_acquire(&dir.path().join(".lock")), Err(RunError::Link { .. })));
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn a_folder_that_was_removed_is_not_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        let write = |name: &str| crate::write_atomic(&run.join(name), b"x");
        let lock = Lock::try_acquire(&run.join(".lock")).unwrap();
        write("a/b").unwrap();
        std::fs::rename(&run, dir.path().join("away")).unwrap();
        let message = write("a/c").unwrap_err().to_string();
        assert!(message.contains("run was removed or replaced while") && !run.exists(), "{message}");
        // Another process begins there.
        std::fs::create_dir(&run).unwrap();
        std::fs::write(run.join(".lock"), "").unwrap();
        assert!(matches!(write("a/c"), Err(RunError::Gone { .. })));
        drop(lock);
        write("a/c").unwrap();
    }

    #[test]
    fn a_waiter_gets_it_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let first = Lock::try_acquire(&path).unwrap();
        let (waiting, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let path = &path;
            let second = scope.spawn(move || Lock::acquire(path, || waiting.send(()).unwrap()));
            told.recv().unwrap();
            drop(first);
            second.join().unwrap().unwrap();
        });
    }
}
