use std::path::Path;

use litecnn_run::{
    Answers, ArchitectureRecord, EpochRecord, Manifest, Pictures, Predictions, RunError, SeedDir, StepRecord,
    read_history, seeds_in,
};

use crate::agree::agree;
use crate::missing::{Missing, expected_folds, note_missing};
use crate::speed::Bench;
use crate::{Metrics, ReportError, order};

/// Everything a report is made of, as read from a run directory.
#[derive(Debug, Clone)]
pub(crate) struct Collected {
    pub(crate) manifest: Manifest,
    /// In the order of [`order::datasets`].
    pub(crate) datasets: Vec<CollectedDataset>,
    /// What `cargo xtask bench` left in the run directory, if anything.
    pub(crate) bench: Option<Bench>,
    /// The folds a full run has: see [`expected_folds`].
    pub(crate) folds: Vec<String>,
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
    let folds = expected_folds(&manifest, &datasets);
    let missing = note_missing(&manifest, &folds, &mut datasets);
    let bench = run.join("bench.json");
    let bench = if bench.exists() { Some(Bench::read(&bench)?) } else { None };
    Ok(Collected { manifest, datasets, bench, folds, missing })
}

fn read_seed(run: &Path, manifest: &Manifest, dataset: &str, seed: u64) -> Result<CollectedSeed, ReportError> {
    /// What is absent is none.
    fn present<T, E>(path: &Path, read: impl FnOnce(&Path) -> Result<T, E>) -> Result<Option<T>, E> {
        if path.exists() { read(path).map(Some) } else { Ok(None) }
    }
    let dir = SeedDir::new(run, dataset, seed);
    let steps = finished_steps(&dir, manifest)?;
    let metrics = present(&dir.metrics(), |path| metrics(path, manifest, dataset, seed))?;
    let seed = CollectedSeed {
        seed,
        complete: false,
        histories: histories(&dir, &steps)?,
        steps,
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

/// Histories by step, of unfinished steps too, in order of training; a step that is finished has one with rows.
pub(crate) fn histories(
    dir: &SeedDir,
    finished: &[StepRecord],
) -> Result<Vec<(String, Vec<EpochRecord>)>, ReportError> {
    let mut all = Vec::new();
    for step in dir.steps_with("history.csv") {
        let path = dir.history(&step);
        let history = read_history(&path)?;
        if !history.is_empty() {
            all.push((step, history));
        } else if finished.iter().any(|s| s.step == step) {
            return Err(RunError::damaged(&path, "it has no epoch, though the step is finished").into());
        }
    }
    Ok(all)
}

/// The records of finished steps, in order of training; one of another step or recipe is an error.
pub(crate) fn finished_steps(dir: &SeedDir, manifest: &Manifest) -> Result<Vec<StepRecord>, ReportError> {
    let mut steps = Vec::new();
    for step in dir.steps_with("step.json") {
        let folder = dir.step(&step);
        let record = StepRecord::read(&folder)?;
        let reason = if record.step != step {
            format!("it is of the step {}", record.step)
        } else if record.recipe != manifest.recipe_hash {
            format!("it was made with recipe {}, the run with {}", record.recipe, manifest.recipe_hash)
        } else {
            steps.push(record);
            continue;
        };
        return Err(ReportError::Inconsistent { path: folder.join("step.json"), reason });
    }
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
