use std::path::PathBuf;

use crate::InputShape;

/// What can go wrong with models and their files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The architecture asked for cannot exist.
    #[error("impossible architecture: {0}")]
    Architecture(String),
    /// Even the smallest model has more parameters than there may be.
    #[error(
        "a budget of {parameters} parameters ({} bytes) is too small: the smallest model for images of {}x{}x{} and \
         {classes} classes has {smallest} parameters ({} bytes)",
        parameters.saturating_mul(4), input.channels, input.height, input.width, 4 * smallest
    )]
    Budget {
        /// Parameters there may be.
        parameters: i64,
        /// Parameters of the smallest model.
        smallest: i64,
        /// Shape of one image.
        input: InputShape,
        /// Number of classes.
        classes: i64,
    },
    /// A weight has another shape than the architecture gives it.
    #[error("layer `{layer}` wants shape {expected:?}, got {found:?}")]
    Shape {
        /// Name of the weight, such as `conv1.weight`.
        layer: String,
        /// Shape by the architecture.
        expected: Vec<i64>,
        /// Shape found.
        found: Vec<i64>,
    },
    /// A weight is missing.
    #[error("no weight `{layer}`; there are: {}", found.join(", "))]
    Missing {
        /// Name of the weight that was looked for.
        layer: String,
        /// Names present.
        found: Vec<String>,
    },
    /// There is a weight that the architecture has no place for.
    #[error("weight `{layer}` has no place in this architecture")]
    Surplus {
        /// Its name.
        layer: String,
    },
    /// A layer has another number of parameters than its description says.
    #[error("layer `{layer}` is described with {described} parameters, the model has {found}")]
    Count {
        /// Name of the layer, such as `conv1`.
        layer: String,
        /// Parameters by the description.
        described: i64,
        /// Parameters of the model.
        found: i64,
    },
    /// A weight file cannot be understood.
    #[error("{} is not a usable weight file: {reason}; make it again, or choose another file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Run(#[from] litecnn_run::RunError),
    /// libtorch refused an operation (shapes, memory, device).
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
