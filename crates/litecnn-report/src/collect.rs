use std::fmt;
use std::path::{Path, PathBuf};

use litecnn_run::{
    Answers, ArchitectureRecord, EpochRecord, Manifest, Pictures, Predictions, SeedDir, StepRecord, read_history,
    seeds_in,
};

use crate::speed::Bench;
use crate::{ConfusionMatrix, Metrics, ReportError, order};

/// Steps every data set and seed goes through; folds are expected where any other seed of the run has them.
const ALWAYS: [&str; 4] = ["stage-1", "surgery", "stage-2-1", "stage-2-2"];

/// Everything a report is made of, as read from a run directory.
#[derive(Debug, Clone)]
pub(crate) struct Collected {
    pub(crate) manifest: Manifest,
    /// In the order of [`order::datasets`].
    pub(crate) datasets: Vec<CollectedDataset>,
    /// What `cargo xtask bench` left in the run directory, if anything.
    pub(crate) bench: Option<Bench>,
    pub(crate) missing: Vec<Missing>,
}

/// What a run directory holds of one data set.
#[derive(Debug, Clone)]
pub(crate) struct CollectedDataset {
    pub(crate) name: String,
    /// Ascending; never empty.
    pub(crate) seeds: Vec<CollectedSeed>,
}

impl CollectedDataset {
    /// Seeds with metrics, and these.
    pub(crate) fn measured(&self) -> impl Iterator<Item = (&CollectedSeed, &Metrics)> {
        self.seeds.iter().filter_map(|seed| Some((seed, seed.metrics.as_ref()?)))
    }
}

/// What a run directory holds of one data set and seed.
#[derive(Debug, Clone)]
pub(crate) struct CollectedSeed {
    pub(crate) dir: SeedDir,
    pub(crate) seed: u64,
    /// Finished steps, in the order of [`order::steps`].
    pub(crate) steps: Vec<StepRecord>,
    /// Whether every step that is expected is finished.
    pub(crate) complete: bool,
    /// Histories by step, in the same order; of unfinished steps too.
    pub(crate) histories: Vec<(String, Vec<EpochRecord>)>,
    pub(crate) metrics: Option<Metrics>,
    /// Of the final model on the test images.
    pub(crate) predictions: Option<Predictions>,
    pub(crate) answers: Option<Answers>,
    pub(crate) architecture: Option<ArchitectureRecord>,
    pub(crate) pictures: Option<Pictures>,
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
    // Predictions are long files.
    let read = std::thread::scope(|scope| {
        let readers: Vec<_> =
            found.iter().map(|(dataset, seed)| scope.spawn(|| read_seed(run, &manifest, dataset, *seed))).collect();
        let joined = readers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|seed| seed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Result<Vec<_>, _>>()
    })?;
    let mut datasets: Vec<CollectedDataset> = Vec::new();
    for ((name, _), seed) in found.into_iter().zip(read) {
        match datasets.last_mut().filter(|d| d.name == name) {
            Some(last) => last.seeds.push(seed),
            None => datasets.push(CollectedDataset { name, seeds: vec![seed] }),
        }
    }
    for dataset in &datasets {
        same_model(dataset)?;
    }
    let missing = note_missing(&manifest, &mut datasets);
    let bench = run.join("bench.json");
    let bench = if bench.exists() { Some(Bench::read(&bench)?) } else { None };
    Ok(Collected { manifest, datasets, bench, missing })
}

fn read_seed(run: &Path, manifest: &Manifest, dataset: &str, seed: u64) -> Result<CollectedSeed, ReportError> {
    /// What is absent is none.
    fn present<T, E>(path: &Path, read: impl FnOnce(&Path) -> Result<T, E>) -> Result<Option<T>, E> {
        if path.exists() { read(path).map(Some) } else { Ok(None) }
    }
    let dir = SeedDir::new(run, dataset, seed);
    let metrics = present(&dir.metrics(), |path| metrics(path, manifest, dataset, seed))?;
    let seed = CollectedSeed {
        seed,
        steps: finished_steps(&dir, manifest)?,
        complete: false,
        histories: histories(&dir)?,
        predictions: present(&dir.predictions("test"), Predictions::read)?,
        answers: present(&dir.answers(), Answers::read)?,
        architecture: present(&dir.architecture(), ArchitectureRecord::read)?,
        pictures: present(&dir.picture("pictures.json"), Pictures::read)?,
        metrics,
        dir,
    };
    agree(&seed)?;
    Ok(seed)
}

/// Folders of the steps of a seed that hold some file.
fn folders_with(dir: &SeedDir, file: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.root()).into_iter().flatten().flatten();
    entries.map(|e| e.path()).filter(|p| p.join(file).exists()).collect()
}

fn histories(dir: &SeedDir) -> Result<Vec<(String, Vec<EpochRecord>)>, ReportError> {
    let mut all = Vec::new();
    for folder in folders_with(dir, "history.csv") {
        let step = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        all.push((step, read_history(&folder.join("history.csv"))?));
    }
    all.sort_by(|(a, _), (b, _)| order::steps(a, b));
    Ok(all)
}

/// The records of finished steps, in the order of [`order::steps`]; one made with another recipe is an error.
pub(crate) fn finished_steps(dir: &SeedDir, manifest: &Manifest) -> Result<Vec<StepRecord>, ReportError> {
    let mut steps = Vec::new();
    for folder in folders_with(dir, "step.json") {
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

fn metrics(path: &Path, manifest: &Manifest, dataset: &str, seed: u64) -> Result<Metrics, ReportError> {
    let metrics = Metrics::read(path)?;
    let of = &metrics.subject;
    let reason = if (of.dataset.as_str(), of.seed) != (dataset, seed) {
        format!("it is of {} seed {}", of.dataset, of.seed)
    } else if of.recipe != manifest.recipe_hash {
        format!("it was made with recipe {}, the run with {}", of.recipe, manifest.recipe_hash)
    } else {
        return Ok(metrics);
    };
    Err(ReportError::Inconsistent { path: path.to_owned(), reason })
}

/// Predictions and answers are those the metrics were taken from.
fn agree(seed: &CollectedSeed) -> Result<(), ReportError> {
    let Some(metrics) = &seed.metrics else { return Ok(()) };
    let other = |path: PathBuf, reason: &str| Err(ReportError::Inconsistent { path, reason: reason.to_owned() });
    if let Some(predictions) = &seed.predictions
        && ConfusionMatrix::from_pairs(predictions.classes, predictions.pairs())? != metrics.splits.test.confusion
    {
        return other(seed.dir.predictions("test"), "metrics.json has another confusion matrix");
    }
    let Some(answers) = &seed.answers else { return Ok(()) };
    for step in &metrics.steps {
        let Some(right) = answers.right(&step.step) else { continue };
        let accuracy = right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64;
        if (accuracy - step.test_accuracy).abs() > 1e-9 {
            let reason = format!("metrics.json has another accuracy of {}", step.step);
            return other(seed.dir.answers(), &reason);
        }
    }
    Ok(())
}

/// The seeds of one recipe and data set train the same model.
fn same_model(dataset: &CollectedDataset) -> Result<(), ReportError> {
    let mut measured = dataset.measured();
    let Some((_, first)) = measured.next() else { return Ok(()) };
    let first = &first.subject;
    match measured.find(|(_, m)| (m.subject.params, &m.subject.classes) != (first.params, &first.classes)) {
        Some((seed, other)) => Err(ReportError::Inconsistent {
            path: seed.dir.metrics(),
            reason: format!(
                "{} parameters and {} classes, but {} and {} (or other names) with seed {}",
                other.subject.params,
                other.subject.classes.len(),
                first.params,
                first.classes.len(),
                first.seed
            ),
        }),
        None => Ok(()),
    }
}

/// Marks the seeds that are complete, and says what the others lack.
fn note_missing(manifest: &Manifest, datasets: &mut [CollectedDataset]) -> Vec<Missing> {
    let seeds = || datasets.iter().flat_map(|d| &d.seeds);
    let names = |steps: &mut dyn Iterator<Item = &str>| {
        let mut names: Vec<String> = steps.map(str::to_owned).collect();
        names.sort_by(|a, b| order::steps(a, b));
        names.dedup();
        names
    };
    let started = manifest.steps.keys().filter_map(|key| key.rsplit('/').next());
    let ended = seeds().flat_map(|s| &s.steps).map(|s| s.step.as_str());
    let mut expected = names(&mut ALWAYS.into_iter().chain(started).chain(ended));
    expected.retain(|step| step != "evaluate");
    let measured =
        names(&mut seeds().filter_map(|s| s.metrics.as_ref()).flat_map(|m| &m.steps).map(|s| s.step.as_str()));

    let mut missing = Vec::new();
    for dataset in datasets {
        for seed in &mut dataset.seeds {
            let mut note = |what| missing.push(Missing { dataset: dataset.name.clone(), seed: seed.seed, what });
            let lacking = |of: &[String], has: &dyn Fn(&str) -> bool| -> String {
                of.iter().map(String::as_str).filter(|name| !has(name)).collect::<Vec<_>>().join(", ")
            };
            let unfinished = lacking(&expected, &|name| seed.steps.iter().any(|s| s.step == name));
            seed.complete = unfinished.is_empty();
            if !seed.complete {
                note(format!("not finished: {unfinished}; run `litecnn train`, which goes on from there"));
            }
            let Some(metrics) = &seed.metrics else {
                note("no metrics.json; run `litecnn evaluate`".to_owned());
                continue;
            };
            let unmeasured = lacking(&measured, &|name| metrics.steps.iter().any(|s| s.step == name));
            if !unmeasured.is_empty() {
                note(format!("no accuracy of {unmeasured} in metrics.json; run `litecnn evaluate`"));
            }
            let files = [
                (seed.dir.predictions("test"), seed.predictions.is_some()),
                (seed.dir.answers(), seed.answers.is_some()),
                (seed.dir.architecture(), seed.architecture.is_some()),
                (seed.dir.picture("pictures.json"), seed.pictures.is_some()),
            ];
            let absent: Vec<String> = files
                .into_iter()
                .filter(|(_, present)| !present)
                .map(|(path, _)| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
                .collect();
            if !absent.is_empty() {
                note(format!("no {}; run `litecnn evaluate`", absent.join(", ")));
            }
        }
    }
    missing
}
