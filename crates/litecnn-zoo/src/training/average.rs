use tch::Tensor;

use crate::{Model, ZooError};

/// A moving average of a model's weights and running statistics.
#[derive(Debug)]
pub(super) struct Average {
    decay: f64,
    pub(super) weights: Tensor,
    pub(super) statistics: Tensor,
}

impl Average {
    /// An average that starts at what the model has.
    pub(super) fn new(decay: f64, model: &Model) -> Result<Self, ZooError> {
        let state = model.state();
        Ok(Self { decay, weights: copy(state.weights())?, statistics: copy(state.statistics())? })
    }

    /// Takes in what the model has after a step, counted from 0.
    pub(super) fn take_in(&mut self, model: &Model, step: usize) -> Result<(), ZooError> {
        // At first the average would remember little but where it started.
        let decay = self.decay.min((1.0 + step as f64) / (10.0 + step as f64));
        let state = model.state();
        for (average, now) in [(&self.weights, state.weights()), (&self.statistics, state.statistics())] {
            let _ = average.shallow_clone().f_lerp_(now, 1.0 - decay)?;
        }
        Ok(())
    }

    /// Has the model and the average change places.
    pub(super) fn swap(&mut self, model: &mut Model) -> Result<(), ZooError> {
        let state = model.state();
        let before = (copy(state.weights())?, copy(state.statistics())?);
        model.state_mut().set(&self.weights, &self.statistics)?;
        self.weights.f_copy_(&before.0)?;
        self.statistics.f_copy_(&before.1)?;
        Ok(())
    }
}

fn copy(of: &Tensor) -> Result<Tensor, ZooError> {
    let mut copy = of.f_detach()?.f_zeros_like()?;
    copy.f_copy_(of)?;
    Ok(copy)
}
