//! `litecnn sizes`: how accuracy grows with the number of weights.

use std::path::PathBuf;

use anyhow::{Context, Result};
use litecnn_cli::{Usage, print};
use litecnn_data::{Dataset, Normalisation, stream};
use litecnn_model::{UnifiedSpec, of_first_filters};
use litecnn_report::{Scaling, scaling_table};
use litecnn_run::{Outcome, write_atomic};
use litecnn_train::{Override, Recipe, TrainingData};
use litecnn_zoo::{Count, Evaluation, Means, Model, Network, input_of};
use tch::Device;

use super::method::{outcome, whole_method};
use super::outcomes::{Ends, Outcomes, Task};
use super::zoo::job::{Bench, DataArgs};

const TABLE: &str = "SIZES.md";

const EXAMPLES: &str = "\
Examples:
  litecnn sizes --dataset mnist --out results/sizes/mnist
  litecnn sizes --dataset cifar10 --filters 4,8,16 --seeds 0,1,2 --set stage-2-2.epochs=30 --out results/sizes/cifar10
  litecnn sizes --dataset cifar10 --network best.toml --recipe compact --set epochs=20 --out results/sizes/compact";

/// Sizes: train models from narrow to wide and fit a curve to what they reach.
///
/// All widths and seeds are trained side by side, each with one thread; those done are passed over when the same command is
/// given again, also with other widths or seeds. Nothing is chosen by what comes out, so each model is shown the test
/// images once.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// How models are trained: `tuned`, another recipe by name, or a TOML file; with --network one of networks: `compact`,
    /// `compact-digits` ... [default: tuned, or compact with --network].
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<String>,
    /// One value of the recipe, as in stage-1.epochs=30; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Override>,
    /// A TOML file that describes a network, whose layers are all made narrower or wider; without it, the paper's model.
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Filters of the first convolution.
    #[arg(
        long, default_value = "2,3,4,6,8,12,16,24,32", value_name = "N,...", value_delimiter = ',',
        value_parser = clap::value_parser!(i64).range(1..=1024)
    )]
    filters: Vec<i64>,
    /// Seeds, separated by commas.
    #[arg(long, default_value = "0,1,2", value_name = "N,...", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// With --network: train on so many images only.
    #[arg(long, requires = "network", value_name = "N", value_parser = clap::value_parser!(u32).range(32..))]
    limit_train: Option<u32>,
    /// Trained side by side; as many as there are threads if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Folder for outcomes.csv and SIZES.md; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Training images held out of a network's training, as many as the paper's recipe validates on.
const HELD_OUT: usize = 10_000;

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let bench = args.data.open(Some(&args.out), quiet)?;
    let family = Family::of(args, &bench.dataset)?;
    // That each model can exist is known before anything is made.
    let work = args.filters.iter().map(|&filters| family.work(filters, &bench)).collect::<Result<Vec<f64>>>()?;
    let name = format!("sizes, {}", family.recipe_name());
    let outcomes = Outcomes::open(&args.out, name, family.settings(args)?, &bench, quiet)?;
    let mut tasks = Vec::new();
    for (&filters, work) in args.filters.iter().zip(work) {
        for &seed in args.seeds.iter().filter(|&&seed| !outcomes.has(&filters.to_string(), seed)) {
            let (family, outcomes, bench) = (&family, &outcomes, &bench);
            let run = move || outcomes.note(family.train(filters, seed, bench)?);
            tasks.push(Task { work, run: Box::new(run) });
        }
    }
    let rows = outcomes.of(tasks, args.workers.map_or(bench.threads, usize::from))?;
    let table = scaling_table(&rows, Scaling::fit(&rows).as_ref());
    write_atomic(&args.out.join(TABLE), table.as_bytes())?;
    print(&table)
}

/// Models that differ in width.
enum Family {
    /// The paper's, by its method.
    Joined(Box<Recipe>),
    /// A network described in a file.
    Network { network: Network, recipe: Box<litecnn_zoo::Recipe>, limit: Option<usize> },
}

impl Family {
    fn of(args: &Args, dataset: &Dataset) -> Result<Self> {
        let Some(path) = &args.network else {
            let name = args.recipe.as_deref().unwrap_or("tuned");
            let recipe = Recipe::load_with(name, &args.set).map_err(|e| Usage(e.to_string()))?;
            let recipe = recipe.for_dataset(&dataset.name).map_err(|e| Usage(e.to_string()))?;
            return Ok(Self::Joined(Box::new(recipe)));
        };
        let name = args.recipe.as_deref().unwrap_or("compact");
        let recipe = litecnn_zoo::Recipe::load_with(name, &args.set).map_err(|e| Usage(e.to_string()))?;
        let network = Network::load(path)?;
        let (input, classes) = (input_of(dataset), dataset.classes.len() as i64);
        Ok(Self::Network {
            network: Network { input, classes, ..network },
            recipe: Box::new(recipe.normalised(Normalisation::of(dataset))),
            limit: args.limit_train.map(|images| images as usize),
        })
    }

    fn recipe_name(&self) -> &str {
        match self {
            Self::Joined(recipe) => &recipe.name,
            Self::Network { recipe, .. } => &recipe.name,
        }
    }

    /// Everything that decides an outcome, width and seed apart.
    fn settings(&self, args: &Args) -> Result<toml::Table> {
        let mut settings = toml::Table::new();
        let recipe = match self {
            Self::Joined(recipe) => recipe.to_toml(),
            Self::Network { recipe, network, .. } => {
                settings.insert("network".into(), toml::from_str(&network.to_toml()).context("the network as TOML")?);
                recipe.to_toml()
            }
        };
        settings.insert("recipe".into(), toml::from_str(&recipe).context("the recipe as TOML")?);
        if let Some(images) = args.limit_train {
            settings.insert("training-images".into(), i64::from(images).into());
        }
        Ok(settings)
    }

    /// How much work a training is, by multiply-accumulates.
    fn work(&self, filters: i64, bench: &Bench) -> Result<f64> {
        match self {
            Self::Joined(_) => {
                let spec = joined(filters, &bench.dataset)?;
                Ok((filters * filters) as f64 + spec.parameters() as f64 / 1e3)
            }
            Self::Network { network, .. } => Ok(Count::of(&network.widened(filters)?.graph()?).flops.macs() as f64),
        }
    }

    fn train(&self, filters: i64, seed: u64, bench: &Bench) -> Result<Outcome> {
        match self {
            Self::Joined(recipe) => {
                let mut recipe = recipe.clone();
                let spec = joined(filters, &bench.dataset)?;
                (recipe.model.filters, recipe.model.hidden_units) = (spec.branch.filters, spec.hidden);
                let data = TrainingData::new(&bench.dataset, &recipe, seed, bench.device)?;
                let (model, fits) = whole_method(&data, &recipe, seed)?;
                outcome(filters.to_string(), seed, &model, &fits, &data)
            }
            Self::Network { network, recipe, limit } => {
                let graph = network.widened(filters)?.graph()?;
                let parameters = Count::of(&graph).folded();
                let data = litecnn_zoo::TrainingData::new(&bench.dataset, bench.device)?;
                let data = data.holding_out(HELD_OUT.min(bench.dataset.train.len() / 2), seed)?;
                let data = if let Some(images) = limit { data.limited(*images) } else { data };
                let model = Model::new(graph, bench.device, &mut stream(seed, "zoo/weights"))?;
                let (engine, _) = Means::engine_for(model.graph(), recipe, Device::Cpu);
                let means = Means { engine, threads: 1, checkpointer: None, observer: &Ends };
                let (model, fit) = litecnn_zoo::train(model, &data, recipe, seed, &means)?;
                let test = Evaluation::of(&model, &data.test, &recipe.normalisation)?;
                Ok(Outcome {
                    arm: filters.to_string(),
                    seed,
                    parameters,
                    epochs: fit.epochs,
                    validation_accuracy: fit.history.last().map_or(0.0, |record| record.validation_accuracy),
                    test_accuracy: test.score.accuracy,
                    seconds: fit.seconds,
                })
            }
        }
    }
}

/// The paper's model with so many filters in the first of its convolutions.
fn joined(filters: i64, dataset: &Dataset) -> Result<UnifiedSpec> {
    let (input, classes) = (input_of(dataset), dataset.classes.len() as i64);
    Ok(of_first_filters(input, classes, filters)?)
}
