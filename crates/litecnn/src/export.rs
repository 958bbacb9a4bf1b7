//! `litecnn export`: trained models as files that run without libtorch.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use litecnn_cli::{Usage, print};
use litecnn_export::{QuantiseSettings, TrainedModel, c, litecnn, onnx, quantise};
use litecnn_run::write_atomic;

/// Export a trained model to run without libtorch.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Weight file: final.safetensors of a run, or that of any step.
    weights: PathBuf,
    /// What to make.
    #[arg(long, value_enum)]
    to: Target,
    /// File to write, or for C the folder; default: named after data set and target, in the current folder.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Name of the C functions and files; default: the data set's.
    #[arg(long)]
    name: Option<String>,
    /// With weights of 8-bit integers: smaller and faster, and almost as accurate.
    #[arg(long)]
    int8: bool,
    /// Folder of PNG pictures to choose the integers' scales by, such as the model was trained on; default: training
    /// images of its data set.
    #[arg(long, value_name = "FOLDER", requires = "int8")]
    calibrate: Option<PathBuf>,
    /// How many of them to look at, evenly spaced.
    #[arg(
        long, value_name = "N", requires = "int8", default_value_t = 512,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    images: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// One compact file for `litecnn predict` and the crate litecnn-runtime.
    Litecnn,
    /// ONNX, opset 17: any batch size, logits and probabilities.
    Onnx,
    /// C99, one source and one header: no allocation, nothing else needed.
    C,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    if args.name.is_some() && args.to != Target::C {
        return Err(Usage("--name is for --to c".into()).into());
    }
    if args.int8 && args.to != Target::Litecnn {
        return Err(Usage("--int8 is for --to litecnn".into()).into());
    }
    let model = TrainedModel::read(&args.weights)?;
    let dataset = if model.dataset().is_empty() { "model" } else { model.dataset() };
    let written = match args.to {
        Target::Litecnn => {
            let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{dataset}.litecnn")));
            let bytes = if args.int8 {
                quantise(&model, &calibration(args, &model)?, QuantiseSettings::default())?.litecnn()?
            } else {
                litecnn(&model)?
            };
            write(&path, &bytes)?;
            vec![path]
        }
        Target::Onnx => {
            let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{dataset}.onnx")));
            write(&path, &onnx(&model))?;
            vec![path]
        }
        Target::C => {
            let source = c(&model, args.name.as_deref().unwrap_or(dataset));
            let folder = args.out.clone().unwrap_or_default();
            let paths = ["c", "h"].map(|end| folder.join(format!("{}.{end}", source.name)));
            write(&paths[0], source.source.as_bytes())?;
            write(&paths[1], source.header.as_bytes())?;
            paths.into()
        }
    };
    if quiet {
        return Ok(());
    }
    for path in written {
        let bytes = std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        print(&format!("wrote {} ({bytes} bytes)\n", path.display()))?;
    }
    Ok(())
}

/// Images to choose scales by, `[height][width][channel]`.
fn calibration(args: &Args, model: &TrainedModel) -> Result<Vec<u8>> {
    let count = usize::from(args.images);
    let Some(folder) = &args.calibrate else { return training_images(model, count) };
    let unreadable = || format!("cannot read the folder {}", folder.display());
    let mut pictures = vec![];
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")) {
            pictures.push(path);
        }
    }
    if pictures.is_empty() {
        bail!("no PNG pictures to calibrate with in {}", folder.display());
    }
    pictures.sort();
    let mut images = vec![];
    for path in evenly(&pictures, count) {
        images.extend(crate::predict::pixels(path, model.input())?);
    }
    Ok(images)
}

/// Up to `count` of some, evenly spaced.
fn evenly<T>(all: &[T], count: usize) -> impl Iterator<Item = &T> {
    let count = count.min(all.len());
    (0..count).map(move |i| &all[i * all.len() / count])
}

#[cfg(feature = "training")]
fn training_images(model: &TrainedModel, count: usize) -> Result<Vec<u8>> {
    let images = crate::training::training_images(model.dataset())
        .context("no images to calibrate with; name a folder of pictures by --calibrate")?;
    let pixels: usize = model.input().iter().product();
    let images: Vec<&[u8]> = images.chunks_exact(pixels).collect();
    Ok(evenly(&images, count).copied().flatten().copied().collect())
}

#[cfg(not(feature = "training"))]
fn training_images(_: &TrainedModel, _: usize) -> Result<Vec<u8>> {
    Err(Usage(
        "this build reads no data sets: for --int8 name a folder of training pictures, --calibrate FOLDER".into(),
    )
    .into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(write_atomic(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_ones_are_evenly_spaced() {
        assert_eq!(evenly(&[0, 1, 2, 3, 4, 5], 3).collect::<Vec<_>>(), [&0, &2, &4]);
        assert_eq!(evenly(&[0, 1], 3).collect::<Vec<_>>(), [&0, &1]);
        assert_eq!(evenly::<u8>(&[], 3).count(), 0);
    }
}
