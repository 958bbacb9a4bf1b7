//! `litecnn export`: trained models as files that run without libtorch.

mod calibration;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use litecnn_cli::{Usage, print};
use litecnn_export::{QuantiseSettings, TrainedModel, c, litecnn, onnx, quantise, rust};
use litecnn_run::write_atomic;

use crate::weights::{model, weights};

const EXAMPLES: &str = "\
Examples:
  litecnn export results/mine/mnist/seed-0/final.safetensors --to litecnn
  litecnn export final.safetensors --to litecnn --int8 --calibrate photos/
  litecnn export final.safetensors --to c --name digits --out firmware/
  litecnn export final.safetensors --to onnx --out digits.onnx
  litecnn export results/compact/weights.safetensors --to litecnn";

/// Export a trained model to run without libtorch.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Weight file: final.safetensors of a run, or that of any step; or a run directory with one model. Of a network of
    /// `litecnn zoo`, its weights or what `litecnn zoo fold` made of them.
    weights: PathBuf,
    /// What to make.
    #[arg(long, value_enum)]
    to: Target,
    /// File to write, or for C the folder; default: named after data set and target, in the current folder.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Name of the C functions and files, or of the Rust module; default: the data set's.
    #[arg(long)]
    name: Option<String>,
    /// With weights of 8-bit integers: smaller and faster, and almost as accurate.
    #[arg(long)]
    int8: bool,
    /// Folder of pictures to choose the integers' scales by, such as the model was trained on; default: training
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
    /// One Rust file: the model as constants for the crate litecnn-runtime, also without std.
    Rust,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    if args.name.is_some() && !matches!(args.to, Target::C | Target::Rust) {
        return Err(Usage("--name is for --to c and --to rust".into()).into());
    }
    if args.int8 && !matches!(args.to, Target::Litecnn | Target::Rust) {
        return Err(Usage("--int8 is for --to litecnn and --to rust".into()).into());
    }
    let path = weights(&args.weights)?;
    let model = model(&path)?;
    let dataset = stem(model.dataset());
    let written = match args.to {
        Target::Litecnn => {
            let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{dataset}.litecnn")));
            write(&out, &compact(args, &path, &model)?)?;
            vec![out]
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
        Target::Rust => {
            let source = rust(&model, &compact(args, &path, &model)?, args.name.as_deref().unwrap_or(dataset))?;
            let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.rs", source.name)));
            write(&path, source.source.as_bytes())?;
            vec![path]
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

/// What files are called that nobody named: after the data set, if that is a name and no path. A weight file from
/// elsewhere may say anything.
fn stem(dataset: &str) -> &str {
    let plain = dataset.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if plain && dataset.starts_with(|c: char| c.is_ascii_alphanumeric()) && dataset.len() <= 100 {
        dataset
    } else {
        "model"
    }
}

/// The file for the runtime.
fn compact(args: &Args, path: &Path, model: &TrainedModel) -> Result<Vec<u8>> {
    if !args.int8 {
        return Ok(litecnn(model)?);
    }
    let images = calibration::images(path, model, args.calibrate.as_deref(), usize::from(args.images))?;
    Ok(quantise(model, &images, QuantiseSettings::default())?.litecnn()?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(write_atomic(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_data_sets_not_after_paths() {
        for name in ["mnist", "fashion-mnist", "my_photos.v2"] {
            assert_eq!(stem(name), name);
        }
        for path in ["", "../mnist", "/etc/cron.d/x", "..", ".hidden", "a/b", "a\\b", "C:x", "-rf", "a\0b", "ä"] {
            assert_eq!(stem(path), "model", "{path}");
        }
        assert_eq!(stem(&"x".repeat(300)), "model");
    }
}
