//! Figures of merit of litecnn runs, and how they are told.
//!
//! Two ends of a run directory meet here. After training, predictions become [`Metrics`] (`metrics.json`): accuracy,
//! loss, [`ClassificationReport`] and [`ConfusionMatrix`] of the final model on every part of the data. In the end,
//! [`report()`] gathers the metrics and step records of all data sets and seeds into a [`Summary`] (`summary.json`)
//! and a page (`RESULTS.md`) that sets them beside the [`Published`] figures. All accuracies are fractions until
//! they are printed. How far predictions can be trusted, [`bootstrap_accuracy`], [`McNemar`], [`Calibration`] and
//! [`brier()`] tell. What was measured of the networks of the compression study becomes a page by
//! [`report_compression`]. What was measured of speed, `bench.json`, becomes a page and figures likewise: see [`speed`];
//! so does what came of other ways to a small network, `comparison.json`: see [`contenders`]. [`write_tensorboard`]
//! makes training curves of the histories. No tensor library is needed, so reports build and run in seconds.
//!
//! ```
//! use litecnn_report::{Metrics, Splits, StepAccuracy, Subject, report};
//! use litecnn_run::{Prediction, Predictions, SeedDir};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let run = temporary.path();
//! # std::fs::write(run.join("run.toml"), "format = 'litecnn-run/1'\ncreated = ''\nhost = ''\nrecipe_name = 'paper'\nrecipe_hash = '7a1f'\ndata = 'official'\n[versions]\n[recipe]\n")?;
//! // What the evaluation of a model does:
//! let row = |label, predicted| Prediction { index: 0, label, predicted, probabilities: vec![0.5, 0.5] };
//! let seen = Predictions { classes: 2, rows: vec![row(0, 0), row(1, 1), row(1, 0), row(1, 1)] };
//! let subject = Subject {
//!     dataset: "mnist".into(),
//!     seed: 0,
//!     recipe: "7a1f".into(),
//!     classes: vec!["round".into(), "straight".into()],
//!     params: 14_862,
//!     weights_bytes: 60_704,
//! };
//! let splits = Splits::from_predictions(&seen, &seen, &seen)?;
//! println!("{}", splits.test.report.to_text(&subject.classes, 2));
//! let steps = vec![StepAccuracy { step: "stage-2-2".into(), test_accuracy: 0.75, validation_accuracy: 0.75 }];
//! Metrics::new(subject, splits, steps)?.write(&SeedDir::new(run, "mnist", 0).metrics())?;
//!
//! // What the report does, however much of the run is there:
//! let report = report(run)?;
//! assert_eq!(report.summary.datasets["mnist"].test_accuracy.mean, 0.75);
//! assert!(report.missing[0].to_string().starts_with("mnist seed 0: not finished: stage-1, "));
//! println!("{}", report.table);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod agree;
mod analysis;
mod bootstrap;
mod brier;
mod calibration;
mod classification;
mod collect;
mod compare;
mod compression;
mod confusion;
pub mod contenders;
mod contrast;
mod document;
mod error;
mod figure;
mod html;
mod interval;
mod loss;
mod mcnemar;
mod metrics;
mod missing;
mod numbers;
mod order;
#[cfg(feature = "png")]
mod png;
mod published;
mod report;
mod results;
mod scaling;
pub mod small;
pub mod speed;
mod spread;
mod stale;
mod summary;
mod tensorboard;
mod terminal;
mod verdict;

pub use analysis::{Analysis, Comparison};
pub use bootstrap::{Interval, bootstrap_accuracy};
pub use brier::brier;
pub use calibration::{Calibration, CalibrationBin};
pub use classification::{ClassScores, ClassificationReport, Overall, Scores};
pub use compare::{RunComparison, compare};
pub use compression::{CompressionReport, is_compression, report_compression};
pub use confusion::ConfusionMatrix;
pub use contrast::contrast;
pub use error::ReportError;
pub use loss::mean_cross_entropy;
pub use mcnemar::McNemar;
pub use metrics::{Metrics, SplitMetrics, Splits, StepAccuracy, Subject};
pub use missing::Missing;
#[cfg(feature = "png")]
pub use png::write_pngs;
pub use published::{
    Published, PublishedAccuracy, PublishedClassification, PublishedDataset, PublishedFigures, PublishedLatency,
    PublishedSize,
};
pub use report::{Report, report};
pub use scaling::{Curve, Scaling, WORTH, scaling_table};
pub use spread::Spread;
pub use summary::{BranchSummary, DatasetSummary, StepSummary, Summary};
pub use tensorboard::write_tensorboard;
pub use terminal::terminal_table;
