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
    /// The loss or the weights are not finite numbers any more, or the loss is beyond all reason.
    #[error(
        "{step}, epoch {epoch}{}: {what} at learning rate {learning_rate:?}{}: \
         lower the learning rate and start in another directory",
        batch.map_or(String::new(), |batch| format!(", batch {batch}")),
        kept(*.last_good)
    )]
    Diverged {
        /// The step.
        step: String,
        /// The epoch, counted from 1.
        epoch: u32,
        /// The batch, counted from 1; none if it showed on the validation images.
        batch: Option<usize>,
        /// What went wrong: the loss of an output, or a weight.
        what: String,
        /// Learning rate at that batch.
        learning_rate: f64,
        /// The last epoch whose state was saved; 0 for none.
        last_good: u32,
    },
    /// Training was halted because the observer asked for it.
    #[error("{step}: halted {}", halted(*.epoch, *.batch, *.batches, *.saved))]
    Halted {
        /// The step.
        step: String,
        /// Epochs done.
        epoch: u32,
        /// Batches done of the next one.
        batch: usize,
        /// Batches of an epoch.
        batches: usize,
        /// Whether the state was saved, so that training can go on from there.
        saved: bool,
    },
    /// Saved training state that does not fit the model.
    #[error("the saved training state does not fit: {0}; delete the step's `state` folder and run it again")]
    State(String),
    /// Answers of a teacher that are not about these images.
    #[error("{}: {reason}", path.display())]
    Answers {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
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

fn halted(epoch: u32, batch: usize, batches: usize, saved: bool) -> String {
    match (epoch, batch, saved) {
        (0, 0, _) => "before its first batch".to_owned(),
        (_, 0, true) => format!("after epoch {epoch}, saved"),
        (_, _, true) => format!("in epoch {} after {batch} of {batches} batches, saved", epoch + 1),
        (_, _, false) => format!("in epoch {}, not saved", epoch + 1),
    }
}
