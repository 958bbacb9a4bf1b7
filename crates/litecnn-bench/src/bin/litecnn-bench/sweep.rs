//! `litecnn-bench sweep`: Figures 17 to 22.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::{Sweep, sweep};
use litecnn_report::speed::{Limit, Row};
use tch::Device;

use crate::options::{Options, Setting};
use crate::progress::Progress;
use crate::sheet::Sheet;
use crate::{machine, table};

/// Measure throughput at batch sizes 1, 2, 4 ... (Figures 17 to 22), at most until memory runs out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    batches: Batches,
    /// A bench.json to put the rows into.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How far a sweep goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Batches {
    /// Last batch size [default: on the CPU 16384, or 256 with --quick; on a GPU until memory runs out].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    max_batch: Option<u64>,
}

/// Batch sizes a GPU is expected to reach, for the time left.
const GUESS: u64 = 1 << 18;

impl Batches {
    fn last(&self, options: &Options, device: Device) -> u64 {
        self.max_batch.unwrap_or(match (options.quick, device) {
            (true, _) => 256,
            (false, Device::Cpu) => 1 << 14,
            (false, _) => 1 << 30,
        })
    }

    /// How much a setting is to do, in images on a CPU.
    fn work(&self, options: &Options, setting: &Setting) -> u64 {
        let last = self.last(options, setting.device).min(GUESS);
        let sizes = std::iter::successors(Some(1u64), |n| Some(2 * n)).take_while(|n| *n <= last);
        setting.copies.len() as u64 * sizes.map(|batch| work_of(options, batch, setting.device)).sum::<u64>()
    }
}

/// A repetition lasts about as long as some 30 images do, or longer; on a GPU hardly ever longer.
fn work_of(options: &Options, batch: u64, device: Device) -> u64 {
    let calls = options.calls();
    (calls.warmup + calls.repetitions) * if device == Device::Cpu { batch.max(32) } else { 32 }
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let mut sheet = match &args.out {
        Some(path) => Some(Sheet::open(path, machine::machine(&args.options.devices()?))?),
        None => None,
    };
    let progress = Progress::new(quiet, work(&args.options, &args.batches)?);
    let (rows, limits) = measure(&args.options, &args.batches, &progress)?;
    drop(progress);
    table::print_rows(&rows, &limits);
    if let Some(sheet) = &mut sheet {
        let again = |old: &Limit| {
            rows.iter().any(|r| (&r.model, &r.device, r.threads) == (&old.model, &old.device, old.threads))
        };
        sheet.bench.limits.retain(|old| !again(old));
        sheet.bench.limits.extend(limits);
        sheet.put(rows);
        sheet.write()?;
    }
    Ok(())
}

/// How much there is to do, in images.
pub(crate) fn work(options: &Options, batches: &Batches) -> Result<u64> {
    Ok(options.settings()?.iter().map(|setting| batches.work(options, setting)).sum())
}

/// Measures everything asked for.
pub(crate) fn measure(options: &Options, batches: &Batches, progress: &Progress) -> Result<(Vec<Row>, Vec<Limit>)> {
    let (mut rows, mut limits) = (Vec::new(), Vec::new());
    for setting in options.settings()? {
        let end = progress.done() + batches.work(options, &setting);
        tch::set_num_threads(setting.threads as i32);
        let subject = options.subjects.subject(&setting.model, setting.device)?;
        for copy in &setting.copies {
            let plan = Sweep { copy: *copy, calls: options.calls(), max_batch: batches.last(options, setting.device) };
            let (measured, limit) = sweep(&subject, &plan, |row| {
                let what = table::what(row);
                let line = format!("{what}, threads {}, batch {}: {:.0} images/s", row.threads, row.batch, row.mean);
                progress.step(work_of(options, row.batch, setting.device), &line);
            })?;
            rows.extend(measured);
            // With and without copying, memory ends at the same place.
            limits.extend(limit.filter(|new: &Limit| {
                let same = |old: &Limit| {
                    (&old.model, &old.device, old.threads, old.batch)
                        == (&new.model, &new.device, new.threads, new.batch)
                };
                !limits.iter().any(same)
            }));
        }
        progress.skip_to(end);
    }
    Ok((rows, limits))
}
