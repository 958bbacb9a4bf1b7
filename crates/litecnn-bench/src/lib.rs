//! Measures litecnn: how fast a model answers, where memory ends, what training costs as the work grows, and how
//! that compares with other programs doing the same work.
//!
//! An [`Engine`] answers images: a [`Subject`] in libtorch, an [`Exported`] model in the runtime.
//! Two different figures are never mixed. [`latency`] times each call alone and waits for its end; [`throughput`]
//! makes calls back to back and waits once. Both return a [`Sample`] in the unit of its metric. [`sweep`] raises the
//! batch size until the last one or until memory runs out, which is a result and no fault ([`is_out_of_memory`]).
//! [`Peer`] talks to a program that measures itself on demand, so that two programs can be timed in turn; [`growth`]
//! trains for an epoch on synthetic images, [`profile`] times the parts of a training step. Rows are those of `litecnn_report::speed`, which knows how to read, write
//! and show them.
//!
//! ```
//! use litecnn_bench::{Calls, Subject, latency};
//! use litecnn_report::speed::Metric;
//! use tch::Device;
//!
//! # fn main() -> Result<(), litecnn_bench::BenchError> {
//! tch::set_num_threads(1);
//! let subject = Subject::random("mnist", Device::Cpu)?;
//! let sample = latency(&subject, 1, None, Calls { warmup: 2, repetitions: 5 })?;
//! let row = sample.row(&subject, 1, Metric::Latency, None);
//! println!("{:.0} µs an image", row.median);
//! assert_eq!((row.repetitions, row.model.as_str()), (5, "mnist"));
//! # Ok(())
//! # }
//! ```
//!
//! On a CPU, an operation uses as many threads as `tch::set_num_threads` allows in the calling thread; set it before.

#![forbid(unsafe_code)]

mod affinity;
mod contenders;
mod engine;
mod error;
mod exported;
mod forms;
mod growth;
mod memory;
mod peer;
mod profile;
mod sample;
mod small;
mod subject;
mod sweep;
mod timing;

pub use affinity::share_processors;
pub use contenders::{Turns, contenders};
pub use engine::{Call, Engine, Measure};
pub use error::BenchError;
pub use exported::{Exported, Weights};
pub use forms::{Others, forms};
pub use growth::{Case, GROWTH_STEPS, growth, growth_cases};
pub use memory::is_out_of_memory;
pub use peer::{Contest, Peer, contest, in_turn};
pub use profile::{Part, profile};
pub use sample::{Calls, Sample, measure};
pub use small::small_models;
pub use subject::Subject;
pub use sweep::{Sweep, sweep};
pub use timing::{LEAST_SECONDS, latency, throughput};

/// The models measured, by the names of their data sets, in the paper's order.
pub const MODELS: [&str; 3] = ["mnist", "fashion-mnist", "cifar10"];

/// `cpu`, `cuda:0` …
pub fn device_name(device: tch::Device) -> String {
    match device {
        tch::Device::Cuda(n) => format!("cuda:{n}"),
        _ => "cpu".to_owned(),
    }
}
