use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, table};

/// A candidate of a search in one round: a row of `trials.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Counted from 0; with the search's seed it decides the network.
    pub candidate: usize,
    /// Counted from 0.
    pub round: usize,
    /// Trained in this round.
    pub epochs: u32,
    /// On the images held out, as a fraction.
    pub validation_accuracy: f64,
    /// On the images held out, in nats.
    pub validation_loss: f64,
    /// Weights, batch norms folded into convolutions.
    pub parameters: i64,
    /// Multiply-accumulates of one image.
    pub multiplications: i64,
    /// Of training.
    pub seconds: f64,
}

/// Writes `trials.csv`, whole.
///
/// # Errors
/// [`RunError::Io`] if the file cannot be written.
pub fn write_trials(path: &Path, trials: &[Trial]) -> Result<(), RunError> {
    table::write(path, trials)
}

/// Reads `trials.csv`.
///
/// # Errors
/// [`RunError::Io`] if it cannot be read, [`RunError::Damaged`] if it holds no trials.
pub fn read_trials(path: &Path) -> Result<Vec<Trial>, RunError> {
    table::read(path)
}
