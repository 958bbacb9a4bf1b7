//! `litecnn zoo evaluate`: how good the weights in a file are.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::{Usage, print};
use litecnn_data::{Dataset, Images};
use litecnn_export::{TrainedModel, litecnn};
use litecnn_run::{Manifest, Measured, Scoring, StepRecord, note_scoring, now, sha256_file};
use litecnn_runtime::{AlignedBytes, Model as Compact, top1};
use litecnn_zoo::{Evaluation, Model, TRAIN, TrainingData};

use super::job::{DataArgs, MEASURED, check_classes, measured, measured_beside, normalisation_of, told};

const EXAMPLES: &str = "\
Examples:
  litecnn zoo evaluate results/ghost/weights.safetensors --dataset cifar10
  litecnn zoo evaluate results/compact-photos/weights.safetensors
  litecnn zoo evaluate compact.safetensors --dataset cifar10";

/// Show weights all test images and print how many they get right. A folded network is run as it is exported, without
/// libtorch.
///
/// Each time is noted in test-scorings.csv beside weights that a step left there: who chooses between weights by their
/// test accuracy can be seen to.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// A weight file of `litecnn zoo`, or one that `litecnn zoo fold` made.
    weights: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Folder to write measured.json to.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let bench = args.data.open(args.weights.parent(), true)?;
    if let Ok(trained) = TrainedModel::read(&args.weights)
        && trained.folded().is_some()
    {
        return by_runtime(args, &trained, &bench.dataset);
    }
    let (model, card) = Model::load(&args.weights, bench.device)?;
    let data = TrainingData::new(&bench.dataset, bench.device)?;
    data.check(model.graph())?;
    check_classes(&card, &bench.dataset)?;
    let evaluation = Evaluation::of(&model, &data.test, &normalisation_of(&card, &bench.dataset))?;
    let record = record_of(&args.weights)?;
    if let (Some(_), Some(folder)) = (&record, args.weights.parent()) {
        let scoring = Scoring {
            date: now(),
            weights: sha256_file(&args.weights)?,
            dataset: bench.dataset.name.clone(),
            data: bench.dataset.digest.clone(),
            images: evaluation.images,
            correct: evaluation.correct,
        };
        note_scoring(folder, scoring)?;
    }
    let mut found = measured(&model, &evaluation, &bench.dataset, &args.weights)?;
    match measured_beside(&args.weights) {
        Some(Measured { treatment, seed, epochs, seconds, settings, .. }) => {
            found = Measured { treatment, seed, epochs, seconds, settings, ..found };
        }
        None => {
            found.treatment = "unknown".into();
            if let (Some(record), Some(folder)) = (record, args.weights.parent()) {
                tell_from(&record, folder, &mut found);
            }
        }
    }
    if let Some(out) = &args.out {
        found.write(&out.join(MEASURED))?;
    }
    print(&format!("{}\n", told(&found)))
}

/// The record of the step that left these weights, if it lies beside them. Other weights may lie there, too, such as those
/// that training started from.
fn record_of(weights: &Path) -> Result<Option<StepRecord>> {
    let (Some(folder), Some(name)) = (weights.parent(), weights.file_name().and_then(|name| name.to_str())) else {
        return Ok(None);
    };
    let Ok(record) = StepRecord::read(folder) else { return Ok(None) };
    let made = record.outputs.get(name) == Some(&sha256_file(weights)?);
    Ok(made.then_some(record))
}

/// What the record of a training that was not scored tells of it.
fn tell_from(record: &StepRecord, folder: &Path, found: &mut Measured) {
    if record.step == TRAIN {
        found.treatment = "trained".into();
    }
    found.epochs = record.epochs.unwrap_or_default();
    found.seconds = record.seconds;
    let seed = Manifest::read(folder).ok().and_then(|m| m.recipe.get("seed")?.as_str()?.parse().ok());
    found.seed = seed.unwrap_or_default();
}

/// The same of a folded network.
fn by_runtime(args: &Args, trained: &TrainedModel, dataset: &Dataset) -> Result<()> {
    if args.out.is_some() {
        return Err(Usage("--out is for weights of `litecnn zoo`, not for what was made of them".into()).into());
    }
    let Images { pixels, labels } = &dataset.test;
    let (_, height, width, channels) = pixels.dim();
    if trained.input() != [channels, height, width] || trained.classes().len() != dataset.classes.len() {
        let [c, h, w] = trained.input();
        let (network, set) = (trained.classes().len(), dataset.classes.len());
        return Err(Usage(format!(
            "the network is for {network} classes and images of {c}x{h}x{w}; {} has {set} and {channels}x{height}x{width}",
            dataset.name
        ))
        .into());
    }
    let file = AlignedBytes::new(&litecnn(trained)?);
    let model = Compact::from_bytes(&file)?;
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut session = model.session(&mut scratch)?;
    let mut logits = vec![0.0; labels.len() * model.classes()];
    let images = pixels.as_slice().ok_or_else(|| anyhow::anyhow!("images that do not lie back to back"))?;
    session.logits_batch(images, &mut logits)?;
    let answers = logits.chunks_exact(model.classes()).map(top1).zip(labels);
    let correct = answers.filter(|(answer, label)| *answer == usize::from(**label)).count();
    let name = trained.folded().map_or("", |folded| &folded.name);
    print(&format!(
        "{name}: {correct} of {} test images right, accuracy {:.2} %, by litecnn-runtime\n",
        labels.len(),
        100.0 * correct as f64 / labels.len().max(1) as f64
    ))
}
