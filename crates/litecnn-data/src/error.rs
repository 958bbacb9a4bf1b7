use std::fmt;
use std::path::{Path, PathBuf};

use litecnn_run::RunError;

/// What can go wrong between a data set's name and its images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No data set has this name.
    #[error("there is no data set `{name}`{}: choose one of {}", did_you_mean(nearest.as_ref()), known.join(", "))]
    UnknownSet {
        /// The name asked for.
        name: String,
        /// The known name most like it, if one is.
        nearest: Option<String>,
        /// Every known name.
        known: Vec<String>,
    },
    /// The data folder does not exist, or is no folder.
    #[error("the data folder {} is not there: give the folder that holds `{set}` with --data-dir or LITECNN_DATA", path.display())]
    NoFolder {
        /// The folder given.
        path: PathBuf,
        /// The data set looked for.
        set: String,
    },
    /// The data folder lacks a file.
    #[error(
        "there is no `{file}` (nor `{file}.gz`) in {} or its folder `{set}`: put the file there, or leave the data folder out to have it fetched",
        folder.display()
    )]
    MissingFile {
        /// The data set.
        set: String,
        /// Canonical name of the file.
        file: String,
        /// The data folder.
        folder: PathBuf,
    },
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "read", "write" …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file has another size than its manifest says.
    #[error(
        "{place} has {found} bytes where {expected} were expected: replace it with the whole file, or correct its manifest.toml"
    )]
    Size {
        /// The file, or the place within a source.
        place: String,
        /// Bytes the manifest says.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file has another checksum than its manifest says.
    #[error(
        "{place} has the SHA-256 {found}, not {expected}: it is damaged or another file; replace it, or let a manifest.toml in its folder say what it is"
    )]
    Checksum {
        /// The file, or the place within a source.
        place: String,
        /// Checksum the manifest says, hexadecimal.
        expected: String,
        /// Checksum of the (decompressed) bytes there are.
        found: String,
    },
    /// A file is not what its format demands.
    #[error("{place} cannot be used: {reason}; replace it with an intact file")]
    Malformed {
        /// The file, or the place within a source.
        place: String,
        /// What is wrong, and at which byte, image or label.
        reason: String,
    },
    /// A `manifest.toml` is not a description of data sets.
    #[error("{} does not describe data sets: {reason}; correct it or delete it", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, and in which set.
        reason: String,
    },
    /// The system names no folder for caches.
    #[error(
        "there is no folder for the cache: set XDG_CACHE_HOME or HOME, or give the data with --data-dir or LITECNN_DATA"
    )]
    NoCacheFolder,
    /// The cache cannot be written.
    #[error("the data cache cannot be used, {source}: make {} writable, or set XDG_CACHE_HOME to another place", folder.display())]
    Cache {
        /// The data set's folder in the cache.
        folder: PathBuf,
        /// What failed there.
        source: RunError,
    },
    /// Neither the cache nor any source gave the data.
    #[error(
        "cannot get the data set `{set}`; tried:\n{}\nBy hand: put {} (plain or .gz) into a folder <dir>/{set} and give <dir> with --data-dir or LITECNN_DATA",
        Listed(attempts), files.join(", ")
    )]
    Unavailable {
        /// The data set.
        set: String,
        /// Every source tried, in order.
        attempts: Vec<Attempt>,
        /// Canonical names of the files.
        files: Vec<String>,
    },
    /// A folder or list of pictures cannot be used.
    #[error(transparent)]
    Scan(#[from] litecnn_pictures::ScanError),
    /// Options for pictures without sense.
    #[error("{reason}")]
    PictureOptions {
        /// What is wrong, and what may be given.
        reason: String,
    },
    /// A picture that cannot be read, where none may be left out.
    #[error(
        "{path:?} cannot be read: {reason}; replace it, take it away, or import without `strict`, which leaves it out"
    )]
    Picture {
        /// The picture.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Too few pictures are left.
    #[error("nothing can be learnt of the pictures in {}: {reason}", path.display())]
    Unlearnable {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A sample of the size asked for cannot be made.
    #[error("cannot take a sample of `{set}`: {reason}")]
    Sample {
        /// The data set.
        set: String,
        /// What to ask for instead.
        reason: String,
    },
    /// A data set cannot be written out as pictures.
    #[error("cannot write `{set}` out as pictures: {reason}")]
    Pictures {
        /// The data set.
        set: String,
        /// What is in the way.
        reason: String,
    },
}

/// A source of a data set that did not give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The source: a folder, an address or a package.
    pub source: String,
    /// Why it failed.
    pub reason: String,
}

impl DataError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// The fault without the advice, where the advice would be for another situation.
    pub(crate) fn fact(&self) -> String {
        match self {
            Self::Size { place, expected, found } => format!("{place} has {found} bytes, not {expected}"),
            Self::Checksum { place, expected, found } => {
                format!("{place} is damaged (its SHA-256 is {found}, not {expected})")
            }
            Self::Malformed { place, reason } => format!("{place} is damaged ({reason})"),
            other => other.to_string(),
        }
    }

    pub(crate) fn malformed(place: &str, reason: impl fmt::Display) -> Self {
        Self::Malformed { place: place.to_owned(), reason: reason.to_string() }
    }
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default()
}

struct Listed<'a>(&'a [Attempt]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Attempt { source, reason }) in self.0.iter().enumerate() {
            write!(f, "{}  {source}: {reason}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
