use litecnn_data::SplitError;
use litecnn_model::ModelError;
use litecnn_run::RunError;

use crate::recipe::RecipeError;

/// Why training cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe has a fault.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The data cannot be parted as the recipe asks.
    #[error("the recipe does not suit the data: {0}")]
    Split(#[from] SplitError),
    /// The loss or the weights are not finite numbers any more.
    #[error(
        "{step}, epoch {epoch}: {what} is not a finite number at learning rate {learning_rate}{}: \
         lower the learning rate and start in another directory",
        kept(*.last_good)
    )]
    Diverged {
        /// The step.
        step: String,
        /// The epoch, counted from 1.
        epoch: u32,
        /// What went wrong: the loss of an output.
        what: String,
        /// Learning rate in that epoch.
        learning_rate: f64,
        /// The last epoch whose state was saved; 0 for none.
        last_good: u32,
    },
    /// Saved training state that does not fit the model.
    #[error("the saved training state does not fit: {0}; delete the step's `state` folder and run it again")]
    State(String),
    /// Weights changed that were frozen.
    #[error("{0} changed although it was frozen in this step: this is a fault of the program")]
    NotFrozen(String),
    /// What a fold left could not be kept.
    #[error("{0}")]
    Keeping(String),
    /// A model or its file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file of the run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// libtorch refused an operation (memory, device, shapes).
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

fn kept(last_good: u32) -> String {
    if last_good > 0 { format!(" (the state of epoch {last_good} is kept)") } else { String::new() }
}
