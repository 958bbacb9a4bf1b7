//! `litecnn-bench profile`: where the time of a training step goes.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::profile;
use litecnn_data::{LoadOptions, load};
use litecnn_train::{Engine, Recipe, TrainingData};
use tch::Device;

use crate::table;

/// Time the parts of a step of stage one: one branch, one batch, one thread, by either engine.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// mnist, fashion-mnist or cifar10.
    #[arg(long, default_value = "mnist", value_name = "NAME")]
    dataset: String,
    /// `paper`, `smoke` or a TOML file.
    #[arg(long, default_value = "paper", value_name = "RECIPE")]
    recipe: String,
    /// Folder with the data set's files; otherwise they come from the cache, or are fetched into it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Steps to time.
    #[arg(long, default_value_t = 300, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let recipe = Recipe::load(&args.recipe)?;
    let options = LoadOptions { data_dir: args.data_dir.clone(), ..LoadOptions::default() };
    let data = TrainingData::new(&load(&args.dataset, &options)?, &recipe, 0, Device::Cpu)?;
    for (branch, augmented) in [("branch 1 (images)", false), ("branch 2 (augmented images)", true)] {
        for engine in [Engine::Libtorch, Engine::Kernels] {
            let parts = profile(&data, &recipe, engine, augmented, args.steps as usize)?;
            let total: f64 = parts.iter().map(|part| part.us).sum();
            println!("{}, {branch}, {}: {total:.0} µs a step", args.dataset, engine.name());
            let cells: Vec<Vec<String>> = parts
                .iter()
                .map(|p| vec![p.name.to_owned(), format!("{:.1}", p.us), format!("{:.0} %", 100.0 * p.us / total)])
                .collect();
            table::print(&["", "µs", "of the step"], &cells);
        }
    }
    Ok(())
}
