use std::sync::mpsc::{Receiver, Sender, channel};

use litecnn_data::{DeviceImages, Stream};
use litecnn_model::{Branch, HeadActivation, Joint, UnifiedModel, activate};
use tch::Tensor;

use super::{Loss, check, feed};
use crate::TrainError;
use crate::dropout::Dropout;
use crate::epoch::Lane;
use crate::goal::Shown;
use crate::look::Look;
use crate::optimizer::Optimizer;
use crate::pass::Pass;
use crate::threads::{join, single_threaded_operations};

/// One epoch of the whole model over images.
///
/// The model falls apart into two branches that meet in the dense layers only: forward they hand their outputs over,
/// backward they are handed the gradients of these. So the second branch can work in a thread of its own, and the
/// sums are the same in the same order with one thread or two.
#[allow(clippy::too_many_arguments, reason = "each of its own kind")]
pub(crate) fn whole_epoch<'a>(
    model: &mut UnifiedModel,
    optimizers: &mut [Optimizer; 3],
    images: &DeviceImages,
    Pass { order, size, goal }: Pass<'_, u32>,
    mut look: Look<'_>,
    dropout: &Stream,
    workers: usize,
    lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    if let Some(rng) = look.stream_mut() {
        lane.seek(1, rng);
    }
    let (order, before) = (lane.left(order, size), lane.way.batches);
    let spec = model.spec().clone();
    let activation = spec.head_activation;
    let batches = images.batches(order, size)?;
    let mut dropout = Dropout::new(&spec, dropout.clone());
    lane.seek(0, &mut dropout.rng);
    let loss = Loss::new(goal, images.device())?;
    let [first, second] = &mut model.branches;
    let [first_optimizer, second_optimizer, joint_optimizer] = optimizers;
    let mut first = Half { branch: first, optimizer: first_optimizer, activation };
    let mut second = Half { branch: second, optimizer: second_optimizer, activation };
    let joint = &mut model.joint;
    let mut middle = Middle { joint, optimizer: joint_optimizer, dropout, loss, seen: Vec::new(), lane };
    if workers < 2 {
        for (places, batch) in order.chunks(size).zip(batches) {
            let batch = batch?;
            let (shown, how) = feed::show(&mut look, middle.lane.way.batches, batch.images)?;
            let (a, b) = (first.forward(&shown)?, second.forward(&shown)?);
            let (for_a, for_b) = middle.turn(&a, &b, &batch.labels, (places, &how))?;
            first.backward(&a, &for_a)?;
            second.backward(&b, &for_b)?;
            if !middle.lane.batch_done() {
                break;
            }
        }
    } else {
        let shared = images.share();
        let (outputs, from_second) = channel::<Tensor>();
        let (to_second, gradients) = channel::<Tensor>();
        let theirs = look.clone();
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || {
                single_threaded_operations();
                second.work(&shared, (order, size), (theirs, before), &outputs, &gradients)
            });
            let lead = || {
                for (places, batch) in order.chunks(size).zip(batches) {
                    let batch = batch?;
                    let (shown, how) = feed::show(&mut look, middle.lane.way.batches, batch.images)?;
                    let a = first.forward(&shown)?;
                    let Ok(b) = from_second.recv() else { break };
                    let (for_a, for_b) = middle.turn(&a, &b, &batch.labels, (places, &how))?;
                    if to_second.send(for_b).is_err() {
                        break;
                    }
                    first.backward(&a, &for_a)?;
                    if !middle.lane.batch_done() {
                        break;
                    }
                }
                Ok::<_, TrainError>(())
            };
            let led = lead();
            // Hanging up ends a worker that still waits, or has begun a batch that is not to be.
            drop((to_second, from_second));
            led.and(join(worker))
        })?;
    }
    let Middle { mut lane, seen, dropout, .. } = middle;
    lane.add(&seen)?;
    lane.note(&[Some(&dropout.rng), look.stream()].into_iter().flatten().collect::<Vec<_>>());
    Ok(lane)
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

    /// An epoch, or what is left of it after so many batches, in a thread of its own; ends early, without fault, if the
    /// other side hangs up.
    fn work(
        &mut self,
        images: &DeviceImages,
        (order, size): (&[u32], usize),
        (mut look, before): (Look<'_>, usize),
        outputs: &Sender<Tensor>,
        gradients: &Receiver<Tensor>,
    ) -> Result<(), TrainError> {
        for (n, batch) in images.batches(order, size)?.enumerate() {
            let (shown, _) = feed::show(&mut look, before + n, batch?.images)?;
            let output = self.forward(&shown)?;
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
struct Middle<'m, 'a> {
    lane: Lane<'a>,
    joint: &'m mut Joint,
    optimizer: &'m mut Optimizer,
    dropout: Dropout,
    loss: Loss<'m>,
    /// Logits of the batches so far.
    seen: Vec<Tensor>,
}

impl Middle<'_, '_> {
    /// One step of the dense layers on the branches' outputs; returns the loss's gradients by these.
    fn turn(
        &mut self,
        a: &Tensor,
        b: &Tensor,
        labels: &Tensor,
        (places, shown): (&[u32], &Shown),
    ) -> Result<(Tensor, Tensor), TrainError> {
        self.lane.learning_rate = self.optimizer.learning_rate();
        let joined = Tensor::f_cat(&[a.f_detach()?, b.f_detach()?], 1)?.f_set_requires_grad(true)?;
        let logits =
            self.joint.forward(&joined, self.dropout.draw_tensor(labels.numel(), labels.device())?.as_ref())?;
        let loss = self.loss.of(&logits, labels, places, shown)?;
        check(&self.lane, &loss)?;
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
