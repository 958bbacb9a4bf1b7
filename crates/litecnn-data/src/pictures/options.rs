use std::path::{Path, PathBuf};

use litecnn_pictures::{Background, Fit, PictureForm};
use litecnn_run::sha256;

use crate::DataError;
use crate::manifest::is_plain_name;

/// How pictures become a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureOptions {
    /// What the set is called. `None` takes it from the name of the folder or list.
    pub name: Option<String>,
    /// Rows and columns of an image.
    pub size: usize,
    /// What is done with pictures that are not square.
    pub fit: Fit,
    /// 1 or 3 channels. `None` takes 1 if every picture is grey, 3 otherwise.
    pub channels: Option<usize>,
    /// What shows where pictures are transparent, and beside letterboxed ones.
    pub background: Background,
    /// Share of each class's pictures that is cut off for the test part, if there is none; above 0.
    pub test_share: f64,
    /// Share of each class's pictures that is cut off for the validation part, if there is none. 0 makes no such part.
    pub validation_share: f64,
    /// Chooses the pictures that are cut off.
    pub seed: u64,
    /// Whether the first picture that cannot be read ends the import.
    pub strict: bool,
    /// Pictures decoded at once. `None` means as many as there are processors. Results are the same.
    pub threads: Option<usize>,
    /// Where imports are kept, each in a folder of its own. `None` means `litecnn/pictures` in the user's cache folder,
    /// which on Linux is `XDG_CACHE_HOME` or `~/.cache`.
    pub cache_dir: Option<PathBuf>,
}

impl Default for PictureOptions {
    /// 32 x 32 pixels, letterboxed on black; 15 % for each part; seed 0.
    fn default() -> Self {
        Self {
            name: None,
            size: 32,
            fit: Fit::Letterbox,
            channels: None,
            background: Background::BLACK,
            test_share: 0.15,
            validation_share: 0.15,
            seed: 0,
            strict: false,
            threads: None,
            cache_dir: None,
        }
    }
}

/// How an import goes, told as it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PictureProgress {
    /// The folder or list is being read.
    Scanning,
    /// Another process is importing the same; its work is awaited.
    Waiting,
    /// Pictures are being decoded.
    Decoding {
        /// Pictures done.
        done: usize,
        /// Pictures in all.
        total: usize,
        /// Seconds since the first was begun.
        seconds: f64,
    },
    /// All pictures are decoded; the parts are written.
    Writing,
}

impl PictureOptions {
    pub(super) fn check(&self) -> Result<(), DataError> {
        let refuse = |reason: String| Err(DataError::PictureOptions { reason });
        if let Err(e) = self.form(self.channels.unwrap_or(3)).check() {
            return refuse(e.to_string());
        }
        let (test, validation) = (self.test_share, self.validation_share);
        if !(test > 0.0 && test < 1.0) {
            return refuse(format!(
                "a test share of {test} is not between 0 and 1: some pictures must be kept to measure by"
            ));
        }
        if !(0.0..1.0).contains(&validation) {
            return refuse(format!("a validation share of {validation} is not at least 0 and less than 1"));
        }
        if test + validation >= 1.0 {
            return refuse(format!(
                "shares of {test} for the test and {validation} for validation leave nothing to train on"
            ));
        }
        if self.threads == Some(0) {
            return refuse("0 threads do nothing; give one or more".into());
        }
        Ok(())
    }

    /// The form of images with so many channels.
    pub(super) fn form(&self, channels: usize) -> PictureForm {
        PictureForm { channels, height: self.size, width: self.size, fit: self.fit, background: self.background }
    }

    pub(super) fn name_for(&self, path: &Path) -> Result<String, DataError> {
        match &self.name {
            Some(name) if is_plain_name(name) => Ok(name.clone()),
            Some(name) => Err(DataError::PictureOptions {
                reason: format!(
                    "{name:?} is no name for a set: letters, digits, `-`, `_` and `.`, up to 100, none of the marks first"
                ),
            }),
            None => Ok(plain_name(path)),
        }
    }

    /// The folder in the cache for what is at a path, imported with these options.
    ///
    /// It hangs on all that decides the images but the pictures: a folder that has changed takes the place of what it
    /// was, so that the cache does not grow with every change.
    pub(super) fn folder_for(&self, name: &str, path: &Path) -> Result<PathBuf, DataError> {
        let root = match &self.cache_dir {
            Some(root) => root.clone(),
            None => dirs::cache_dir().ok_or(DataError::NoCacheFolder)?.join("litecnn").join("pictures"),
        };
        let place = path.canonicalize().map_err(DataError::io("read", path))?;
        let Self { size, fit, channels, background, test_share, validation_share, seed, .. } = self;
        let decides = format!("{size} {fit:?} {channels:?} {background} {test_share} {validation_share} {seed}\n");
        let key = sha256(&[decides.as_bytes(), place.as_os_str().as_encoded_bytes()].concat());
        Ok(root.join(format!("{name}-{}", &key[..16])))
    }
}

/// A name for a set by that of its folder or list.
fn plain_name(path: &Path) -> String {
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if place.is_dir() { place.file_name() } else { place.file_stem() };
    let name = name.unwrap_or_default().to_string_lossy();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let plain: String = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric()).chars().take(60).collect();
    if plain.is_empty() { "pictures".into() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_plain() {
        for (path, name) in [
            ("/x/Mes photos (é)", "Mes-photos"),
            ("a/b.csv", "b"),
            ("/", "pictures"),
            ("/..é", "pictures"),
            ("_x.", "x"),
        ] {
            assert_eq!(plain_name(Path::new(path)), name);
            assert!(is_plain_name(name));
        }
    }

    #[test]
    fn options_without_sense_are_refused() {
        let base = PictureOptions::default;
        for (options, words) in [
            (PictureOptions { size: 0, ..base() }, "rows and columns"),
            (PictureOptions { channels: Some(2), ..base() }, "of 2 channels"),
            (PictureOptions { test_share: 0.0, ..base() }, "test share of 0"),
            (PictureOptions { test_share: f64::NAN, ..base() }, "test share of NaN"),
            (PictureOptions { validation_share: -0.1, ..base() }, "validation share of -0.1"),
            (PictureOptions { test_share: 0.5, validation_share: 0.5, ..base() }, "nothing to train on"),
            (PictureOptions { threads: Some(0), ..base() }, "0 threads"),
        ] {
            let message = options.check().unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        let named = PictureOptions { name: Some("../x".into()), ..base() };
        assert!(named.name_for(Path::new("a")).unwrap_err().to_string().contains("\"../x\" is no name"));
    }
}
