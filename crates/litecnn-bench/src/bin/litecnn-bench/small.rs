//! `litecnn-bench small`: small models of one task, side by side.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::{Turns, share_processors, small_models};
use litecnn_cli::Usage;
use litecnn_data::{LoadOptions, load};
use litecnn_report::small::{Small, write_small};
use tch::Device;

use crate::machine;
use crate::progress::Progress;

/// Compare the paper's model by its recipe and by `tuned` (in tuned/) with networks that were searched for (in compact/).
/// Writes small.json, SMALL.md and figures into the folder; SMALL.md also tells of ablation/ and sizes/, where they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder: a run directory of the paper's recipe, or one that holds tuned/ and compact/ alone.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Data sets, separated by commas.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "mnist,fashion-mnist,cifar10")]
    datasets: Vec<String>,
    /// Folder with the data sets; otherwise the cache is used.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Turns of each model when times are taken.
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Measure nothing: make the page again of small.json and the studies beside it.
    #[arg(long)]
    page: bool,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let path = args.run.join("small.json");
    let all = if args.page { Small::read(&path)? } else { measured(args, quiet)? };
    all.write(&path)?;
    for path in write_small(&all, &args.run)? {
        println!("{}", path.display());
    }
    Ok(())
}

fn measured(args: &Args, quiet: bool) -> Result<Small> {
    // Before this process is kept to one processor.
    let machine = machine::machine(&[Device::Cpu]);
    tch::set_num_threads(1);
    share_processors(1);
    let mut all = Small { format: Small::FORMAT.into(), machine, models: Vec::new() };
    let progress = Progress::new(quiet, args.datasets.len() as u64);
    for name in &args.datasets {
        let options = LoadOptions { data_dir: args.data_dir.clone(), ..LoadOptions::default() };
        let dataset = load(name, &options)?;
        let found = small_models(&args.run, &dataset, Turns { rounds: args.rounds.into(), calls: 50 })?;
        progress.step(1, &format!("{name}: {} models", found.len()));
        all.models.extend(found);
    }
    if all.models.is_empty() {
        let shown = args.run.display();
        return Err(Usage(format!(
            "{shown} holds no models that were evaluated: run `cargo xtask reproduce --recipe tuned --run tuned` and \
             `--study compact`"
        ))
        .into());
    }
    Ok(all)
}
