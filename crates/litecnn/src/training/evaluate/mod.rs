//! `litecnn evaluate`: what the final model, and every model on the way to it, makes of the images.

mod architecture;
mod pictures;
mod scored;

pub(crate) use scored::predictions;

use std::path::PathBuf;

use anyhow::Result;
use litecnn_data::DeviceImages;
use litecnn_model::{Architecture, Model};
use litecnn_report::{Metrics, Splits, StepAccuracy, Subject};
use litecnn_run::{Predictions, Scoring, SeedDir, note_scoring, now, sha256_file};
use litecnn_train::{Fold, STAGE_TWO_JOINT, STAGE_TWO_WHOLE, TrainingData};
use tch::Tensor;

use crate::training::interrupt::leave_if_asked;
use crate::training::progress::Progress;
use crate::training::session::{Session, StepArgs};
use crate::training::train::{self, card, done_already};
use scored::{Scored, answers, logits};

pub(crate) const STEP: &str = "evaluate";

const EXAMPLES: &str = "\
Examples:
  litecnn evaluate --run results/mine --dataset mnist";

/// Score every model: predictions, accuracies, classification report, confusion matrix; draw pictures of mistakes
/// and of augmentation; describe the models as graphs.
///
/// Each time the final model is shown the test images is noted in test-scorings.csv, in the folder of the seed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    common: StepArgs,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let (session, progress) = (Session::open(&args.common, quiet)?, Progress::new(quiet));
    litecnn_cli::catch_signals()?;
    conclude(&session, &progress)
}

/// Scores every model and prints how good the final one is.
pub(crate) fn conclude(session: &Session, progress: &Progress) -> Result<()> {
    evaluate(session, progress)?;
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
    let data = session.data()?;
    let folds = trained_folds(session, &data)?;
    let entries = entries(dir, &data, &folds);
    let inputs: Vec<(PathBuf, &str)> = entries.iter().map(|e| (e.path.clone(), e.maker)).collect();
    let Some(step) = session.begin(STEP, &inputs, &expected(dir, &data))? else { return done_already(progress, STEP) };

    let test: Vec<u32> = (0..data.test.len() as u32).collect();
    let mut scored = Vec::new();
    for Entry { name, path, validation, .. } in entries {
        leave_if_asked(STEP)?;
        let (model, _) = Model::load(&path, session.device)?;
        let says = |images: &DeviceImages, places: &[u32]| logits(session, &model, images, places);
        let (on_test, on_validation) = (says(&data.test, &test)?, says(&data.images, validation)?);
        scored.push(Scored { name, model, test: on_test, validation: on_validation, validated_on: validation });
    }
    progress.say(&format!("evaluate: {} models scored", scored.len()));
    let [first, second, _, last, ..] = scored.as_slice() else { unreachable!("two branches, two steps, folds") };
    let (Model::Branch(first), Model::Branch(second), Model::Unified(unified)) =
        (&first.model, &second.model, &last.model)
    else {
        anyhow::bail!(
            "a weight file in {} holds another kind of model: run `litecnn train` again",
            dir.root().display()
        );
    };

    // Before anything is told: who tries models on the test images until one is good can be seen to.
    note_scoring(dir.root(), scoring(session, last, &data, &test)?)?;

    architecture::record(first, second, unified)?.write(&dir.architecture())?;
    let mut outputs = vec![dir.architecture(), dir.final_weights(), dir.answers()];
    let architecture = Architecture::Unified { spec: unified.spec().clone() };
    last.model.save(&dir.final_weights(), &card(session, architecture, "final"))?;
    answers(&scored, &data, &test)?.write(&dir.answers())?;

    let mut leave = |split: &str, logits: &Tensor, images: &DeviceImages, places: &[u32]| -> Result<Predictions> {
        let predictions = predictions(logits, images, places)?;
        outputs.push(dir.predictions(split));
        predictions.write(&dir.predictions(split))?;
        Ok(predictions)
    };
    leave_if_asked(STEP)?;
    let on_train = logits(session, &last.model, &data.images, &data.split.train)?;
    let train = leave("train", &on_train, &data.images, &data.split.train)?;
    let validation = leave("validation", &last.validation, &data.images, &data.split.validation)?;
    let test = leave("test", &last.test, &data.test, &test)?;
    outputs.extend(pictures::write(dir, &data, &session.recipe, session.seed, &test)?);

    let steps = scored.iter().map(|s| s.accuracy(&data)).collect::<Result<Vec<StepAccuracy>>>()?;
    let subject = Subject {
        dataset: session.dataset.name.clone(),
        seed: session.seed,
        recipe: session.recipe_hash().to_owned(),
        classes: session.dataset.classes.clone(),
        params: last.model.parameters() as u64,
        weights_bytes: std::fs::metadata(dir.final_weights())?.len(),
    };
    outputs.push(dir.metrics());
    let splits = Splits::from_predictions(&train, &validation, &test)?;
    Metrics::new(subject, splits, steps)?.write(&dir.metrics())?;
    step.finish(&outputs, None)
}

/// That the final model was shown the test images.
fn scoring(session: &Session, last: &Scored<'_>, data: &TrainingData, test: &[u32]) -> Result<Scoring> {
    let predictions = predictions(&last.test, &data.test, test)?;
    Ok(Scoring {
        date: now(),
        weights: sha256_file(&session.dir.best(STAGE_TWO_WHOLE))?,
        dataset: session.dataset.name.clone(),
        data: session.dataset.digest.clone(),
        images: test.len() as u64,
        correct: predictions.rows.iter().filter(|row| row.predicted == row.label).count() as u64,
    })
}

/// A model that is to be scored.
struct Entry<'a> {
    name: String,
    path: PathBuf,
    /// The command that makes it.
    maker: &'static str,
    /// Places of its validation images in the training part.
    validation: &'a [u32],
}

/// Every model of the seed, in the order they come about; the fourth is the final one.
fn entries<'a>(dir: &SeedDir, data: &'a TrainingData, folds: &'a [Fold]) -> Vec<Entry<'a>> {
    let validation = data.split.validation.as_slice();
    let branch = |i: usize| Entry {
        name: format!("branch-{i}"),
        path: dir.branch(i),
        maker: "litecnn train stage-1",
        validation,
    };
    let joined =
        |name: &str, maker, validation| Entry { name: name.to_owned(), path: dir.best(name), maker, validation };
    let mut entries = vec![
        branch(1),
        branch(2),
        joined(STAGE_TWO_JOINT, "litecnn train stage-2-1", validation),
        joined(STAGE_TWO_WHOLE, "litecnn train stage-2-2", validation),
    ];
    entries.extend(folds.iter().map(|f| joined(&f.step(), "litecnn train folds", &f.split.validation)));
    entries
}

/// Folds are optional: those that are done are scored.
fn trained_folds(session: &Session, data: &TrainingData) -> Result<Vec<Fold>> {
    let start = train::fold_start(session);
    let mut trained = Vec::new();
    for fold in Fold::all(data, &session.recipe, session.seed)? {
        let (step, inputs) = (fold.step(), std::slice::from_ref(&start));
        if start.0.exists() && session.is_done(&step, inputs, &train::outputs(session, &step))? {
            trained.push(fold);
        }
    }
    Ok(trained)
}

/// What this step leaves whatever the models say.
fn expected(dir: &SeedDir, data: &TrainingData) -> Vec<PathBuf> {
    let mut expected = vec![dir.architecture(), dir.final_weights(), dir.answers(), dir.metrics()];
    expected.extend(["train", "validation", "test"].map(|split| dir.predictions(split)));
    expected.extend(pictures::expected(dir, data));
    expected
}
