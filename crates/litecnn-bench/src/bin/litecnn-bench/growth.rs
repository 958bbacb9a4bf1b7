//! `litecnn-bench growth`: what training costs as the work grows.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::{Case, growth, growth_cases};
use tch::Device;

use crate::progress::Progress;
use crate::sheet::Sheet;
use crate::{machine, table};

/// Train for an epoch on random grey images while images, filters, sides or batches grow, one at a time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Worker threads [default: all the machine offers].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// What grows, separated by commas.
    #[arg(long, value_name = "AXIS,...", value_delimiter = ',', value_parser = AXES, default_values = AXES)]
    axes: Vec<String>,
    /// A twentieth of the images: a first look.
    #[arg(long)]
    quick: bool,
    /// A bench.json to put the rows into.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const AXES: [&str; 4] = ["images", "filters", "side", "batch"];

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let mut sheet = match &args.out {
        Some(path) => Some(Sheet::open(path, machine::machine(&[Device::Cpu]))?),
        None => None,
    };
    let threads = args.threads.map_or_else(litecnn_cli::threads, usize::from);
    let mut cases = growth_cases(if args.quick { 20 } else { 1 });
    cases.retain(|case| args.axes.iter().any(|axis| axis == case.axis));
    let progress = Progress::new(quiet, cases.iter().map(Case::work).sum());
    // The first epoch of a process also loads and allocates.
    growth(&Case { images: 320, ..cases[0].clone() }, threads, Device::Cpu)?;
    let mut rows = Vec::new();
    for case in &cases {
        let measured = growth(case, threads, Device::Cpu)?;
        let each: Vec<String> =
            measured.iter().map(|r| format!("{} {:.0} µs an image", r.step, r.us_per_image)).collect();
        progress.step(case.work(), &format!("{} {}: {}", case.axis, case.value, each.join(", ")));
        rows.extend(measured);
    }
    drop(progress);
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            vec![
                format!("{} {}", r.axis, r.value),
                r.step.clone(),
                r.images.to_string(),
                format!("{:.2}", r.seconds_per_epoch),
                format!("{:.1}", r.us_per_image),
                r.multiply_adds_per_image.to_string(),
            ]
        })
        .collect();
    table::print(&["", "step", "images", "s an epoch", "µs an image", "multiply-adds an image"], &cells);
    if let Some(sheet) = &mut sheet {
        sheet.bench.growth.retain(|old| !args.axes.contains(&old.axis));
        sheet.bench.growth.extend(rows);
        sheet.write()?;
    }
    Ok(())
}
