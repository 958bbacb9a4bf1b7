//! Tests of the crate from outside: against scikit-learn, as properties, and on whole run directories.
//!
//! `UPDATE_GOLDEN=1 cargo test -p litecnn-report` rewrites the expected pages in `tests/golden/`.

#![allow(clippy::unwrap_used, reason = "what tests call is test code")]

mod properties;
mod runs;
mod sklearn;
mod speed;
mod synthetic;
mod tensorboard;
