use std::path::PathBuf;

/// What can go wrong. ONNX and C can be made of every model that was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A weight file is damaged, foreign or contradicts itself.
    #[error("{} is not a usable weight file: {reason}; make it again, or choose another file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// A weight file was written by another version of the format.
    #[error(
        "{} has format `{found}`, this version reads `{expected}`: train again, or use the version that wrote it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format named in the file.
        found: String,
        /// The format this version reads.
        expected: &'static str,
    },
    /// A weight file is of a network whose batch norms are not folded into its convolutions.
    #[error(
        "{} is of a network with batch norms as layers: fold them by `litecnn zoo fold {}`, and take what that makes",
        path.display(), path.display()
    )]
    Unfolded {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error(transparent)]
    Run(#[from] litecnn_run::RunError),
    /// The compact format has no room for the model, or a folded network contradicts itself.
    #[error("litecnn-runtime cannot run this model: {reason}")]
    Compact {
        /// What is too much.
        reason: String,
    },
    /// Images to calibrate with are none, or end within one.
    #[error("{found} bytes of images to calibrate with; the model wants one image or more of {image} bytes each")]
    Calibration {
        /// Bytes of an image.
        image: usize,
        /// Bytes given.
        found: usize,
    },
    /// An image has another size than the model's input.
    #[error("an image of {found} values, the model wants {expected} (channels x height x width)")]
    Image {
        /// Values the model wants.
        expected: usize,
        /// Values given.
        found: usize,
    },
}
