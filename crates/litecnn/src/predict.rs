//! `litecnn predict`: what a model says of pictures.

mod answer;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use litecnn_cli::{print, sentence};
use litecnn_export::litecnn;
use litecnn_pictures::{Background, ENDINGS, Fit, PictureForm, is_named_as_picture};
use litecnn_runtime::{AlignedBytes, Model};

use answer::{failure, json, words};

use crate::weights::{model_of, weights};

const EXAMPLES: &str = "\
Examples:
  litecnn predict mnist.litecnn photo.png
  litecnn predict mnist.litecnn scans/ --top 3 --json
  litecnn predict mnist.litecnn - < photo.png";

/// Say what pictures show: the most probable classes, a line a picture.
///
/// Reads PNG, JPEG, GIF, BMP and WebP, whatever the file is called; of an animation the first picture. A picture of
/// another size is turned as its camera says and scaled to the model's, fitted as the pictures it was trained on were;
/// colours become grey where the model sees grey.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Model file made by `litecnn export --to litecnn`, a weight file (.safetensors), or a run directory with one model.
    model: PathBuf,
    /// Pictures; a folder stands for the pictures in it, by name; `-` for one on standard input.
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
    /// How many classes to name.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// A JSON object a picture and line: path, class, the most probable classes, probabilities by name; or the error.
    #[arg(long)]
    json: bool,
    /// What is done with pictures of another shape than the model's: `stretch` gives their shape up, `letterbox` sets
    /// them between bars of the background, `crop` takes their middle [default: as in training, else stretch]
    #[arg(long, value_parser = fits(), value_name = "FIT")]
    fit: Option<Fit>,
    /// What shows through where a picture is transparent, and beside a letterboxed one: black, white or #rrggbb
    /// [default: as in training, else black]
    #[arg(long, value_name = "COLOUR")]
    background: Option<Background>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let path = weights(&args.model)?;
    let file = AlignedBytes::new(&model_file(&path)?);
    let shown = path.display();
    let model = Model::from_bytes(&file)
        .map_err(|e| anyhow::anyhow!("{e}"))
        .with_context(|| format!("{shown} is no model that can be run; make one by `litecnn export --to litecnn`"))?;
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut session = model.session(&mut scratch).map_err(|e| anyhow::anyhow!("{shown}: {e}"))?;
    let form = form(&model, args.fit, args.background);
    let names: Vec<&str> = model.class_names().collect();
    let mut probabilities = vec![0.0; model.classes()];
    let (mut failed, mut seen) = (0, 0);
    for argument in &args.pictures {
        for path in pictures(argument)? {
            seen += 1;
            let shown = path.display().to_string();
            let line = match pixels_of(&path, &form) {
                Ok(pixels) => {
                    session.predict(&pixels, &mut probabilities).map_err(|e| anyhow::anyhow!("{shown}: {e}"))?;
                    let told = if args.json { json } else { words };
                    told(&shown, &names, &probabilities, usize::from(args.top))
                }
                Err(error) => {
                    failed += 1;
                    let text = sentence(&error);
                    eprintln!("error: {text}");
                    if !args.json {
                        continue;
                    }
                    failure(&shown, &text)
                }
            };
            print(&format!("{line}\n"))?;
        }
    }
    if failed > 0 {
        bail!("{failed} of {seen} pictures could not be read");
    }
    Ok(())
}

/// The bytes of a model file; those of a weight file are converted, as `litecnn export` would.
fn model_file(path: &Path) -> Result<Vec<u8>> {
    let bytes = litecnn_run::read(path)?;
    // safetensors files begin with the length of a JSON object.
    if bytes.get(8) != Some(&b'{') {
        return Ok(bytes);
    }
    Ok(litecnn(&model_of(path, &bytes)?)?)
}

/// How pictures become the images of a model: as asked for, else as the file says, else stretched on black.
fn form(model: &Model<'_>, fit: Option<Fit>, background: Option<Background>) -> PictureForm {
    let [channels, height, width] = model.architecture().input_shape();
    let told = model.pictures();
    let trained = told.and_then(|told| match told.fit {
        litecnn_runtime::Fit::Stretch => Some(Fit::Stretch),
        litecnn_runtime::Fit::Letterbox => Some(Fit::Letterbox),
        litecnn_runtime::Fit::Crop => Some(Fit::Crop),
        _ => None,
    });
    PictureForm {
        channels,
        height,
        width,
        fit: fit.or(trained).unwrap_or(Fit::Stretch),
        background: background.or(told.map(|told| Background(told.background))).unwrap_or(Background::BLACK),
    }
}

/// The pictures an argument stands for.
pub(crate) fn pictures(argument: &Path) -> Result<Vec<PathBuf>> {
    if !argument.is_dir() {
        return Ok(vec![argument.to_owned()]);
    }
    let shown = argument.display();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(argument).with_context(|| format!("cannot list {shown}"))? {
        let path = entry.with_context(|| format!("cannot list {shown}"))?.path();
        if is_named_as_picture(&path) && !path.is_dir() {
            found.push(path);
        }
    }
    if found.is_empty() {
        bail!("there are no pictures in {shown}: no file that ends in {}", ENDINGS.join(", "));
    }
    found.sort_unstable();
    Ok(found)
}

/// A picture as a model sees it, `[height][width][channel]`.
pub(crate) fn pixels_of(path: &Path, form: &PictureForm) -> Result<Vec<u8>> {
    let bytes = read(path)?;
    form.pixels(&bytes).with_context(|| format!("{} is no picture that can be read", path.display()))
}

/// The ways to fit a picture, for options.
pub(crate) fn fits() -> impl TypedValueParser<Value = Fit> {
    PossibleValuesParser::new(Fit::ALL.map(Fit::name)).try_map(|name| name.parse::<Fit>())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path != Path::new("-") {
        return Ok(litecnn_run::read(path)?);
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_pictures_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.PNG", "a.jpeg", "notes.txt", "c"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("d.png")).unwrap();
        assert_eq!(pictures(dir.path()).unwrap(), ["a.jpeg", "b.PNG"].map(|name| dir.path().join(name)));
        assert_eq!(pictures(&dir.path().join("absent")).unwrap(), [dir.path().join("absent")]);
        let error = pictures(&dir.path().join("d.png")).unwrap_err().to_string();
        assert!(error.starts_with("there are no pictures in ") && error.contains("jpeg"), "{error}");
    }
}
