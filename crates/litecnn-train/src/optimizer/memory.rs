use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::TrainError;

/// What an optimiser remembers from step to step, to be saved and taken up again.
pub trait Memory {
    /// State tensors by name.
    fn tensors(&self) -> Vec<(&'static str, &Tensor)>;

    /// The part of the state that is not tensors.
    fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Takes up a state that was saved: the tensors as [`Memory::tensors`] names them, and the counters.
    ///
    /// # Errors
    /// [`TrainError::State`] if a tensor is missing or has another shape.
    fn restore(&mut self, counters: Counters, tensor: &mut dyn FnMut(&str) -> Option<Tensor>)
    -> Result<(), TrainError>;

    /// A moving average of the parameters, `[parameters]`, that is validated and kept in their place; none if they
    /// are themselves.
    fn average(&mut self) -> Option<&mut Tensor> {
        None
    }
}

/// Overwrites a state tensor with the one saved under `name`.
///
/// # Errors
/// [`TrainError::State`] if it is missing or has another shape.
pub fn restore_tensor(
    place: &mut Tensor,
    name: &str,
    tensor: &mut dyn FnMut(&str) -> Option<Tensor>,
) -> Result<(), TrainError> {
    let saved = tensor(name).filter(|t| t.size() == place.size());
    let saved = saved.ok_or_else(|| TrainError::State(format!("no usable optimiser state `{name}`")))?;
    place.f_copy_(&saved)?;
    Ok(())
}

/// Steps done and the running product of Nadam's momentum schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    pub(super) steps: u32,
    pub(super) product: f64,
}

impl Default for Counters {
    fn default() -> Self {
        Self { steps: 0, product: 1.0 }
    }
}
