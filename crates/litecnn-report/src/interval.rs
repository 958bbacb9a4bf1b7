use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::Interval;

/// Share of intervals that hold what they estimate.
pub(crate) const LEVEL: f64 = 0.95;

/// Interval of the mean that values are drawn around, by Student's t; none of fewer than two values.
pub(crate) fn of_mean(values: &[f64]) -> Option<Interval> {
    let n = values.len() as f64;
    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(0.5 + LEVEL / 2.0);
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = t * (variance / n).sqrt();
    Some(Interval { low: mean - half, high: mean + half })
}

/// Interval of a probability by `hits` of `trials`, by Wilson's score (Wilson 1927). `trials` is not 0.
pub(crate) fn of_share(hits: u64, trials: u64) -> Interval {
    let z = Normal::standard().inverse_cdf(0.5 + LEVEL / 2.0);
    let (n, p) = (trials as f64, hits as f64 / trials as f64);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Interval { low: middle - half, high: middle + half }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(interval: Interval, low: f64, high: f64) {
        assert!((interval.low - low).abs() < 1e-9 && (interval.high - high).abs() < 1e-9, "{interval:?}");
    }

    // Expected: tests/golden/intervals/generate.py.
    #[test]
    fn intervals_are_those_of_scipy_and_statsmodels() {
        near(of_mean(&[0.61, 0.63, 0.625]).unwrap(), 0.595_810_941_603_955_3, 0.647_522_391_729_378_1);
        near(of_mean(&[0.61, 0.63, 0.625, 0.6, 0.66]).unwrap(), 0.596_549_903_702_648_7, 0.653_450_096_297_351_3);
        near(of_share(9_000, 10_000), 0.893_965_631_474_089_3, 0.905_727_169_829_369_5);
        near(of_share(10, 10), 0.722_467_200_137_110_7, 1.0);
        assert!(of_mean(&[0.5]).is_none() && of_mean(&[]).is_none());
    }
}
