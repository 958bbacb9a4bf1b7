use std::ffi::OsString;
use std::path::{Path, PathBuf};

use litecnn_cli::DeviceChoice;

use crate::plan::{Step, Work};

/// What is to be reproduced, checked.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) datasets: Vec<String>,
    pub(super) seeds: Vec<u64>,
    pub(super) device: DeviceChoice,
    pub(super) engine: String,
    pub(super) run: String,
    pub(super) recipe: PathBuf,
    pub(super) set: Vec<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) threads: Option<u32>,
    pub(super) max_epochs: Option<u32>,
    pub(super) fresh: bool,
}

impl Wanted {
    /// The command line of a step, for a process that starts in the root of the checkout.
    pub(super) fn arguments(&self, step: &Step) -> Vec<OsString> {
        let mut all: Vec<OsString> = step.work.words().iter().map(Into::into).collect();
        let run = Path::new("results").join(&self.run);
        if step.work == Work::Report {
            all.push(run.into());
            return all;
        }
        let mut option = |name: &str, value: OsString| all.extend([name.into(), value]);
        if let Some(dataset) = &step.dataset {
            option("--dataset", dataset.into());
        }
        if let Some(seed) = step.seed {
            option("--run", run.into());
            option("--seed", seed.to_string().into());
            option("--recipe", self.recipe.clone().into());
            for value in &self.set {
                option("--set", value.into());
            }
            option("--device", self.device.to_string().into());
            option("--engine", self.engine.clone().into());
            if let Some(threads) = self.threads {
                option("--threads", threads.to_string().into());
            }
            if let Some(folder) = &self.data_dir {
                option("--data-dir", folder.into());
            }
            if let Some(epochs) = self.max_epochs {
                option("--max-epochs", epochs.to_string().into());
            }
        }
        all
    }
}
