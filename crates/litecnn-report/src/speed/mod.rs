//! Figures of speed: `bench.json`, and the page and figures made of it.
//!
//! [`Bench`] is what a measuring program leaves; this module knows its format and how it is told, and measures
//! nothing itself. Two kinds of figure are never mixed: the *latency* of one call, timed alone and waited for, and
//! the pipelined *throughput* of calls made back to back.
//!
//! ```
//! use litecnn_report::speed::{Bench, Machine, Metric, OURS, Row, Unit, write_report};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let folder = temporary.path();
//! let mut bench = Bench::new(Machine {
//!     cpu: "Example CPU @ 2.00 GHz".into(),
//!     cores: 2,
//!     memory_bytes: Some(8 << 30),
//!     os: "linux x86_64".into(),
//!     libtorch: "2.13.0".into(),
//!     device: "cpu".into(),
//!     tf32: None,
//!     litecnn: "0.1.0".into(),
//!     commit: "unknown".into(),
//!     date: "2025-01-31T12:00:00Z".into(),
//! });
//! bench.rows.push(Row {
//!     program: OURS.into(),
//!     version: "0.1.0".into(),
//!     model: "mnist".into(),
//!     batch: 1,
//!     threads: 1,
//!     device: "cpu".into(),
//!     metric: Metric::Latency,
//!     unit: Unit::Microseconds,
//!     copy: None,
//!     median: 150.0,
//!     p95: 160.0,
//!     p99: 170.0,
//!     mean: 151.0,
//!     std: 5.0,
//!     min: 148.0,
//!     repetitions: 100,
//!     warmup: 10,
//!     first_call: 900.0,
//! });
//! let file = folder.join("bench.json");
//! bench.write(&file)?;
//! write_report(&Bench::read(&file)?, folder)?;
//! assert!(std::fs::read_to_string(folder.join("BENCH.md"))?.contains("not measured here"), "there was no GPU");
//! # Ok(())
//! # }
//! ```

mod bench;
mod criterion;
mod figures;
mod page;
mod write;

pub use bench::{
    Bench, Copying, CriterionRow, ExportForm, Growth, Limit, Machine, Metric, ModelSize, OURS, RUNTIME, RUNTIME_INT8,
    Ratio, Row, Unit, is_ours,
};
pub use criterion::read_criterion;
pub(crate) use figures::{file_part, throughput_name, throughput_panels};
pub(crate) use page::{latency, latency_sentence};
pub use write::write_report;
