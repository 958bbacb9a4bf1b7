//! `litecnn report`: tables of a run, beside the paper's figures.

use std::path::PathBuf;

use anyhow::Result;

/// Write summary.json and RESULTS.md of a run, and print its figures beside the paper's.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run directory.
    run: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let report = litecnn_report::report(&args.run)?;
    for missing in &report.missing {
        println!("missing: {missing}");
    }
    for file in &report.files {
        println!("wrote {}", file.display());
    }
    println!("\n{}", report.table);
    Ok(())
}
