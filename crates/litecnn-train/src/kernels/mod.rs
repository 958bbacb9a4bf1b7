//! The training steps' epochs and inference with the kernels of the crate litecnn-kernels: 16 images at a time, on
//! the CPU. Weights and optimiser state are in plain memory during an epoch.

mod branch;
mod exchange;
mod feed;
mod infer;
mod joint;
mod whole;

pub(crate) use branch::branch_epoch;
pub(crate) use infer::{branch_logits, shown_logits};
pub(crate) use joint::joint_epoch;
pub(crate) use whole::whole_epoch;

use litecnn_data::{DeviceImages, HostImages};
use litecnn_kernels::{
    BranchKernel, BranchShape, LANES, Level, cross_entropy_gradient, soft_cross_entropy_gradient, to_lanes,
    weighted_cross_entropy_gradient,
};
use litecnn_model::{Branch, BranchSpec, Params};
use tch::Tensor;

use crate::TrainError;
use crate::goal::{Goal, Hints, Lesson, Targets};
use crate::optimizer::{HostOptimizer, Optimizer};

/// The weights of a part and its optimiser, in plain memory.
struct Weights {
    values: Vec<f32>,
    /// To be filled before [`Weights::step`].
    gradient: Vec<f32>,
    optimizer: HostOptimizer,
}

impl Weights {
    fn take(params: &Params, optimizer: &Optimizer) -> Result<Self, TrainError> {
        let values = to_vec(params.flat())?;
        Ok(Self { gradient: vec![0.0; values.len()], values, optimizer: optimizer.to_host()? })
    }

    fn step(&mut self) {
        self.optimizer.step(&mut self.values, &self.gradient);
    }

    fn put_back(&self, params: &mut Params, optimizer: &mut Optimizer) -> Result<(), TrainError> {
        params.restore(&Tensor::f_from_slice(&self.values)?)?;
        optimizer.take_back(&self.optimizer)
    }
}

/// The mean cross-entropy of a batch.
struct Loss {
    images: usize,
    /// What each image counts; empty if all count the same.
    shares: Vec<f32>,
    /// Of each group of 16 images, `[class][16]`; empty if labels say it all.
    targets: Vec<f32>,
    hints: Option<SoftHints>,
}

/// What a teacher says of each group of 16 images.
struct SoftHints {
    /// `[class][16]` a group.
    targets: Vec<f32>,
    shares: Vec<f32>,
    temperature: f32,
}

impl Loss {
    fn of(goal: &Goal, lesson: Lesson<'_>) -> Self {
        let images = lesson.labels.len();
        let Some(Targets { rows, mut shares, hints }) = goal.targets(lesson) else {
            let shares = goal.weights.as_ref().map_or_else(Vec::new, |weights| weights.shares(lesson.labels));
            return Self { images, shares, targets: Vec::new(), hints: None };
        };
        let in_lanes = |rows: &[f32]| {
            let group = goal.classes * LANES;
            let mut targets = vec![0.0; images.div_ceil(LANES) * group];
            for (rows, lanes) in rows.chunks(group).zip(targets.chunks_exact_mut(group)) {
                to_lanes(&rows.chunks_exact(goal.classes).collect::<Vec<_>>(), lanes);
            }
            targets
        };
        let hints = hints.map(|Hints { rows, weight, temperature }| {
            // The square of the temperature, and its inverse from the inner derivative.
            let of_hints = shares.iter().map(|share| share * (weight * temperature) as f32).collect();
            shares.iter_mut().for_each(|share| *share *= (1.0 - weight) as f32);
            SoftHints { targets: in_lanes(&rows), shares: of_hints, temperature: temperature as f32 }
        });
        Self { images, shares, targets: in_lanes(&rows), hints }
    }

    /// Its gradients by the logits of a group of up to 16 images with these labels, counted from 0.
    fn gradient(&self, group: usize, logits: &[f32], labels: &[i64], by_logits: &mut [f32]) {
        let of_group = |shares: &[f32]| shares[group * LANES..][..labels.len()].to_vec();
        if self.targets.is_empty() {
            match self.shares.is_empty() {
                true => cross_entropy_gradient(logits, labels, self.images, by_logits),
                false => weighted_cross_entropy_gradient(logits, labels, &of_group(&self.shares), by_logits),
            }
            return;
        }
        let place = group * logits.len()..(group + 1) * logits.len();
        soft_cross_entropy_gradient(logits, &self.targets[place.clone()], &of_group(&self.shares), by_logits);
        if let Some(SoftHints { targets, shares, temperature }) = &self.hints {
            let cooled: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
            let mut by_hints = vec![0.0; by_logits.len()];
            soft_cross_entropy_gradient(&cooled, &targets[place], &of_group(shares), &mut by_hints);
            by_logits.iter_mut().zip(by_hints).for_each(|(to, from)| *to += from);
        }
    }
}

/// Values of a tensor in order.
fn to_vec(tensor: &Tensor) -> Result<Vec<f32>, TrainError> {
    let flat = tensor.f_detach()?.f_contiguous()?;
    let mut values = vec![0.0; flat.numel()];
    flat.f_copy_data(&mut values, flat.numel())?;
    Ok(values)
}

/// A branch's architecture as the kernels of the crate litecnn-kernels take it.
pub fn branch_shape(spec: &BranchSpec) -> BranchShape {
    let size = |n: i64| n as usize;
    BranchShape {
        channels: size(spec.input.channels),
        height: size(spec.input.height),
        width: size(spec.input.width),
        filters: spec.filters.iter().copied().map(size).collect(),
        classes: size(spec.classes),
    }
}

/// A kernel with a branch's weights.
fn kernel_of(branch: &Branch) -> Result<BranchKernel, TrainError> {
    let spec = branch.spec();
    let no_such = || litecnn_model::ModelError::Architecture(format!("no kernel for {spec:?}"));
    let mut kernel = BranchKernel::new(&branch_shape(spec), Level::detect()).ok_or_else(no_such)?;
    kernel.set_weights(&to_vec(branch.params().flat())?);
    Ok(kernel)
}

/// Images in memory, of the size a kernel wants.
fn host<'a>(images: &'a DeviceImages, kernel: &BranchKernel) -> Result<HostImages<'a>, TrainError> {
    let host = images.host().filter(|host| host.image_size() == kernel.shape().pixels());
    let wrong = || tch::TchError::Shape(format!("images on {:?} are not what the model wants", images.device()));
    Ok(host.ok_or_else(wrong)?)
}
