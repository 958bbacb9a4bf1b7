//! `litecnn`: builds, measures and ships small convolutional classifiers.
//!
//! Each subcommand is a file; each step of an experiment reads files and writes files in a run directory, so every
//! step can be run, resumed, inspected and replaced alone. Exit status: 0 done, 1 failed, 2 wrong usage.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]

mod data;
mod device;
mod engine;
mod evaluate;
mod machine;
mod progress;
mod report;
mod session;
mod summary;
mod surgery;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use litecnn_cli::{Usage, sentence};

/// Builds, measures and ships small convolutional classifiers.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    /// Print results and errors only.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Data(data::Args),
    Train(train::Args),
    Surgery(surgery::Args),
    Evaluate(evaluate::Args),
    Report(report::Args),
    Summary(summary::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Data(args) => data::run(args, cli.quiet),
        Command::Train(args) => train::run(&args, cli.quiet),
        Command::Surgery(args) => surgery::run(&args, cli.quiet),
        Command::Evaluate(args) => evaluate::run(&args, cli.quiet),
        Command::Report(args) => report::run(&args),
        Command::Summary(args) => summary::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sentence(&error));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}
