//! `litecnn-bench`: measures litecnn on this machine, and tells what was measured.
//!
//! Each subcommand is a file. All that measure put their part into one `bench.json` (`--out`), `report` makes a page
//! and figures of it. Exit status: 0 done, 1 failed, 2 wrong usage.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]

mod all;
mod contenders;
mod criterion;
mod forms;
mod growth;
mod latency;
mod machine;
mod options;
mod peers;
mod profile;
mod progress;
mod report;
mod runtime;
mod sheet;
mod small;
mod sweep;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use litecnn_cli::{Usage, sentence};

/// Measures litecnn: latency, throughput, limits, cost of training, beside other programs.
///
/// Speed does not depend on what the weights are, so models have random ones from a fixed seed unless --run is given.
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
    Latency(latency::Args),
    Sweep(sweep::Args),
    All(all::Args),
    Runtime(runtime::Args),
    Forms(forms::Args),
    Contenders(contenders::Args),
    Small(small::Args),
    Peers(peers::Args),
    Growth(growth::Args),
    Profile(profile::Args),
    Criterion(criterion::Args),
    Report(report::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Latency(args) => latency::run(&args, cli.quiet),
        Command::Sweep(args) => sweep::run(&args, cli.quiet),
        Command::All(args) => all::run(&args, cli.quiet),
        Command::Runtime(args) => runtime::run(&args, cli.quiet),
        Command::Forms(args) => forms::run(&args, cli.quiet),
        Command::Contenders(args) => contenders::run(&args, cli.quiet),
        Command::Small(args) => small::run(&args, cli.quiet),
        Command::Peers(args) => peers::run(&args, cli.quiet),
        Command::Growth(args) => growth::run(&args, cli.quiet),
        Command::Profile(args) => profile::run(&args),
        Command::Criterion(args) => criterion::run(&args),
        Command::Report(args) => report::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sentence(&error));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
