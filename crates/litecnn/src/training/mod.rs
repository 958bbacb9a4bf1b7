//! The subcommands that need libtorch: from data to a trained and measured model.

mod ablate;
mod choices;
mod data;
mod device;
mod dry_run;
mod engine;
mod evaluate;
mod init;
mod interrupt;
mod machine;
mod method;
mod outcomes;
mod progress;
mod search;
mod session;
mod sizes;
mod source;
mod summary;
mod surgery;
mod train;
pub(crate) mod zoo;

use anyhow::Result;
use clap::Subcommand;
pub(crate) use source::training_images;

/// One of them.
#[derive(Subcommand)]
pub(crate) enum Command {
    Init(init::Args),
    Data(data::Args),
    Train(train::Args),
    Surgery(surgery::Args),
    Evaluate(evaluate::Args),
    Summary(summary::Args),
    Search(search::Args),
    Ablate(ablate::Args),
    Sizes(sizes::Args),
    Zoo(zoo::Args),
}

pub(crate) fn run(command: Command, quiet: bool) -> Result<()> {
    let done = match command {
        Command::Init(args) => init::run(&args, quiet),
        Command::Data(args) => data::run(args, quiet),
        Command::Train(args) => train::run(&args, quiet),
        Command::Surgery(args) => surgery::run(&args, quiet),
        Command::Evaluate(args) => evaluate::run(&args, quiet),
        Command::Summary(args) => summary::run(&args),
        Command::Search(args) => search::run(&args, quiet),
        Command::Ablate(args) => ablate::run(&args, quiet),
        Command::Sizes(args) => sizes::run(&args, quiet),
        Command::Zoo(args) => zoo::run(&args, quiet),
    };
    done.map_err(interrupt::told)
}
