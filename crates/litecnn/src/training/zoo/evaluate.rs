//! `litecnn zoo evaluate`: how good the weights in a file are.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_cli::print;
use litecnn_run::Measured;
use litecnn_zoo::{Evaluation, Model, TrainingData};

use super::job::{DataArgs, MEASURED, measured, measured_beside, normalisation_of, told};

const EXAMPLES: &str = "\
Examples:
  litecnn zoo evaluate results/ghost/weights.safetensors --dataset cifar10";

/// Show weights all test images and print how many they get right.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// A weight file of `litecnn zoo`.
    weights: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Folder to write measured.json to.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let bench = args.data.open()?;
    let (model, card) = Model::load(&args.weights, bench.device)?;
    let data = TrainingData::new(&bench.dataset, bench.device)?;
    data.check(model.graph())?;
    let evaluation = Evaluation::of(&model, &data.test, &normalisation_of(&card, &bench.dataset))?;
    let mut found = measured(&model, &evaluation, &bench.dataset, &args.weights)?;
    match measured_beside(&args.weights) {
        Some(Measured { treatment, seed, epochs, seconds, settings, .. }) => {
            found = Measured { treatment, seed, epochs, seconds, settings, ..found };
        }
        None => found.treatment = "unknown".into(),
    }
    if let Some(out) = &args.out {
        found.write(&out.join(MEASURED))?;
    }
    print(&format!("{}\n", told(&found)))
}
