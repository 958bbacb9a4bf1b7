//! Training on small real data: equality with references, repeatability, resuming, bad input.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[path = "../../../damage.rs"]
mod damage;
mod engines;
mod halting;
mod hostile;
mod optimizers;
mod repeatable;
mod second_stage;
mod shapes;
mod steps;

use std::path::Path;

use litecnn_data::{Dataset, LoadOptions, load};

/// The committed extract of a data set.
fn samples(name: &str) -> Dataset {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
    load(name, &LoadOptions { data_dir: Some(folder), ..LoadOptions::default() }).unwrap()
}
