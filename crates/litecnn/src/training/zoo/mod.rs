//! `litecnn zoo`: the variants of ResNet-101 and VGG-19, and networks of one's own.

mod evaluate;
mod fold;
pub(in crate::training) mod job;
mod prune;
mod quantise;
mod show;
mod shrink;
mod teach;
mod train;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use fold::folded;

/// Networks described as data: the 28 variants of ResNet-101 and VGG-19 of Sobolewski & Szyc, and your own.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Table(show::TableArgs),
    Pruning(show::PruningArgs),
    Show(show::Args),
    Train(train::Args),
    Prune(prune::Args),
    Evaluate(evaluate::Args),
    Shrink(shrink::Args),
    Fold(fold::Args),
    Quantise(quantise::Args),
    Teach(teach::Args),
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    match &args.command {
        Command::Table(args) => show::table(args),
        Command::Pruning(args) => show::pruning(args),
        Command::Show(args) => show::run(args),
        Command::Train(args) => train::run(args, quiet),
        Command::Prune(args) => prune::run(args, quiet),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Shrink(args) => shrink::run(args),
        Command::Fold(args) => fold::run(args),
        Command::Quantise(args) => quantise::run(args),
        Command::Teach(args) => teach::run(args, quiet),
    }
}
