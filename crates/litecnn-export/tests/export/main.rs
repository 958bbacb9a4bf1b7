//! Weight files read, and artefacts made of them run by what they are made for. Where a tool is absent, its test says
//! `skipped: …` and passes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests too")]

mod c;
mod compact;
mod cortex_m;
#[path = "../../../damage.rs"]
mod damage;
mod folded;
mod hostile;
mod models;
mod onnx;
mod quantise;
mod rust;
mod tools;
mod weights;
