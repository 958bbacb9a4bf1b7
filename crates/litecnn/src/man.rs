//! `litecnn man`: manual pages.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Command;
use litecnn_cli::print;

const EXAMPLES: &str = "\
Examples:
  litecnn man --out ~/.local/share/man/man1
  litecnn man --out man/";

/// Write a manual page for every subcommand.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder to write to; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, command: Command, quiet: bool) -> Result<()> {
    let folder = args.out.display();
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {folder}"))?;
    clap_mangen::generate_to(command, &args.out).with_context(|| format!("cannot write manual pages to {folder}"))?;
    if quiet {
        return Ok(());
    }
    print(&format!("wrote manual pages to {folder}: man {}\n", args.out.join("litecnn.1").display()))
}
