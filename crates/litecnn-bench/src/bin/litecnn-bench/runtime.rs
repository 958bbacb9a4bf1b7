//! `litecnn-bench runtime`: exported models.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::{Calls, Exported, Weights, in_turn};
use litecnn_report::speed::Row;
use tch::Device;

use crate::options::Options;
use crate::progress::Progress;
use crate::sheet::Sheet;
use crate::{machine, table};

/// Time exported models without libtorch: one call on 1, 32, 256 and 1,024 images.
///
/// Kinds of weights and numbers of threads take turns, so that what one gains over the other is of one time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    /// A bench.json to put the rows into.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Images a call.
const BATCHES: [u64; 4] = [1, 32, 256, 1024];

/// Turns of each engine.
const ROUNDS: u64 = 5;

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let mut sheet = match &args.out {
        Some(path) => Some(Sheet::open(path, machine::machine(&[Device::Cpu]))?),
        None => None,
    };
    let progress = Progress::new(quiet, work(&args.options));
    let rows = measure(&args.options, &progress)?;
    drop(progress);
    table::print_rows(&rows, &[]);
    if let Some(sheet) = &mut sheet {
        sheet.put(rows);
        sheet.write()?;
    }
    Ok(())
}

/// How much there is to do, in images, of which the runtime answers some twenty while libtorch answers one.
pub(crate) fn work(options: &Options) -> u64 {
    let calls = options.calls();
    let each: u64 = BATCHES.iter().map(|batch| work_of(calls, *batch)).sum();
    options.subjects.models.len() as u64 * each
}

fn work_of(calls: Calls, batch: u64) -> u64 {
    (calls.warmup * ROUNDS + calls.repetitions) * batch.div_ceil(20)
}

/// Measures everything asked for.
pub(crate) fn measure(options: &Options, progress: &Progress) -> Result<Vec<Row>> {
    let calls = options.calls();
    let turn = Calls { repetitions: calls.repetitions.div_ceil(ROUNDS), ..calls };
    let mut rows = Vec::new();
    for model in &options.subjects.models {
        let subject = options.subjects.subject(model, Device::Cpu)?;
        let mut engines = Vec::new();
        for weights in Weights::ALL {
            for threads in options.subjects.threads() {
                engines.push(Exported::new(&subject, weights, threads)?);
            }
        }
        for batch in BATCHES {
            let more = in_turn(&engines.iter().map(|engine| engine as _).collect::<Vec<_>>(), batch, ROUNDS, turn)?;
            let of = |r: &Row| format!("{} with {} threads {:.1} µs", r.program, r.threads, r.median);
            let told: Vec<String> = more.iter().map(of).collect();
            progress.step(work_of(calls, batch), &format!("{model}, batch {batch}: {}", told.join(", ")));
            rows.extend(more);
        }
    }
    Ok(rows)
}
