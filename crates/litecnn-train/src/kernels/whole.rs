use std::sync::atomic::{AtomicUsize, Ordering};

use litecnn_data::{DeviceImages, Stream};
use litecnn_kernels::{Activations, BranchKernel, LANES, Workspace};
use litecnn_model::{Branch, HeadActivation, UnifiedModel};

use super::exchange::Exchange;
use super::feed::Feed;
use super::joint::Middle;
use super::{Weights, kernel_of};
use crate::TrainError;
use crate::dropout::Dropout;
use crate::epoch::Lane;
use crate::goal::{Goal, Lesson};
use crate::look::Look;
use crate::optimizer::Optimizer;
use crate::pass::Pass;
use crate::threads::{join, single_threaded_operations};

/// One epoch of the whole model over images.
///
/// The branches meet in the dense layers only. With two workers each branch has a thread; the threads swap the
/// branches' outputs once a batch, and both compute the dense layers, which takes less time than to wait for the
/// result. So the numbers are the same with one worker or two.
#[allow(clippy::too_many_arguments, reason = "each of its own kind")]
#[allow(clippy::needless_pass_by_value, reason = "the lane moves on: the one given back replaces it")]
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
    let [first_optimizer, second_optimizer, joint_optimizer] = optimizers;
    let [first_branch, second_branch] = &mut model.branches;
    let mut first = Half::new(first_branch, first_optimizer, spec.head_activation, size)?;
    let mut second = Half::new(second_branch, second_optimizer, spec.head_activation, size)?;
    let dropout = || Dropout::new(&spec, dropout.clone());
    let middle = || Middle::new(&model.joint, joint_optimizer, &spec, dropout(), lane.clone());
    let mut feed = Feed::new(images, &first.kernel, look.clone(), size)?;
    let labels = feed.labels(order)?;
    let mut lead = Meeting::new(middle()?, size);
    if workers < 2 {
        for (batch, labels) in order.chunks(size).zip(labels.chunks(size)) {
            let shown = feed.show(before + first.steps, batch)?;
            first.forward(feed.groups());
            second.forward(feed.groups());
            lead.turn(&first.outputs, &second.outputs, goal, Lesson { places: batch, labels, shown: &shown })?;
            first.backward(feed.groups(), &lead.by_outputs[0]);
            second.backward(feed.groups(), &lead.by_outputs[1]);
            if !lead.middle.lane.batch_done() {
                break;
            }
        }
    } else {
        let mut follow = Meeting::new(middle()?, size);
        let exchange = Exchange::new();
        // Batches after which both sides leave. The lead sets it before the swap of the last one, so the other side
        // knows after it.
        let last = AtomicUsize::new(usize::MAX);
        let shared = images.share();
        std::thread::scope(|scope| {
            let (exchange, labels, second, last) = (&exchange, &labels, &mut second, &last);
            let worker = scope.spawn(move || {
                let _presence = exchange.presence();
                single_threaded_operations();
                let mut feed = Feed::new(&shared, &second.kernel, look, size)?;
                let mut theirs = vec![0.0; second.outputs.len()];
                for (batch, labels) in order.chunks(size).zip(labels.chunks(size)) {
                    let shown = feed.show(before + second.steps, batch)?;
                    second.forward(feed.groups());
                    if !exchange.swap(1, &second.outputs, &mut theirs) {
                        break;
                    }
                    follow.turn(&theirs, &second.outputs, goal, Lesson { places: batch, labels, shown: &shown })?;
                    second.backward(feed.groups(), &follow.by_outputs[1]);
                    if second.steps >= last.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Ok::<_, TrainError>(())
            });
            let mut work = || {
                let _presence = exchange.presence();
                let mut theirs = vec![0.0; first.outputs.len()];
                for (batch, labels) in order.chunks(size).zip(labels.chunks(size)) {
                    let shown = feed.show(before + first.steps, batch)?;
                    first.forward(feed.groups());
                    let halts = lead.middle.lane.halts();
                    if halts {
                        last.store(first.steps + 1, Ordering::Relaxed);
                    }
                    if !exchange.swap(0, &first.outputs, &mut theirs) {
                        break;
                    }
                    lead.turn(&first.outputs, &theirs, goal, Lesson { places: batch, labels, shown: &shown })?;
                    first.backward(feed.groups(), &lead.by_outputs[0]);
                    lead.middle.lane.batch_done();
                    if halts {
                        break;
                    }
                }
                Ok::<_, TrainError>(())
            };
            let done = work();
            done.and(join(worker))
        })?;
    }
    // A side leaves its loop alone only if the other failed, which was returned above.
    if first.steps != second.steps {
        return Err(TrainError::State("the branches parted within an epoch".into()));
    }
    let (first, second) = (first.weights, second.weights);
    first.put_back(model.branches[0].params_mut(), first_optimizer)?;
    second.put_back(model.branches[1].params_mut(), second_optimizer)?;
    lead.middle.put_back(&mut model.joint, joint_optimizer, feed.look().stream())
}

/// A branch in training: hands its outputs forward, takes their gradients back.
struct Half {
    kernel: BranchKernel,
    weights: Weights,
    activation: HeadActivation,
    /// Of each group of 16 images in a batch.
    activations: Vec<Activations>,
    workspace: Workspace,
    /// Steps done in this epoch.
    steps: usize,
    /// Outputs of the batch, `[group][class][16]`.
    outputs: Vec<f32>,
}

impl Half {
    fn new(
        branch: &Branch,
        optimizer: &Optimizer,
        activation: HeadActivation,
        size: usize,
    ) -> Result<Self, TrainError> {
        let kernel = kernel_of(branch)?;
        let groups = size.div_ceil(LANES);
        Ok(Self {
            weights: Weights::take(branch.params(), optimizer)?,
            activation,
            activations: (0..groups).map(|_| kernel.activations(true)).collect(),
            workspace: kernel.workspace(),
            steps: 0,
            outputs: vec![0.0; groups * kernel.shape().classes * LANES],
            kernel,
        })
    }

    /// Outputs of a batch's images, by groups of 16.
    fn forward(&mut self, images: &[Vec<f32>]) {
        let group = self.kernel.shape().classes * LANES;
        let rooms = self.activations.iter_mut().zip(self.outputs.chunks_exact_mut(group));
        for (lanes, (activations, outputs)) in images.iter().zip(rooms) {
            self.kernel.forward(lanes, activations);
            outputs.copy_from_slice(activations.logits());
        }
        if self.activation == HeadActivation::Relu {
            for x in &mut self.outputs {
                *x = if 0.0 > *x { 0.0 } else { *x };
            }
        }
    }

    /// One step along the gradients of the outputs of the images last seen, laid out like these.
    fn backward(&mut self, images: &[Vec<f32>], by_outputs: &[f32]) {
        let group = self.kernel.shape().classes * LANES;
        let mut by_logits = vec![0.0; group];
        let rooms = images.iter().zip(&self.activations).zip(self.outputs.chunks_exact(group));
        for (((lanes, activations), outputs), by_outputs) in rooms.zip(by_outputs.chunks_exact(group)) {
            by_logits.copy_from_slice(by_outputs);
            if self.activation == HeadActivation::Relu {
                for (g, output) in by_logits.iter_mut().zip(outputs) {
                    *g = if *output > 0.0 { *g } else { 0.0 };
                }
            }
            self.kernel.backward(lanes, activations, &by_logits, &mut self.workspace);
        }
        self.kernel.take_gradient(&mut self.weights.gradient);
        self.weights.step();
        self.kernel.set_weights(&self.weights.values);
        self.steps += 1;
    }
}

/// The dense layers where the branches' outputs meet.
struct Meeting<'a> {
    middle: Middle<'a>,
    /// `[group][2 * classes][16]`
    joined: Vec<f32>,
    by_joined: Vec<f32>,
    /// Of each branch, `[group][class][16]`.
    by_outputs: [Vec<f32>; 2],
}

impl<'a> Meeting<'a> {
    fn new(middle: Middle<'a>, size: usize) -> Self {
        let outputs = size.div_ceil(LANES) * middle.classes() * LANES;
        let both = || vec![0.0; 2 * outputs];
        Self { joined: both(), by_joined: both(), by_outputs: [vec![0.0; outputs], vec![0.0; outputs]], middle }
    }

    fn turn(&mut self, first: &[f32], second: &[f32], goal: &Goal, lesson: Lesson<'_>) -> Result<(), TrainError> {
        let group = self.middle.classes() * LANES;
        let groups = lesson.labels.len().div_ceil(LANES);
        let pairs = first.chunks_exact(group).zip(second.chunks_exact(group));
        for ((a, b), joined) in pairs.zip(self.joined.chunks_exact_mut(2 * group)).take(groups) {
            joined[..group].copy_from_slice(a);
            joined[group..].copy_from_slice(b);
        }
        let used = 2 * group * groups;
        self.middle.turn(&self.joined[..used], goal, lesson, &mut self.by_joined[..used])?;
        for (g, by_joined) in self.by_joined[..used].chunks_exact(2 * group).enumerate() {
            for (by_output, part) in self.by_outputs.iter_mut().zip(by_joined.chunks_exact(group)) {
                by_output[g * group..][..group].copy_from_slice(part);
            }
        }
        Ok(())
    }
}
