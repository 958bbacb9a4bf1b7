//! `litecnn export`: trained models as files that run without libtorch.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use litecnn_cli::{Usage, print};
use litecnn_export::{TrainedModel, c, litecnn, onnx, rust};
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
    /// Name of the C functions and files, or of the Rust module; default: the data set's.
    #[arg(long)]
    name: Option<String>,
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
    let model = TrainedModel::read(&args.weights)?;
    let dataset = if model.dataset().is_empty() { "model" } else { model.dataset() };
    let written = match args.to {
        Target::Litecnn => {
            let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{dataset}.litecnn")));
            write(&path, &litecnn(&model)?)?;
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
        Target::Rust => {
            let source = rust(&model, &litecnn(&model)?, args.name.as_deref().unwrap_or(dataset))?;
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

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(write_atomic(path, bytes)?)
}
