use tch::Tensor;

use super::Counters;
use crate::TrainError;
use crate::recipe::NadamSettings;

/// Nadam (Dozat 2016) in the form of Keras 3.
///
/// With `u_t = beta1 (1 - 0.5 * 0.96^t)`, t counted from 1:
/// `m_hat = u_{t+1} m / (1 - prod u_{1..t+1}) + (1 - u_t) g / (1 - prod u_{1..t})`,
/// `v_hat = v / (1 - beta2^t)`, `w -= lr * m_hat / (sqrt(v_hat) + epsilon)`.
#[derive(Debug)]
pub(super) struct Nadam {
    pub(super) settings: NadamSettings,
    pub(super) m: Tensor,
    pub(super) v: Tensor,
}

impl Nadam {
    pub(super) fn new(settings: &NadamSettings, params: &Tensor) -> Self {
        let zeros = || params.detach().zeros_like();
        Self { settings: settings.clone(), m: zeros(), v: zeros() }
    }

    pub(super) fn step(
        &mut self,
        rate: f64,
        counters: &mut Counters,
        params: &mut Tensor,
        gradient: &Tensor,
    ) -> Result<(), TrainError> {
        let NadamFactors { from_m, from_g, correction } = NadamFactors::next(&self.settings, rate, counters);
        let NadamSettings { beta_1, beta_2, epsilon, .. } = self.settings;
        let _ = self.m.f_lerp_(gradient, 1.0 - beta_1)?;
        let _ = self.v.f_lerp_(&gradient.f_square()?, 1.0 - beta_2)?;
        let mut change = self.m.f_mul_scalar(from_m)?;
        let _ = change.f_add_(&gradient.f_mul_scalar(from_g)?)?;
        let mut root = self.v.f_div_scalar(correction)?;
        let _ = root.f_sqrt_()?.f_add_scalar_(epsilon)?;
        let _ = params.f_addcdiv_(&change, &root)?;
        Ok(())
    }
}

/// What Nadam's next step is made of.
pub(super) struct NadamFactors {
    pub(super) from_m: f64,
    pub(super) from_g: f64,
    pub(super) correction: f64,
}

impl NadamFactors {
    /// Puts the product in `counters` forward.
    pub(super) fn next(settings: &NadamSettings, rate: f64, counters: &mut Counters) -> Self {
        let &NadamSettings { beta_1, beta_2, .. } = settings;
        let t = f64::from(counters.steps) + 1.0;
        let u = |t: f64| beta_1 * (1.0 - 0.5 * 0.96f64.powf(t));
        let product = counters.product * u(t);
        let next_product = product * u(t + 1.0);
        counters.product = product;
        Self {
            from_m: -rate * u(t + 1.0) / (1.0 - next_product),
            from_g: -rate * (1.0 - u(t)) / (1.0 - product),
            correction: 1.0 - beta_2.powf(t),
        }
    }
}
