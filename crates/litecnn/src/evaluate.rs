//! `litecnn evaluate`: what the final model, and every model on the way to it, makes of the images.

use std::path::PathBuf;

use anyhow::Result;
use litecnn_data::DeviceImages;
use litecnn_model::{Architecture, Model};
use litecnn_report::{Metrics, Splits, StepAccuracy, Subject};
use litecnn_run::{Prediction, Predictions};
use litecnn_train::{Fold, STAGE_TWO_JOINT, STAGE_TWO_WHOLE, Score, TrainingData, branch_logits, unified_logits};
use tch::{Kind, Tensor};

use crate::progress::Progress;
use crate::session::{Session, StepArgs};
use crate::train::{self, card, done_already};

const STEP: &str = "evaluate";

/// Score the final model: predictions of every image, accuracies, classification report, confusion matrix.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: StepArgs,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let (session, progress) = (Session::open(&args.common)?, Progress::new(quiet));
    evaluate(&session, &progress)?;
    let metrics = Metrics::read(&session.dir.metrics())?;
    let test = &metrics.splits.test;
    println!("{}", test.report.to_text(&session.dataset.classes, 2));
    println!(
        "{} seed {}: test accuracy {:.2} % of {} images, train {:.2} %, validation {:.2} %",
        session.dataset.name,
        session.seed,
        100.0 * test.accuracy,
        test.images,
        100.0 * metrics.splits.train.accuracy,
        100.0 * metrics.splits.validation.accuracy,
    );
    Ok(())
}

fn evaluate(session: &Session, progress: &Progress) -> Result<()> {
    let dir = &session.dir;
    let data = session.training_data()?;
    let folds = Fold::all(&data, &session.recipe, session.seed)?;
    let final_source = dir.best(STAGE_TWO_WHOLE);
    // Folds are optional: those that are done are scored.
    let start = train::fold_start(session);
    let mut trained: Vec<&Fold> = Vec::new();
    for fold in &folds {
        if start.0.exists() && session.is_done(&fold.step(), std::slice::from_ref(&start))? {
            trained.push(fold);
        }
    }
    let mut inputs: Vec<(PathBuf, &str)> =
        [1, 2].map(|i| (dir.branch(i), "litecnn train stage-1")).into_iter().collect();
    inputs.push((dir.best(STAGE_TWO_JOINT), "litecnn train stage-2-1"));
    inputs.push((final_source.clone(), "litecnn train stage-2-2"));
    inputs.extend(trained.iter().map(|f| (dir.best(&f.step()), "litecnn train folds")));
    let Some(step) = session.begin(STEP, &inputs)? else { return done_already(progress, STEP) };

    let mut steps = Vec::new();
    for branch in [1, 2] {
        steps.push(score(session, &data, &dir.branch(branch), &format!("branch-{branch}"), &data.split.validation)?);
    }
    for name in [STAGE_TWO_JOINT, STAGE_TWO_WHOLE] {
        steps.push(score(session, &data, &dir.best(name), name, &data.split.validation)?);
    }
    for fold in trained {
        let name = fold.step();
        steps.push(score(session, &data, &dir.best(&name), &name, &fold.split.validation)?);
    }
    progress.say(&format!("evaluate: {} models scored", steps.len()));

    let (model, _) = Model::load(&final_source, session.device)?;
    let Model::Unified(unified) = &model else { anyhow::bail!("{} holds a branch", final_source.display()) };
    let architecture = Architecture::Unified { spec: unified.spec().clone() };
    let mut outputs = vec![dir.final_weights()];
    model.save(&outputs[0], &card(session, architecture, "final"))?;
    let all: Vec<u32> = (0..data.test.len() as u32).collect();
    let mut predict = |split: &str, images: &DeviceImages, places: &[u32]| -> Result<Predictions> {
        let predictions = predictions(session, &model, images, places)?;
        let path = dir.predictions(split);
        predictions.write(&path)?;
        outputs.push(path);
        Ok(predictions)
    };
    let splits = Splits::from_predictions(
        &predict("train", &data.images, &data.split.train)?,
        &predict("validation", &data.images, &data.split.validation)?,
        &predict("test", &data.test, &all)?,
    )?;
    let subject = Subject {
        dataset: session.dataset.name.clone(),
        seed: session.seed,
        recipe: session.recipe_hash().to_owned(),
        classes: session.dataset.classes.clone(),
        params: model.parameters() as u64,
        weights_bytes: std::fs::metadata(dir.final_weights())?.len(),
    };
    outputs.push(dir.metrics());
    Metrics::new(subject, splits, steps)?.write(&dir.metrics())?;
    step.finish(&outputs, None)
}

/// Accuracies of a model on the way.
fn score(
    session: &Session,
    data: &TrainingData,
    path: &std::path::Path,
    name: &str,
    validation: &[u32],
) -> Result<StepAccuracy> {
    let (model, _) = Model::load(path, session.device)?;
    let all: Vec<u32> = (0..data.test.len() as u32).collect();
    let accuracy = |images: &DeviceImages, places: &[u32]| -> Result<f64> {
        let logits = logits(session, &model, images, places)?;
        Ok(Score::of(&logits, &images.labels(places)?)?.accuracy)
    };
    Ok(StepAccuracy {
        step: name.to_owned(),
        test_accuracy: accuracy(&data.test, &all)?,
        validation_accuracy: accuracy(&data.images, validation)?,
    })
}

fn logits(session: &Session, model: &Model, images: &DeviceImages, places: &[u32]) -> Result<Tensor> {
    Ok(match model {
        Model::Branch(branch) => branch_logits(branch, images, places, session.engine)?,
        Model::Unified(unified) => unified_logits(unified, images, places, session.engine, session.workers)?,
    })
}

fn predictions(session: &Session, model: &Model, images: &DeviceImages, places: &[u32]) -> Result<Predictions> {
    let logits = logits(session, model, images, places)?;
    let classes = session.dataset.classes.len();
    let probabilities: Vec<f32> = Vec::try_from(logits.f_softmax(-1, Kind::Float)?.f_reshape([-1])?)?;
    let predicted: Vec<i64> = Vec::try_from(logits.f_argmax(1, false)?)?;
    let labels: Vec<i64> = Vec::try_from(images.labels(places)?)?;
    let rows = places.iter().zip(labels).zip(predicted).zip(probabilities.chunks_exact(classes));
    let rows = rows.map(|(((&index, label), predicted), p)| Prediction {
        index,
        label: label as u16,
        predicted: predicted as u16,
        probabilities: p.to_vec(),
    });
    Ok(Predictions { classes, rows: rows.collect() })
}
