use litecnn_train::{Memory, TrainError, restore_tensor};
use tch::{Kind, Tensor};

use super::rate::StepRate;

/// Stochastic gradient descent with momentum and weight decay in the form of PyTorch: `v = momentum * v + g + decay * w`,
/// then `w -= rate * v`.
///
/// Rate and momentum may be others at every step, which this form and Keras' take differently: there `v` holds the
/// rates of earlier steps.
#[derive(Debug)]
pub struct Sgd {
    weight_decay: f64,
    velocity: Tensor,
}

impl Sgd {
    /// A fresh optimiser for the weights in `weights`, a buffer `[weights]`.
    pub fn new(weight_decay: f64, weights: &Tensor) -> Self {
        Self { weight_decay, velocity: weights.detach().zeros_like() }
    }

    /// Changes `weights` in place by one step along `gradient`, which is changed too; both `[weights]`. No memory is
    /// asked for.
    ///
    /// # Errors
    /// [`TrainError::Torch`].
    pub fn step(&mut self, weights: &mut Tensor, gradient: &mut Tensor, at: StepRate) -> Result<(), TrainError> {
        let factor = |x: f64| Tensor::f_full([0i64; 0], x, (Kind::Float, weights.device()));
        let (decay, rate) = (factor(self.weight_decay)?, factor(-at.rate)?);
        tch::no_grad(|| {
            if self.weight_decay > 0.0 {
                let _ = gradient.f_addcmul_(weights, &decay)?;
            }
            let _ = self.velocity.f_mul_scalar_(at.momentum)?.f_add_(gradient)?;
            let _ = weights.f_addcmul_(&self.velocity, &rate)?;
            Ok(())
        })
    }
}

impl Memory for Sgd {
    fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("velocity", &self.velocity)]
    }

    fn restore(
        &mut self,
        _: litecnn_train::Counters,
        tensor: &mut dyn FnMut(&str) -> Option<Tensor>,
    ) -> Result<(), TrainError> {
        restore_tensor(&mut self.velocity, "velocity", tensor)
    }
}
