//! `litecnn summary`: layers, shapes, parameters.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::{Usage, did_you_mean};
use litecnn_data::official_sets;
use litecnn_model::{Architecture, BranchSpec, Model, Summary, UnifiedSpec};

use crate::weights::weights;

const EXAMPLES: &str = "\
Examples:
  litecnn summary cifar10
  litecnn summary results/mine/mnist/seed-0/final.safetensors";

/// Show what a model is made of: the paper's models for a data set, or the model in a weight file or run directory.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of a data set, a .safetensors file, or a run directory with one model.
    #[arg(default_value = "mnist")]
    what: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let named = official_sets()?.iter().any(|set| set.name == args.what);
    let path = &if named { PathBuf::from(&args.what) } else { weights(Path::new(&args.what))? };
    if path.extension().is_some_and(|e| e == "safetensors") || path.is_file() {
        let (_, card) = Model::load(path, tch::Device::Cpu)?;
        match &card.architecture {
            Architecture::Branch { spec, .. } => println!("{}", Summary::of_branch(spec)),
            Architecture::Unified { spec } => println!("{}", Summary::of_unified(spec, false)),
        }
        println!("Trained on {} ({}); classes: {}", card.dataset, card.step, card.classes.join(", "));
        return Ok(());
    }
    let sets = official_sets()?;
    let Some(set) = sets.iter().find(|s| s.name == args.what) else {
        let names: Vec<&str> = sets.iter().map(|s| s.name.as_str()).collect();
        let (what, hint) = (&args.what, did_you_mean(&args.what, names.iter().copied()));
        return Err(Usage(format!("`{what}` is no file and no data set{hint}; data sets: {}", names.join(", "))).into());
    };
    let [channels, height, width] = set.shape.map(|n| n as i64);
    let branch = BranchSpec::paper(channels, height, width, set.classes.len() as i64);
    let unified = UnifiedSpec::paper(branch.clone());
    for summary in [
        Summary::of_branch(&branch),
        Summary::of_dual(&branch),
        Summary::of_unified(&unified, true),
        Summary::of_unified(&unified, false),
    ] {
        println!("{summary}\n");
    }
    Ok(())
}
