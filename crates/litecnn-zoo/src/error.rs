use std::path::PathBuf;

use litecnn_model::ModelError;
use litecnn_train::{RecipeError, TrainError};

/// What can go wrong with network descriptions, networks and their files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZooError {
    /// A network that cannot exist.
    #[error("{network}, {place}: {reason}")]
    Network {
        /// Name of the network.
        network: String,
        /// The layer, such as `stage1.2.expand`, or `input`, `classes`, `output`.
        place: String,
        /// What is impossible and what would be possible.
        reason: String,
    },
    /// There is no variant of that name.
    #[error("no network `{name}`; known, nearest first: {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are, nearest first.
        known: Vec<String>,
    },
    /// A description in TOML with a fault.
    #[error("{}{}: {reason}", path.display(), line.map_or(String::new(), |l| format!(", line {l}")))]
    Description {
        /// The file.
        path: PathBuf,
        /// Counted from 1, where the fault can be placed.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// Images of another shape than the network was built for.
    #[error("images of shape {found:?} for a network that takes [batch, {expected}]")]
    Images {
        /// `channels, height, width`.
        expected: String,
        /// Shape found.
        found: Vec<i64>,
    },
    /// A batch too small to have batch statistics.
    #[error("{layer} has one value a channel in this batch, too few for batch statistics: train on larger batches")]
    Batch {
        /// The batch norm.
        layer: String,
    },
    /// A share of weights to prune that cannot be.
    #[error("a share of {0} cannot be pruned: from 0 to 1 is possible, in rounds only between them")]
    Share(f64),
    /// A share of weights to shrink by that cannot be.
    #[error("a network cannot shrink by a share of {0}: above 0 and below 1 is possible")]
    ShrinkShare(f64),
    /// A number of weights that a network cannot shrink to.
    #[error("a network of {most} weights cannot shrink to {wanted}: from {least} to {} is possible", most - 1)]
    Budget {
        /// What was asked for.
        wanted: i64,
        /// The fewest that can be left.
        least: i64,
        /// What the network has.
        most: i64,
    },
    /// A network that cannot be folded.
    #[error("{layer} {reason}: the network cannot be folded")]
    Fold {
        /// The layer.
        layer: String,
        /// Why it has no place in a folded network.
        reason: String,
    },
    /// A network that cannot be quantised.
    #[error("{layer} {reason}: it cannot be quantised")]
    Calibration {
        /// The layer or weight.
        layer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More weights than wanted are not of convolutions, so pruning cannot remove them.
    #[error(
        "at most {wanted} weights that are not zero cannot be: {others} are not of convolutions and are never pruned"
    )]
    Target {
        /// Weights wanted.
        wanted: i64,
        /// Weights that are not of convolutions.
        others: i64,
    },
    /// A network and a data set that do not fit.
    #[error("`{network}` is for {takes}, but `{dataset}` has {has}")]
    Data {
        /// Name of the network.
        network: String,
        /// What it takes.
        takes: String,
        /// Name of the data set.
        dataset: String,
        /// What it has.
        has: String,
    },
    /// A normalisation that does not suit the images.
    #[error("the recipe's normalisation does not suit the images: {0}")]
    Normalisation(String),
    /// A network, recipe or device that the kernels cannot train.
    #[error("{0}: libtorch can compute it")]
    Kernels(String),
    /// Settings of a recipe that do not go together.
    #[error("the recipe's settings do not go together: {0}")]
    Settings(String),
    /// A recipe with a fault.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Training that cannot go on.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A built-in table that cannot be read.
    #[error("the built-in published table is damaged: {0}")]
    Published(#[from] serde_json::Error),
    /// A weight, or a weight file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// libtorch refused an operation (memory, device).
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
