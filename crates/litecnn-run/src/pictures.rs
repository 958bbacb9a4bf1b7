use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, read_json, write_json};

/// `pictures/pictures.json`: what the sheets of images beside it show.
///
/// A sheet is a PNG of equal tiles without gaps, filled row by row from the upper left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pictures {
    /// Always [`Pictures::FORMAT`].
    pub format: String,
    /// Width and height of a tile in pixels.
    pub tile: [u32; 2],
    /// Tiles in a row of `mistakes.png`.
    pub mistake_columns: u32,
    /// The tiles of `mistakes.png`: wrong answers of the final model on the test images, the most confident first.
    pub mistakes: Vec<Mistake>,
    /// Tiles in a row of `augmentation.png`: an original and augmented versions of it.
    pub augmentation_columns: u32,
    /// The rows of `augmentation.png`.
    pub originals: Vec<Original>,
}

/// A test image that was given a wrong class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Place of the image in the test part.
    pub index: u32,
    /// True class.
    pub label: u16,
    /// The class given.
    pub predicted: u16,
    /// Probability of the class given.
    pub probability: f32,
    /// Probability of the true class.
    pub label_probability: f32,
}

/// A training image whose augmented versions are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Original {
    /// Place of the image in the training part.
    pub index: u32,
    /// Its class.
    pub label: u16,
}

impl Pictures {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-pictures/1";

    /// Reads `pictures.json`.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Damaged`] (also if a mistake is none) or [`RunError::Format`], naming the file.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let pictures: Self = read_json(path, Self::FORMAT)?;
        if pictures.tile.contains(&0) || pictures.mistake_columns == 0 || pictures.augmentation_columns == 0 {
            return Err(RunError::damaged(path, "a tile or a row of tiles without extent"));
        }
        for Mistake { index, label, predicted, probability, label_probability } in &pictures.mistakes {
            let share = |p: &f32| (0.0..=1.0).contains(p);
            let reason = if label == predicted {
                format!("image {index} is called a mistake, but class {label} is its own")
            } else if let Some(bad) = [probability, label_probability].into_iter().find(|p| !share(p)) {
                format!("{bad} is not a probability (image {index})")
            } else {
                continue;
            };
            return Err(RunError::damaged(path, reason));
        }
        Ok(pictures)
    }

    /// Writes `pictures.json`, whole or not at all.
    ///
    /// # Errors
    /// [`RunError::Io`] naming the file.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_json(path, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pictures.json");
        let mistake = Mistake { index: 4, label: 1, predicted: 7, probability: 0.1 + 0.2, label_probability: 1e-9 };
        let mut pictures = Pictures {
            format: Pictures::FORMAT.into(),
            tile: [28, 28],
            mistake_columns: 5,
            mistakes: vec![mistake],
            augmentation_columns: 8,
            originals: vec![Original { index: 3, label: 2 }],
        };
        pictures.write(&path).unwrap();
        assert_eq!(Pictures::read(&path).unwrap(), pictures);
        let message = |pictures: &Pictures| {
            pictures.write(&path).unwrap();
            Pictures::read(&path).unwrap_err().to_string()
        };
        pictures.mistakes[0].predicted = 1;
        assert!(message(&pictures).contains("image 4 is called a mistake, but class 1 is its own"));
        pictures.mistakes[0] = Mistake { probability: 1.5, ..mistake };
        assert!(message(&pictures).contains("1.5 is not a probability (image 4)"));
        pictures.mistakes[0] = Mistake { label_probability: -0.5, ..mistake };
        assert!(message(&pictures).contains("-0.5 is not a probability"));
        pictures.tile = [28, 0];
        assert!(message(&pictures).contains("without extent"));
    }
}
