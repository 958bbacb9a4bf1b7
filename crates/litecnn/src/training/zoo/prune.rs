//! `litecnn zoo prune`: rounds of pruning, each followed by training.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use litecnn_cli::{Usage, print};
use litecnn_run::{Measured, RoundRecord, sha256_file, write_rounds};
use litecnn_zoo::{Evaluation, Model, Until, prune_and_tune, pruning_plan};

use super::job::{
    DataArgs, Job, MEASURED, Made, WEIGHTS, check_classes, measured, measured_beside, normalisation_of, told,
};
use super::train::RecipeArgs;
use crate::training::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  litecnn zoo prune results/ghost/weights.safetensors --dataset cifar10 --out results/pruned --rounds 5
  litecnn zoo prune weights.safetensors --dataset cifar10 --out results/few --until-non-zero 20000 --epochs 3";

/// Remove the smallest weights of a trained network in rounds, training what is left after each.
///
/// Each round sets a share of the weights of convolutions that are left to zero, for good, ranked over all layers
/// together. Rounds that are done already are passed over; one that was cut off goes on after its last finished epoch,
/// one that was interrupted after its last batch.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// A weight file of `litecnn zoo train`.
    weights: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Folder for everything that is left; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Number of rounds.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// As many rounds as it takes to leave at most so many weights that are not zero in the whole network; the last
    /// one removes just enough.
    #[arg(long, value_name = "N", conflicts_with = "rounds", value_parser = clap::value_parser!(i64).range(1..))]
    until_non_zero: Option<i64>,
    /// Part of the weights left that each round removes.
    #[arg(long, default_value_t = 0.2, value_name = "X", allow_negative_numbers = true)]
    share: f64,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// How to train after each round: `fine-tuning` or a TOML file.
    #[arg(long = "recipe", default_value = "fine-tuning", value_name = "RECIPE")]
    name: String,
}

pub(super) fn run(args: &Args, quiet: bool) -> Result<()> {
    let progress = Progress::new(quiet);
    if !(args.share > 0.0 && args.share < 1.0) {
        return Err(Usage(format!("--share {} is impossible: above 0 and below 1 is wanted", args.share)).into());
    }
    let bench = args.data.open(args.weights.parent(), quiet)?;
    let mut recipe = args.recipe.resolve(&args.name, &bench.dataset)?;
    let (mut model, mut card) = Model::load(&args.weights, bench.device)?;
    // What the weights were trained with stays.
    recipe.normalisation = normalisation_of(&card, &bench.dataset);
    let data = args.recipe.data(&bench)?;
    data.check(model.graph())?;
    check_classes(&card, &bench.dataset)?;
    let until = args.until_non_zero.map_or(Until::Rounds(args.rounds), Until::NonZero);
    let plan = pruning_plan(&model, args.share, until)?;
    let mut settings = args.recipe.settings(&recipe)?;
    settings.insert("from".into(), sha256_file(&args.weights)?.into());
    settings.insert("share".into(), args.share.into());
    // A fixed number of rounds may be raised later: the rounds done stay.
    if let Until::NonZero(wanted) = until {
        settings.insert("non-zero".into(), wanted.into());
    }
    let name = format!("{}, {}", model.graph().name, recipe.name);
    let mut job = Job::open(&args.out, name, settings, args.recipe.seed, bench)?;
    litecnn_cli::catch_signals()?;

    let known = measured_beside(&args.weights);
    let mut before = known.as_ref().map_or((0, 0.0), |m| (m.epochs, m.seconds));
    let start = match known.filter(|m| m.data == job.bench().dataset.digest) {
        Some(known) => known,
        None => {
            let evaluation = Evaluation::of(&model, &data.test, &recipe.normalisation)?;
            measured(&model, &evaluation, &job.bench().dataset, &args.weights)?
        }
    };
    let mut rows = vec![row(0, &model, &start)?];
    let mut from = args.weights.clone();
    for (round, &left) in (1u32..).zip(&plan) {
        let (step_name, folder) = (format!("round-{round}"), args.out.join(format!("round-{round}")));
        let found = match job.begin(&step_name, &folder, Some(&from))? {
            None => {
                progress.say(&format!("{step_name}: done already"));
                let device = model.device();
                (model, card) = Model::load(&folder.join(WEIGHTS), device)?;
                Measured::read(&folder.join(MEASURED))?
            }
            Some(step) => {
                let (checkpointer, seed) = (step.checkpointer(), args.recipe.seed);
                let means = args.recipe.means(model.graph(), &recipe, step.bench(), &checkpointer, &progress)?;
                let engine = means.engine;
                let (tuned, fit) = prune_and_tune(model, left, &data, &recipe, round, seed, &means)?;
                model = tuned;
                card.recipe = recipe.hash();
                card.step.clone_from(&step_name);
                card.dataset.clone_from(&data.name);
                card.normalisation = Some(recipe.normalisation.clone());
                let settings = BTreeMap::from([("round".to_owned(), round.to_string())]);
                let treatment = "pruned";
                let made =
                    Made { model: &model, card: &card, fit: &fit, data: &data, engine, treatment, settings, before };
                step.finish(&made)?.context("a round is always measured")?
            }
        };
        before = (found.epochs, found.seconds);
        rows.push(row(round, &model, &found)?);
        progress.say(&format!("{step_name}: {}", told(&found)));
        from = folder.join(WEIGHTS);
        write_rounds(&args.out.join("rounds.csv"), &rows)?;
    }
    write_rounds(&args.out.join("rounds.csv"), &rows)?;
    print(&table(&rows, &args.out))
}

fn row(round: u32, model: &Model, found: &Measured) -> Result<RoundRecord> {
    // Those of the study's that reach nothing are never pruned.
    let kernels = model.state().kernels();
    Ok(RoundRecord {
        round,
        non_zeroed: found.non_zero,
        non_zero_weights: model.non_zero_weights()? as u64,
        sparsity: 1.0 - model.non_zero_kernels()? as f64 / kernels.max(1) as f64,
        accuracy: found.accuracy(),
        batch_accuracy: found.batch_accuracy,
        epochs: found.epochs,
        seconds: found.seconds,
    })
}

/// The rounds as text.
fn table(rows: &[RoundRecord], out: &Path) -> String {
    let mut text = String::from("round  non-zeroed  all weights  sparsity  accuracy\n");
    for row in rows {
        text += &format!(
            "{:>5}  {:>10}  {:>11}  {:>6.1} %  {:>6.2} %\n",
            row.round,
            row.non_zeroed,
            row.non_zero_weights,
            100.0 * row.sparsity,
            100.0 * row.batch_accuracy
        );
    }
    text + &format!("in {}\n", out.join("rounds.csv").display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_data::stream;
    use litecnn_zoo::Variant;

    #[test]
    fn nothing_is_sparse_before_the_first_round() {
        // It has convolutions that reach nothing, which are not ranked.
        let graph = Variant::find("resnet101-dice").unwrap().network(10).graph().unwrap();
        let mut model = Model::new(graph, tch::Device::Cpu, &mut stream(0, "test")).unwrap();
        let found = Measured {
            format: Measured::FORMAT.into(),
            network: "resnet101-dice".into(),
            treatment: "trained".into(),
            dataset: "cifar10".into(),
            data: String::new(),
            seed: 0,
            epochs: 1,
            images: 1,
            correct: 1,
            batch_accuracy: 1.0,
            parameters: 1,
            non_zero: 1,
            bytes: 1,
            seconds: 1.0,
            settings: BTreeMap::new(),
        };
        assert_eq!(row(0, &model, &found).unwrap().sparsity, 0.0);
        model.prune(0.5).unwrap();
        assert!((row(1, &model, &found).unwrap().sparsity - 0.5).abs() < 1e-5);
    }
}
