use litecnn_data::{Augmentation, DeviceImages, Stream, stream};
use litecnn_model::{Branch, DualModel};
use tch::Tensor;

use crate::data::TrainingData;
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit};
use crate::infer::branch_logits;
use crate::observer::Observer;
use crate::optimizer::Optimizer;
use crate::recipe::{DualSettings, Monitor, Recipe};
use crate::score::cross_entropy;
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
    let optimizers = [0, 1].map(|i| Optimizer::new(&settings.optimizer, model.branches[i].params().flat()));
    let mut problem = Dual { model, optimizers, data, settings, augmentation: &recipe.augmentation, seed, workers };
    let plan = Plan {
        step: STAGE_ONE,
        epochs: settings.epochs,
        keep: settings.keep,
        early_stopping: &settings.early_stopping,
        monitor: &|accuracies| match settings.monitor {
            Monitor::MeanAccuracy => accuracies.iter().sum::<f64>() / accuracies.len() as f64,
            Monitor::Branch1 => accuracies[0],
            Monitor::Branch2 => accuracies[1],
        },
        checkpointer,
        observer,
    };
    let result = fit(&mut problem, &plan)?;
    Ok((problem.model, result))
}

struct Dual<'a> {
    model: DualModel,
    optimizers: [Optimizer; 2],
    data: &'a TrainingData,
    settings: &'a DualSettings,
    augmentation: &'a Augmentation,
    seed: u64,
    workers: usize,
}

impl Problem for Dual<'_> {
    fn outputs(&self) -> Vec<&'static str> {
        OUTPUTS.to_vec()
    }

    fn size(&self) -> (usize, usize) {
        let images = self.data.split.train.len();
        (images, 2 * images.div_ceil(self.settings.batch_size))
    }

    fn train(&mut self, epoch: u32, tick: &(dyn Fn() + Sync)) -> Result<Vec<Score>, TrainError> {
        let [first, second] = &mut self.model.branches;
        let [first_optimizer, second_optimizer] = &mut self.optimizers;
        let (seed, places, size) = (self.seed, self.data.split.train.as_slice(), self.settings.batch_size);
        let order = move || stream(seed, &format!("{STAGE_ONE}/order/epoch-{epoch}"));
        let changes = stream(seed, &format!("{STAGE_ONE}/augmentation/epoch-{epoch}"));
        let (augmentation, shared) = (self.augmentation, self.data.images.share());
        let (second, first) = both(
            self.workers,
            move || {
                let mut augment = Some((augmentation, changes));
                branch_epoch(second, second_optimizer, &shared, (places, size), &mut order(), &mut augment, tick)
            },
            || {
                let images = &self.data.images;
                branch_epoch(first, first_optimizer, images, (places, size), &mut order(), &mut None, tick)
            },
        )?;
        Ok(vec![first, second])
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let [first, second] = &mut self.model.branches;
        let places = self.data.split.validation.as_slice();
        let shared = self.data.images.share();
        let score = |branch: &Branch, images: &DeviceImages| {
            Score::of(&branch_logits(branch, images, places)?, &images.labels(places)?)
        };
        let (second, first) = both(self.workers, move || score(second, &shared), || score(first, &self.data.images))?;
        Ok(vec![first, second])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let parts = self.model.branches.iter_mut().zip(&mut self.optimizers).enumerate();
        parts
            .map(|(output, (branch, optimizer))| Part {
                name: OUTPUTS[output],
                output,
                params: branch.params_mut(),
                optimizer,
            })
            .collect()
    }
}

/// One epoch of one branch, over the images at the places given, in batches of the size given.
fn branch_epoch(
    branch: &mut Branch,
    optimizer: &mut Optimizer,
    images: &DeviceImages,
    (places, size): (&[u32], usize),
    order: &mut Stream,
    augment: &mut Option<(&Augmentation, Stream)>,
    tick: &(dyn Fn() + Sync),
) -> Result<Score, TrainError> {
    let batches = images.shuffled_batches(places, size, order)?;
    let labels = batches.labels()?;
    let mut seen = Vec::with_capacity(batches.len());
    for batch in batches {
        let batch = batch?;
        let input = match augment {
            Some((augmentation, rng)) => augmentation.apply(&batch.images, &augmentation.draw(batch.len(), rng))?,
            None => batch.images,
        };
        let logits = branch.forward(&input)?;
        let loss = cross_entropy(&logits, &batch.labels)?;
        let gradients = Tensor::f_run_backward(&[loss], branch.params().views(), false, false)?;
        let gradient = branch.params().gather(&gradients)?;
        optimizer.step(branch.params_mut().flat_mut(), &gradient)?;
        seen.push(logits.f_detach()?);
        tick();
    }
    Score::of(&Tensor::f_cat(&seen, 0)?, &labels)
}
