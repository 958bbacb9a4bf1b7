//! `litecnn zoo shrink`: a smaller network out of a trained one.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_cli::{Usage, print};
use litecnn_zoo::{Budget, Card, Count, Model, ZooError};
use tch::Device;

const EXAMPLES: &str = "\
Examples:
  litecnn zoo shrink weights.safetensors --share 0.5 --out half.safetensors
  litecnn zoo shrink weights.safetensors --parameters 20000 --out small.safetensors";

/// Remove the channels that matter least from a network, so that it becomes smaller and faster. Train the result on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The weight file of a network.
    weights: PathBuf,
    #[command(flatten)]
    budget: BudgetArgs,
    /// Where the smaller network's weights go.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct BudgetArgs {
    /// Keep at most this many weights.
    #[arg(long)]
    parameters: Option<i64>,
    /// Remove at least this share of the weights, such as 0.5.
    #[arg(long)]
    share: Option<f64>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let budget = match (args.budget.parameters, args.budget.share) {
        (Some(parameters), None) => Budget::Parameters(parameters),
        (None, Some(share)) => Budget::Share(share),
        _ => return Err(Usage("one of --parameters and --share is wanted".into()).into()),
    };
    if args.out == args.weights {
        return Err(Usage("--out names the file to shrink: name another one".into()).into());
    }
    let (model, card) = Model::load(&args.weights, Device::Cpu)?;
    let (network, small) = model.shrink(&card.network, budget).map_err(|e| match e {
        ZooError::Budget { .. } | ZooError::ShrinkShare(_) => anyhow::Error::from(Usage(e.to_string())),
        e => e.into(),
    })?;
    let made = Card::new(&network, &card.classes)?;
    let made = Card {
        dataset: card.dataset,
        recipe: card.recipe,
        normalisation: card.normalisation,
        pictures: card.pictures,
        step: "shrink".into(),
        ..made
    };
    small.save(&args.out, &made)?;
    print(&table(&Count::of(model.graph()), &Count::of(small.graph())))
}

/// What a network costs before and after.
fn table(before: &Count, after: &Count) -> String {
    let rows = [
        ("parameters", before.parameters, after.parameters),
        ("multiply-accumulates", before.flops.macs(), after.flops.macs()),
        ("bytes of weights", before.state_bytes(), after.state_bytes()),
    ];
    let mut text = format!("{:20} {:>14} {:>14} {:>7}\n", "", "before", "after", "left");
    for (what, before, after) in rows {
        let left = 100.0 * after as f64 / before as f64;
        text += &format!("{what:20} {before:>14} {after:>14} {left:>6.1}%\n");
    }
    text
}
