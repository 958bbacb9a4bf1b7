//! `litecnn-bench latency`: Table 5.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::latency;
use litecnn_report::speed::{Metric, Row};

use crate::options::Options;
use crate::progress::Progress;
use crate::sheet::Sheet;
use crate::{machine, table};

/// Time one call on one image (Table 5), each call alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    /// A bench.json to put the rows into.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let mut sheet = match &args.out {
        Some(path) => Some(Sheet::open(path, machine::machine(&args.options.devices()?))?),
        None => None,
    };
    let progress = Progress::new(quiet, work(&args.options)?);
    let rows = measure(&args.options, &progress)?;
    drop(progress);
    table::print_rows(&rows, &[]);
    if let Some(sheet) = &mut sheet {
        sheet.put(rows);
        sheet.write()?;
    }
    Ok(())
}

/// How much there is to do, in images.
pub(crate) fn work(options: &Options) -> Result<u64> {
    let calls = options.calls();
    let each = calls.warmup + calls.repetitions;
    Ok(options.settings()?.iter().map(|s| s.copies.len() as u64 * each).sum())
}

/// Measures everything asked for.
pub(crate) fn measure(options: &Options, progress: &Progress) -> Result<Vec<Row>> {
    let calls = options.calls();
    let mut rows = Vec::new();
    for setting in options.settings()? {
        tch::set_num_threads(setting.threads as i32);
        let subject = options.subjects.subject(&setting.model, setting.device)?;
        for copy in setting.copies {
            let sample = latency(&subject, 1, copy, calls)?;
            let row = sample.row(&subject, 1, Metric::Latency, copy);
            let line = format!("{}, threads {}: {:.1} µs", table::what(&row), row.threads, row.median);
            progress.step(calls.warmup + calls.repetitions, &line);
            rows.push(row);
        }
    }
    Ok(rows)
}
