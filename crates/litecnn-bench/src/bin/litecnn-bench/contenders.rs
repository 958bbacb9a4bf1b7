//! `litecnn-bench contenders`: ways to a small network, side by side.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::{Turns, contenders, share_processors};
use litecnn_cli::Usage;
use litecnn_data::{LoadOptions, load};
use litecnn_report::contenders::{Contenders, write_comparison};
use tch::Device;

use crate::machine;
use crate::progress::Progress;

/// Compare the networks of a run: the light model, its control, plain networks cut down, variants of the compression
/// study. Writes comparison.json, COMPARISON.md and figures into the run directory.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run directory.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Data sets, separated by commas.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', required = true)]
    datasets: Vec<String>,
    /// Seeds, separated by commas.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [0])]
    seeds: Vec<u64>,
    /// Folder with the data sets; otherwise the cache is used.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Turns of each contender when times are taken.
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    tch::set_num_threads(1);
    share_processors(1);
    let mut all = Contenders::new(machine::machine(&[Device::Cpu]));
    let progress = Progress::new(quiet, args.datasets.len() as u64);
    for name in &args.datasets {
        let options = LoadOptions { data_dir: args.data_dir.clone(), ..LoadOptions::default() };
        let dataset = load(name, &options)?;
        let turns = Turns { rounds: args.rounds.into(), calls: 20 };
        let (found, pairs) = contenders(&args.run, &dataset, &args.seeds, turns)?;
        progress.step(1, &format!("{name}: {} contenders", found.len()));
        all.contenders.extend(found);
        all.pairs.extend(pairs);
    }
    drop(progress);
    if all.contenders.is_empty() {
        let shown = args.run.display();
        return Err(
            Usage(format!("{shown} holds nothing to compare: run `cargo xtask reproduce --study comparison`")).into()
        );
    }
    all.write(&args.run.join("comparison.json"))?;
    for path in write_comparison(&all, &args.run)? {
        println!("{}", path.display());
    }
    Ok(())
}
