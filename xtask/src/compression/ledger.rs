use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use litecnn_run::RunError;
use serde::{Deserialize, Serialize};

use super::{NetworkStep, Step, Wanted};

/// What the study leaves in its run directory beside the steps' own files.
pub(crate) const LEDGER: &str = "study.json";

/// Which steps are done, and how long they took: `study.json`, written after each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    format: String,
    /// By the folder a step writes to.
    steps: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// What it was asked for.
    settings: Vec<String>,
    /// SHA-256 of what it read and left, by path. Empty until it is done.
    files: BTreeMap<String, String>,
    /// Seconds, those of attempts that were interrupted included.
    seconds: f64,
}

impl Ledger {
    const FORMAT: &'static str = "litecnn-study/1";

    /// That of a run; an empty one where there is none.
    pub(crate) fn read(run: &Path) -> Result<Self, RunError> {
        let path = run.join(LEDGER);
        if path.exists() {
            return litecnn_run::read_json(&path, Self::FORMAT);
        }
        Ok(Self { format: Self::FORMAT.to_owned(), steps: BTreeMap::new() })
    }

    pub(crate) fn write(&self, run: &Path) -> Result<(), RunError> {
        litecnn_run::write_json(&run.join(LEDGER), self)
    }

    /// Whether a step was done as it is wanted now, and nothing it read or left has changed.
    pub(crate) fn is_done(&self, wanted: &Wanted, step: &Step, run: &Path) -> Result<bool, RunError> {
        let Step::Network(step) = step else { return Ok(false) };
        let Some(entry) = self.steps.get(&key(step)) else { return Ok(false) };
        if entry.settings != settings(wanted, step) || files(wanted, step).any(|f| !entry.files.contains_key(&text(&f)))
        {
            return Ok(false);
        }
        for (path, digest) in &entry.files {
            let path = run.join(path);
            if !path.exists() || litecnn_run::sha256_file(&path)? != *digest {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Notes that a step has worked for so long, and whether it is done now.
    pub(crate) fn note(
        &mut self,
        wanted: &Wanted,
        step: &Step,
        run: &Path,
        seconds: f64,
        done: bool,
    ) -> Result<(), RunError> {
        let Step::Network(step) = step else { return Ok(()) };
        let entry = self.steps.entry(key(step)).or_default();
        let settings = settings(wanted, step);
        if entry.settings != settings || !entry.files.is_empty() {
            *entry = Entry { settings, ..Entry::default() };
        }
        entry.seconds += seconds;
        if done {
            for path in files(wanted, step) {
                entry.files.insert(text(&path), litecnn_run::sha256_file(&run.join(&path))?);
            }
        }
        Ok(())
    }

    /// Seconds that the steps from `next` on will take. Those that took their time before are expected to be done; the
    /// others take what the same work took, by the operations of the networks. Nothing if a kind was never finished.
    pub(crate) fn left(&self, steps: &[Step], next: usize) -> Option<f64> {
        let networks = |step: &Step| match step {
            Step::Network(step) => Some(step.clone()),
            _ => None,
        };
        let taken = |step: &NetworkStep| {
            let entry = self.steps.get(&key(step)).filter(|entry| !entry.files.is_empty())?;
            Some(entry.seconds)
        };
        let expected = |step: &NetworkStep| {
            let like = steps.iter().filter_map(networks).filter(|other| other.is_like(step));
            let (mut seconds, mut flops) = (0.0, 0.0);
            for (other, taken) in like.filter_map(|other| taken(&other).map(|taken| (other, taken))) {
                seconds += taken;
                flops += other.variant.mflops;
            }
            (flops > 0.0).then(|| seconds / flops * step.variant.mflops)
        };
        let ahead = steps.iter().skip(next).filter_map(networks);
        ahead.map(|step| if taken(&step).is_some() { Some(0.0) } else { expected(&step) }).sum()
    }
}

fn key(step: &NetworkStep) -> String {
    text(&step.folder())
}

fn settings(wanted: &Wanted, step: &NetworkStep) -> Vec<String> {
    wanted.settings(step, Path::new("")).iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// What a step reads and leaves.
fn files(wanted: &Wanted, step: &NetworkStep) -> impl Iterator<Item = PathBuf> {
    step.input().into_iter().chain(wanted.outputs(step))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

#[cfg(test)]
mod tests {
    use super::super::tests::wanted;
    use super::*;

    #[test]
    fn done_until_anything_it_rests_on_changes() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted("resnet101-13", &["cifar10"], true);
        let steps = wanted.steps();
        let mut ledger = Ledger::read(dir.path()).unwrap();
        let write = |step: &Step, text: &str| {
            let Step::Network(step) = step else { return };
            for path in wanted.outputs(step) {
                litecnn_run::write_atomic(&dir.path().join(path), text.as_bytes()).unwrap();
            }
        };
        for step in &steps {
            assert!(!ledger.is_done(&wanted, step, dir.path()).unwrap());
            ledger.note(&wanted, step, dir.path(), 2.0, false).unwrap();
            assert!(!ledger.is_done(&wanted, step, dir.path()).unwrap(), "an attempt is not enough");
            write(step, "v1");
            ledger.note(&wanted, step, dir.path(), 3.0, true).unwrap();
            assert_eq!(ledger.is_done(&wanted, step, dir.path()).unwrap(), *step != Step::Report);
        }
        ledger.write(dir.path()).unwrap();
        assert_eq!(Ledger::read(dir.path()).unwrap(), ledger);
        assert!(ledger.steps.values().all(|entry| entry.seconds == 5.0), "{ledger:?}");
        let done = |wanted: &Wanted| -> Vec<bool> {
            steps.iter().map(|step| ledger.is_done(wanted, step, dir.path()).unwrap()).collect()
        };
        assert_eq!(done(&wanted), [true, true, true, true, false]);
        assert_eq!(done(&Wanted { threads: None, ..wanted.clone() }), [true, true, true, true, false]);
        assert_eq!(done(&Wanted { epochs: Some(2), ..wanted.clone() }), [false, true, false, true, false]);
        // Other weights: what was made of them has to be made again.
        write(&steps[0], "v2");
        assert_eq!(done(&wanted), [false, false, false, true, false]);
        std::fs::remove_dir_all(dir.path().join("cifar10")).unwrap();
        assert_eq!(done(&wanted), [false; 5]);
    }

    #[test]
    fn what_is_left_goes_by_the_size_of_the_networks() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted("vgg19-8 vgg19-1", &["cifar10"], true);
        let steps = wanted.steps();
        let mut ledger = Ledger::read(dir.path()).unwrap();
        assert_eq!(ledger.left(&steps, 0), None);
        for path in ["weights.safetensors", "measured.json"] {
            let path = dir.path().join("cifar10/seed-3/vgg19-fire-grouped-shuffle").join(path);
            litecnn_run::write_atomic(&path, b"x").unwrap();
        }
        ledger.note(&wanted, &steps[0], dir.path(), 4.8, true).unwrap();
        let left = ledger.left(&steps, 0).unwrap();
        assert!((left - 417.7).abs() < 0.1, "{left}: a second for a million operations");
        assert_eq!(ledger.left(&steps, 2), Some(0.0), "the report takes none");
    }
}
