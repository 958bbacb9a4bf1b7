//! `litecnn-bench all`: everything about the models as they are used.

use std::path::PathBuf;

use anyhow::Result;
use tch::Device;

use crate::options::Options;
use crate::progress::Progress;
use crate::sheet::Sheet;
use crate::{latency, machine, runtime, sweep};

/// Measure sizes (Table 6), latency (Table 5), throughput (Figures 17 to 22) and exported models into a new bench.json.
///
/// The file is written at the end, whole; a file of that name is replaced then.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    batches: sweep::Batches,
    /// The file to write.
    #[arg(long, value_name = "FILE", default_value = "bench.json")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let options = &args.options;
    let mut sheet = Sheet::fresh(&args.out, machine::machine(&options.devices()?));
    for model in &options.subjects.models {
        sheet.bench.models.push(options.subjects.subject(model, Device::Cpu)?.size());
    }
    let on_cpu = options.devices()?.contains(&Device::Cpu);
    let more = if on_cpu { runtime::work(options) } else { 0 };
    let progress = Progress::new(quiet, latency::work(options)? + sweep::work(options, &args.batches)? + more);
    sheet.bench.rows = latency::measure(options, &progress)?;
    let (rows, limits) = sweep::measure(options, &args.batches, &progress)?;
    let exported = if on_cpu { runtime::measure(options, &progress)? } else { Vec::new() };
    drop(progress);
    sheet.bench.rows.extend(rows);
    sheet.bench.rows.extend(exported);
    sheet.bench.limits = limits;
    sheet.write()?;
    println!("{}: {} rows, {} limits", args.out.display(), sheet.bench.rows.len(), sheet.bench.limits.len());
    Ok(())
}
