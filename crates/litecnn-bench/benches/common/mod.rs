//! What the benches share.

use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use litecnn_data::{Dataset, LoadOptions, load};

/// Criterion's settings for all benches: together they take about two minutes. One thread an operation, so that
/// figures of machines with other numbers of cores can be set side by side.
pub(crate) fn settings(seconds: u64, samples: usize) -> Criterion {
    tch::set_num_threads(1);
    Criterion::default()
        .without_plots()
        .sample_size(samples)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(seconds))
        .configure_from_args()
}

/// Training images in each of the samples.
#[allow(dead_code, reason = "not every bench needs images")]
pub(crate) const IMAGES: u64 = 1_000;

/// The committed extract of a data set.
#[allow(dead_code, reason = "not every bench needs images")]
pub(crate) fn samples(name: &str) -> Dataset {
    load(name, &options()).expect("the samples are in the repository")
}

/// Where the samples are.
#[allow(dead_code, reason = "not every bench needs images")]
pub(crate) fn options() -> LoadOptions {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
    LoadOptions { data_dir: Some(folder), ..LoadOptions::default() }
}
