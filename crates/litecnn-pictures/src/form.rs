use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::decode::decode;
use crate::resize::fitted;
use crate::{Background, PictureError};

/// How the names of files end that are taken for pictures, whatever their case.
pub const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "webp"];

/// Whether a file is named as a picture. What it is, its content tells.
pub fn is_named_as_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// How pictures become images of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureForm {
    /// 1 (grey, by the weights of Rec. 709) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// What is done with pictures of another shape.
    pub fit: Fit,
    /// What shows through where a picture is transparent, and beside a letterboxed one.
    pub background: Background,
}

/// What is done with a picture whose sides have another ratio than the image's. Scaling is bilinear; where it makes
/// smaller, all pixels count (antialiased), as in Pillow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fit {
    /// All of the picture, its shape given up.
    #[default]
    Stretch,
    /// All of the picture in its shape, in the middle of bars of the background.
    Letterbox,
    /// The middle of the picture, in its shape; what is beyond is lost.
    Crop,
}

impl Fit {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stretch, Self::Letterbox, Self::Crop];

    /// Its name in options and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stretch => "stretch",
            Self::Letterbox => "letterbox",
            Self::Crop => "crop",
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no way to fit a picture: choose stretch, letterbox or crop");
        Self::ALL.into_iter().find(|fit| fit.name() == text).ok_or_else(unknown)
    }
}

impl PictureForm {
    /// Most rows and columns of an image.
    pub const LARGEST: usize = 4096;

    /// A picture file as an image, `[height][width][channel]`.
    ///
    /// Of an animation the first picture counts. The same bytes give the same image on every machine.
    ///
    /// # Errors
    /// [`PictureError`]: no picture, a damaged or truncated one, one beyond reason, or a form no image has.
    pub fn pixels(&self, bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
        self.check()?;
        let picture = decode(bytes, self.background)?;
        fitted(picture, self)
    }

    /// Whether images can have this form: 1 or 3 channels, 1 to [`PictureForm::LARGEST`] rows and columns.
    ///
    /// # Errors
    /// [`PictureError::Form`] if not.
    pub fn check(&self) -> Result<(), PictureError> {
        let Self { channels, height, width, .. } = *self;
        let side = 1..=Self::LARGEST;
        if matches!(channels, 1 | 3) && side.contains(&height) && side.contains(&width) {
            Ok(())
        } else {
            Err(PictureError::Form { channels, height, width })
        }
    }
}

#[cfg(test)]
mod tests;
