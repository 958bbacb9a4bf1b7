//! `litecnn zoo fold`: a network without batch norms, for the tool without libtorch.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::{Usage, print};
use litecnn_export::{Folded, TrainedModel};
use litecnn_zoo::Model;
use tch::Device;

const EXAMPLES: &str = "\
Examples:
  litecnn zoo fold results/compact/weights.safetensors --out compact.safetensors
  litecnn zoo fold results/compact/round-2/weights.safetensors --out smaller.safetensors";

/// Make batch norms part of the convolutions before them, so that a network can be exported without libtorch.
///
/// `litecnn export`, `predict` and `summary` do so by themselves with a network's weight file, if they are built with
/// libtorch; what this writes needs none.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The weight file of a network of convolutions, batch norms, rectifiers, sums, poolings and dense layers.
    weights: PathBuf,
    /// Where the folded network's weights go.
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if args.out == args.weights {
        return Err(Usage("--out names the file to fold: name another one".into()).into());
    }
    if TrainedModel::read(&args.weights).is_ok_and(|model| model.folded().is_some()) {
        return Err(Usage(format!("{} is folded already", args.weights.display())).into());
    }
    let folded = folded(&args.weights)?;
    folded.write(&args.out)?;
    print(&format!(
        "{}: {} operations, {} parameters ({} before), {} multiply-accumulates\n",
        folded.name,
        folded.network.operations.len(),
        folded.weights.len(),
        folded.unfolded,
        folded.multiply_adds()?
    ))
}

/// The network of a weight file of `litecnn zoo`, folded.
pub(crate) fn folded(path: &Path) -> Result<Folded> {
    let (model, card) = Model::load(path, Device::Cpu)?;
    Ok(model.fold(&card)?)
}
