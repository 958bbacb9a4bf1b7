//! What a litecnn experiment leaves on disk.
//!
//! A run directory holds one recipe applied to any number of data sets and seeds. Each step of the experiment
//! reads files and writes files; this crate knows their names ([`SeedDir`]), their formats ([`EpochRecord`],
//! [`Predictions`], [`Answers`], [`Pictures`], [`ArchitectureRecord`], [`StepRecord`], [`Measured`],
//! [`Manifest`]) and the two
//! rules that keep them trustworthy: a file is written whole or not at all ([`write_atomic`]), and one process at a
//! time works in a run directory ([`RunDir`]). It depends on no tensor library, so programs that only read
//! results build in seconds.
//!
//! ```
//! use litecnn_run::{Prediction, Predictions, SeedDir};
//!
//! # fn main() -> Result<(), litecnn_run::RunError> {
//! # let temporary = tempfile::tempdir().unwrap();
//! # let run = temporary.path();
//! let dir = SeedDir::new(run, "mnist", 0);
//! let one = Prediction { index: 0, label: 7, predicted: 7, probabilities: vec![0.125; 8] };
//! Predictions { classes: 8, rows: vec![one] }.write(&dir.predictions("test"))?;
//!
//! let read = Predictions::read(&run.join("mnist/seed-0/predictions-test.csv"))?;
//! let hits = read.pairs().filter(|(label, predicted)| label == predicted).count();
//! assert_eq!(hits, 1);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod answers;
mod architecture;
mod atomic;
#[cfg(test)]
#[path = "../../damage.rs"]
mod damage;
mod error;
mod history;
#[cfg(test)]
mod hostile;
mod json;
mod layout;
mod links;
mod lock;
mod manifest;
mod measured;
mod outcomes;
mod pictures;
mod predictions;
mod rounds;
mod scorings;
mod step;
mod table;
mod trials;

pub use answers::{Answer, Answers};
pub use architecture::{ArchitectureRecord, GraphLayer, ModelGraph};
pub use atomic::{read, sha256, sha256_file, write_atomic, write_atomic_with};
pub use error::RunError;
pub use history::{EpochRecord, read_history, write_history};
pub use json::{read_json, write_json};
pub use layout::{SeedDir, seeds_in};
pub use links::refuse_links;
pub use lock::Lock;
pub use manifest::{Manifest, RunDir, StepTimes, now, now_after};
pub use measured::Measured;
pub use outcomes::{OUTCOMES, Outcome, read_outcomes, write_outcomes};
pub use pictures::{Mistake, Original, Pictures};
pub use predictions::{Prediction, Predictions};
pub use rounds::{RoundRecord, read_rounds, write_rounds};
pub use scorings::{SCORINGS, Scoring, note_scoring};
pub use step::StepRecord;
pub use trials::{Trial, read_trials, write_trials};
