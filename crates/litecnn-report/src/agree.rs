//! Whether the files of one seed belong together.

use std::collections::HashMap;
use std::path::PathBuf;

use litecnn_run::{Answers, Pictures, Predictions};

use crate::analysis::{ENSEMBLE, accuracy};
use crate::collect::CollectedSeed;
use crate::{ConfusionMatrix, Metrics, ReportError};

/// Outputs of `litecnn evaluate` that no report reads; they are long.
const NOT_READ: [&str; 2] = ["predictions-train.csv", "predictions-validation.csv"];

/// The files of a seed are those its evaluation left, and do not contradict each other.
pub(crate) fn agree(seed: &CollectedSeed) -> Result<(), ReportError> {
    let refuse = |path: PathBuf, reason: String| ReportError::Inconsistent { path, reason };
    let dir = &seed.dir;
    if let (Some(predictions), Some(metrics)) = (&seed.predictions, &seed.metrics)
        && ConfusionMatrix::from_pairs(predictions.classes, predictions.pairs())? != metrics.splits.test.confusion
    {
        return Err(refuse(dir.predictions("test"), "metrics.json has another confusion matrix".to_owned()));
    }
    if let Some(all) = &seed.answers {
        answers(all, seed.metrics.as_ref(), seed.predictions.as_ref()).map_err(|r| refuse(dir.answers(), r))?;
    }
    if let (Some(record), Some(metrics)) = (&seed.architecture, &seed.metrics)
        && let Some(unified) = record.models.iter().find(|m| m.name == "unified")
        && unified.parameters() != metrics.subject.params
    {
        let (theirs, ours) = (unified.parameters(), metrics.subject.params);
        let reason = format!("it has {ours} parameters, but the joined model of architecture.json {theirs}");
        return Err(refuse(dir.metrics(), reason));
    }
    if let Some(all) = &seed.pictures {
        pictures(all, seed.metrics.as_ref(), seed.predictions.as_ref())
            .map_err(|r| refuse(dir.picture("pictures.json"), r))?;
    }
    as_evaluated(seed)
}

fn answers(answers: &Answers, metrics: Option<&Metrics>, predictions: Option<&Predictions>) -> Result<(), String> {
    if predictions.is_some_and(|p| !p.images().eq(answers.images())) {
        return Err("it is of other images than predictions-test.csv".to_owned());
    }
    let fold = |model: &String| model.starts_with("fold-");
    if let Some(place) = answers.models.iter().position(|m| m == ENSEMBLE)
        && (!answers.models[..place].iter().any(fold) || answers.models[place..].iter().any(fold))
    {
        return Err(format!("the column `{ENSEMBLE}` does not stand after the folds"));
    }
    let Some(metrics) = metrics else { return Ok(()) };
    let classes = metrics.subject.classes.len();
    for row in &answers.rows {
        let mut given = std::iter::once(row.label).chain(row.predicted.iter().copied());
        if let Some(bad) = given.find(|class| usize::from(*class) >= classes) {
            return Err(format!("it has class {bad} of {classes} (image {})", row.index));
        }
    }
    for step in &metrics.steps {
        let Some(found) = answers.right(&step.step) else { continue };
        if (accuracy(&found).unwrap_or(0.0) - step.test_accuracy).abs() > 1e-9 {
            return Err(format!("metrics.json has another accuracy of {}", step.step));
        }
    }
    Ok(())
}

fn pictures(pictures: &Pictures, metrics: Option<&Metrics>, predictions: Option<&Predictions>) -> Result<(), String> {
    if let Some(metrics) = metrics {
        let classes = metrics.subject.classes.len();
        let named = pictures.mistakes.iter().flat_map(|m| [m.label, m.predicted]);
        if let Some(bad) =
            named.chain(pictures.originals.iter().map(|o| o.label)).find(|class| usize::from(*class) >= classes)
        {
            return Err(format!("it has class {bad} of {classes}"));
        }
    }
    let Some(predictions) = predictions else { return Ok(()) };
    let rows: HashMap<u32, (u16, u16)> =
        predictions.rows.iter().map(|row| (row.index, (row.label, row.predicted))).collect();
    match pictures.mistakes.iter().find(|m| rows.get(&m.index) != Some(&(m.label, m.predicted))) {
        Some(other) => Err(format!("predictions-test.csv says otherwise of image {}", other.index)),
        None => Ok(()),
    }
}

/// No file that is read has changed since it was evaluated.
fn as_evaluated(seed: &CollectedSeed) -> Result<(), ReportError> {
    let Some(record) = seed.steps.iter().find(|s| s.step == "evaluate") else { return Ok(()) };
    for (name, digest) in record.outputs.iter().filter(|(name, _)| !NOT_READ.contains(&name.as_str())) {
        let path = seed.dir.root().join(name);
        // What is absent is noted elsewhere.
        if path.exists() && litecnn_run::sha256_file(&path)? != *digest {
            return Err(ReportError::Changed { path });
        }
    }
    Ok(())
}
