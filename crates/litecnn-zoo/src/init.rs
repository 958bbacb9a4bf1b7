use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::Start;

/// Fills a variable's values in their order.
pub(crate) fn fill(values: &mut [f32], start: Start, rng: &mut impl Rng) {
    match start {
        Start::Uniform(bound) => values.fill_with(|| rng.random_range(-bound..bound) as f32),
        Start::Normal(deviation) => {
            values.fill_with(|| (rng.sample::<f64, _>(StandardNormal) * deviation) as f32);
        }
        Start::Constant(value) => values.fill(value as f32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn moments(start: Start) -> (f64, f64, f64) {
        let mut values = vec![f32::NAN; 100_000];
        fill(&mut values, start, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0));
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt(), values.iter().fold(0.0, |m, v| m.max(f64::from(v.abs()))))
    }

    #[test]
    fn distributions_have_their_moments() {
        let (mean, deviation, largest) = moments(Start::Uniform(0.3));
        assert!(mean.abs() < 0.003 && largest <= 0.3 && largest > 0.2999, "{mean} {largest}");
        assert!((deviation / (0.3 / 3f64.sqrt()) - 1.0).abs() < 0.01, "{deviation}");
        let (mean, deviation, largest) = moments(Start::Normal(0.3));
        assert!(mean.abs() < 0.005 && (deviation / 0.3 - 1.0).abs() < 0.01, "{mean} {deviation}");
        // Not cut off: four deviations are met once in 16,000.
        assert!(largest > 4.0 * 0.3, "{largest}");
        assert_eq!(moments(Start::Constant(1.0)), (1.0, 0.0, 1.0));
    }
}
