//! `litecnn zoo table`, `pruning`, `show`: what can be told without data.

use std::path::Path;

use anyhow::Result;
use litecnn_cli::{Usage, print};
use litecnn_zoo::{Network, Variant, ZooError};

const TABLE_EXAMPLES: &str = "\
Examples:
  litecnn zoo table
  litecnn zoo table --previous";

/// Print the study's tables of networks, Tables I and II, ours beside the published figures.
#[derive(Debug, clap::Args)]
#[command(after_long_help = TABLE_EXAMPLES)]
pub(super) struct TableArgs {
    /// The tables of the previous study, too.
    #[arg(long)]
    previous: bool,
}

const PRUNING_EXAMPLES: &str = "\
Examples:
  litecnn zoo pruning";

/// Prune untrained networks and print Table III: weights that are left, ours beside the published figures.
#[derive(Debug, clap::Args)]
#[command(after_long_help = PRUNING_EXAMPLES)]
pub(super) struct PruningArgs {
    /// The table of the previous study instead.
    #[arg(long)]
    previous: bool,
}

const EXAMPLES: &str = "\
Examples:
  litecnn zoo show vgg19-fire-ghost
  litecnn zoo show resnet101-11 --classes 10 --toml > mine.toml
  litecnn zoo show compact-cifar10
  litecnn zoo show mine.toml";

/// Show what a network is made of: operations, shapes, weights, costs of one image.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Name of a variant, such as resnet101-ghost-small or resnet101-11, compact-mnist, compact-fashion-mnist or
    /// compact-cifar10, or a TOML file that describes a network.
    network: String,
    /// Number of classes of a variant; without it that of the paper's table.
    #[arg(long)]
    classes: Option<i64>,
    /// Print the description as TOML instead.
    #[arg(long)]
    toml: bool,
}

pub(super) fn table(args: &TableArgs) -> Result<()> {
    print(&format!("{}\n", litecnn_zoo::study_tables(args.previous)?))
}

pub(super) fn pruning(args: &PruningArgs) -> Result<()> {
    let mut rng = litecnn_data::stream(0, "zoo/pruning");
    print(&format!("{}\n", litecnn_zoo::pruning_table(args.previous, &mut rng)?))
}

pub(super) fn run(args: &Args) -> Result<()> {
    let network = match find(&args.network)? {
        Found::Described(network) => network,
        Found::Variant(variant) => variant.network(variant.family.paper_classes()),
    };
    let network = Network { classes: args.classes.unwrap_or(network.classes), ..network };
    let graph = network.graph()?;
    let text = if args.toml { network.to_toml() } else { litecnn_zoo::summary(&graph) + "\n" };
    print(&text)
}

/// What a name stands for.
pub(super) enum Found {
    /// A description in a file.
    Described(Network),
    /// A variant of the study.
    Variant(&'static Variant),
}

/// The network of a file or of a name.
pub(super) fn find(name: &str) -> Result<Found> {
    let path = Path::new(name);
    if path.extension().is_some_and(|e| e == "toml") || path.is_file() {
        return Ok(Found::Described(Network::load(path)?));
    }
    if let Some(network) = Network::found(name) {
        return Ok(Found::Described(network));
    }
    match Variant::find(name) {
        Ok(variant) => Ok(Found::Variant(variant)),
        Err(ZooError::Unknown { name, known }) => {
            let all = known.into_iter().chain(Network::found_names().map(str::to_owned)).collect();
            let known = litecnn_cli::nearest_first(&name, all);
            Err(Usage(ZooError::Unknown { name, known }.to_string()).into())
        }
        Err(e) => Err(e.into()),
    }
}
