use std::path::PathBuf;

use litecnn_run::RunError;

/// Why there are no metrics or there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file of the run cannot be read or written, or is damaged.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A class number is not one of the classes.
    #[error("class {class} of a model with {classes} classes: they count from 0")]
    ClassOutOfRange {
        /// The number given.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// Predictions and class names do not belong together.
    #[error("{names} class names for predictions of {classes} classes")]
    ClassNames {
        /// Names given.
        names: usize,
        /// Classes of the predictions.
        classes: usize,
    },
    /// There is no image to measure on.
    #[error("the {split} predictions hold no image")]
    NoPredictions {
        /// `train`, `validation` or `test`.
        split: &'static str,
    },
    /// The run directory holds no results at all.
    #[error(
        "{} holds no results: there is no folder <data set>/seed-<number> in it; train first, or name another run directory",
        run.display()
    )]
    NothingToReport {
        /// The run directory.
        run: PathBuf,
    },
    /// There is nothing to compare.
    #[error("a comparison takes two runs or more")]
    TooFewRuns,
    /// Files of one run contradict each other.
    #[error("{} does not belong to this run: {reason}; delete it and run the step again", path.display())]
    Inconsistent {
        /// The file that differs.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A file was altered after it was made.
    #[error("{} is not as `litecnn evaluate` left it: run that again", path.display())]
    Changed {
        /// The file that differs from its digest in `evaluate/step.json`.
        path: PathBuf,
    },
    /// A file of measurements cannot be used.
    #[error("{} cannot be used: {reason}; measure again with `cargo xtask bench`, or name another file", path.display())]
    Bench {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A figure could not be drawn.
    #[error("the figure {figure} cannot be drawn: {reason}")]
    Figure {
        /// Its file name.
        figure: String,
        /// What went wrong.
        reason: String,
    },
    /// The page could not be put together: a fault of the crate itself.
    #[error("the report page cannot be put together: {0}")]
    Page(String),
    /// The published figures built into this crate cannot be read: a fault of the crate itself.
    #[error("the built-in table of published figures is damaged: {0}")]
    Published(#[from] toml::de::Error),
    /// The figures of the compression study built into this crate cannot be read: a fault of the crate itself.
    #[error("the built-in table of the compression study is damaged: {0}")]
    PublishedStudy(serde_json::Error),
}
