use std::fmt;
use std::path::Path;

use litecnn_run::{Manifest, SeedDir, StepRecord, seeds_in};

use crate::{Metrics, ReportError, order};

/// Steps every data set and seed goes through; folds are expected where any other seed of the run has them.
const ALWAYS: [&str; 4] = ["stage-1", "surgery", "stage-2-1", "stage-2-2"];

/// Everything a report is made of, as read from a run directory.
#[derive(Debug, Clone)]
pub(crate) struct Collected {
    pub(crate) manifest: Manifest,
    /// In the order of [`order::datasets`].
    pub(crate) datasets: Vec<CollectedDataset>,
    pub(crate) missing: Vec<Missing>,
}

/// What a run directory holds of one data set.
#[derive(Debug, Clone)]
pub(crate) struct CollectedDataset {
    pub(crate) name: String,
    /// Seeds with metrics, ascending; never empty.
    pub(crate) seeds: Vec<CollectedSeed>,
}

/// What a run directory holds of one data set and seed.
#[derive(Debug, Clone)]
pub(crate) struct CollectedSeed {
    pub(crate) metrics: Metrics,
    /// Finished steps, in the order of [`order::steps`].
    pub(crate) steps: Vec<StepRecord>,
    /// Whether every step that is expected is finished.
    pub(crate) complete: bool,
}

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

/// Reads a run directory. What is absent is noted; what is damaged or foreign is an error.
pub(crate) fn collect(run: &Path) -> Result<Collected, ReportError> {
    let mut found = seeds_in(run);
    if found.is_empty() {
        return Err(ReportError::NothingToReport { run: run.to_owned() });
    }
    found.sort_by(|(a, m), (b, n)| order::datasets(a, b).then(m.cmp(n)));
    let manifest = Manifest::read(run)?;
    let mut seeds = Vec::new();
    for (dataset, seed) in found {
        let dir = SeedDir::new(run, &dataset, seed);
        let steps = finished_steps(&dir, &manifest)?;
        let metrics = metrics(&dir, &manifest, &dataset, seed)?;
        seeds.push((dataset, seed, steps, metrics));
    }

    let started = manifest.steps.keys().filter_map(|key| key.rsplit('/').next());
    let ended = seeds.iter().flat_map(|(_, _, steps, _)| steps.iter().map(|s| s.step.as_str()));
    let mut expected: Vec<String> = ALWAYS.into_iter().chain(started).chain(ended).map(str::to_owned).collect();
    expected.retain(|step| step != "evaluate");
    expected.sort_by(|a, b| order::steps(a, b));
    expected.dedup();
    let measured = seeds.iter().filter_map(|(.., metrics)| metrics.as_ref()).flat_map(|m| &m.steps);
    let mut measured: Vec<String> = measured.map(|s| s.step.clone()).collect();
    measured.sort_by(|a, b| order::steps(a, b));
    measured.dedup();

    let mut datasets: Vec<CollectedDataset> = Vec::new();
    let mut missing = Vec::new();
    for (dataset, seed, steps, metrics) in seeds {
        let mut note = |what| missing.push(Missing { dataset: dataset.clone(), seed, what });
        let unfinished: Vec<&str> =
            expected.iter().map(String::as_str).filter(|name| !steps.iter().any(|s| s.step == *name)).collect();
        let complete = unfinished.is_empty();
        if !complete {
            note(format!("not finished: {}; run `litecnn train`, which goes on from there", unfinished.join(", ")));
        }
        let Some(metrics) = metrics else {
            note("no metrics.json; run `litecnn evaluate`".to_owned());
            continue;
        };
        let unmeasured: Vec<&str> =
            measured.iter().map(String::as_str).filter(|name| !metrics.steps.iter().any(|s| s.step == *name)).collect();
        if !unmeasured.is_empty() {
            note(format!("no accuracy of {} in metrics.json; run `litecnn evaluate`", unmeasured.join(", ")));
        }
        let seed = CollectedSeed { metrics, steps, complete };
        match datasets.last_mut().filter(|d| d.name == dataset) {
            Some(last) => last.seeds.push(seed),
            None => datasets.push(CollectedDataset { name: dataset, seeds: vec![seed] }),
        }
    }
    for dataset in &datasets {
        same_model(run, dataset)?;
    }
    Ok(Collected { manifest, datasets, missing })
}

/// The records of finished steps, in the order of [`order::steps`]; one made with another recipe is an error.
pub(crate) fn finished_steps(dir: &SeedDir, manifest: &Manifest) -> Result<Vec<StepRecord>, ReportError> {
    let entries = std::fs::read_dir(dir.root()).into_iter().flatten().flatten();
    let mut steps = Vec::new();
    for folder in entries.map(|e| e.path()).filter(|p| p.join("step.json").exists()) {
        let record = StepRecord::read(&folder)?;
        if record.recipe != manifest.recipe_hash {
            let reason = format!("it was made with recipe {}, the run with {}", record.recipe, manifest.recipe_hash);
            return Err(ReportError::Inconsistent { path: folder.join("step.json"), reason });
        }
        steps.push(record);
    }
    steps.sort_by(|a, b| order::steps(&a.step, &b.step));
    Ok(steps)
}

fn metrics(dir: &SeedDir, manifest: &Manifest, dataset: &str, seed: u64) -> Result<Option<Metrics>, ReportError> {
    let path = dir.metrics();
    if !path.exists() {
        return Ok(None);
    }
    let metrics = Metrics::read(&path)?;
    let of = &metrics.subject;
    let reason = if (of.dataset.as_str(), of.seed) != (dataset, seed) {
        format!("it is of {} seed {}", of.dataset, of.seed)
    } else if of.recipe != manifest.recipe_hash {
        format!("it was made with recipe {}, the run with {}", of.recipe, manifest.recipe_hash)
    } else {
        return Ok(Some(metrics));
    };
    Err(ReportError::Inconsistent { path, reason })
}

/// The seeds of one recipe and data set train the same model.
fn same_model(run: &Path, dataset: &CollectedDataset) -> Result<(), ReportError> {
    let mut subjects = dataset.seeds.iter().map(|s| &s.metrics.subject);
    let Some(first) = subjects.next() else { return Ok(()) };
    match subjects.find(|s| (s.params, &s.classes) != (first.params, &first.classes)) {
        Some(other) => Err(ReportError::Inconsistent {
            path: SeedDir::new(run, &dataset.name, other.seed).metrics(),
            reason: format!(
                "{} parameters and {} classes, but {} and {} (or other names) with seed {}",
                other.params,
                other.classes.len(),
                first.params,
                first.classes.len(),
                first.seed
            ),
        }),
        None => Ok(()),
    }
}
