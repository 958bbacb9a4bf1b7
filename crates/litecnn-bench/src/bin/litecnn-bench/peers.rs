//! `litecnn-bench peers`: beside other programs, in turn.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use litecnn_bench::{Contest, Engine, Exported, Peer, Weights, contest, share_processors};
use litecnn_report::speed::{Ratio, Row, is_ours};
use tch::Device;

use crate::options::Subjects;
use crate::progress::Progress;
use crate::sheet::Sheet;
use crate::{machine, table};

/// Time other programs and ours in turn on the CPU, with the same threads on the same processors.
///
/// Starts `python inference.py --serve --models NAME --threads N` for each model and number of threads; see the
/// crate's README for what it answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    subjects: Subjects,
    /// A Python that has what the script needs.
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// The script that measures the other programs.
    #[arg(long, value_name = "FILE", default_value = "crates/litecnn-bench/peers/inference.py")]
    script: PathBuf,
    /// Batch sizes, separated by commas.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 32, 256])]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    batches: Vec<u64>,
    /// Turns of each program.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    /// Repetitions a turn.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    repetitions: u64,
    /// A bench.json to put rows and ratios into.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let mut sheet = match &args.out {
        Some(path) => Some(Sheet::open(path, machine::machine(&[Device::Cpu]))?),
        None => None,
    };
    anyhow::ensure!(args.script.is_file(), "{} is not there: give --script", args.script.display());
    let threads = args.subjects.threads();
    let servers = (threads.len() * args.subjects.models.len()) as u64;
    let per_server: u64 = args.batches.iter().map(|batch| (*batch).max(8)).sum();
    let progress = Progress::new(quiet, servers * per_server);
    let (mut rows, mut ratios): (Vec<Row>, Vec<Ratio>) = (Vec::new(), Vec::new());
    for threads in threads {
        tch::set_num_threads(threads as i32);
        share_processors(threads);
        for model in &args.subjects.models {
            let subject = args.subjects.subject(model, Device::Cpu)?;
            let mut command = Command::new(&args.python);
            command.arg(&args.script).args(["--serve", "--models", model, "--threads", &threads.to_string()]);
            progress.step(0, &format!("{model}, threads {threads}: starting the other programs"));
            let mut peer = Peer::start(command)?;
            let [floats, integers] = Weights::ALL.map(|weights| Exported::new(&subject, weights, threads));
            let (floats, integers) = (floats?, integers?);
            let ours: [&dyn Engine; 3] = [&subject, &floats, &integers];
            for &batch in &args.batches {
                let plan = Contest { batch, threads, rounds: args.rounds, repetitions: args.repetitions };
                let (more, found) = contest(&ours, &mut peer, &plan)?;
                let of = |name: &str, us: f64| format!("{name} {us:.1} µs");
                let mut told: Vec<String> = found[..ours.len()].iter().map(|r| of(&r.ours, r.ours_us)).collect();
                told.extend(more.iter().map(|r| of(&r.program, r.median)));
                let line = format!("{model}, threads {threads}, batch {batch}: {}", told.join(", "));
                rows.extend(more);
                ratios.extend(found);
                progress.step(batch.max(8), &line);
            }
        }
    }
    drop(progress);
    let cells: Vec<Vec<String>> = ratios
        .iter()
        .map(|r: &Ratio| {
            let figures = [format!("{:.1}", r.ours_us), format!("{:.1}", r.theirs_us), format!("{:.3}", r.ratio)];
            let mut cells = vec![r.program.clone(), r.model.clone(), r.batch.to_string(), r.threads.to_string()];
            cells.push(r.ours.clone());
            cells.extend(figures);
            cells
        })
        .collect();
    table::print(&["program", "model", "batch", "threads", "ours", "ours, µs", "theirs, µs", "ours / theirs"], &cells);
    if let Some(sheet) = &mut sheet {
        // Ratios and rows are of one contest.
        sheet.bench.rows.retain(|row| is_ours(&row.program));
        sheet.put(rows);
        sheet.bench.ratios = ratios;
        sheet.write()?;
    }
    Ok(())
}
