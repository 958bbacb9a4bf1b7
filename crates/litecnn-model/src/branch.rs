use rand::Rng;
use tch::{Device, Tensor};

use crate::spec::{POOL, UnifiedSpec};
use crate::{BranchSpec, HeadKind, ModelError, Params, init};

/// One branch: convolutions with pooling, then a head with one output a class.
#[derive(Debug)]
pub struct Branch {
    spec: BranchSpec,
    head: HeadKind,
    params: Params,
}

impl Branch {
    /// A fresh branch with a dense head, initialised as Keras does: He-normal convolutions, Glorot-uniform head,
    /// zero biases.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] or [`ModelError::Torch`].
    pub fn new(spec: &BranchSpec, device: Device, rng: &mut impl Rng) -> Result<Self, ModelError> {
        let mut branch = Self::zeros(spec, HeadKind::Dense, device)?;
        for (name, shape) in spec.weights(HeadKind::Dense) {
            if name == "head.weight" {
                branch.params.set(&name, &init::glorot_uniform(&shape, rng))?;
            } else if name.ends_with("weight") {
                branch.params.set(&name, &init::he_normal(&shape, rng))?;
            }
        }
        Ok(branch)
    }

    /// A branch of zeros, to be filled with known weights.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] or [`ModelError::Torch`].
    pub fn zeros(spec: &BranchSpec, head: HeadKind, device: Device) -> Result<Self, ModelError> {
        spec.validate()?;
        Ok(Self { spec: spec.clone(), head, params: Params::zeros(&spec.weights(head), device)? })
    }

    /// The same branch (not a copy) for another thread.
    pub fn share(&self) -> Self {
        Self { spec: self.spec.clone(), head: self.head, params: self.params.share() }
    }

    /// Its architecture.
    pub fn spec(&self) -> &BranchSpec {
        &self.spec
    }

    /// The kind of its head.
    pub fn head(&self) -> HeadKind {
        self.head
    }

    /// Its weights.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Its weights, to change them.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` with values in `[0, 1]`.
    ///
    /// # Errors
    /// [`ModelError::Torch`] if the images have another shape or device than the model.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        let features = self.features(images)?;
        let views = self.params.views();
        let [.., weight, bias] = views else { unreachable!("a branch has a head") };
        // On a 1x1 image a 1x1 convolution is the product that the dense layer is; so both run as a product.
        let weight = match self.head {
            HeadKind::Dense => weight.shallow_clone(),
            HeadKind::Conv1x1 => weight.f_view([self.spec.classes, self.spec.features()])?,
        };
        Ok(features.f_linear(&weight, Some(bias))?)
    }

    /// What the head sees, `[batch, features]`, flattened in the order height, width, channel (as Keras does; in
    /// channels-last memory that is a view).
    ///
    /// # Errors
    /// [`ModelError::Torch`].
    pub fn features(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        let mut x = images.shallow_clone();
        for layer in self.params.views().chunks_exact(2).take(self.spec.filters.len()) {
            x = x
                .f_conv2d(&layer[0], Some(&layer[1]), [1, 1], [0, 0], [1, 1], 1)?
                .f_max_pool2d([POOL, POOL], [POOL, POOL], [0, 0], [1, 1], false)?
                // ReLU and maximum commute, and a quarter of the values is left after pooling.
                .f_relu()?;
        }
        Ok(x.f_permute([0, 2, 3, 1])?.f_flatten(1, -1)?)
    }
}

/// The dense layers that join the branches: hidden layer with ReLU and dropout, output layer.
#[derive(Debug)]
pub struct Joint {
    params: Params,
}

impl Joint {
    /// Fresh dense layers: Glorot-uniform kernels, zero biases.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] or [`ModelError::Torch`].
    pub fn new(spec: &UnifiedSpec, device: Device, rng: &mut impl Rng) -> Result<Self, ModelError> {
        let mut joint = Self::zeros(spec, device)?;
        for (name, shape) in spec.dense_weights() {
            if name.ends_with("weight") {
                joint.params.set(&name, &init::glorot_uniform(&shape, rng))?;
            }
        }
        Ok(joint)
    }

    /// Dense layers of zeros, to be filled with known weights.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] or [`ModelError::Torch`].
    pub fn zeros(spec: &UnifiedSpec, device: Device) -> Result<Self, ModelError> {
        spec.validate()?;
        Ok(Self { params: Params::zeros(&spec.dense_weights(), device)? })
    }

    /// The same layers (not a copy) for another thread.
    pub fn share(&self) -> Self {
        Self { params: self.params.share() }
    }

    /// Its weights.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Its weights, to change them.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// Logits `[batch, classes]` of the branches' joined outputs `[batch, 2 * classes]`.
    ///
    /// `dropout` is the factor of every hidden unit, `[batch, hidden]`: 0 for a dropped one, `1 / (1 - rate)` for
    /// a kept one; none when not training.
    ///
    /// # Errors
    /// [`ModelError::Torch`].
    pub fn forward(&self, joined: &Tensor, dropout: Option<&Tensor>) -> Result<Tensor, ModelError> {
        let [w1, b1, w2, b2] = self.params.views() else { unreachable!("two dense layers") };
        let mut hidden = joined.f_linear(w1, Some(b1))?.f_relu()?;
        if let Some(factors) = dropout {
            hidden = hidden.f_mul(factors)?;
        }
        Ok(hidden.f_linear(w2, Some(b2))?)
    }
}
