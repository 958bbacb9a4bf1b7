use std::ops::Range;

use tch::Tensor;

use super::adamw::{AdamW, AdamWFactors};
use super::nadam::{Nadam, NadamFactors};
use super::sgd::Sgd;
use super::{Counters, Optimizer, Pace, Rule};
use crate::TrainError;
use crate::recipe::{AdamWSettings, NadamSettings, SgdSettings, WeightDecay};

/// An optimiser with its state in plain memory: the same formulas for the kernels on the CPU, a pass over memory
/// instead of a call an operation.
#[derive(Debug, Clone)]
pub struct HostOptimizer {
    rule: HostRule,
    counters: Counters,
    pace: Pace,
    average: Option<Vec<f32>>,
    frozen: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
enum HostRule {
    Nadam { settings: NadamSettings, m: Vec<f32>, v: Vec<f32> },
    Sgd { settings: SgdSettings, momentum: Vec<f32> },
    AdamW { settings: AdamWSettings, m: Vec<f32>, v: Vec<f32> },
}

impl HostOptimizer {
    pub(super) fn of(optimizer: &Optimizer) -> Result<Self, TrainError> {
        let values = |t: &Tensor| Vec::<f32>::try_from(t);
        let rule = match &optimizer.rule {
            Rule::Nadam(Nadam { settings, m, v }) => {
                HostRule::Nadam { settings: settings.clone(), m: values(m)?, v: values(v)? }
            }
            Rule::Sgd(Sgd { settings, momentum }) => {
                HostRule::Sgd { settings: settings.clone(), momentum: values(momentum)? }
            }
            Rule::AdamW(AdamW { settings, m, v }) => {
                HostRule::AdamW { settings: settings.clone(), m: values(m)?, v: values(v)? }
            }
        };
        let average = optimizer.average.as_ref().map(values).transpose()?;
        let frozen = optimizer.frozen.clone();
        Ok(Self { rule, counters: optimizer.counters, pace: optimizer.pace, average, frozen })
    }

    /// Changes `params` in place by one step along `gradient`, both of the length the optimiser was made for.
    ///
    /// # Panics
    /// If they are of another length.
    pub fn step(&mut self, params: &mut [f32], gradient: &[f32]) {
        let (HostRule::Nadam { m: state, .. }
        | HostRule::Sgd { momentum: state, .. }
        | HostRule::AdamW { m: state, .. }) = &self.rule;
        assert_eq!((params.len(), gradient.len()), (state.len(), state.len()), "of another optimiser");
        let (rate, decay) = (self.learning_rate(), self.pace.decay(self.counters.steps));
        let before: Vec<Vec<f32>> = self.frozen.iter().map(|range| params[range.clone()].to_vec()).collect();
        match &mut self.rule {
            HostRule::Nadam { settings, m, v } => {
                let factors = NadamFactors::next(settings, rate, &mut self.counters);
                let (from_m, from_g) = (factors.from_m as f32, factors.from_g as f32);
                let (toward_m, toward_v) = ((1.0 - settings.beta_1) as f32, (1.0 - settings.beta_2) as f32);
                let (correction, epsilon) = (factors.correction as f32, settings.epsilon as f32);
                for (((w, &g), m), v) in params.iter_mut().zip(gradient).zip(m).zip(v) {
                    *m += toward_m * (g - *m);
                    *v += toward_v * (g * g - *v);
                    *w += (from_m * *m + from_g * g) / ((*v / correction).sqrt() + epsilon);
                }
            }
            HostRule::AdamW { settings, m, v } => {
                let factors = AdamWFactors::next(settings, rate, self.counters);
                let (from_m, lost) = (factors.from_m as f32, (rate * settings.weight_decay) as f32);
                let (toward_m, toward_v) = ((1.0 - settings.beta_1) as f32, (1.0 - settings.beta_2) as f32);
                let (correction, epsilon) = (factors.correction as f32, settings.epsilon as f32);
                for (((w, &g), m), v) in params.iter_mut().zip(gradient).zip(m).zip(v) {
                    *w -= lost * *w;
                    *m += toward_m * (g - *m);
                    *v += toward_v * (g * g - *v);
                    *w += from_m * *m / ((*v / correction).sqrt() + epsilon);
                }
            }
            HostRule::Sgd { settings, momentum } => {
                let &mut SgdSettings { momentum: kept, nesterov, weight_decay, decay_form, .. } = settings;
                let (kept, lost, rate) = (kept as f32, (rate * weight_decay) as f32, rate as f32);
                let coupled = decay_form == WeightDecay::Coupled;
                for ((w, &g), v) in params.iter_mut().zip(gradient).zip(momentum) {
                    let mut downhill = -rate * g;
                    if coupled {
                        downhill -= lost * *w;
                    } else {
                        *w -= lost * *w;
                    }
                    if kept == 0.0 {
                        *w += downhill;
                        continue;
                    }
                    *v = kept * *v + downhill;
                    *w += if nesterov { kept * *v + downhill } else { *v };
                }
            }
        }
        for (range, before) in self.frozen.iter().zip(&before) {
            params[range.clone()].copy_from_slice(before);
        }
        self.counters.steps = self.counters.steps.saturating_add(1);
        if let Some(average) = &mut self.average {
            let toward = (1.0 - decay) as f32;
            for (average, w) in average.iter_mut().zip(params) {
                *average += toward * (*w - *average);
            }
        }
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.pace.learning_rate(self.counters.steps)
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    /// State by the names that [`Memory::tensors`](super::Memory::tensors) gives it.
    pub(super) fn state(&self) -> Vec<(&'static str, &[f32])> {
        let mut state: Vec<(&str, &[f32])> = match &self.rule {
            HostRule::Nadam { m, v, .. } | HostRule::AdamW { m, v, .. } => vec![("m", m), ("v", v)],
            HostRule::Sgd { momentum, .. } => vec![("momentum", momentum)],
        };
        state.extend(self.average.as_deref().map(|average| ("average", average)));
        state
    }
}
