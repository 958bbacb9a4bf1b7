use litecnn_data::stream;
use litecnn_model::{Branch, BranchSpec, fit_branch};

use crate::data::TrainingData;
use crate::epoch::{Epoch, Trained};
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit};
use crate::observer::Observer;
use crate::pupil::{Lessons, Pupil};
use crate::recipe::Recipe;
use crate::{Score, TrainError};

/// The step's name.
pub const SINGLE: &str = "single";

/// The control of having two branches: one branch with as many weights as fit into the recipe's joined model, trained for a
/// number of epochs. Everything else is as for the first stage's first branch; nothing stops it early.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
pub fn train_single(
    data: &TrainingData,
    recipe: &Recipe,
    epochs: u32,
    seed: u64,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(Branch, Fit), TrainError> {
    let augmentation = &recipe.stage_1.augmentation;
    let branch = Branch::new(&single_spec(data, recipe)?, data.images.device(), &mut stream(seed, "single/weights"))?;
    let pupil = Pupil::new(branch, data, recipe, Lessons { step: SINGLE, epochs, augmentation, seed }, 0)?;
    let mut problem = Single { pupil };
    let plan = Plan {
        step: SINGLE,
        epochs,
        keep: recipe.stage_1.keep,
        early_stopping: None,
        monitor: &|records| records[0].validation_accuracy,
        checkpointer,
        observer,
    };
    let result = fit(&mut problem, &plan)?;
    Ok((problem.pupil.graduated()?, result))
}

/// The branch that [`train_single`] trains.
///
/// # Errors
/// [`TrainError::Model`] if even the smallest is larger than the joined model.
pub fn single_spec(data: &TrainingData, recipe: &Recipe) -> Result<BranchSpec, TrainError> {
    Ok(fit_branch(data.input, data.classes.len() as i64, data.unified_spec(recipe).parameters())?)
}

struct Single<'a> {
    pupil: Pupil<'a>,
}

impl Problem for Single<'_> {
    type Error = TrainError;

    fn outputs(&self) -> Vec<&'static str> {
        vec![SINGLE]
    }

    fn size(&self) -> (usize, usize) {
        self.pupil.size()
    }

    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64> {
        vec![self.pupil.learning_rate(epoch)]
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        crate::threads::single_threaded_operations();
        let order = self.pupil.order(epoch);
        let lane = self.pupil.train(epoch, &order)?;
        epoch.ended(vec![lane], self.pupil.batch_size(), &self.pupil.labels(&order)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        Ok(vec![self.pupil.validate()?])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![self.pupil.part("branch", 0)]
    }
}
