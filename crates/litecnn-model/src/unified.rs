use rand::Rng;
use tch::{Device, Tensor};

use crate::{Branch, BranchSpec, HeadActivation, HeadKind, Joint, ModelError, Params, UnifiedSpec};

/// The model that the whole procedure ends with: two branches on one input, joined by dense layers.
#[derive(Debug)]
pub struct UnifiedModel {
    spec: UnifiedSpec,
    /// Both branches, with 1x1 convolutions as heads.
    pub branches: [Branch; 2],
    /// The dense layers that join them.
    pub joint: Joint,
}

impl UnifiedModel {
    /// Joins two branches (with 1x1 convolutions as heads, see the crate litecnn-surgery) under given dense layers.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] if a branch is not of the architecture `spec` names or still has a dense head.
    pub fn new(spec: &UnifiedSpec, branches: [Branch; 2], joint: Joint) -> Result<Self, ModelError> {
        spec.validate()?;
        for (i, branch) in branches.iter().enumerate() {
            if branch.spec() != &spec.branch || branch.head() != HeadKind::Conv1x1 {
                return Err(ModelError::Architecture(format!(
                    "branch {} is {:?} with a {:?} head, the unified model wants {:?} with a Conv1x1 head",
                    i + 1,
                    branch.spec(),
                    branch.head(),
                    spec.branch
                )));
            }
        }
        Ok(Self { spec: spec.clone(), branches, joint })
    }

    /// A model of zeros, to be filled with known weights.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] or [`ModelError::Torch`].
    pub fn zeros(spec: &UnifiedSpec, device: Device) -> Result<Self, ModelError> {
        let branch = || Branch::zeros(&spec.branch, HeadKind::Conv1x1, device);
        Self::new(spec, [branch()?, branch()?], Joint::zeros(spec, device)?)
    }

    /// The same model (not a copy) for another thread.
    pub fn share(&self) -> Self {
        let branches = [self.branches[0].share(), self.branches[1].share()];
        Self { spec: self.spec.clone(), branches, joint: self.joint.share() }
    }

    /// A model of its own with the same weights.
    ///
    /// # Errors
    /// [`ModelError::Torch`] if the device has no room.
    pub fn duplicate(&self) -> Result<Self, ModelError> {
        let mut copy = Self::zeros(&self.spec, self.joint.params().flat().device())?;
        for (to, from) in copy.parts_mut().into_iter().zip(self.parts()) {
            to.restore(from.flat())?;
        }
        Ok(copy)
    }

    /// Its weights in three parts: both branches, the dense layers.
    pub fn parts(&self) -> [&Params; 3] {
        [self.branches[0].params(), self.branches[1].params(), self.joint.params()]
    }

    /// As [`UnifiedModel::parts`], to change them.
    pub fn parts_mut(&mut self) -> [&mut Params; 3] {
        let [first, second] = &mut self.branches;
        [first.params_mut(), second.params_mut(), self.joint.params_mut()]
    }

    /// Its architecture.
    pub fn spec(&self) -> &UnifiedSpec {
        &self.spec
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` with values in `[0, 1]`; nothing is
    /// dropped.
    ///
    /// # Errors
    /// [`ModelError::Torch`] if the images have another shape or device than the model.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        self.joint.forward(&self.joined(images)?, None)
    }

    /// What the dense layers see, `[batch, 2 * classes]`.
    ///
    /// # Errors
    /// [`ModelError::Torch`].
    pub fn joined(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        let outputs = [self.branch_output(0, images)?, self.branch_output(1, images)?];
        Ok(Tensor::f_cat(&outputs, 1)?)
    }

    /// What one branch (0 or 1) gives the dense layers, `[batch, classes]`.
    ///
    /// # Errors
    /// [`ModelError::Torch`].
    pub fn branch_output(&self, branch: usize, images: &Tensor) -> Result<Tensor, ModelError> {
        activate(self.branches[branch].forward(images)?, self.spec.head_activation)
    }

    /// Weights by their full names: `branch-1.conv1.weight` … `hidden.weight` … `output.bias`.
    pub fn named(&self) -> Vec<(String, &Tensor)> {
        let mut named = named(&self.branches);
        named.extend(self.joint.params().named().map(|(name, t)| (name.to_owned(), t)));
        named
    }
}

/// Weights of both branches by their full names.
fn named(branches: &[Branch; 2]) -> Vec<(String, &Tensor)> {
    let mut named = Vec::new();
    for (i, branch) in branches.iter().enumerate() {
        named.extend(branch.params().named().map(|(name, t)| (format!("branch-{}.{name}", i + 1), t)));
    }
    named
}

/// The activation after a branch's head.
///
/// # Errors
/// [`ModelError::Torch`].
pub fn activate(logits: Tensor, activation: HeadActivation) -> Result<Tensor, ModelError> {
    Ok(match activation {
        HeadActivation::None => logits,
        HeadActivation::Relu => logits.f_relu()?,
    })
}

/// The dual-input-output model of the first training stage: two branches that share nothing but the moment of
/// training. Each has its own input, output and loss.
#[derive(Debug)]
pub struct DualModel {
    /// Both branches, with dense heads.
    pub branches: [Branch; 2],
}

impl DualModel {
    /// Two fresh branches; `rng` draws the first one's weights, then the second one's.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] or [`ModelError::Torch`].
    pub fn new(spec: &BranchSpec, device: Device, rng: &mut impl Rng) -> Result<Self, ModelError> {
        Ok(Self { branches: [Branch::new(spec, device, rng)?, Branch::new(spec, device, rng)?] })
    }

    /// Logits of both branches, `[batch, classes]` each, of their own images `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`ModelError::Torch`].
    pub fn forward(&self, images: [&Tensor; 2]) -> Result<[Tensor; 2], ModelError> {
        Ok([self.branches[0].forward(images[0])?, self.branches[1].forward(images[1])?])
    }

    /// Weights by their full names: `branch-1.conv1.weight` … `branch-2.head.bias`.
    pub fn named(&self) -> Vec<(String, &Tensor)> {
        named(&self.branches)
    }
}
