use std::path::PathBuf;

/// What is chosen of a study whose terms are fixed otherwise, checked.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) datasets: Vec<String>,
    pub(crate) seeds: Vec<u64>,
    pub(crate) smoke: bool,
    /// Folder with the data; nothing is fetched then.
    pub(crate) data_dir: Option<PathBuf>,
    /// Name of the run.
    pub(crate) run: String,
}
