use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::{ScanError, folder, list};

/// Pictures with their classes, as found in a folder or list; none was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The folder that paths are relative to, without symbolic links.
    pub root: PathBuf,
    /// Names of the classes in natural order; label 0 is the first.
    pub classes: Vec<String>,
    /// The pictures: those to train on first, then by path in natural order (of a list, in its order). The same
    /// folder gives the same order on every machine.
    pub pictures: Vec<Listed>,
    /// Pictures a list names and that cannot be had.
    pub missing: Vec<Missing>,
    /// What was passed over.
    pub ignored: Ignored,
}

/// A picture that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Its path below the root.
    pub path: PathBuf,
    /// The place of its class among the classes.
    pub label: u8,
    /// The part it was put in, if the folder or list has parts.
    pub part: Option<Part>,
    /// Its size.
    pub bytes: u64,
    /// When it was changed, in nanoseconds since 1970; 0 where the system does not tell.
    pub modified: u128,
}

/// A picture that a list names and that is no file which can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing {
    /// The path in the list.
    pub path: PathBuf,
    /// Why it cannot be had.
    pub reason: String,
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// To train on.
    Train,
    /// To choose by while training.
    Validation,
    /// To measure by in the end.
    Test,
}

/// What a scan passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ignored {
    /// Files and folders whose names begin with a dot, and `__MACOSX`.
    pub hidden: usize,
    /// Symbolic links to folders, and those that lead out of the root or to no regular file.
    pub links: usize,
    /// Pictures beside the class folders.
    pub loose: usize,
    /// Files not named as pictures (and what is no regular file), by their ending in lower case.
    pub others: BTreeMap<String, usize>,
}

/// Finds pictures and their classes.
///
/// `path` is one of
/// - a folder with a folder per class, the pictures at any depth below it;
/// - a folder with such folders in `train`, and maybe in `val` (or `valid`, `validation`) and `test`, whatever their
///   case, and no other folders;
/// - a CSV file (`.csv`) with a header that names the columns `path` and `label`, and maybe `split` (`train`, `val`,
///   `valid`, `validation` or `test`). Paths are relative to the file's folder and must stay below it.
///
/// In folders, hidden files and files not named as pictures are passed over; so are symbolic links to folders and those
/// that lead out of the folder. All that is counted.
///
/// # Errors
/// [`ScanError`], with the path and what to do: nothing there, fewer than two classes or more than 256, a class without
/// pictures or with none to train on, a list with a faulty line, names that cannot be kept.
pub fn scan(path: &Path) -> Result<Listing, ScanError> {
    let found = std::fs::metadata(path).map_err(ScanError::io(path))?;
    let mut listing = if found.is_dir() {
        folder::scan(path)?
    } else if found.is_file() && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        list::scan(path)?
    } else {
        return Err(ScanError::Neither { path: path.to_owned() });
    };
    // Stable: within a part the order found stays.
    listing.pictures.sort_by_key(|picture| picture.part);
    listing.every_class_is_learnt(path)?;
    Ok(listing)
}

impl Listing {
    /// Most classes a label can tell apart.
    pub const MOST_CLASSES: usize = 256;

    fn every_class_is_learnt(&self, path: &Path) -> Result<(), ScanError> {
        let mut learnt = vec![false; self.classes.len()];
        for picture in self.pictures.iter().filter(|p| matches!(p.part, None | Some(Part::Train))) {
            learnt[usize::from(picture.label)] = true;
        }
        let mut elsewhere = self.pictures.iter().filter(|p| !learnt[usize::from(p.label)]);
        match elsewhere.next() {
            Some(Listed { label, part: Some(part), .. }) => Err(ScanError::NotInTraining {
                path: path.to_owned(),
                class: self.classes[usize::from(*label)].clone(),
                part: *part,
            }),
            _ => Ok(()),
        }
    }
}

impl Listed {
    pub(crate) fn new(path: PathBuf, label: u8, part: Option<Part>, found: &std::fs::Metadata) -> Self {
        let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self { path, label, part, bytes: found.len(), modified: modified.map_or(0, |d| d.as_nanos()) }
    }
}

impl Part {
    /// The part that a folder or an entry of a list means by its name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "train" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Validation),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

#[cfg(test)]
mod tests;
