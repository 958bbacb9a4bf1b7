//! Optimisers with their state: in tensors, and in plain memory for the kernels.

mod adamw;
mod host;
mod memory;
mod nadam;
mod pace;
mod sgd;

pub use host::HostOptimizer;
pub use memory::{Counters, Memory, restore_tensor};
pub(crate) use pace::Pace;

use std::ops::Range;

use adamw::AdamW;
use nadam::Nadam;
use sgd::Sgd;
use tch::Tensor;

use crate::TrainError;
use crate::epoch::Epoch;
use crate::recipe::OptimizerSettings;

/// An optimiser of one buffer of parameters, with its state.
///
/// Nadam and SGD compute what Keras 3 computes, which is neither what libtorch's nor what PyTorch's namesakes
/// compute, AdamW what PyTorch computes; the tests compare every step with numbers printed by these.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    counters: Counters,
    pace: Pace,
    /// The moving average of the parameters, if there is to be one.
    average: Option<Tensor>,
    /// Parameters that steps leave as they are.
    frozen: Vec<Range<usize>>,
}

#[derive(Debug)]
enum Rule {
    Nadam(Nadam),
    Sgd(Sgd),
    AdamW(AdamW),
}

impl Optimizer {
    /// A fresh optimiser for the parameters in `params`, a buffer `[parameters]`; its learning rate does not change.
    pub fn new(settings: &OptimizerSettings, params: &Tensor) -> Self {
        Self::paced(settings, params, Pace::constant(settings))
    }

    /// As [`Optimizer::new`], with a learning rate that may change and the average that is asked for.
    pub(crate) fn paced(settings: &OptimizerSettings, params: &Tensor, pace: Pace) -> Self {
        let rule = match settings {
            OptimizerSettings::Nadam(s) => Rule::Nadam(Nadam::new(s, params)),
            OptimizerSettings::Sgd(s) => Rule::Sgd(Sgd::new(s, params)),
            OptimizerSettings::AdamW(s) => Rule::AdamW(AdamW::new(s, params)),
        };
        let average = pace.averages().then(|| params.detach().copy());
        Self { rule, counters: Counters::default(), pace, average, frozen: Vec::new() }
    }

    /// Changes `params` in place by one step along `gradient`; both `[parameters]`.
    ///
    /// # Errors
    /// [`TrainError::Torch`].
    pub fn step(&mut self, params: &mut Tensor, gradient: &Tensor) -> Result<(), TrainError> {
        tch::no_grad(|| {
            let (rate, decay) = (self.learning_rate(), self.pace.decay(self.counters.steps));
            let places: Vec<Tensor> = self.frozen.iter().map(|range| place(params, range)).collect::<Result<_, _>>()?;
            let before: Vec<Tensor> = places.iter().map(Tensor::copy).collect();
            match &mut self.rule {
                Rule::Nadam(nadam) => nadam.step(rate, &mut self.counters, params, gradient)?,
                Rule::Sgd(sgd) => sgd.step(rate, params, gradient)?,
                Rule::AdamW(adamw) => adamw.step(rate, self.counters, params, gradient)?,
            }
            for (mut place, before) in places.into_iter().zip(&before) {
                place.f_copy_(before)?;
            }
            self.counters.steps = self.counters.steps.saturating_add(1);
            if let Some(average) = &mut self.average {
                let _ = average.f_lerp_(params, 1.0 - decay)?;
            }
            Ok(())
        })
    }

    /// From now on steps leave these parameters as they are. What the optimiser remembers of their gradients goes on, so
    /// that they start with no leap once they are let go.
    pub(crate) fn freeze(&mut self, ranges: Vec<Range<usize>>) {
        self.frozen = ranges;
    }

    /// A copy in plain memory.
    ///
    /// # Errors
    /// [`TrainError::Torch`].
    pub fn to_host(&self) -> Result<HostOptimizer, TrainError> {
        HostOptimizer::of(self)
    }

    /// Takes up the state of a copy made by [`Optimizer::to_host`].
    ///
    /// # Errors
    /// [`TrainError::State`] if it is of another optimiser.
    pub fn take_back(&mut self, host: &HostOptimizer) -> Result<(), TrainError> {
        let state = host.state();
        self.restore(host.counters(), &mut |name| {
            let (_, values) = state.iter().find(|(n, _)| *n == name)?;
            Tensor::f_from_slice(values).ok()
        })
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.pace.learning_rate(self.counters.steps)
    }

    /// The learning rate of an epoch's first step, wherever in it training stands.
    pub(crate) fn learning_rate_of(&self, epoch: &Epoch<'_>) -> f64 {
        self.pace.learning_rate(self.pace.first_step(epoch.number))
    }
}

/// A part of the parameters, not a copy.
fn place(params: &Tensor, range: &Range<usize>) -> Result<Tensor, tch::TchError> {
    params.f_narrow(0, range.start as i64, range.len() as i64)
}

impl Memory for Optimizer {
    fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        let mut tensors = match &self.rule {
            Rule::Nadam(Nadam { m, v, .. }) | Rule::AdamW(AdamW { m, v, .. }) => vec![("m", m), ("v", v)],
            Rule::Sgd(sgd) => vec![("momentum", &sgd.momentum)],
        };
        tensors.extend(self.average.as_ref().map(|average| ("average", average)));
        tensors
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn restore(
        &mut self,
        counters: Counters,
        tensor: &mut dyn FnMut(&str) -> Option<Tensor>,
    ) -> Result<(), TrainError> {
        match &mut self.rule {
            Rule::Nadam(Nadam { m, v, .. }) | Rule::AdamW(AdamW { m, v, .. }) => {
                restore_tensor(m, "m", tensor)?;
                restore_tensor(v, "v", tensor)?;
            }
            Rule::Sgd(sgd) => restore_tensor(&mut sgd.momentum, "momentum", tensor)?,
        }
        if let Some(average) = &mut self.average {
            restore_tensor(average, "average", tensor)?;
        }
        self.counters = counters;
        Ok(())
    }

    fn average(&mut self) -> Option<&mut Tensor> {
        self.average.as_mut()
    }
}
