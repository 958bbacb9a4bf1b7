//! `litecnn-bench report`: the page and the figures.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_report::speed::{Bench, write_report};

/// Write BENCH.md and figures from a bench.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What was measured.
    #[arg(default_value = "bench.json")]
    bench: PathBuf,
    /// Folder to write to [default: that of the file].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let bench = Bench::read(&args.bench)?;
    let beside = || args.bench.parent().map(PathBuf::from).unwrap_or_default();
    for path in write_report(&bench, &args.out.clone().unwrap_or_else(beside))? {
        println!("{}", path.display());
    }
    Ok(())
}
