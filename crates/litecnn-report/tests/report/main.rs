//! Tests of the crate from outside: against scikit-learn and SciPy, as properties, and on whole run directories.
//!
//! `UPDATE_GOLDEN=1 cargo test -p litecnn-report` rewrites the expected pages in `tests/golden/`.

#![allow(clippy::unwrap_used, reason = "what tests call is test code")]

mod compression;
#[path = "../../../damage.rs"]
mod damage;
mod faults;
mod hostile;
mod pages;
mod properties;
mod runs;
mod sklearn;
mod speed;
mod statistics;
mod statistics_properties;
mod synthetic;
mod tensorboard;
