//! `litecnn report`: what a run has come to, beside the paper; runs side by side.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::{Usage, print};

const EXAMPLES: &str = "\
Examples:
  litecnn report results/mine
  litecnn report results/mine --png --tensorboard
  litecnn report --compare results/mine results/paper --out comparison/";

/// Tell what a run has come to: tables, figures, one page.
///
/// Leaves summary.json, RESULTS.md, report.html, figures/ and tables/ in the run directory. A run that is not finished
/// gives a report of what is there. A directory of networks of `litecnn zoo` gives COMPRESSION.md, compression.html and
/// figures/ instead.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run directory; with --compare, two or more.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Compare runs: figures side by side, and McNemar's test between their predictions.
    #[arg(long, conflicts_with_all = ["png", "tensorboard"])]
    compare: bool,
    /// Folder for COMPARE.md, compare.html and their figures; without it the comparison is only printed.
    #[arg(long, value_name = "FOLDER", requires = "compare")]
    out: Option<PathBuf>,
    /// Write every figure as PNG too.
    #[arg(long)]
    png: bool,
    /// Write training curves for TensorBoard, into tensorboard/ in the run directory.
    #[arg(long)]
    tensorboard: bool,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    if args.compare {
        return compare(args);
    }
    let [run] = args.runs.as_slice() else {
        return Err(Usage("several run directories are for --compare".into()).into());
    };
    if litecnn_report::is_compression(run) {
        return compression(run, args, quiet);
    }
    let report = litecnn_report::report(run)?;
    let mut told: Vec<String> = report.missing.iter().map(|missing| format!("missing: {missing}")).collect();
    let pages = report.files.iter().filter(|f| f.parent() == Some(run));
    told.extend(pages.map(|page| format!("wrote {}", page.display())));
    told.push(format!("wrote {} figures to {}", report.figures().count(), run.join("figures").display()));
    if args.png {
        let written = litecnn_report::write_pngs(&report.files)?;
        told.push(format!("wrote {} of them as PNG, too", written.len()));
    }
    if args.tensorboard {
        let written = litecnn_report::write_tensorboard(run)?;
        let folder = run.join("tensorboard");
        told.push(format!("wrote {} event files: tensorboard --logdir {}", written.len(), folder.display()));
    }
    if !quiet {
        print(&(told.join("\n") + "\n\n"))?;
    }
    print(&format!("{}\n", report.table))
}

/// Of networks that were trained, pruned and quantised.
fn compression(run: &Path, args: &Args, quiet: bool) -> Result<()> {
    if args.tensorboard {
        return Err(Usage("--tensorboard is not for a directory of networks of `litecnn zoo`".into()).into());
    }
    let report = litecnn_report::report_compression(run)?;
    let mut told: Vec<String> = report.missing.iter().map(|missing| format!("missing: {missing}")).collect();
    told.extend(report.files.iter().map(|file| format!("wrote {}", file.display())));
    if args.png {
        told.push(format!("wrote {} figures as PNG, too", litecnn_report::write_pngs(&report.files)?.len()));
    }
    if !quiet {
        print(&(told.join("\n") + "\n\n"))?;
    }
    print(&format!("{}\n", report.table))
}

fn compare(args: &Args) -> Result<()> {
    if args.runs.len() < 2 {
        return Err(Usage("--compare takes two run directories or more".into()).into());
    }
    let comparison = litecnn_report::compare(&args.runs)?;
    print(&format!("{}\n", comparison.to_text()))?;
    if let Some(folder) = &args.out {
        for file in comparison.write(folder)? {
            print(&format!("wrote {}\n", file.display()))?;
        }
    }
    Ok(())
}
