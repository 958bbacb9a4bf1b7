//! `litecnn train`: the training steps of the paper.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use litecnn_data::stream;
use litecnn_model::{Architecture, Card, DualModel, Model, UnifiedModel};
use litecnn_run::{StepRecord, write_history};
use litecnn_train::{
    FOLD_CAVEAT, Fit, Fold, FoldStart, SCRATCH, STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE, TrainError,
    cross_validate, stage_one, train_joint, train_scratch, train_whole,
};

use crate::training::data::import::told;
use crate::training::progress::Progress;
use crate::training::session::{Choices, Session, Setup, Step, StepArgs};
use crate::training::{dry_run, evaluate, surgery};

const EXAMPLES: &str = "\
Examples:
  litecnn train --run results/mine --dataset mnist
  litecnn train --run results/mine --dataset mnist --recipe my.toml --seed 1
  litecnn train --run results/wide --dataset mnist --set stage-1.epochs=30 --set \"model.filters=[12, 24]\"
  litecnn train stage-1 --run results/mine --dataset mnist
  litecnn train --data photos/ --size 32 --budget 20k";

/// Train: one step of the recipe, or all of them in turn.
///
/// A step that is done already, with the same recipe and inputs, is passed over; one that was cut off goes on after
/// its last finished epoch, one that was interrupted (Ctrl-C, SIGTERM) after its last batch.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which step.
    #[arg(value_enum, default_value_t = Which::All)]
    step: Which,
    #[command(flatten)]
    common: StepArgs,
    #[command(flatten)]
    choices: Choices,
    /// Say what would happen (data, model, steps, time, memory, files) and write nothing in the run directory. Time is
    /// measured on a few batches of each step.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: as one JSON object.
    #[arg(long, requires = "dry_run")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Every step in turn, surgery included.
    All,
    /// Both branches at once.
    #[value(name = "stage-1")]
    Stage1,
    /// The dense layers that join the branches, the branches frozen.
    #[value(name = "stage-2-1")]
    Stage21,
    /// The whole model.
    #[value(name = "stage-2-2")]
    Stage22,
    /// Cross-validation.
    Folds,
    /// A control, no part of the recipe: the same architecture trained from fresh weights for as many epochs as the
    /// steps before it took together.
    Scratch,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    let setup = Setup::resolve(&args.common, &args.choices, quiet || args.json)?;
    if args.dry_run {
        return dry_run::run(setup, args.json);
    }
    let progress = Progress::new(quiet);
    litecnn_cli::catch_signals()?;
    if let Some(report) = &setup.loaded.report {
        progress.say(&told(report).join("\n"));
    }
    let session = Session::start(setup)?;
    let steps: &[fn(&Session, &Progress) -> Result<()>] = match args.step {
        Which::All => &[first, surgery::operate, joint, whole, folds],
        Which::Stage1 => &[first],
        Which::Stage21 => &[joint],
        Which::Stage22 => &[whole],
        Which::Folds => &[folds],
        Which::Scratch => &[scratch],
    };
    steps.iter().try_for_each(|step| step(&session, &progress))?;
    // Whoever trains on pictures of their own wants to know how good the model is, and what can be done with it.
    if args.step == Which::All && session.report.is_some() {
        evaluate::conclude(&session, &progress)?;
        if !quiet {
            let folder = session.run_folder();
            let run = folder.display();
            eprintln!("next: litecnn report {run}");
            eprintln!("      litecnn predict {run} PICTURES");
            eprintln!("      litecnn export {run} --to litecnn");
        }
    }
    Ok(())
}

fn first(session: &Session, progress: &Progress) -> Result<()> {
    let outputs = [session.dir.history(STAGE_ONE), session.dir.branch(1), session.dir.branch(2)];
    let Some(step) = session.begin(STAGE_ONE, &[], &outputs)? else { return done_already(progress, STAGE_ONE) };
    let data = session.training_data()?;
    let checkpointer = step.checkpointer();
    let (model, fit) = stage_one(&data, &session.recipe, session.seed, session.workers, Some(&checkpointer), progress)?;
    write_history(&outputs[0], &fit.history)?;
    for (branch, path) in model.branches.into_iter().zip(&outputs[1..]) {
        let architecture = Architecture::Branch { spec: branch.spec().clone(), head: branch.head() };
        Model::Branch(branch).save(path, &card(session, architecture, STAGE_ONE))?;
    }
    step.finish(&outputs, Some(&fit))
}

fn joint(session: &Session, progress: &Progress) -> Result<()> {
    let from = session.dir.unified();
    let (inputs, outputs) = ([(from.clone(), "litecnn surgery")], outputs(session, STAGE_TWO_JOINT));
    let Some(step) = session.begin(STAGE_TWO_JOINT, &inputs, &outputs)? else {
        return done_already(progress, STAGE_TWO_JOINT);
    };
    let checkpointer = step.checkpointer();
    let (model, data, recipe) = (session.unified(&from)?, session.training_data()?, &session.recipe);
    let (model, fit) = train_joint(model, &data, recipe, session.seed, session.workers, Some(&checkpointer), progress)?;
    leave(session, step, STAGE_TWO_JOINT, model, &fit)
}

fn whole(session: &Session, progress: &Progress) -> Result<()> {
    let from = session.dir.best(STAGE_TWO_JOINT);
    let (inputs, outputs) = ([(from.clone(), "litecnn train stage-2-1")], outputs(session, STAGE_TWO_WHOLE));
    let Some(step) = session.begin(STAGE_TWO_WHOLE, &inputs, &outputs)? else {
        return done_already(progress, STAGE_TWO_WHOLE);
    };
    let checkpointer = step.checkpointer();
    let (model, data, recipe) = (session.unified(&from)?, session.training_data()?, &session.recipe);
    let (model, fit) = train_whole(model, &data, recipe, session.seed, session.workers, Some(&checkpointer), progress)?;
    leave(session, step, STAGE_TWO_WHOLE, model, &fit)
}

fn folds(session: &Session, progress: &Progress) -> Result<()> {
    let inputs = [fold_start(session)];
    let data = session.training_data()?;
    let mut to_do = Vec::new();
    for fold in Fold::all(&data, &session.recipe, session.seed)? {
        let outputs = outputs(session, &fold.step());
        if session.is_done(&fold.step(), &inputs, &outputs)? {
            // Only notes what may be missing from run.toml.
            session.begin(&fold.step(), &inputs, &outputs)?;
            done_already(progress, &fold.step())?;
        } else {
            to_do.push(fold);
        }
    }
    if !to_do.is_empty() {
        let steps = Mutex::new(HashMap::new());
        let lock = || steps.lock().unwrap_or_else(PoisonError::into_inner);
        let keeping = |e: anyhow::Error| TrainError::Keeping(litecnn_cli::sentence(&e));
        let checkpointer = |fold: &Fold| {
            let step = session.begin(&fold.step(), &inputs, &outputs(session, &fold.step())).map_err(keeping)?;
            let checkpointer = step.as_ref().map(Step::checkpointer);
            lock().insert(fold.number, step);
            Ok(checkpointer)
        };
        let finished = |fold: &Fold, model: UnifiedModel, fit: Fit| {
            let step = lock().remove(&fold.number).flatten();
            step.map_or(Ok(()), |step| leave(session, step, &fold.step(), model, &fit)).map_err(keeping)
        };
        let start = session.unified(&inputs[0].0)?;
        let (recipe, seed, workers) = (&session.recipe, session.seed, session.workers);
        cross_validate(&start, &to_do, &data, recipe, seed, workers, &checkpointer, progress, &finished)?;
    }
    progress.say(&format!("note: {FOLD_CAVEAT}"));
    Ok(())
}

fn scratch(session: &Session, progress: &Progress) -> Result<()> {
    let inputs = [(session.dir.best(STAGE_TWO_WHOLE), "litecnn train stage-2-2")];
    let outputs = outputs(session, SCRATCH);
    let Some(step) = session.begin(SCRATCH, &inputs, &outputs)? else { return done_already(progress, SCRATCH) };
    let mut epochs = 0;
    for before in [STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE] {
        epochs += StepRecord::read(&session.dir.step(before))?.epochs.unwrap_or(0);
    }
    let checkpointer = step.checkpointer();
    let (data, recipe, seed) = (session.training_data()?, &session.recipe, session.seed);
    let mut rng = stream(seed, "scratch/weights");
    let [first, second] = DualModel::new(&data.branch_spec(recipe), session.device, &mut rng)?.branches;
    let model = litecnn_surgery::join(&first, &second, &data.unified_spec(recipe), &mut rng)?;
    let (model, fit) =
        train_scratch(model, &data, recipe, epochs, seed, session.workers, Some(&checkpointer), progress)?;
    leave(session, step, SCRATCH, model, &fit)
}

/// The weights every fold starts from, and the command that makes them.
pub(crate) fn fold_start(session: &Session) -> (PathBuf, &'static str) {
    match session.recipe.cross_validation.start {
        FoldStart::Surgery => (session.dir.unified(), "litecnn surgery"),
        FoldStart::Stage21 => (session.dir.best(STAGE_TWO_JOINT), "litecnn train stage-2-1"),
        FoldStart::Stage22 => (session.dir.best(STAGE_TWO_WHOLE), "litecnn train stage-2-2"),
    }
}

/// What a step of stage two leaves, its record apart: history and weights.
pub(crate) fn outputs(session: &Session, step: &str) -> [PathBuf; 2] {
    [session.dir.history(step), session.dir.best(step)]
}

/// Writes what a step of stage two leaves, and its record.
fn leave(session: &Session, step: Step<'_>, name: &str, model: UnifiedModel, fit: &Fit) -> Result<()> {
    let outputs = outputs(session, name);
    write_history(&outputs[0], &fit.history)?;
    let architecture = Architecture::Unified { spec: model.spec().clone() };
    Model::Unified(model).save(&outputs[1], &card(session, architecture, name))?;
    step.finish(&outputs, Some(fit))
}

/// What a weight file of this session says of itself.
pub(crate) fn card(session: &Session, architecture: Architecture, step: &str) -> Card {
    let mut card = Card::new(architecture, &session.dataset.classes);
    card.dataset.clone_from(&session.dataset.name);
    session.recipe_hash().clone_into(&mut card.recipe);
    step.clone_into(&mut card.step);
    card.pictures = session.pictures;
    card
}

pub(crate) fn done_already(progress: &Progress, step: &str) -> Result<()> {
    progress.say(&format!("{step}: done already"));
    Ok(())
}
