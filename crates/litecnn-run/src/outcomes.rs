use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, table};

/// The file that outcomes stand in.
pub const OUTCOMES: &str = "outcomes.csv";

/// What one way of training gave with one seed: a row of `outcomes.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The way of training, or the size of the model, among those that are compared.
    pub arm: String,
    /// Decides weights, split and order of images.
    pub seed: u64,
    /// Weights of the model, batch norms folded into convolutions.
    pub parameters: i64,
    /// Trained in all steps together.
    pub epochs: u32,
    /// On the images held out of the training images, as a fraction.
    pub validation_accuracy: f64,
    /// On the test images, as a fraction; they were looked at once.
    pub test_accuracy: f64,
    /// Of training.
    pub seconds: f64,
}

/// Writes `outcomes.csv`, whole.
///
/// # Errors
/// [`RunError::Io`] if the file cannot be written.
pub fn write_outcomes(path: &Path, outcomes: &[Outcome]) -> Result<(), RunError> {
    table::write(path, outcomes)
}

/// Reads `outcomes.csv`.
///
/// # Errors
/// [`RunError::Io`] if it cannot be read, [`RunError::Damaged`] if it holds no outcomes.
pub fn read_outcomes(path: &Path) -> Result<Vec<Outcome>, RunError> {
    table::read(path)
}
