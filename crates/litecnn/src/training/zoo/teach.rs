//! `litecnn zoo teach`: what a trained model makes of the training images, for others to be trained on.

use std::path::PathBuf;

use anyhow::{Context, Result};
use litecnn_cli::print;
use litecnn_data::{Dataset, DeviceImages};
use litecnn_run::sha256_file;
use litecnn_train::{Answers, TrainError};
use litecnn_zoo::Model;

use super::job::{Bench, DataArgs, check_classes, normalisation_of};

const EXAMPLES: &str = "\
Examples:
  litecnn zoo teach results/ghost/weights.safetensors --dataset cifar10 --out results/ghost/answers.safetensors
  litecnn zoo teach results/wide/cifar10/seed-0/final.safetensors --dataset cifar10 --out answers.safetensors";

/// Write down what a trained model makes of a data set's training images, as they are and mirrored: the answers that a
/// recipe names under `distillation`.
///
/// They are trained on with `litecnn train --set distillation.weight=0.5 --set distillation.answers=FILE`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// A weight file, of `litecnn zoo` or of a run.
    weights: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &Args, quiet: bool) -> Result<()> {
    let bench = args.data.open(args.weights.parent(), quiet)?;
    let dataset = &bench.dataset;
    let answers = ask(args, &bench)?;
    answers.save(&args.out, dataset, &sha256_file(&args.weights)?)?;
    let shown = args.out.display();
    if !quiet {
        print(&format!("wrote {shown}: {} images of {}\n", images(dataset), dataset.name))?;
    }
    Ok(())
}

/// Lets the model of a weight file answer.
fn ask(args: &Args, Bench { dataset, device, .. }: &Bench) -> Result<Answers> {
    const SCALE: f64 = 255.0;
    let on_device = |images| DeviceImages::new(images, *device, SCALE);
    let parts = [Some(&dataset.train), dataset.validation.as_ref()];
    let parts = parts.into_iter().flatten().map(on_device).collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&DeviceImages> = parts.iter().collect();
    // A light model's file says so; anything else is the zoo's, or told as none.
    if let Ok((model, card)) = litecnn_model::Model::load(&args.weights, *device) {
        let classes = || format!("{} knows other classes than {}", args.weights.display(), dataset.name);
        anyhow::ensure!(card.classes == dataset.classes, classes());
        return Ok(Answers::of::<TrainError>(&parts, &|images| Ok(model.forward(images)?))?);
    }
    let (model, card) = Model::load(&args.weights, *device)?;
    check_classes(&card, dataset)?;
    let normalisation = normalisation_of(&card, dataset);
    Answers::of::<litecnn_zoo::ZooError>(&parts, &|images| model.forward(&normalisation.apply(images)?))
        .with_context(|| format!("{} cannot answer", args.weights.display()))
}

fn images(dataset: &Dataset) -> usize {
    dataset.train.len() + dataset.validation.as_ref().map_or(0, litecnn_data::Images::len)
}
