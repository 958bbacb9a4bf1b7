use litecnn_data::DataError;
use litecnn_export::ExportError;
use litecnn_model::ModelError;
use litecnn_report::ReportError;
use litecnn_run::RunError;
use litecnn_runtime::{LoadError, PredictError};
use litecnn_surgery::SurgeryError;
use litecnn_train::TrainError;
use tch::TchError;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// There is no such model.
    #[error("`{0}` is no model to measure: there are mnist, fashion-mnist and cifar10")]
    UnknownModel(String),
    /// A weight file holds something else.
    #[error("{path} holds a branch, not a unified model: name a run whose training ended")]
    NotUnified {
        /// The file.
        path: String,
    },
    /// A file belongs to another data set or seed than the folder it lies in.
    #[error("{} is of another data set or seed than its folder: train that network again", path.display())]
    OfAnother {
        /// The file.
        path: std::path::PathBuf,
    },
    /// Another program did not answer as agreed.
    #[error("{program}: {reason}")]
    Peer {
        /// What was started.
        program: String,
        /// What went wrong, and what to do.
        reason: String,
    },
    /// A model or its file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A network of the crate litecnn-zoo.
    #[error(transparent)]
    Zoo(#[from] litecnn_zoo::ZooError),
    /// The description of the official data sets.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Joining two branches.
    #[error(transparent)]
    Surgery(#[from] SurgeryError),
    /// Training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A file.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A report or its figures.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Exporting a model.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An exported model that the runtime does not take.
    #[error("the exported model: {0}")]
    Load(#[from] LoadError),
    /// The runtime refused a call.
    #[error("the runtime: {0}")]
    Predict(#[from] PredictError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}
