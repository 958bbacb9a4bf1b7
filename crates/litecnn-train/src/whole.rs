use std::sync::mpsc::{Receiver, Sender, channel};

use litecnn_data::{DeviceImages, Split, stream};
use litecnn_model::{Branch, HeadActivation, Joint, UnifiedModel, activate};
use tch::Tensor;

use crate::data::TrainingData;
use crate::fit::{Checkpointer, Fit, Part, Plan, Problem, fit};
use crate::infer::unified_logits;
use crate::joint::Dropout;
use crate::observer::Observer;
use crate::optimizer::Optimizer;
use crate::recipe::{Recipe, TrainSettings};
use crate::score::cross_entropy;
use crate::threads::{join, single_threaded_operations};
use crate::{Score, TrainError};

/// The step's name.
pub const STAGE_TWO_WHOLE: &str = "stage-2-2";

/// Second step of the second stage (Isong 2025, "Second training stage", 2): the whole model is trained.
///
/// # Errors
/// [`TrainError`]; with a checkpointer, epochs done are kept.
pub fn train_whole(
    model: UnifiedModel,
    data: &TrainingData,
    recipe: &Recipe,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let task = Task { step: STAGE_TWO_WHOLE, images: &data.images, split: &data.split, settings: &recipe.stage_2_2 };
    fit_whole(model, &task, seed, workers, checkpointer, observer)
}

/// A training of a whole unified model on one split.
pub(crate) struct Task<'a> {
    /// Names the step, and keys its random numbers.
    pub(crate) step: &'a str,
    pub(crate) images: &'a DeviceImages,
    pub(crate) split: &'a Split,
    pub(crate) settings: &'a TrainSettings,
}

pub(crate) fn fit_whole(
    model: UnifiedModel,
    task: &Task<'_>,
    seed: u64,
    workers: usize,
    checkpointer: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(UnifiedModel, Fit), TrainError> {
    let settings = task.settings;
    let optimizers = model.parts().map(|params| Optimizer::new(&settings.optimizer, params.flat()));
    let mut problem = Whole { model, optimizers, task, seed, workers };
    let plan = Plan::single(task.step, settings, checkpointer, observer);
    let result = fit(&mut problem, &plan)?;
    Ok((problem.model, result))
}

struct Whole<'a> {
    model: UnifiedModel,
    /// In the order of [`UnifiedModel::parts`].
    optimizers: [Optimizer; 3],
    task: &'a Task<'a>,
    seed: u64,
    workers: usize,
}

impl Problem for Whole<'_> {
    fn outputs(&self) -> Vec<&'static str> {
        vec!["model"]
    }

    fn size(&self) -> (usize, usize) {
        let images = self.task.split.train.len();
        (images, images.div_ceil(self.task.settings.batch_size))
    }

    /// The model falls apart into two branches that meet in the dense layers only: forward they hand their
    /// outputs over, backward they are handed the gradients of these. So the second branch can work in a thread
    /// of its own, and the sums are the same in the same order with one thread or two.
    fn train(&mut self, epoch: u32, tick: &(dyn Fn() + Sync)) -> Result<Vec<Score>, TrainError> {
        single_threaded_operations();
        let (step, size) = (self.task.step, self.task.settings.batch_size);
        let places = self.task.split.train.as_slice();
        let purpose = |what: &str| stream(self.seed, &format!("{step}/{what}/epoch-{epoch}"));
        let order = || purpose("order");
        let spec = self.model.spec().clone();
        let activation = spec.head_activation;
        let images = self.task.images;
        let batches = images.shuffled_batches(places, size, &mut order())?;
        let labels = batches.labels()?;
        let dropout = Dropout::new(&spec, purpose("dropout"), labels.device());
        let [first, second] = &mut self.model.branches;
        let [first_optimizer, second_optimizer, joint_optimizer] = &mut self.optimizers;
        let mut first = Half { branch: first, optimizer: first_optimizer, activation };
        let mut second = Half { branch: second, optimizer: second_optimizer, activation };
        let mut middle = Middle { joint: &mut self.model.joint, optimizer: joint_optimizer, dropout, seen: Vec::new() };
        if self.workers < 2 {
            for batch in batches {
                let batch = batch?;
                let (a, b) = (first.forward(&batch.images)?, second.forward(&batch.images)?);
                let (for_a, for_b) = middle.turn(&a, &b, &batch.labels)?;
                first.backward(&a, &for_a)?;
                second.backward(&b, &for_b)?;
                tick();
            }
        } else {
            let shared = images.share();
            let second_batches_order = order();
            let (outputs, from_second) = channel::<Tensor>();
            let (to_second, gradients) = channel::<Tensor>();
            std::thread::scope(|scope| {
                let worker = scope.spawn(move || {
                    single_threaded_operations();
                    let mut order = second_batches_order;
                    second.work(&shared, (places, size), &mut order, &outputs, &gradients)
                });
                let lead = || {
                    for batch in batches {
                        let batch = batch?;
                        let a = first.forward(&batch.images)?;
                        let Ok(b) = from_second.recv() else { break };
                        let (for_a, for_b) = middle.turn(&a, &b, &batch.labels)?;
                        if to_second.send(for_b).is_err() {
                            break;
                        }
                        first.backward(&a, &for_a)?;
                        tick();
                    }
                    Ok::<_, TrainError>(())
                };
                let led = lead();
                // Hanging up ends a worker that still waits.
                drop((to_second, from_second));
                led.and(join(worker))
            })?;
        }
        Ok(vec![Score::of(&Tensor::f_cat(&middle.seen, 0)?, &labels)?])
    }

    fn validate(&mut self) -> Result<Vec<Score>, TrainError> {
        let (images, places) = (self.task.images, self.task.split.validation.as_slice());
        let logits = unified_logits(&self.model, images, places, self.workers)?;
        Ok(vec![Score::of(&logits, &images.labels(places)?)?])
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        let parts = self.model.parts_mut().into_iter().zip(&mut self.optimizers).zip(["branch-1", "branch-2", "joint"]);
        parts.map(|((params, optimizer), name)| Part { name, output: 0, params, optimizer }).collect()
    }
}

/// A branch in training: hands its outputs forward, takes their gradients back.
struct Half<'a> {
    branch: &'a mut Branch,
    optimizer: &'a mut Optimizer,
    activation: HeadActivation,
}

impl Half<'_> {
    fn forward(&self, images: &Tensor) -> Result<Tensor, TrainError> {
        Ok(activate(self.branch.forward(images)?, self.activation)?)
    }

    fn backward(&mut self, output: &Tensor, gradient: &Tensor) -> Result<(), TrainError> {
        // The gradient of this sum by the output is `gradient`.
        let surrogate = output.f_mul(gradient)?.f_sum(tch::Kind::Float)?;
        let gradients = Tensor::f_run_backward(&[surrogate], self.branch.params().views(), false, false)?;
        let gradient = self.branch.params().gather(&gradients)?;
        self.optimizer.step(self.branch.params_mut().flat_mut(), &gradient)
    }

    /// An epoch in a thread of its own; ends early, without fault, if the other side hangs up.
    fn work(
        &mut self,
        images: &DeviceImages,
        (places, size): (&[u32], usize),
        order: &mut litecnn_data::Stream,
        outputs: &Sender<Tensor>,
        gradients: &Receiver<Tensor>,
    ) -> Result<(), TrainError> {
        for batch in images.shuffled_batches(places, size, order)? {
            let output = self.forward(&batch?.images)?;
            if outputs.send(output.f_detach()?).is_err() {
                break;
            }
            let Ok(gradient) = gradients.recv() else { break };
            self.backward(&output, &gradient)?;
        }
        Ok(())
    }
}

/// The dense layers in training.
struct Middle<'a> {
    joint: &'a mut Joint,
    optimizer: &'a mut Optimizer,
    dropout: Dropout,
    /// Logits of the epoch so far.
    seen: Vec<Tensor>,
}

impl Middle<'_> {
    /// One step of the dense layers on the branches' outputs; returns the loss's gradients by these.
    fn turn(&mut self, a: &Tensor, b: &Tensor, labels: &Tensor) -> Result<(Tensor, Tensor), TrainError> {
        let joined = Tensor::f_cat(&[a.f_detach()?, b.f_detach()?], 1)?.f_set_requires_grad(true)?;
        let logits = self.joint.forward(&joined, self.dropout.draw(labels.numel())?.as_ref())?;
        let loss = cross_entropy(&logits, labels)?;
        let mut by: Vec<Tensor> = self.joint.params().views().iter().map(Tensor::shallow_clone).collect();
        by.push(joined);
        let mut gradients = Tensor::f_run_backward(&[loss], &by, false, false)?;
        let by_joined = gradients.pop().unwrap_or_default();
        let gradient = self.joint.params().gather(&gradients)?;
        self.optimizer.step(self.joint.params_mut().flat_mut(), &gradient)?;
        self.seen.push(logits.f_detach()?);
        let classes = a.size()[1];
        Ok((by_joined.f_narrow(1, 0, classes)?, by_joined.f_narrow(1, classes, classes)?))
    }
}
