use std::fs::{File, TryLockError};
use std::path::Path;

use crate::RunError;

/// An exclusive lock on a place, held until it is dropped or the process ends (however it ends).
///
/// It is an advisory lock of the operating system on a file that stays behind empty, so a killed process never
/// leaves a stale lock.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or refuses at once if another process holds it. Use it for run directories.
    ///
    /// # Errors
    /// [`RunError::Locked`] if it is held, [`RunError::Io`] if the lock file cannot be made, [`RunError::Link`] if it is
    /// a symbolic link.
    pub fn try_acquire(path: &Path) -> Result<Self, RunError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
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
                Ok(Self { _file: file })
            }
            other => other,
        }
    }
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
