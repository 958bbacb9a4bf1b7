//! Set-up and orchestration of the workspace: `cargo xtask <command>` on a bare checkout.
//!
//! Needs cargo, a C++ compiler and Python 3, and installs the rest: libtorch above all, which every other crate
//! but `litecnn-run` and `litecnn-report` is compiled against. For that reason nothing here may depend on `tch`.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks to its user")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod comparison;
mod compression;
mod deny;
mod doctor;
mod plan;
mod process;
mod reproduce;
mod setup;
mod signals;
mod small;
mod system;
mod terms;
mod test;
mod tools;
mod workspace;

fn main() -> ExitCode {
    let command = Xtask::parse().command;
    let done = xshell::Shell::new().map_err(anyhow::Error::from).and_then(|sh| match command {
        Command::Setup(args) => args.run(&sh),
        Command::Doctor(args) => args.run(&sh),
        Command::Reproduce(args) => args.run(&sh),
        Command::Test(args) => args.run(&sh),
        Command::Bench(args) => args.run(&sh),
        Command::Ci(args) => args.run(&sh),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<process::Ended>() {
            // Whoever ended with that status has said why.
            Some(process::Ended(status)) => ExitCode::from(*status),
            None => {
                let (line, status) = litecnn_cli::ending(&error);
                eprintln!("{line}");
                ExitCode::from(status)
            }
        },
    }
}

/// Sets up, tests, reproduces and measures litecnn.
///
/// Exit status: 0 done, 1 failed, 2 wrong usage, 130 or 143 ended by SIGINT or SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::Setup),
    Doctor(doctor::Doctor),
    Reproduce(reproduce::Reproduce),
    Test(test::Test),
    Bench(bench::Bench),
    Ci(ci::Ci),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Xtask::command().debug_assert();
    }
}
