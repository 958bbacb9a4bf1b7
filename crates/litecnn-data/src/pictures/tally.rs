use std::collections::HashMap;
use std::path::Path;

use litecnn_pictures::{Listing, Part};
use serde::{Deserialize, Serialize};

use super::ImportReport;
use super::read::Outcome;
use super::twins::Twins;
use crate::DataError;

/// What became of the pictures, counted and listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// The classes in the order of their labels, and their images.
    pub classes: Vec<ClassCounts>,
    /// Pictures that could not be read.
    pub skipped: Counted<SkippedPicture>,
    /// Validation and test images that are, pixel by pixel, also in a part before theirs: they make accuracy look better
    /// than it is.
    pub leaks: Counted<Twin>,
    /// Images that are, pixel by pixel, also in another class.
    pub conflicts: Counted<Twin>,
    /// Images that are, pixel by pixel, the same as one before in their part.
    pub repeated: usize,
}

/// The images of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassCounts {
    /// Its name.
    pub name: String,
    /// Images to train on.
    pub train: usize,
    /// Images to choose by.
    pub validation: usize,
    /// Images to measure by.
    pub test: usize,
}

/// A number of things, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counted<T> {
    /// How many there are.
    pub count: usize,
    /// The first [`ImportReport::MOST_LISTED`] of them.
    pub first: Vec<T>,
}

/// A picture that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkippedPicture {
    /// Its path below the folder of the pictures.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A picture whose image is the same as another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Twin {
    /// Its path below the folder of the pictures.
    pub path: String,
    /// Its part.
    pub part: Part,
    /// The path of the other.
    pub other: String,
    /// The other's part.
    pub other_part: Part,
}

impl Tally {
    /// Counts by the parts of the pictures; those that were not read have none.
    pub(super) fn of(listing: &Listing, outcomes: &[Outcome], twins: &Twins, parts: &[Option<Part>]) -> Self {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let picture = |index: usize| &listing.pictures[index];
        let none = |name: &String| ClassCounts { name: name.clone(), train: 0, validation: 0, test: 0 };
        let mut tally = Self {
            classes: listing.classes.iter().map(none).collect(),
            skipped: Counted::none(),
            leaks: Counted::none(),
            conflicts: Counted::none(),
            repeated: 0,
        };
        for missing in &listing.missing {
            tally.skipped.add(|| SkippedPicture { path: shown(&missing.path), reason: missing.reason.clone() });
        }
        for (picture, outcome) in listing.pictures.iter().zip(outcomes) {
            if let Outcome::Unreadable(reason) = outcome {
                tally.skipped.add(|| SkippedPicture { path: shown(&picture.path), reason: reason.clone() });
            }
        }
        let mut read: Vec<(Part, usize)> = (0..parts.len()).filter_map(|index| Some((parts[index]?, index))).collect();
        read.sort_unstable();
        // Of every image, where it comes first.
        let mut seen: HashMap<usize, (Part, usize)> = HashMap::new();
        for (part, index) in read {
            let class = &mut tally.classes[usize::from(picture(index).label)];
            *class.of(part) += 1;
            let (other_part, other) = *seen.entry(twins.first(index)).or_insert((part, index));
            if other == index {
                continue;
            }
            let twin =
                || Twin { path: shown(&picture(index).path), part, other: shown(&picture(other).path), other_part };
            if part == other_part {
                tally.repeated += 1;
            } else {
                tally.leaks.add(twin);
            }
            if picture(index).label != picture(other).label {
                tally.conflicts.add(twin);
            }
        }
        tally
    }

    /// Whether every class has images left to train on, and there are some to measure by.
    pub(super) fn learnable(&self, root: &Path) -> Result<(), DataError> {
        let first = self.skipped.first.first();
        let why = match first {
            Some(SkippedPicture { path, reason }) => {
                format!("; {} pictures could not be read, the first {path:?}: {reason}", self.skipped.count)
            }
            None => String::new(),
        };
        let unlearnable = |reason: String| DataError::Unlearnable { path: root.to_owned(), reason };
        if let Some(class) = self.classes.iter().find(|class| class.train == 0) {
            return Err(unlearnable(format!("the class `{}` has no picture left to train on{why}", class.name)));
        }
        if self.classes.iter().all(|class| class.test == 0) {
            let few = "no class has two pictures, and one of each is needed to train on, so none is left for the test";
            return Err(unlearnable(format!("{few}{why}")));
        }
        Ok(())
    }
}

impl ClassCounts {
    fn of(&mut self, part: Part) -> &mut usize {
        match part {
            Part::Train => &mut self.train,
            Part::Validation => &mut self.validation,
            Part::Test => &mut self.test,
        }
    }
}

impl<T> Counted<T> {
    fn none() -> Self {
        Self { count: 0, first: Vec::new() }
    }

    fn add(&mut self, one: impl FnOnce() -> T) {
        self.count += 1;
        if self.first.len() < ImportReport::MOST_LISTED {
            self.first.push(one());
        }
    }
}
