use std::path::Path;

use indexmap::IndexMap;
use litecnn_run::StepRecord;
use serde::{Deserialize, Serialize};

use crate::collect::{Collected, CollectedDataset};
use crate::{Analysis, Metrics, ReportError, Spread, order};

/// `summary.json`: the figures of a whole run, over its seeds. A stable format that other programs read.
///
/// Data sets come in the paper's order (`mnist`, `fashion-mnist`, `cifar10`, then others by name), steps in order of
/// training. Accuracies are fractions. Only seeds with a `metrics.json` count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Always [`Summary::FORMAT`].
    pub format: String,
    /// Name of the recipe.
    pub recipe: String,
    /// SHA-256 of the resolved recipe.
    pub recipe_hash: String,
    /// `official`, or what the data was instead: then the figures cannot be compared with published ones.
    pub data: String,
    /// Figures by data set.
    pub datasets: IndexMap<String, DatasetSummary>,
    /// What the run lacks, in words; empty for a complete one.
    pub missing: Vec<String>,
}

/// The figures of one data set.
///
/// Lists that are not inside a [`Spread`] have one entry for each of `seeds`, `null` where it is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// Trainable parameters of the final model.
    pub params: u64,
    /// Size of its weight file in bytes.
    pub weights_bytes: u64,
    /// The seeds measured, ascending.
    pub seeds: Vec<u64>,
    /// The final model on the test images.
    pub test_accuracy: Spread,
    /// The final model on the training images, without augmentation.
    pub train_accuracy: Spread,
    /// The final model on the validation images.
    pub validation_accuracy: Spread,
    /// What the predictions tell beyond accuracy.
    #[serde(default)]
    pub analysis: Analysis,
    /// What each step took, and how good a model it left.
    pub steps: IndexMap<String, StepSummary>,
    /// Seconds of all steps together; `null` if one is not finished.
    pub seconds: Vec<Option<f64>>,
    /// Largest resident memory of any step, in bytes.
    pub peak_memory_bytes: Vec<Option<u64>>,
}

/// One step: `stage-1`, `surgery`, `stage-2-1`, `stage-2-2`, `fold-1` …, `evaluate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Epochs trained; left out for steps that do not train.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<Option<u32>>,
    /// Wall-clock seconds of work.
    pub seconds: Vec<Option<f64>>,
    /// Training images a second while training, validation left out; left out for steps that do not train.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images_per_second: Vec<Option<f64>>,
    /// Largest resident memory of the process, in bytes.
    pub peak_memory_bytes: Vec<Option<u64>>,
    /// The model the step leaves, on the test images. Seeds without a figure are left out of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<Spread>,
    /// The same model on the step's validation images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<Spread>,
    /// The models a step leaves that leaves several: `branch-1` and `branch-2` of `stage-1`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub branches: IndexMap<String, BranchSummary>,
}

/// One branch as stage one leaves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchSummary {
    /// On the test images.
    pub test_accuracy: Spread,
    /// On the validation images.
    pub validation_accuracy: Spread,
}

impl Summary {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-summary/1";

    /// Collects the summary of a run directory; [`report()`](crate::report()) does this and writes it down.
    ///
    /// # Errors
    /// As [`report()`](crate::report()).
    pub fn collect(run: &Path) -> Result<Self, ReportError> {
        Ok(Self::of(&crate::collect::collect(run)?))
    }

    /// Reads `summary.json`.
    ///
    /// # Errors
    /// [`ReportError::Run`] naming the file.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        Ok(litecnn_run::read_json(path, Self::FORMAT)?)
    }

    /// Writes `summary.json`, whole or not at all.
    ///
    /// # Errors
    /// [`ReportError::Run`] naming the file.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        Ok(litecnn_run::write_json(path, self)?)
    }

    pub(crate) fn of(run: &Collected) -> Self {
        Self {
            format: Self::FORMAT.into(),
            recipe: run.manifest.recipe_name.clone(),
            recipe_hash: run.manifest.recipe_hash.clone(),
            data: run.manifest.data.clone(),
            datasets: run.datasets.iter().filter_map(|d| Some((d.name.clone(), dataset(d, &run.folds)?))).collect(),
            missing: run.missing.iter().map(ToString::to_string).collect(),
        }
    }
}

fn dataset(of: &CollectedDataset, folds: &[String]) -> Option<DatasetSummary> {
    let (_, first) = of.measured().next()?;
    let spread =
        |value: &dyn Fn(&Metrics) -> f64| Spread::new(of.measured().map(|(_, m)| value(m)).collect::<Vec<_>>());
    Some(DatasetSummary {
        params: first.subject.params,
        weights_bytes: first.subject.weights_bytes,
        seeds: of.measured().map(|(s, _)| s.seed).collect(),
        test_accuracy: spread(&|m| m.splits.test.accuracy),
        train_accuracy: spread(&|m| m.splits.train.accuracy),
        validation_accuracy: spread(&|m| m.splits.validation.accuracy),
        analysis: Analysis::of(of, folds),
        steps: steps(of),
        seconds: of.measured().map(|(s, _)| s.complete.then(|| s.steps.iter().map(|r| r.seconds).sum())).collect(),
        peak_memory_bytes: of
            .measured()
            .map(|(s, _)| s.steps.iter().filter_map(|r| r.peak_memory_bytes).max())
            .collect(),
    })
}

fn steps(of: &CollectedDataset) -> IndexMap<String, StepSummary> {
    let branch = |name: &str| name.starts_with("branch-");
    let recorded = of.measured().flat_map(|(s, _)| s.steps.iter().map(|r| r.step.as_str()));
    let measured = of.measured().flat_map(|(_, m)| m.steps.iter().map(|a| a.step.as_str()));
    let mut names: Vec<&str> = recorded.chain(measured).collect();
    names.sort_by(|a, b| order::steps(a, b));
    names.dedup();
    let (branches, mut names): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| branch(name));
    // Branches belong to stage one, even where its own record is missing.
    if !branches.is_empty() && !names.contains(&"stage-1") {
        names.insert(0, "stage-1");
    }
    let branches: IndexMap<String, BranchSummary> = branches
        .into_iter()
        .filter_map(|name| {
            let (test_accuracy, validation_accuracy) = accuracies(of, name)?;
            Some((name.to_owned(), BranchSummary { test_accuracy, validation_accuracy }))
        })
        .collect();
    names
        .into_iter()
        .map(|name| {
            let (test_accuracy, validation_accuracy) = accuracies(of, name).unzip();
            let epochs = each_seed(of, name, |r| r.epochs);
            let summary = StepSummary {
                epochs: if epochs.iter().all(Option::is_none) { Vec::new() } else { epochs },
                seconds: each_seed(of, name, |r| Some(r.seconds)),
                images_per_second: throughput(of, name),
                peak_memory_bytes: each_seed(of, name, |r| r.peak_memory_bytes),
                test_accuracy,
                validation_accuracy,
                branches: if name == "stage-1" { branches.clone() } else { IndexMap::new() },
            };
            (name.to_owned(), summary)
        })
        .collect()
}

fn each_seed<T>(of: &CollectedDataset, step: &str, value: impl Fn(&StepRecord) -> Option<T>) -> Vec<Option<T>> {
    of.measured().map(|(s, _)| s.steps.iter().find(|r| r.step == step).and_then(&value)).collect()
}

/// Images trained on by seconds of training, of each seed with a history of the step.
fn throughput(of: &CollectedDataset, step: &str) -> Vec<Option<f64>> {
    let each = of.measured().map(|(seed, _)| {
        let (_, history) = seed.histories.iter().find(|(name, _)| name == step)?;
        let seconds: f64 = history.iter().map(|r| r.seconds).sum();
        let images: f64 = history.iter().map(|r| r.seconds * r.images_per_second).sum();
        (seconds > 0.0).then(|| images / seconds)
    });
    let each: Vec<Option<f64>> = each.collect();
    if each.iter().all(Option::is_none) { Vec::new() } else { each }
}

/// Test and validation accuracy of the model a step leaves, if any seed has them.
fn accuracies(of: &CollectedDataset, step: &str) -> Option<(Spread, Spread)> {
    let found = of.measured().filter_map(|(_, m)| m.steps.iter().find(|a| a.step == step));
    let (test, validation): (Vec<f64>, Vec<f64>) = found.map(|a| (a.test_accuracy, a.validation_accuracy)).unzip();
    (!test.is_empty()).then(|| (Spread::new(test), Spread::new(validation)))
}
