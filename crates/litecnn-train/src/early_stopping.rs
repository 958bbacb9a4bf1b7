use serde::{Deserialize, Serialize};

use crate::recipe::EarlyStoppingSettings;

/// Early stopping as Keras has it, for a value that should rise: an epoch counts as an improvement if it exceeds
/// the last improvement by more than `min_delta`; after `patience` epochs without one, training stops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    best: Option<f64>,
    wait: u32,
}

/// What early stopping makes of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The watched value improved enough to count.
    pub improved: bool,
    /// Patience is at its end.
    pub stop: bool,
}

impl EarlyStopping {
    /// Before the first epoch.
    pub fn new() -> Self {
        Self { best: None, wait: 0 }
    }

    /// Takes in the watched value of an epoch.
    pub fn observe(&mut self, value: f64, settings: &EarlyStoppingSettings) -> Verdict {
        let improved = self.best.is_none_or(|best| value - settings.min_delta > best);
        if improved {
            (self.best, self.wait) = (Some(value), 0);
        } else {
            self.wait += 1;
        }
        Verdict { improved, stop: self.stopped(settings) }
    }

    /// Whether patience is at its end.
    pub fn stopped(&self, settings: &EarlyStoppingSettings) -> bool {
        self.wait >= settings.patience
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs (from 1) that improved, and the last epoch.
    fn watch(values: &[f64], patience: u32, min_delta: f64) -> (Vec<usize>, usize) {
        let settings = EarlyStoppingSettings { patience, min_delta };
        let (mut state, mut improved) = (EarlyStopping::new(), Vec::new());
        for (i, &value) in values.iter().enumerate() {
            let verdict = state.observe(value, &settings);
            if verdict.improved {
                improved.push(i + 1);
            }
            if verdict.stop {
                return (improved, i + 1);
            }
        }
        (improved, values.len())
    }

    #[test]
    fn small_rises_do_not_count_even_when_they_add_up_slowly() {
        assert_eq!(watch(&[0.5, 0.5005, 0.5009, 0.5011, 0.5015], 5, 0.001), (vec![1, 4], 5));
    }

    #[test]
    fn stops_after_patience_epochs_without_improvement() {
        assert_eq!(watch(&[0.9, 0.8, 0.8, 0.8, 0.95, 0.9], 3, 0.0), (vec![1], 4));
        assert_eq!(watch(&[0.9, 0.8, 0.8, 0.95, 0.9, 0.9, 0.9, 1.0], 3, 0.0), (vec![1, 4], 7));
    }

    #[test]
    fn an_equal_value_is_no_improvement() {
        assert_eq!(watch(&[0.0, 0.0, 0.0], 2, 0.0), (vec![1], 3));
    }
}
