use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How learning rate and momentum change in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum RateSchedule {
    /// Up to a peak and down to almost nothing, both as half a cosine, a little at every step; the momentum goes the
    /// other way (Smith & Topin 2019, in the form of PyTorch's `OneCycleLR`).
    OneCycle {
        /// The largest rate.
        peak: f64,
        /// Part of all steps in which the rate rises.
        warm_up: f64,
        /// The first rate is the peak divided by this.
        divisor: f64,
        /// The last rate is the first divided by this.
        final_divisor: f64,
        /// Momentum at the peak.
        low_momentum: f64,
        /// Momentum at both ends.
        high_momentum: f64,
    },
    /// The same rate until the mean training loss stops falling, then a smaller one (PyTorch's `ReduceLROnPlateau`).
    Plateau {
        /// The first rate.
        rate: f64,
        /// Always the same.
        momentum: f64,
        /// What the rate is multiplied by.
        factor: f64,
        /// Epochs without a smaller loss that are borne with.
        patience: u32,
        /// Least fall of the loss that counts, relative to the smallest so far.
        threshold: f64,
        /// The rate never goes below.
        floor: f64,
    },
}

/// What one step of SGD goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepRate {
    /// Learning rate.
    pub rate: f64,
    /// Momentum.
    pub momentum: f64,
}

impl RateSchedule {
    /// What goes for a step, counted from 0, of `steps` in all, after epochs with these mean training losses.
    pub fn at(&self, step: usize, steps: usize, losses: &[f64]) -> StepRate {
        match *self {
            Self::OneCycle { peak, warm_up, divisor, final_divisor, low_momentum, high_momentum } => {
                let (first, step) = (peak / divisor, step as f64);
                let (top, end) = (warm_up * steps as f64 - 1.0, steps as f64 - 1.0);
                let (from, to, done) = if step <= top {
                    ((first, high_momentum), (peak, low_momentum), part(step, 0.0, top))
                } else {
                    ((peak, low_momentum), (first / final_divisor, high_momentum), part(step, top, end))
                };
                let between = |from: f64, to: f64| to + (from - to) / 2.0 * ((PI * done).cos() + 1.0);
                StepRate { rate: between(from.0, to.0), momentum: between(from.1, to.1) }
            }
            Self::Plateau { mut rate, momentum, factor, patience, threshold, floor } => {
                let (mut best, mut waited) = (f64::INFINITY, 0);
                for &loss in losses {
                    if loss < best * (1.0 - threshold) {
                        (best, waited) = (loss, 0);
                    } else {
                        waited += 1;
                    }
                    if waited > patience {
                        (rate, waited) = ((rate * factor).max(floor), 0);
                    }
                }
                StepRate { rate, momentum }
            }
        }
    }

    /// The same with another largest rate.
    pub fn with_peak(mut self, largest: f64) -> Self {
        match &mut self {
            Self::OneCycle { peak, .. } => *peak = largest,
            Self::Plateau { rate, floor, .. } => {
                *rate = largest;
                *floor = floor.min(largest);
            }
        }
        self
    }

    /// What is wrong with the numbers, if anything.
    pub fn fault(&self) -> Option<String> {
        const ABOVE_ZERO: fn(f64) -> bool = |x| x > 0.0 && x.is_finite();
        const FRACTION: fn(f64) -> bool = |x| (0.0..1.0).contains(&x);
        const AT_LEAST_ONE: fn(f64) -> bool = |x| x >= 1.0 && x.is_finite();
        type Check = (&'static str, f64, fn(f64) -> bool, &'static str);
        let checks: Vec<Check> = match *self {
            Self::OneCycle { peak, warm_up, divisor, final_divisor, low_momentum, high_momentum } => vec![
                ("peak", peak, ABOVE_ZERO, "a number above 0"),
                ("warm-up", warm_up, FRACTION, "at least 0 and below 1"),
                ("divisor", divisor, AT_LEAST_ONE, "at least 1"),
                ("final-divisor", final_divisor, AT_LEAST_ONE, "at least 1"),
                ("low-momentum", low_momentum, FRACTION, "at least 0 and below 1"),
                ("high-momentum", high_momentum, FRACTION, "at least 0 and below 1"),
            ],
            Self::Plateau { rate, momentum, factor, threshold, floor, .. } => vec![
                ("rate", rate, ABOVE_ZERO, "a number above 0"),
                ("momentum", momentum, FRACTION, "at least 0 and below 1"),
                ("factor", factor, FRACTION, "at least 0 and below 1"),
                ("threshold", threshold, FRACTION, "at least 0 and below 1"),
                ("floor", floor, |x| x >= 0.0 && x.is_finite(), "a number of at least 0"),
            ],
        };
        let bad = checks.into_iter().find(|(_, value, good, _)| !good(*value));
        bad.map(|(key, value, _, wanted)| format!("{key} = {value} is impossible here: {wanted}"))
    }
}

/// How far `at` is on the way between two steps.
fn part(at: f64, from: f64, to: f64) -> f64 {
    if to > from { (at - from) / (to - from) } else { 1.0 }
}
