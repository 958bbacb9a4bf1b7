use std::path::PathBuf;

use litecnn_pictures::{Ignored, Part, PictureForm};
use serde::{Deserialize, Serialize};

use super::tally::Tally;

/// What an import found and made. It is kept beside the images, so later starts know it too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// The folder or list the pictures were found by.
    pub source: String,
    /// What the set is called.
    pub name: String,
    /// The folder that holds the images: a data folder for [`load`](crate::load). Not kept.
    #[serde(skip)]
    pub folder: PathBuf,
    /// How pictures became images.
    pub form: PictureForm,
    /// What was cut from the training images because the folder brought none.
    pub cut: Shares,
    /// What was passed over in the folder.
    pub ignored: Ignored,
    /// What became of the pictures.
    pub tally: Tally,
    /// Seconds the import took.
    pub seconds: f64,
    /// Whether the images were there already. Not kept.
    #[serde(skip)]
    pub cached: bool,
}

/// Shares of each class that were cut from the training images. `None`: the folder brought the part, or none was
/// wanted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shares {
    /// Share for the validation part.
    pub validation: Option<f64>,
    /// Share for the test part.
    pub test: Option<f64>,
    /// What chose them.
    pub seed: u64,
}

impl ImportReport {
    /// Most pictures listed of a kind. All are counted.
    pub const MOST_LISTED: usize = 100;

    /// How many times as many training images the largest class has as the smallest; 1 if all have as many.
    pub fn imbalance(&self) -> f64 {
        let counts = || self.tally.classes.iter().map(|class| class.train);
        counts().max().unwrap_or(0) as f64 / counts().min().unwrap_or(0).max(1) as f64
    }

    /// Images of all classes in a part.
    pub fn images(&self, part: Part) -> usize {
        let of = |class: &super::ClassCounts| match part {
            Part::Train => class.train,
            Part::Validation => class.validation,
            Part::Test => class.test,
        };
        self.tally.classes.iter().map(of).sum()
    }
}
