use tch::Tensor;

use crate::TrainError;
use crate::recipe::{SgdSettings, WeightDecay};

/// SGD in the form of Keras 3: `v = momentum * v - lr * g`, then `w += v`, or with Nesterov
/// `w += momentum * v - lr * g`.
///
/// Decoupled weight decay (Loshchilov & Hutter 2019) comes first: `w -= lr * decay * w`. The coupled form, as in
/// PyTorch, adds `decay * w` to the gradient instead.
#[derive(Debug)]
pub(super) struct Sgd {
    pub(super) settings: SgdSettings,
    pub(super) momentum: Tensor,
}

impl Sgd {
    pub(super) fn new(settings: &SgdSettings, params: &Tensor) -> Self {
        Self { settings: settings.clone(), momentum: params.detach().zeros_like() }
    }

    pub(super) fn step(&mut self, rate: f64, params: &mut Tensor, gradient: &Tensor) -> Result<(), TrainError> {
        let SgdSettings { momentum, nesterov, weight_decay, decay_form, .. } = self.settings;
        let mut downhill = gradient.f_mul_scalar(-rate)?;
        if weight_decay > 0.0 {
            match decay_form {
                WeightDecay::Decoupled => {
                    // Not `w *= 1 - lr * decay`: that factor is too near to 1 for 32 bits.
                    let _ = params.f_sub_(&params.f_mul_scalar(rate * weight_decay)?)?;
                }
                WeightDecay::Coupled => {
                    let _ = downhill.f_add_(&params.f_mul_scalar(-rate * weight_decay)?)?;
                }
            }
        }
        if momentum == 0.0 {
            let _ = params.f_add_(&downhill)?;
            return Ok(());
        }
        let _ = self.momentum.f_mul_scalar_(momentum)?.f_add_(&downhill)?;
        if nesterov {
            let _ = downhill.f_add_(&self.momentum.f_mul_scalar(momentum)?)?;
            let _ = params.f_add_(&downhill)?;
        } else {
            let _ = params.f_add_(&self.momentum)?;
        }
        Ok(())
    }
}
