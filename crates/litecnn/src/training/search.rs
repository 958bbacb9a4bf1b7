//! `litecnn search`: the best small network of a family within a budget, by images held out of the training images.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use litecnn_cli::{Usage, duration, print};
use litecnn_data::Normalisation;
use litecnn_run::{Manifest, RunDir, Trial, read_trials, sha256, write_atomic, write_trials};
use litecnn_train::Override;
use litecnn_zoo::{Halving, Recipe, Searching, Space, TrainingData, input_of};

use super::outcomes::Ends;
use super::zoo::job::{Bench, DataArgs};

const TRIALS: &str = "trials.csv";
const BEST: &str = "best.toml";

const EXAMPLES: &str = "\
Examples:
  litecnn search --dataset cifar10 --budget 19622 --out results/search-cifar10
  litecnn search --dataset mnist --budget 14862 --recipe compact-digits --out results/search-mnist
  litecnn search --data ./photos --size 32 --budget 20000 --out results/search-photos
  litecnn search --dataset cifar10 --budget 10000 --candidates 9 --rounds 1,3 --limit-train 10000 --out results/quick";

/// Search for a small network within a budget of weights.
///
/// Candidates are drawn at random from a family of convolutional networks; each uses most of the budget. All are trained
/// for a few epochs, the best third of them from the beginning for more, and so on. What counts is accuracy on images
/// held out of the training images: the test images are never looked at. Trials that are done are passed over when the
/// same search is started again; the same seed finds the same network.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Most weights of a candidate, batch norms folded into convolutions.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    budget: i64,
    /// Most multiply-accumulates for one image.
    #[arg(long, default_value_t = 6_000_000, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    operations: i64,
    /// Networks drawn.
    #[arg(long, default_value_t = 27, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    candidates: u32,
    /// Epochs of each round, such as 3,9,27.
    #[arg(long, default_value = "3,9,27", value_name = "EPOCHS", value_delimiter = ',')]
    rounds: Vec<u32>,
    /// How candidates are trained: `compact`, `compact-digits` or a TOML file.
    #[arg(long, default_value = "compact", value_name = "RECIPE")]
    recipe: String,
    /// One value of the recipe, as in schedule.peak=0.1; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Override>,
    /// Training images held out to choose by [default: 5000, or none where the data set has images of its own for that]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    hold_out: Option<u32>,
    /// Train on so many of the other training images only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(32..))]
    limit_train: Option<u32>,
    /// Candidates trained side by side; as many as there are threads if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Decides candidates and their trainings.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Folder for trials.csv, best.toml and what the search was; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Args {
    fn held_out(&self, bench: &Bench) -> Option<u32> {
        self.hold_out.or(if bench.dataset.validation.is_some() { None } else { Some(5000) })
    }
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    if args.rounds.is_empty() || args.rounds.iter().any(|&epochs| epochs == 0 || epochs > 100_000) {
        return Err(Usage("--rounds wants numbers of epochs from 1 to 100000, such as 3,9,27".into()).into());
    }
    let bench = args.data.open(Some(&args.out), quiet)?;
    let recipe = Recipe::load_with(&args.recipe, &args.set).map_err(|e| Usage(e.to_string()))?;
    let recipe = recipe.normalised(Normalisation::of(&bench.dataset));
    let space = Space {
        input: input_of(&bench.dataset),
        classes: bench.dataset.classes.len() as i64,
        parameters: args.budget,
        multiplications: args.operations,
    };
    let halving = Halving { candidates: args.candidates as usize, epochs: args.rounds.clone() };
    let mut data = TrainingData::new(&bench.dataset, bench.device)?;
    if let Some(images) = args.held_out(&bench) {
        data = data.holding_out(images as usize, args.seed)?;
    }
    if let Some(images) = args.limit_train {
        data = data.limited(images as usize);
    }
    let searching = Searching {
        space,
        halving,
        recipe: &recipe,
        seed: args.seed,
        workers: args.workers.map_or(bench.threads, usize::from),
        observer: &Ends,
    };
    // A budget that nothing fits is told before anything is made.
    searching.candidate(0).map_err(|e| Usage(e.to_string()))?;
    let run = RunDir::open(&args.out, manifest(args, &recipe, &bench)?)?;
    run.sweep();
    litecnn_cli::catch_signals()?;

    let path = args.out.join(TRIALS);
    let mut written: Vec<Trial> = if path.exists() { read_trials(&path)? } else { Vec::new() };
    let done = written.clone();
    let mut tell = Telling::new(&searching, &done, quiet);
    let trials = searching.run(&data, done, &mut |trial| {
        written.push(trial.clone());
        write_trials(&path, &written).map_err(litecnn_train::TrainError::from)?;
        tell.of(trial);
        Ok(())
    })?;
    let last = args.rounds.len() - 1;
    let best = trials.iter().find(|trial| trial.round == last).context("the last round has a candidate")?;
    let network = searching.candidate(best.candidate)?;
    write_atomic(&args.out.join(BEST), network.to_toml().as_bytes())?;
    print(&table(&trials, &args.out))
}

/// Everything that decides what is found.
fn manifest(args: &Args, recipe: &Recipe, bench: &Bench) -> Result<Manifest> {
    let mut settings = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| drop(settings.insert(key.into(), value));
    set("seed", args.seed.to_string().into());
    set("budget", args.budget.into());
    set("operations", args.operations.into());
    set("candidates", i64::from(args.candidates).into());
    set("rounds", args.rounds.iter().map(|&epochs| i64::from(epochs)).collect::<Vec<_>>().into());
    if let Some(images) = args.held_out(bench) {
        set("held-out-images", i64::from(images).into());
    }
    if let Some(images) = args.limit_train {
        set("training-images", i64::from(images).into());
    }
    set("recipe", toml::Value::Table(toml::from_str(&recipe.to_toml()).context("the recipe as TOML")?));
    let hash = sha256(toml::to_string(&settings)?.as_bytes());
    bench.manifest(format!("search, {}", recipe.name), hash, settings)
}

/// A line for each trial, with the time left.
struct Telling {
    quiet: bool,
    start: Instant,
    /// Epochs that this process has to train, and has trained.
    wanted: u64,
    trained: u64,
}

impl Telling {
    fn new(searching: &Searching<'_>, done: &[Trial], quiet: bool) -> Self {
        let before: u64 = done.iter().map(|trial| u64::from(trial.epochs)).sum();
        let wanted = searching.halving.total().saturating_sub(before);
        Self { quiet, start: Instant::now(), wanted, trained: 0 }
    }

    fn of(&mut self, trial: &Trial) {
        self.trained += u64::from(trial.epochs);
        if self.quiet {
            return;
        }
        let each = self.start.elapsed().as_secs_f64() / self.trained.max(1) as f64;
        eprintln!(
            "round {}: candidate {}, {} weights, {:.1} million operations, {} epochs: {:.2} % of the images held out; about {} left",
            trial.round + 1,
            trial.candidate,
            trial.parameters,
            trial.multiplications as f64 / 1e6,
            trial.epochs,
            100.0 * trial.validation_accuracy,
            duration(each * self.wanted.saturating_sub(self.trained) as f64)
        );
    }
}

fn table(trials: &[Trial], out: &Path) -> String {
    let mut text = String::from("round  epochs  candidate  weights  operations  held out\n");
    for trial in trials.iter().rev().take(12).rev() {
        text += &format!(
            "{:>5}  {:>6}  {:>9}  {:>7}  {:>10}  {:>6.2} %\n",
            trial.round + 1,
            trial.epochs,
            trial.candidate,
            trial.parameters,
            trial.multiplications,
            100.0 * trial.validation_accuracy
        );
    }
    text + &format!(
        "the best network is in {}, all trials are in {}\n",
        out.join(BEST).display(),
        out.join(TRIALS).display()
    )
}
