use tch::Tensor;

use super::Counters;
use crate::TrainError;
use crate::recipe::AdamWSettings;

/// AdamW (Loshchilov & Hutter 2019) in the form of PyTorch: `w -= lr * decay * w`, then Adam's step without any decay
/// in it.
///
/// With t counted from 1: `m += (1 - beta1) (g - m)`, `v += (1 - beta2) (g^2 - v)`,
/// `w -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)`.
#[derive(Debug)]
pub(super) struct AdamW {
    pub(super) settings: AdamWSettings,
    pub(super) m: Tensor,
    pub(super) v: Tensor,
}

impl AdamW {
    pub(super) fn new(settings: &AdamWSettings, params: &Tensor) -> Self {
        let zeros = || params.detach().zeros_like();
        Self { settings: settings.clone(), m: zeros(), v: zeros() }
    }

    pub(super) fn step(
        &mut self,
        rate: f64,
        counters: Counters,
        params: &mut Tensor,
        gradient: &Tensor,
    ) -> Result<(), TrainError> {
        let AdamWSettings { beta_1, beta_2, epsilon, weight_decay, .. } = self.settings;
        let AdamWFactors { from_m, correction } = AdamWFactors::next(&self.settings, rate, counters);
        if weight_decay > 0.0 {
            // Not `w *= 1 - lr * decay`: that factor is too near to 1 for 32 bits.
            let _ = params.f_sub_(&params.f_mul_scalar(rate * weight_decay)?)?;
        }
        let _ = self.m.f_lerp_(gradient, 1.0 - beta_1)?;
        let _ = self.v.f_lerp_(&gradient.f_square()?, 1.0 - beta_2)?;
        let mut root = self.v.f_div_scalar(correction)?;
        let _ = root.f_sqrt_()?.f_add_scalar_(epsilon)?;
        let _ = params.f_addcdiv_(&self.m.f_mul_scalar(from_m)?, &root)?;
        Ok(())
    }
}

/// What AdamW's next step is made of.
pub(super) struct AdamWFactors {
    pub(super) from_m: f64,
    pub(super) correction: f64,
}

impl AdamWFactors {
    pub(super) fn next(settings: &AdamWSettings, rate: f64, counters: Counters) -> Self {
        let t = f64::from(counters.steps) + 1.0;
        Self { from_m: -rate / (1.0 - settings.beta_1.powf(t)), correction: 1.0 - settings.beta_2.powf(t) }
    }
}
