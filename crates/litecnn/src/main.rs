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

/// A wrong value on the command line: exit status 2.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error and what led to it, in one line unless libtorch's own words need more.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            // Many errors tell their cause themselves.
            text = format!("{text}: {cause}");
        }
    }
    // libtorch appends its C++ call stack; the message is before it.
    if let Some(end) = text.find("\nException raised from") {
        text.truncate(end);
    }
    text
}
