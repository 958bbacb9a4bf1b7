//! `litecnn zoo train`: one network, one data set, one seed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use litecnn_cli::{Usage, print};
use litecnn_data::{Dataset, Normalisation, stream};
use litecnn_run::{Measured, sha256_file};
use litecnn_train::{Checkpointer, Observer, Override};
use litecnn_zoo::{Card, Graph, Means, Model, Network, Recipe, TRAIN, TrainingData, input_of};

use super::job::{Bench, DataArgs, Job, MEASURED, Made, WEIGHTS, measured_beside, told};
use super::show::{Found, find};
use crate::training::engine::Wanted;
use crate::training::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  litecnn zoo train vgg19-fire-ghost --dataset cifar10 --out results/ghost --recipe short
  litecnn zoo train compact-cifar10 --recipe compact --data ./photos --size 32 --epochs 300 --out results/compact-photos
  litecnn zoo train mine.toml --dataset cifar10 --out results/net --set schedule.peak=0.1 --epochs 5
  litecnn zoo train --from small.safetensors --dataset cifar10 --out results/small";

/// Train a network on a data set and measure it on the test images.
///
/// A training that is done already is passed over; one that was cut off goes on after its last finished epoch,
/// one that was interrupted after its last batch.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Name of a variant, such as resnet101-ghost-small or resnet101-11, compact-mnist, compact-fashion-mnist or
    /// compact-cifar10, or a TOML file that describes a network; without it that of the weights to start from.
    #[arg(required_unless_present = "from")]
    network: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    /// Folder for everything that is left; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Weights of the same network to start from; without them they are drawn at random.
    #[arg(long, value_name = "WEIGHTS")]
    from: Option<PathBuf>,
    /// Do not show the network the test images, neither on the way nor at the end: `litecnn zoo evaluate` does, once all
    /// is decided. Without --hold-out some of the images trained on are looked at on the way.
    #[arg(long)]
    no_test: bool,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// `study`, `short` (few epochs), `compact` (small networks), `compact-digits`, `previous`, `fine-tuning`, `smoke` or a
    /// TOML file; what a file does not give is the study's.
    #[arg(long = "recipe", default_value = "study", value_name = "RECIPE")]
    name: String,
}

/// What may be changed of a recipe, and the seed.
#[derive(Debug, clap::Args)]
pub(super) struct RecipeArgs {
    /// One value of the recipe, as in schedule.peak=0.1; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Override>,
    /// So many epochs, whatever the recipe says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: Option<u32>,
    /// This largest learning rate, whatever the recipe says.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    peak_rate: Option<f64>,
    /// Train on the first so many training images only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    limit_train: Option<u32>,
    /// Validate on so many training images instead of training on them: on those that `litecnn train` validates on with
    /// the same seed.
    #[arg(long, value_name = "N", conflicts_with = "limit_train", value_parser = clap::value_parser!(u32).range(1..))]
    hold_out: Option<u32>,
    /// What computes batches: auto, kernels (networks and recipes that they know) or libtorch.
    #[arg(long, default_value = "auto", value_name = "ENGINE")]
    engine: Wanted,
    /// Decides initial weights, order of images, crops and dropout.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) seed: u64,
}

impl RecipeArgs {
    /// A recipe with these changes, normalising as the data set wants.
    pub(super) fn resolve(&self, name: &str, dataset: &Dataset) -> Result<Recipe> {
        let mut recipe = Recipe::load_with(name, &self.set).map_err(|e| Usage(e.to_string()))?;
        if let Some(epochs) = self.epochs {
            recipe.epochs = epochs;
        }
        if let Some(peak) = self.peak_rate {
            if !(peak > 0.0 && peak.is_finite()) {
                return Err(Usage(format!("--peak-rate {peak} is impossible: a number above 0 is wanted")).into());
            }
            recipe.schedule = recipe.schedule.with_peak(peak);
        }
        Ok(recipe.normalised(Normalisation::of(dataset)))
    }

    /// The engine for a network, and what it is used with.
    pub(super) fn means<'a>(
        &self,
        graph: &Graph,
        recipe: &Recipe,
        bench: &Bench,
        checkpointer: &'a Checkpointer,
        observer: &'a dyn Observer,
    ) -> Result<Means<'a>> {
        let engine = match self.engine {
            Wanted::Auto => Means::engine_for(graph, recipe, bench.device).0,
            wanted @ Wanted::This(_) => wanted.resolve(bench.device)?,
        };
        Ok(Means { engine, threads: bench.threads, checkpointer: Some(checkpointer), observer })
    }

    /// The part of a job's settings that these arguments and a recipe make up.
    pub(super) fn settings(&self, recipe: &Recipe) -> Result<toml::Table> {
        let mut settings = toml::Table::new();
        settings.insert("seed".into(), toml::Value::String(self.seed.to_string()));
        if let Some(limit) = self.limit_train {
            settings.insert("training-images".into(), i64::from(limit).into());
        }
        if let Some(images) = self.hold_out {
            settings.insert("held-out-images".into(), i64::from(images).into());
        }
        settings.insert("recipe".into(), toml::from_str(&recipe.to_toml()).context("the recipe as TOML")?);
        Ok(settings)
    }

    /// The data set on its device, and the images of it that are trained on.
    pub(super) fn data(&self, bench: &Bench) -> Result<TrainingData> {
        let data = TrainingData::new(&bench.dataset, bench.device)?;
        Ok(match (self.limit_train, self.hold_out) {
            (Some(images), _) => data.limited(images as usize),
            (None, Some(images)) => data.holding_out(images as usize, self.seed)?,
            (None, None) => data,
        })
    }
}

pub(super) fn run(args: &Args, quiet: bool) -> Result<()> {
    let progress = Progress::new(quiet);
    let found = args.network.as_ref().map(|name| find(name)).transpose()?;
    let bench = args.data.open(Some(&args.out), quiet)?;
    let network = match (found, &args.from) {
        (Some(found), _) => suited(found, &bench.dataset, &progress),
        (None, Some(from)) => Model::load(from, bench.device)?.1.network,
        (None, None) => unreachable!("one of both is required"),
    };
    // Whether it can exist is known before anything is made.
    let graph = network.graph()?;
    let recipe = args.recipe.resolve(&args.name, &bench.dataset)?;
    if bench.source.is_pictures() && recipe.augmentation.mirror > 0.0 {
        progress.say("note: images are mirrored; if that makes something else of yours: --set augmentation.mirror=0.0");
    }
    let start = args.from.as_ref().map(|path| Model::load_as(path, &network, bench.device)).transpose()?;
    let mut settings = args.recipe.settings(&recipe)?;
    settings.insert("network".into(), toml::from_str(&network.to_toml()).context("the network as TOML")?);
    if let Some(path) = &args.from {
        settings.insert("from".into(), sha256_file(path)?.into());
    }
    let mut data = args.recipe.data(&bench)?;
    data.check(&graph)?;
    let name = format!("{}, {}", network.name, recipe.name);
    let mut job = Job::open(&args.out, name, settings, args.recipe.seed, bench)?;
    if args.no_test {
        (data, job) = (data.without_test(), job.unscored());
    }
    litecnn_cli::catch_signals()?;
    let (classes, device) = (job.bench().dataset.classes.clone(), job.bench().device);
    let Some(step) = job.begin(TRAIN, &args.out, args.from.as_deref())? else {
        progress.say(&format!("{TRAIN}: done already"));
        let measured = (!args.no_test).then(|| Measured::read(&args.out.join(MEASURED))).transpose()?;
        return print(&ended(measured.as_ref(), args));
    };
    let checkpointer = step.checkpointer();
    let model = match start {
        Some((model, _)) => model,
        None => Model::new(graph, device, &mut stream(args.recipe.seed, "zoo/weights"))?,
    };
    let means = args.recipe.means(model.graph(), &recipe, step.bench(), &checkpointer, &progress)?;
    let engine = means.engine;
    let (model, fit) = litecnn_zoo::train(model, &data, &recipe, args.recipe.seed, &means)?;
    let mut card = Card::new(&network, &classes)?;
    card.dataset.clone_from(&data.name);
    card.recipe = recipe.hash();
    card.step = TRAIN.into();
    card.normalisation = Some(recipe.normalisation.clone());
    card.pictures = step.bench().dataset.pictures;
    let before = args.from.as_deref().and_then(measured_beside).map_or((0, 0.0), |m| (m.epochs, m.seconds));
    let settings = BTreeMap::from([("recipe".to_owned(), recipe.name.clone())]);
    let treatment = "trained";
    let made = Made { model: &model, card: &card, fit: &fit, data: &data, engine, treatment, settings, before };
    print(&ended(step.finish(&made)?.as_ref(), args))
}

/// A line on what there is now.
fn ended(measured: Option<&Measured>, args: &Args) -> String {
    match measured {
        Some(measured) => format!("{}\n", told(measured)),
        None => format!("not shown the test images: {}\n", args.out.join(WEIGHTS).display()),
    }
}

/// The network for the images and classes of a data set.
fn suited(found: Found, dataset: &Dataset, progress: &Progress) -> Network {
    let (input, classes) = (input_of(dataset), dataset.classes.len() as i64);
    let (described, own_classes) = match found {
        Found::Variant(variant) => (variant.network(classes), classes),
        Found::Described(network) => {
            let classes = network.classes;
            (network, classes)
        }
    };
    if described.input != input || own_classes != classes {
        progress.say(&format!(
            "note: `{}` is described for images of {} and {own_classes} classes; built for the {} and {classes} of `{}`",
            described.name,
            shape(described.input),
            shape(input),
            dataset.name
        ));
    }
    Network { input, classes, ..described }
}

fn shape(input: litecnn_model::InputShape) -> String {
    format!("{}x{}x{}", input.channels, input.height, input.width)
}
