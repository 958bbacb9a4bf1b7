use litecnn_data::stream;
use litecnn_model::DualModel;

use crate::data::TrainingData;
use crate::epoch::{Epoch, Trained};
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit, stopping};
use crate::observer::Observer;
use crate::pupil::{Lessons, Pupil};
use crate::recipe::{Monitor, Recipe};
use crate::threads::both;
use crate::{Score, TrainError};

/// The step's name.
pub const STAGE_ONE: &str = "stage-1";
const OUTPUTS: [&str; 2] = ["branch-1", "branch-2"];

/// The first training stage (Isong 2025, "First training stage"): two fresh branches trained at once, the first on
/// the images, the second on augmented images, each with its own loss; the total loss is the sum.
///
/// Returns the dual model with the weights the recipe keeps of each branch. With two workers or more each branch
/// is trained in its own thread; the result is the same to the bit. The branches share the order of the batches
/// and early stopping, and nothing else: the gradient of a sum falls apart into those of its terms.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
pub fn stage_one(
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(DualModel, Fit), TrainError> {
    let settings = &recipe.stage_1;
    let mut rng = stream(seed, "stage-1/weights");
    let model = DualModel::new(&data.branch_spec(recipe), data.images.device(), &mut rng)?;
    let DualModel { branches: [first, second] } = model;
    let pupil = |branch, number: usize| {
        let augmentation = if number == 0 { &settings.augmentation } else { &recipe.augmentation };
        Pupil::new(
            branch,
            data,
            recipe,
            Lessons { step: STAGE_ONE, epochs: settings.epochs, augmentation, seed },
            number,
        )
    };
    let mut problem = Dual { pupils: [pupil(first, 0)?, pupil(second, 1)?], workers };
    let plan = Plan {
        step: STAGE_ONE,
        epochs: settings.epochs,
        keep: settings.keep,
        early_stopping: stopping(settings.schedule, &settings.early_stopping),
        monitor: &|records| match settings.monitor {
            Monitor::MeanAccuracy => records.iter().map(|r| r.validation_accuracy).sum::<f64>() / records.len() as f64,
            Monitor::Branch1 => records[0].validation_accuracy,
            Monitor::Branch2 => records[1].validation_accuracy,
        },
        checkpointer,
        observer,
    };
    let result = fit(&mut problem, &plan)?;
    let [first, second] = problem.pupils;
    Ok((DualModel { branches: [first.graduated()?, second.graduated()?] }, result))
}

struct Dual<'a> {
    pupils: [Pupil<'a>; 2],
    workers: usize,
}

impl Problem for Dual<'_> {
    type Error = TrainError;

    fn outputs(&self) -> Vec<&'static str> {
        OUTPUTS.to_vec()
    }

    fn size(&self) -> (usize, usize) {
        let (images, batches) = self.pupils[0].size();
        (images, 2 * batches)
    }

    fn learning_rates(&self, epoch: &Epoch<'_>) -> Vec<f64> {
        self.pupils.iter().map(|pupil| pupil.learning_rate(epoch)).collect()
    }

    fn train(&mut self, epoch: &Epoch<'_>) -> Result<Trained, TrainError> {
        let [first, second] = &mut self.pupils;
        let batch = first.batch_size();
        let order = first.order(epoch);
        let (second, first) = both(self.workers, || second.train(epoch, &order), || first.train(epoch, &order))?;
        epoch.ended(vec![first, second], batch, &self.pupils[0].labels(&order)?)
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let [first, second] = &mut self.pupils;
        let (second, first) = both(self.workers, || second.validate(), || first.validate())?;
        Ok(vec![first, second])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let parts = self.pupils.iter_mut().zip(OUTPUTS).enumerate();
        parts.map(|(output, (pupil, name))| pupil.part(name, output)).collect()
    }
}
