//! Weight files as arguments.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use litecnn_cli::Usage;
#[cfg(feature = "training")]
use litecnn_export::ExportError;
use litecnn_export::TrainedModel;
use litecnn_run::{SeedDir, seeds_in};

/// The model in a weight file. A network of `litecnn zoo` is folded, where there is libtorch to read it.
pub(crate) fn model(path: &Path) -> Result<TrainedModel> {
    model_of(path, &litecnn_run::read(path)?)
}

/// The same of bytes already at hand.
pub(crate) fn model_of(path: &Path, bytes: &[u8]) -> Result<TrainedModel> {
    match TrainedModel::from_bytes(path, bytes) {
        #[cfg(feature = "training")]
        Err(ExportError::Unfolded { path }) => Ok(TrainedModel::from_folded(crate::training::zoo::folded(&path)?)?),
        read => Ok(read?),
    }
}

/// The weight file that an argument stands for: itself; of a run directory with one data set and seed, or the folder of
/// one, the final weights; of a folder of `litecnn zoo train`, its weights.
pub(crate) fn weights(argument: &Path) -> Result<PathBuf> {
    if !argument.is_dir() {
        return Ok(argument.to_owned());
    }
    let shown = argument.display();
    let own = argument.join("final.safetensors");
    if own.exists() {
        return Ok(own);
    }
    let of_zoo = argument.join("weights.safetensors");
    if of_zoo.exists() {
        return Ok(of_zoo);
    }
    let finals = seeds_in(argument).into_iter().map(|(set, seed)| SeedDir::new(argument, &set, seed).final_weights());
    let finals: Vec<PathBuf> = finals.filter(|path| path.exists()).collect();
    match finals.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("{shown} has no final weights: name a weight file, or run `litecnn evaluate --run {shown}` first"),
        several => {
            let several: Vec<String> = several.iter().map(|path| path.display().to_string()).collect();
            Err(Usage(format!("{shown} has the weights of several models, name one of them: {}", several.join(", ")))
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_one_model_stands_for_its_weights() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path();
        let told = |path: &Path| weights(path).unwrap_err().to_string();
        assert_eq!(weights(&run.join("x.safetensors")).unwrap(), run.join("x.safetensors"));
        assert!(told(run).contains("has no final weights"), "{}", told(run));
        let zoo = run.join("compact");
        std::fs::create_dir(&zoo).unwrap();
        std::fs::write(zoo.join("weights.safetensors"), "").unwrap();
        assert_eq!(weights(&zoo).unwrap(), zoo.join("weights.safetensors"));
        let file = |set, seed| {
            let seed = SeedDir::new(run, set, seed);
            std::fs::create_dir_all(seed.root()).unwrap();
            std::fs::write(seed.final_weights(), "").unwrap();
            seed
        };
        let first = file("photos", 0);
        assert_eq!(weights(run).unwrap(), first.final_weights());
        assert_eq!(weights(first.root()).unwrap(), first.final_weights());
        file("photos", 3);
        assert!(told(run).contains("several models") && told(run).contains("seed-3"), "{}", told(run));
    }
}
