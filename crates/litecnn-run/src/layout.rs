use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The part of a run directory that belongs to one data set and one seed, and where everything in it lies.
///
/// ```text
/// <data set>/seed-<n>/
///   stage-1/{history.csv, branch-1.safetensors, branch-2.safetensors, state/, step.json}
///   surgery/{unified.safetensors, step.json}
///   stage-2-1/, stage-2-2/, fold-1/ … {history.csv, best.safetensors, state/, step.json}
///   final.safetensors
///   predictions-{train,validation,test}.csv
///   predictions-models-test.csv
///   architecture.json
///   pictures/{pictures.json, mistakes.png, augmentation.png}
///   metrics.json
///   test-scorings.csv
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedDir {
    root: PathBuf,
}

impl SeedDir {
    /// The folder of `dataset` and `seed` in the run directory `run`.
    pub fn new(run: &Path, dataset: &str, seed: u64) -> Self {
        Self { root: run.join(dataset).join(format!("seed-{seed}")) }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a step: `stage-1`, `surgery`, `stage-2-1`, `stage-2-2`, `fold-1` …
    pub fn step(&self, step: &str) -> PathBuf {
        self.root.join(step)
    }

    /// The steps whose folder holds a file of this name, in order of training. Folders that are no step's, such as
    /// copies made by hand, are passed over.
    pub fn steps_with(&self, file: &str) -> Vec<String> {
        let mut steps: Vec<((usize, u32), String)> = folders(&self.root)
            .into_iter()
            .filter(|name| self.step(name).join(file).exists())
            .filter_map(|name| Some((place(&name)?, name)))
            .collect();
        steps.sort();
        steps.into_iter().map(|(_, name)| name).collect()
    }

    /// Best weights of a branch, counted from 1, as stage one leaves them.
    pub fn branch(&self, branch: usize) -> PathBuf {
        self.root.join("stage-1").join(format!("branch-{branch}.safetensors"))
    }

    /// The joined model as surgery leaves it.
    pub fn unified(&self) -> PathBuf {
        self.root.join("surgery/unified.safetensors")
    }

    /// Best weights of a step of stage two.
    pub fn best(&self, step: &str) -> PathBuf {
        self.root.join(step).join("best.safetensors")
    }

    /// History of a training step.
    pub fn history(&self, step: &str) -> PathBuf {
        self.root.join(step).join("history.csv")
    }

    /// The weights the whole procedure ends with.
    pub fn final_weights(&self) -> PathBuf {
        self.root.join("final.safetensors")
    }

    /// Predictions of the final model on a split: `train`, `validation` or `test`.
    pub fn predictions(&self, split: &str) -> PathBuf {
        self.root.join(format!("predictions-{split}.csv"))
    }

    /// What every model makes of the test images: [`Answers`](crate::Answers).
    pub fn answers(&self) -> PathBuf {
        self.root.join("predictions-models-test.csv")
    }

    /// The models as graphs: [`ArchitectureRecord`](crate::ArchitectureRecord).
    pub fn architecture(&self) -> PathBuf {
        self.root.join("architecture.json")
    }

    /// A file that goes with [`Pictures`](crate::Pictures): `pictures.json`, `mistakes.png` or `augmentation.png`.
    pub fn picture(&self, name: &str) -> PathBuf {
        self.root.join("pictures").join(name)
    }

    /// The measured figures of this data set and seed.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.json")
    }
}

/// The data sets and seeds a run directory holds anything of, in order of name and number.
///
/// Folders that are not named `<data set>/seed-<number>` are passed over, also those that write the number in another
/// way than [`SeedDir::new`] does: `seed-00`, `seed-+7`.
pub fn seeds_in(run: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for dataset in folders(run) {
        for folder in folders(&run.join(&dataset)) {
            if let Some(seed) = number(&folder, "seed-") {
                found.push((dataset.clone(), seed));
            }
        }
    }
    found.sort();
    found
}

/// Where a step stands in the training, the folds by number; none for a folder that is no step's.
fn place(step: &str) -> Option<(usize, u32)> {
    const STEPS: [&str; 7] = ["stage-1", "surgery", "stage-2-1", "stage-2-2", "scratch", "fold-", "evaluate"];
    let fold = number(step, "fold-");
    let name = if fold.is_some() { "fold-" } else { step };
    let place = STEPS.iter().position(|s| *s == name).filter(|_| step != "fold-")?;
    Some((place, fold.unwrap_or(0)))
}

/// The number behind a prefix, if it is written as this program writes numbers.
fn number<N: FromStr + Display>(name: &str, prefix: &str) -> Option<N> {
    let digits = name.strip_prefix(prefix)?;
    digits.parse().ok().filter(|n: &N| n.to_string() == digits)
}

fn folders(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|e| e.path().is_dir()).filter_map(|e| e.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_in_numeric_order() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["mnist/seed-10", "mnist/seed-2", "cifar10/seed-0", "figures", "mnist/notes", "mnist/seed-x"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let expected = [("cifar10", 0), ("mnist", 2), ("mnist", 10)].map(|(d, s)| (d.to_owned(), s));
        assert_eq!(seeds_in(dir.path()), expected);
        assert_eq!(seeds_in(&dir.path().join("absent")), []);
    }

    #[test]
    fn copies_and_other_spellings_are_no_seeds_and_no_steps() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["seed-0", "seed-00", "seed-+7", "seed-0.bak", "seed-", "seed--1"] {
            std::fs::create_dir_all(dir.path().join("mnist").join(folder)).unwrap();
        }
        assert_eq!(seeds_in(dir.path()), [("mnist".to_owned(), 0)]);

        let seed = SeedDir::new(dir.path(), "mnist", 0);
        let steps = ["stage-1", "surgery", "stage-2-1", "stage-2-2", "scratch", "fold-2", "fold-10", "evaluate"];
        let others = ["stage-1.bak", "fold-1 (copy)", "fold-02", "fold-+3", "fold-", "stage-3", "pictures"];
        for step in steps.into_iter().chain(others) {
            std::fs::create_dir_all(seed.step(step)).unwrap();
            std::fs::write(seed.step(step).join("step.json"), "{}").unwrap();
        }
        assert_eq!(seed.steps_with("step.json"), steps);
        assert_eq!(seed.steps_with("history.csv"), [] as [&str; 0]);
    }
}
