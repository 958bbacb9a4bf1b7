//! Where the images of a run come from, and how its `run.toml` remembers it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use litecnn_cli::Usage;
use litecnn_data::{
    Background, DataError, Dataset, Fit, ImportReport, LoadOptions, PictureOptions, load, load_pictures,
};
use litecnn_run::Manifest;
use serde::{Deserialize, Serialize};

use crate::predict::fits;
use crate::training::data::import::teller;

/// How pictures become images; what is not given is as the run remembers it, or else the default.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct PictureArgs {
    /// Rows and columns of an image, 12 to 512; 28, 32, 48, 64 and 96 are usual [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(12..=512))]
    pub(crate) size: Option<u16>,
    /// What is done with pictures that are not square: set between bars, cut to their middle, or their shape given up
    /// [default: letterbox]
    #[arg(long, value_name = "FIT", value_parser = fits())]
    pub(crate) fit: Option<Fit>,
    /// Channels of an image; auto: 1 if every picture is grey, 3 otherwise [default: auto]
    #[arg(long, value_name = "N", value_parser = ["auto", "1", "3"])]
    pub(crate) channels: Option<String>,
    /// What shows where pictures are transparent, and beside letterboxed ones: black, white or #rrggbb [default: black]
    #[arg(long, value_name = "COLOUR")]
    pub(crate) background: Option<Background>,
    /// Share of each class that is kept to measure by, where there is no test folder [default: 0.15]
    #[arg(long, value_name = "SHARE")]
    pub(crate) test_share: Option<f64>,
    /// Share of each class that is kept to choose by while training, where there is no val folder [default: 0.15]
    #[arg(long, value_name = "SHARE")]
    pub(crate) validation_share: Option<f64>,
    /// End at the first picture that cannot be read, instead of leaving it out.
    #[arg(long)]
    pub(crate) strict: bool,
}

impl PictureArgs {
    fn apply(&self, options: &mut Options) {
        let Self { size, fit, channels, background, test_share, validation_share, strict } = self;
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut options.size, size.map(usize::from));
        set(&mut options.fit, *fit);
        set(&mut options.channels, channels.as_ref().map(|n| n.parse().ok()));
        set(&mut options.background, *background);
        set(&mut options.test_share, *test_share);
        set(&mut options.validation_share, *validation_share);
        options.strict |= strict;
    }

    fn is_empty(&self) -> bool {
        let Self { size, fit, channels, background, test_share, validation_share, strict } = self;
        let shares = test_share.is_none() && validation_share.is_none();
        size.is_none() && fit.is_none() && channels.is_none() && background.is_none() && shares && !strict
    }
}

/// What arguments say of where images come from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Named<'a> {
    pub(crate) data: Option<&'a Path>,
    pub(crate) dataset: Option<&'a str>,
    pub(crate) data_dir: Option<&'a Path>,
}

/// Where images come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A data set by its name: published, or described in a folder.
    Set { name: String, data_dir: Option<PathBuf> },
    /// Pictures in folders or a list.
    Pictures { name: String, path: PathBuf, options: Options },
}

/// What decides how pictures become images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Options {
    size: usize,
    fit: Fit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channels: Option<usize>,
    background: Background,
    test_share: f64,
    validation_share: f64,
    split_seed: u64,
    strict: bool,
}

/// A source as `run.toml` has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Remembered {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_dir: Option<PathBuf>,
    /// Of the pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<Options>,
}

/// Images, and what is to be said of them.
pub(crate) struct Loaded {
    pub(crate) dataset: Dataset,
    /// Of pictures.
    pub(crate) report: Option<ImportReport>,
    pub(crate) source: Source,
}

impl Source {
    /// The source that the arguments name, or else the one of the run.
    pub(crate) fn choose(args: Named<'_>, known: Option<&Manifest>, pictures: &PictureArgs) -> Result<Self> {
        let remembered = |name: &str| -> Result<Option<Self>> {
            let table = known.and_then(|known| known.sources.get(name));
            table.map(|table| Self::recall(name, table)).transpose()
        };
        let mut source = match (args.data, args.dataset) {
            (Some(path), _) => {
                let name = name(path)?;
                let options = match remembered(&name)? {
                    Some(Self::Pictures { options, .. }) => options,
                    _ => Options::default(),
                };
                let path = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
                Self::Pictures { name, path, options }
            }
            (None, Some(name)) => match remembered(name)? {
                Some(source) if args.data_dir.is_none() => source,
                _ => Self::set(name, args.data_dir)?,
            },
            (None, None) => {
                let name = only_dataset(known)?;
                match remembered(name)? {
                    Some(source) if args.data_dir.is_none() => source,
                    _ => Self::set(name, args.data_dir)?,
                }
            }
        };
        match &mut source {
            Self::Pictures { options, .. } => pictures.apply(options),
            Self::Set { .. } if !pictures.is_empty() => {
                let words = "--size, --fit, --channels, --background, --strict and shares are for --data";
                return Err(Usage(words.into()).into());
            }
            Self::Set { .. } => {}
        }
        Ok(source)
    }

    fn set(name: &str, data_dir: Option<&Path>) -> Result<Self> {
        let absolute = |folder: &Path| std::path::absolute(folder).with_context(|| format!("{}", folder.display()));
        Ok(Self::Set { name: name.to_owned(), data_dir: data_dir.map(absolute).transpose()? })
    }

    fn recall(name: &str, table: &toml::Table) -> Result<Self> {
        let wrong = || format!("run.toml does not tell where the images of {name} come from; name them by --data");
        let Remembered { data_dir, path, options } = table.clone().try_into().with_context(wrong)?;
        let name = name.to_owned();
        Ok(match path {
            Some(path) => Self::Pictures { name, path, options: options.unwrap_or_default() },
            None => Self::Set { name, data_dir },
        })
    }

    /// What `run.toml` keeps; none where the name says it all.
    pub(crate) fn remembered(&self) -> Result<Option<toml::Table>> {
        let remembered = match self {
            Self::Set { data_dir: None, .. } => return Ok(None),
            Self::Set { data_dir, .. } => Remembered { data_dir: data_dir.clone(), path: None, options: None },
            Self::Pictures { path, options, .. } => {
                Remembered { data_dir: None, path: Some(path.clone()), options: Some(options.clone()) }
            }
        };
        Ok(Some(toml::Table::try_from(remembered).context("where images come from, as TOML")?))
    }

    /// What the data set is called.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Set { name, .. } | Self::Pictures { name, .. } => name,
        }
    }

    pub(crate) fn is_pictures(&self) -> bool {
        matches!(self, Self::Pictures { .. })
    }

    /// The images, which are fetched unless `offline`; tells on standard error how reading pictures goes, unless `quiet`.
    pub(crate) fn load(self, offline: bool, quiet: bool) -> Result<Loaded> {
        match &self {
            Self::Set { name, data_dir } => {
                let options = LoadOptions { data_dir: data_dir.clone(), offline, ..LoadOptions::default() };
                let dataset = load(name, &options).map_err(|e| match e {
                    DataError::UnknownSet { .. } => Usage(e.to_string()).into(),
                    other => anyhow::Error::from(other),
                })?;
                Ok(Loaded { dataset, report: None, source: self })
            }
            Self::Pictures { name, path, options } => {
                let options = options.of(name);
                let (dataset, report) = load_pictures(path, &options, &mut teller(quiet)).map_err(|e| match e {
                    DataError::PictureOptions { .. } => Usage(e.to_string()).into(),
                    other => anyhow::Error::from(other),
                })?;
                Ok(Loaded { dataset, report: Some(report), source: self })
            }
        }
    }
}

impl Options {
    fn of(&self, name: &str) -> PictureOptions {
        let &Self { size, fit, channels, background, test_share, validation_share, split_seed: seed, strict } = self;
        let name = Some(name.to_owned());
        let base = PictureOptions::default();
        PictureOptions { name, size, fit, channels, background, test_share, validation_share, seed, strict, ..base }
    }
}

impl Default for Options {
    fn default() -> Self {
        let PictureOptions { size, fit, channels, background, test_share, validation_share, seed, strict, .. } =
            PictureOptions::default();
        Self { size, fit, channels, background, test_share, validation_share, split_seed: seed, strict }
    }
}

/// The only data set of a run.
fn only_dataset(known: Option<&Manifest>) -> Result<&str> {
    let names: Vec<&str> = known.into_iter().flat_map(|known| known.datasets.keys()).map(String::as_str).collect();
    match names.as_slice() {
        [name] => Ok(name),
        [] => Err(Usage("no images are named: --data PATH for pictures of your own, or --dataset NAME".into()).into()),
        several => {
            Err(Usage(format!("the run has several data sets, choose by --dataset: {}", several.join(", "))).into())
        }
    }
}

/// What pictures at a path are called, by their folder or list; part of paths.
pub(crate) fn name(path: &Path) -> Result<String> {
    let place = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    let name = if place.is_dir() { place.file_name() } else { place.file_stem() };
    let name = name.unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name: String = name.trim_matches(|c: char| !c.is_ascii_alphanumeric()).chars().take(60).collect();
    Ok(if name.is_empty() { "pictures".into() } else { name })
}

/// Training images of a weight file's data set, `[height][width][channel]`, from where its run or else `train` would
/// take them.
pub(crate) fn training_images(weights: &Path, name: &str) -> Result<Vec<u8>> {
    // `<run>/<data set>/seed-<n>/…/<file>`
    let place = std::path::absolute(weights).unwrap_or_else(|_| weights.to_owned());
    let runs = place.ancestors().skip(1).take(5).filter(|folder| folder.join("run.toml").exists());
    let manifest = runs.into_iter().next().map(Manifest::read).transpose()?;
    let table = manifest.as_ref().and_then(|manifest| manifest.sources.get(name));
    let source = match table {
        Some(table) => Source::recall(name, table)?,
        None => Source::set(name, None)?,
    };
    Ok(source.load(false, true)?.dataset.train.pixels.iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_remembers_pictures_and_folders() {
        let dir = tempfile::tempdir().unwrap();
        let photos = dir.path().join("my photos");
        std::fs::create_dir(&photos).unwrap();
        let small = PictureArgs { size: Some(28), fit: Some(Fit::Crop), ..PictureArgs::default() };
        let source = Source::choose(Named { data: Some(&photos), ..Named::default() }, None, &small).unwrap();
        assert_eq!(source.name(), "my-photos");
        let table = source.remembered().unwrap().unwrap();
        assert_eq!(Source::recall("my-photos", &table).unwrap(), source);

        let mnist = Named { dataset: Some("mnist"), ..Named::default() };
        let folder = Source::choose(Named { data_dir: Some(&photos), ..mnist }, None, &PictureArgs::default());
        let folder = folder.unwrap();
        let table = folder.remembered().unwrap().unwrap();
        assert_eq!(Source::recall("mnist", &table).unwrap(), folder);
        let plain = Source::choose(mnist, None, &PictureArgs::default()).unwrap();
        assert_eq!(plain.remembered().unwrap(), None);
        let wrong = Source::choose(mnist, None, &small).unwrap_err();
        assert!(wrong.is::<Usage>() && wrong.to_string().contains("are for --data"), "{wrong}");
        let nothing = Source::choose(Named::default(), None, &PictureArgs::default()).unwrap_err();
        assert!(nothing.is::<Usage>() && nothing.to_string().contains("--data PATH"), "{nothing}");
        assert!(Source::recall("x", &toml::from_str("folder = 3").unwrap()).is_err());
    }
}
