//! `litecnn zoo`: the variants of ResNet-101 and VGG-19, and networks of one's own.

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use litecnn_cli::{Usage, print};
use litecnn_zoo::{Network, Variant, ZooError};

/// Networks described as data: the 28 variants of ResNet-101 and VGG-19 of Sobolewski & Szyc, and your own.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the study's tables of networks, Tables I and II, ours beside the published figures.
    Table {
        /// The tables of the previous study, too.
        #[arg(long)]
        previous: bool,
    },
    /// Prune untrained networks and print Table III: weights that are left, ours beside the published figures.
    Pruning {
        /// The table of the previous study instead.
        #[arg(long)]
        previous: bool,
    },
    /// Show what a network is made of: operations, shapes, weights, costs of one image.
    Show {
        /// Name of a variant, such as resnet101-ghost-small or resnet101-11, or a TOML file that describes a network.
        network: String,
        /// Number of classes of a variant; without it that of the paper's table.
        #[arg(long)]
        classes: Option<i64>,
        /// Print the description as TOML instead.
        #[arg(long)]
        toml: bool,
    },
    Shrink(super::zoo_shrink::Args),
    Quantise(super::zoo_quantise::Args),
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Table { previous } => print(&format!("{}\n", litecnn_zoo::study_tables(*previous)?)),
        Command::Pruning { previous } => {
            let mut rng = litecnn_data::stream(0, "zoo/pruning");
            print(&format!("{}\n", litecnn_zoo::pruning_table(*previous, &mut rng)?))
        }
        Command::Quantise(args) => super::zoo_quantise::run(args),
        Command::Show { network, classes, toml } => {
            let network = find(network, *classes)?;
            let graph = network.graph()?;
            let text = if *toml { network.to_toml() } else { litecnn_zoo::summary(&graph) + "\n" };
            print(&text)
        }
        Command::Shrink(args) => super::zoo_shrink::run(args),
    }
}

/// The network of a name or file, for a number of classes.
fn find(name: &str, classes: Option<i64>) -> Result<Network> {
    let path = Path::new(name);
    if path.extension().is_some_and(|e| e == "toml") || path.is_file() {
        let network = Network::load(path)?;
        return Ok(match classes {
            Some(classes) => Network { classes, ..network },
            None => network,
        });
    }
    match Variant::find(name) {
        Ok(variant) => Ok(variant.network(classes.unwrap_or(variant.family.paper_classes()))),
        Err(unknown @ ZooError::Unknown { .. }) => Err(Usage(unknown.to_string()).into()),
        Err(e) => Err(e.into()),
    }
}
