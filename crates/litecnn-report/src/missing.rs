use std::fmt;

use litecnn_run::Manifest;

use crate::analysis::ENSEMBLE;
use crate::collect::{CollectedDataset, CollectedSeed};
use crate::order;

/// Steps every data set and seed goes through before the folds.
const ALWAYS: [&str; 4] = ["stage-1", "surgery", "stage-2-1", "stage-2-2"];

/// Something a full report would have, and this run does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The data set.
    pub dataset: String,
    /// The seed.
    pub seed: u64,
    /// What is not there, and which command makes it.
    pub what: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seed {}: {}", self.dataset, self.seed, self.what)
    }
}

/// The folds of a full run: as many as the recipe has, and those that any seed has.
pub(crate) fn expected_folds(manifest: &Manifest, datasets: &[CollectedDataset]) -> Vec<String> {
    let table = manifest.recipe.get("cross-validation");
    let count = table.and_then(|t| t.get("folds")?.as_integer()).unwrap_or(0);
    let wanted = (1..=count).map(|n| format!("fold-{n}"));
    let seeds = || datasets.iter().flat_map(|d| &d.seeds);
    let finished = seeds().flat_map(|s| &s.steps).map(|s| s.step.clone());
    let measured = seeds().filter_map(|s| s.metrics.as_ref()).flat_map(|m| &m.steps).map(|s| s.step.clone());
    let started = manifest.steps.keys().filter_map(|key| key.rsplit('/').next()).map(str::to_owned);
    sorted(wanted.chain(finished).chain(measured).chain(started).filter(|step| is_fold(step)))
}

fn is_fold(step: &str) -> bool {
    step.starts_with("fold-")
}

fn sorted(steps: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = steps.collect();
    names.sort_by(|a, b| order::steps(a, b));
    names.dedup();
    names
}

/// Marks the seeds that are complete, and says what the others lack.
pub(crate) fn note_missing(manifest: &Manifest, folds: &[String], datasets: &mut [CollectedDataset]) -> Vec<Missing> {
    let seeds = || datasets.iter().flat_map(|d| &d.seeds);
    let started = manifest.steps.keys().filter_map(|key| key.rsplit('/').next());
    let ended = seeds().flat_map(|s| &s.steps).map(|s| s.step.as_str());
    let known = ALWAYS.into_iter().chain(started).chain(ended).map(str::to_owned);
    let mut expected = sorted(known.chain(folds.iter().cloned()));
    expected.retain(|step| step != "evaluate");
    let measured = seeds().filter_map(|s| s.metrics.as_ref()).flat_map(|m| &m.steps).map(|s| s.step.clone());
    let measured = sorted(measured);

    let mut missing = Vec::new();
    for dataset in datasets {
        for seed in &mut dataset.seeds {
            let unfinished: Vec<&str> =
                expected.iter().map(String::as_str).filter(|e| seed.steps.iter().all(|s| s.step != **e)).collect();
            seed.complete = unfinished.is_empty();
            let mut lacks = Vec::new();
            if !seed.complete {
                // The final model does without folds.
                let more = if unfinished.iter().all(|step| is_fold(step)) { "" } else { ", which goes on from there" };
                lacks.push(format!("not finished: {}; run `litecnn train`{more}", unfinished.join(", ")));
            }
            lacks.extend(not_evaluated(seed, &measured, folds));
            missing.extend(lacks.into_iter().map(|what| Missing {
                dataset: dataset.name.clone(),
                seed: seed.seed,
                what,
            }));
        }
    }
    missing
}

/// What evaluation would have left, and is not there.
fn not_evaluated(seed: &CollectedSeed, measured: &[String], folds: &[String]) -> Vec<String> {
    let Some(metrics) = &seed.metrics else {
        return vec!["no metrics.json; run `litecnn evaluate`".to_owned()];
    };
    let mut lacks = Vec::new();
    let has = |step: &str| metrics.steps.iter().any(|s| s.step == step);
    let trained = seed.steps.iter().map(|s| s.step.clone()).filter(|step| is_fold(step));
    let unmeasured = sorted(measured.iter().cloned().chain(trained).filter(|step| !has(step)));
    if !unmeasured.is_empty() {
        lacks.push(format!("no accuracy of {} in metrics.json; run `litecnn evaluate`", unmeasured.join(", ")));
    }
    if seed.answers.as_ref().is_some_and(|a| a.models.iter().any(|m| m == ENSEMBLE)) && !all_folds(seed, folds) {
        let of = metrics.steps.iter().filter(|s| is_fold(&s.step)).count();
        lacks.push(format!(
            "its ensemble, of {of} folds and not {}, is left out; run `litecnn train`, then `litecnn evaluate`",
            folds.len()
        ));
    }
    let pictured = |any: &dyn Fn(&litecnn_run::Pictures) -> bool| seed.pictures.as_ref().is_some_and(any);
    let files = [
        (seed.dir.predictions("test"), true),
        (seed.dir.answers(), true),
        (seed.dir.architecture(), true),
        (seed.dir.final_weights(), true),
        (seed.dir.picture("pictures.json"), true),
        (seed.dir.picture("mistakes.png"), pictured(&|p| !p.mistakes.is_empty())),
        (seed.dir.picture("augmentation.png"), pictured(&|p| !p.originals.is_empty())),
    ];
    let absent: Vec<String> = files
        .into_iter()
        .filter(|(path, wanted)| *wanted && !path.exists())
        .map(|(path, _)| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    if !absent.is_empty() {
        lacks.push(format!("no {}; run `litecnn evaluate`", absent.join(", ")));
    }
    lacks
}

/// Whether a seed has measured all of these folds, so that its ensemble is the one other seeds have.
pub(crate) fn all_folds(seed: &CollectedSeed, folds: &[String]) -> bool {
    let measured = |fold: &String| seed.metrics.as_ref().is_some_and(|m| m.steps.iter().any(|s| s.step == *fold));
    folds.iter().all(measured)
}
