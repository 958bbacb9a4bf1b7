//! `litecnn surgery`: from two trained branches to one model.

use anyhow::Result;
use litecnn_data::stream;
use litecnn_model::{Architecture, Branch, Model, UnifiedSpec};
use litecnn_train::Heads;

use crate::training::progress::Progress;
use crate::training::session::{Session, StepArgs};
use crate::training::train::{card, done_already};

pub(crate) const STEP: &str = "surgery";

const EXAMPLES: &str = "\
Examples:
  litecnn surgery --run results/mine --dataset mnist";

/// Turn the branches' dense heads into 1x1 convolutions and join them under fresh dense layers.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    common: StepArgs,
}

pub(crate) fn run(args: &Args, quiet: bool) -> Result<()> {
    operate(&Session::open(&args.common, quiet)?, &Progress::new(quiet))
}

pub(crate) fn operate(session: &Session, progress: &Progress) -> Result<()> {
    let paths = [1, 2].map(|i| session.dir.branch(i));
    let inputs = paths.clone().map(|path| (path, "litecnn train stage-1"));
    let output = session.dir.unified();
    let Some(step) = session.begin(STEP, &inputs, std::slice::from_ref(&output))? else {
        return done_already(progress, STEP);
    };
    let [first, second] = paths.map(|path| -> Result<Branch> {
        match Model::load(&path, session.device)?.0 {
            Model::Branch(branch) => Ok(branch),
            Model::Unified(_) => anyhow::bail!("{} holds a unified model, not a branch", path.display()),
        }
    });
    let (first, second) = (first?, second?);
    let spec = UnifiedSpec {
        branch: first.spec().clone(),
        hidden: session.recipe.model.hidden_units,
        dropout: session.recipe.model.dropout,
        head_activation: session.recipe.model.head_activation,
    };
    let mut rng = stream(session.seed, "surgery/weights");
    let mut model = litecnn_surgery::join(&first, &second, &spec, &mut rng)?;
    if session.recipe.second_stage.heads == Heads::Fresh {
        litecnn_surgery::redraw_heads(&mut model, &mut rng)?;
    }
    let model = Model::Unified(model);
    model.save(&output, &card(session, Architecture::Unified { spec }, STEP))?;
    progress.say(&format!("surgery: joined both branches, {} parameters", model.parameters()));
    step.finish(&[output], None)
}
