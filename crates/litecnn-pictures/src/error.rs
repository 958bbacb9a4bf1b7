use std::path::{Path, PathBuf};

use crate::Part;

/// Why some bytes did not become an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The bytes begin as no known kind of picture does.
    #[error("it is neither PNG, JPEG, GIF, BMP nor WebP")]
    Unknown,
    /// The picture claims more pixels than is reasonable; no room was made for them.
    #[error("it claims {width}x{height} pixels; up to {longest} a side and {most} MiB in all are read")]
    Size {
        /// Columns claimed.
        width: usize,
        /// Rows claimed.
        height: usize,
        /// The longest side that is read.
        longest: usize,
        /// Most MiB of a decoded picture.
        most: u64,
    },
    /// The picture is damaged, cut off, or of an unusual kind.
    #[error("it is damaged, cut off or of a kind that is not read: {reason}")]
    Damaged {
        /// What the decoder says.
        reason: String,
    },
    /// No image has such a form.
    #[error(
        "pictures become images of 1 or 3 channels and 1 to 4096 rows and columns, not of {channels} channels and {height}x{width} pixels"
    )]
    Form {
        /// Channels asked for.
        channels: usize,
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
    },
}

impl PictureError {
    pub(crate) fn damaged(reason: impl std::fmt::Display) -> Self {
        Self::Damaged { reason: reason.to_string() }
    }
}

/// Why no list of pictures and classes could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The operating system refused to read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// What is there is neither a folder nor a list.
    #[error("{} is neither a folder of pictures nor a CSV file (.csv) with the columns path and label", path.display())]
    Neither {
        /// The path given.
        path: PathBuf,
    },
    /// There are not two classes.
    #[error("{} has {}, and learning takes two classes at least: give a folder with one folder of pictures for each class, or a CSV file with the columns path and label{hint}", path.display(), found(class.as_deref()))]
    Classes {
        /// The folder or list.
        path: PathBuf,
        /// The only class, if there is one.
        class: Option<String>,
        /// What may have been meant; empty, or begins with a space or semicolon.
        hint: String,
    },
    /// There are more classes than a label can tell apart.
    #[error("{} has {classes} classes, more than the {} a label can tell apart: leave some out", path.display(), crate::Listing::MOST_CLASSES)]
    TooManyClasses {
        /// The folder or list.
        path: PathBuf,
        /// Classes found.
        classes: usize,
    },
    /// A class without pictures.
    #[error("the class folder {} has no pictures ({why}): put some there, or take the folder away", path.display())]
    EmptyClass {
        /// The folder.
        path: PathBuf,
        /// What is there instead.
        why: String,
    },
    /// A class that cannot be learnt.
    #[error("the class `{class}` has pictures in the {part} part of {} and none to train on: add some, or take it out of the other parts", path.display())]
    NotInTraining {
        /// The folder or list.
        path: PathBuf,
        /// The class.
        class: String,
        /// Where it has pictures.
        part: Part,
    },
    /// Part folders and others side by side.
    #[error("{} has the folders {parts} of a data set in parts, and beside them {others}: move the one kind elsewhere", path.display())]
    Mixed {
        /// The folder.
        path: PathBuf,
        /// Folders named as parts.
        parts: String,
        /// The others.
        others: String,
    },
    /// A class whose name cannot be kept.
    #[error("the class folder {path:?} has a name that is {reason}: rename it")]
    Name {
        /// The folder.
        path: PathBuf,
        /// What is wrong with its name.
        reason: &'static str,
    },
    /// A line of a list that cannot be used.
    #[error("{}, line {line}: {reason}", path.display())]
    List {
        /// The CSV file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl ScanError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

fn found(class: Option<&str>) -> String {
    match class {
        Some(class) => format!("the one class `{class}`"),
        None => "no classes".into(),
    }
}
