//! `litecnn`: builds, measures and ships small convolutional classifiers.
//!
//! Each subcommand is a file; each step of an experiment reads files and writes files in a run directory, so every
//! step can be run, resumed, inspected and replaced alone. Exit status: 0 done, 1 failed, 2 wrong usage, 130 or 143 ended
//! by SIGINT or SIGTERM with everything saved.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]

mod completions;
mod export;
mod man;
mod predict;
mod report;
#[cfg(test)]
mod tests;
#[cfg(feature = "training")]
mod training;
mod weights;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

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
#[allow(clippy::large_enum_variant, reason = "there is one, and it is taken apart at once")]
enum Command {
    #[cfg(feature = "training")]
    #[command(flatten)]
    Training(training::Command),
    Report(report::Args),
    Export(export::Args),
    Predict(predict::Args),
    Completions(completions::Args),
    Man(man::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        #[cfg(feature = "training")]
        Command::Training(command) => training::run(command, cli.quiet),
        Command::Report(args) => report::run(&args, cli.quiet),
        Command::Predict(args) => predict::run(&args),
        Command::Export(args) => export::run(&args, cli.quiet),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command(), cli.quiet),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (line, status) = litecnn_cli::ending(&error);
            eprintln!("{line}");
            ExitCode::from(status)
        }
    }
}
