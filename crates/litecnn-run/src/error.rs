use std::path::{Path, PathBuf};

/// What can go wrong with the files of a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "read", "write", "create" …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is there, but does not hold what it should.
    #[error("{} is damaged: {reason}; delete it (or the step's folder) and run the command again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// `run.toml` is there, but does not hold what it should. It is made once, so it is not to be deleted.
    #[error("{} is damaged: {reason}; put it back as it was, or choose another run directory", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// A file was written by another version of the format.
    #[error("{} has format `{found}`, this version reads `{expected}`: choose another run directory", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format named in the file.
        found: String,
        /// The format this version writes.
        expected: &'static str,
    },
    /// The run directory belongs to another recipe.
    #[error(
        "{} was made with recipe `{found}`, this command uses `{wanted}`: give another directory (--run, --out), or the recipe it was \
         made with (`cargo xtask reproduce --fresh` starts a run over)",
        path.display()
    )]
    OtherRecipe {
        /// The manifest of the run directory.
        path: PathBuf,
        /// Name and hash of the recipe recorded there.
        found: String,
        /// Name and hash of the recipe asked for.
        wanted: String,
    },
    /// The run directory belongs to other data.
    #[error("{} was made with other data for `{dataset}`: give another directory (--run, --out), or the data it was made with", path.display())]
    OtherData {
        /// The manifest of the run directory.
        path: PathBuf,
        /// The data set that differs.
        dataset: String,
    },
    /// Something in a folder is a symbolic link through which files would be written elsewhere.
    #[error("{} is a symbolic link, through which files would be written outside its folder: put what it stands for in its place", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A folder this process has locked is not there any more, or is another one.
    #[error("{} was removed or replaced while this command worked in it: give the command again to start over", path.display())]
    Gone {
        /// The folder.
        path: PathBuf,
    },
    /// Another process works in the same place.
    #[error("{} is in use by another process: wait for it to end, or use another directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
}

impl RunError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// A [`RunError::Damaged`] from anything that can be shown.
    pub fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}
