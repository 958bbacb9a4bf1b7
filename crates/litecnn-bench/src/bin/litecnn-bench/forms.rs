//! `litecnn-bench forms`: a trained model in every form it is shipped in.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_bench::{Others, forms, share_processors};
use litecnn_data::{LoadOptions, load};
use litecnn_report::speed::ExportForm;
use tch::Device;

use crate::options::Subjects;
use crate::progress::Progress;
use crate::sheet::Sheet;
use crate::{machine, table};

/// Compare the forms a run's models are shipped in: bytes, microseconds for one image, answers on the whole test set.
///
/// libtorch and the runtime are asked here; --compiler has the C export compiled and run, --python the ONNX export.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    subjects: Subjects,
    /// Seeds of the run, separated by commas.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [0])]
    seeds: Vec<u64>,
    /// Folder with the data sets; otherwise the cache is used.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A C compiler with its arguments, such as "cc -O3 -march=native".
    #[arg(long, value_name = "WORDS")]
    compiler: Option<String>,
    /// A Python with onnxruntime.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// A bench.json to put the rows into.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let mut sheet = match &args.out {
        Some(path) => Some(Sheet::open(path, machine::machine(&[Device::Cpu]))?),
        None => None,
    };
    let run = args.subjects.run()?;
    let others = Others { compiler: args.compiler.clone(), python: args.python.clone() };
    tch::set_num_threads(1);
    share_processors(1);
    let progress = Progress::new(quiet, (args.subjects.models.len() * args.seeds.len()) as u64);
    let mut rows: Vec<ExportForm> = Vec::new();
    for model in &args.subjects.models {
        let options = LoadOptions { data_dir: args.data_dir.clone(), ..LoadOptions::default() };
        let dataset = load(model, &options)?;
        for &seed in &args.seeds {
            rows.extend(forms(run, seed, &dataset, &others)?);
            progress.step(1, &format!("{model}, seed {seed}: compared on {} images", dataset.test.len()));
        }
    }
    drop(progress);
    let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
    table::print(&["form", "model", "seed", "bytes", "µs", "accuracy, %", "other answers", "logits differ by"], &cells);
    if let Some(sheet) = &mut sheet {
        let same = |a: &ExportForm, b: &ExportForm| (&a.form, &a.model, a.seed) == (&b.form, &b.model, b.seed);
        sheet.bench.forms.retain(|old| !rows.iter().any(|new| same(old, new)));
        sheet.bench.forms.extend(rows);
        sheet.write()?;
    }
    Ok(())
}

fn cells(row: &ExportForm) -> Vec<String> {
    let or = |text: Option<String>| text.unwrap_or_default();
    vec![
        row.form.clone(),
        row.model.clone(),
        row.seed.to_string(),
        row.bytes.to_string(),
        or(row.us.map(|us| format!("{us:.1}"))),
        or(row.accuracy().map(|share| format!("{:.2}", 100.0 * share))),
        or(row.other_answers.map(|n| n.to_string())),
        or(row.largest_logit_difference.map(|d| format!("{d:.1e}"))),
    ]
}
