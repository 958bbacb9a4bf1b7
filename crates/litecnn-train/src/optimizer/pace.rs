use crate::recipe::{OptimizerSettings, ScheduleSettings};

/// How far each step of an optimiser goes, and how much of the average of the weights it leaves.
///
/// Both depend on nothing but the number of steps done, so they go on where they were once that is restored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    rate: f64,
    schedule: ScheduleSettings,
    /// Steps of an epoch, and of all.
    epoch: f64,
    total: f64,
    /// 0 for no average.
    average: f64,
}

impl Pace {
    /// One rate for every step, no average.
    pub(super) fn constant(settings: &OptimizerSettings) -> Self {
        Self::new(settings, ScheduleSettings::Constant, 0.0, 1, 1)
    }

    /// The pace of a training of so many epochs of so many batches, with this decay of the average; 0 for none.
    pub(crate) fn new(
        settings: &OptimizerSettings,
        schedule: ScheduleSettings,
        average: f64,
        epochs: u32,
        batches: usize,
    ) -> Self {
        let rate = match settings {
            OptimizerSettings::Nadam(nadam) => nadam.learning_rate,
            OptimizerSettings::Sgd(sgd) => sgd.learning_rate,
            OptimizerSettings::AdamW(adamw) => adamw.learning_rate,
        };
        let epoch = batches.max(1) as f64;
        Self { rate, schedule, epoch, total: epoch * f64::from(epochs), average }
    }

    /// The learning rate of step `n`, counted from 0: with a cosine, `(n + 1) / w` of the full rate in the first `w`
    /// steps, then `final + (1 - final) (1 + cos(pi p)) / 2` of it with `p = (n - w) / (total - w)`.
    pub(super) fn learning_rate(&self, n: u32) -> f64 {
        let n = f64::from(n);
        match self.schedule {
            ScheduleSettings::Constant => self.rate,
            ScheduleSettings::Cosine { warmup, last } => {
                let warm = warmup * self.epoch;
                if n < warm {
                    return self.rate * ((n + 1.0) / warm).min(1.0);
                }
                let done = ((n - warm) / (self.total - warm).max(1.0)).min(1.0);
                self.rate * (last + (1.0 - last) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()))
            }
        }
    }

    /// The number of the first step of an epoch, which is counted from 1.
    pub(super) fn first_step(&self, epoch: u32) -> u32 {
        (f64::from(epoch.saturating_sub(1)) * self.epoch) as u32
    }

    pub(super) fn averages(&self) -> bool {
        self.average > 0.0
    }

    /// What is left of the average at step `n`, counted from 0: `min(decay, (1 + n) / (10 + n))`. The average starts from
    /// the weights before any step; the lower decay of early steps is what keeps these from lingering.
    pub(super) fn decay(&self, n: u32) -> f64 {
        self.average.min((1.0 + f64::from(n)) / (10.0 + f64::from(n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    fn pace(warmup: f64, last: f64, average: f64) -> Pace {
        let optimizer = Recipe::paper().stage_1.optimizer;
        Pace::new(&optimizer, ScheduleSettings::Cosine { warmup, last }, average, 5, 10)
    }

    #[test]
    fn rises_falls_and_ends_where_it_is_told_to() {
        let factors = |pace: Pace| (0..60).map(|n| pace.learning_rate(n) / 0.001).collect::<Vec<_>>();
        let cosine = factors(pace(0.0, 0.0, 0.0));
        let by_hand = |n: f64| 0.5 * (1.0 + (std::f64::consts::PI * n / 50.0).cos());
        for (n, factor) in cosine.iter().enumerate().take(50) {
            assert!((factor - by_hand(n as f64)).abs() < 1e-12, "{n}: {factor}");
        }
        assert!(cosine[50..].iter().all(|factor| factor.abs() < 1e-12), "beyond the end nothing moves");
        let warm = factors(pace(1.5, 0.1, 0.0));
        assert!(
            (warm[0] - 1.0 / 15.0).abs() < 1e-12 && (warm[14] - 1.0).abs() < 1e-12 && (warm[15] - 1.0).abs() < 1e-12
        );
        assert!(warm[..15].is_sorted() && warm[15..].iter().rev().is_sorted());
        assert!((warm[55] - 0.1).abs() < 1e-12, "{}", warm[55]);
        // As long as the training or longer: it only rises.
        assert!(factors(pace(5.0, 0.0, 0.0))[..50].is_sorted());
        assert!((factors(pace(8.0, 0.0, 0.0))[49] - 50.0 / 80.0).abs() < 1e-12);
    }

    #[test]
    fn an_epoch_begins_after_the_steps_of_those_before() {
        assert_eq!([1, 2, 4].map(|epoch| pace(0.0, 0.0, 0.0).first_step(epoch)), [0, 10, 30]);
    }

    #[test]
    fn early_averages_forget_faster() {
        let pace = pace(0.0, 0.0, 0.99);
        assert!(pace.averages());
        assert_eq!([0, 8, 890, 100_000].map(|n| pace.decay(n)), [0.1, 0.5, 0.99, 0.99]);
        assert!(!Pace::constant(&Recipe::paper().stage_1.optimizer).averages());
    }
}
