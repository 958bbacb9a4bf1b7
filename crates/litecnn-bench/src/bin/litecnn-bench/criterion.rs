//! `litecnn-bench criterion`: takes over what criterion measured.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use litecnn_report::speed::read_criterion;
use tch::Device;

use crate::machine;
use crate::sheet::Sheet;

/// Put the figures of the criterion benches (`cargo bench -p litecnn-bench`) into a bench.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder criterion writes to.
    #[arg(long, value_name = "DIR", default_value = "target/criterion")]
    from: PathBuf,
    /// Only figures written since then, in seconds since 1970.
    #[arg(long, value_name = "SECONDS")]
    since: Option<u64>,
    /// The bench.json.
    #[arg(long, value_name = "FILE", default_value = "bench.json")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut sheet = Sheet::open(&args.out, machine::machine(&[Device::Cpu]))?;
    let since = args.since.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    sheet.bench.criterion = read_criterion(&args.from, since)?;
    sheet.write()?;
    println!("{}: {} criterion benches", args.out.display(), sheet.bench.criterion.len());
    Ok(())
}
