use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use tch::Tensor;

/// He-normal as Keras draws it: a normal of standard deviation `sqrt(2 / fan_in)`, truncated at two deviations
/// and rescaled so that the deviation is kept (He et al. 2015; Keras `VarianceScaling`, truncated normal).
///
/// `shape` is `[out, in, height, width]` or `[out, in]`. Values are drawn in that order, so they do not depend on
/// the device.
pub(crate) fn he_normal(shape: &[i64], rng: &mut impl Rng) -> Tensor {
    // The deviation of a standard normal truncated at +-2.
    const TRUNCATED: f64 = 0.879_625_661_034_239_8;
    let deviation = (2.0 / fans(shape).0).sqrt() / TRUNCATED;
    filled(shape, || {
        loop {
            let z: f64 = rng.sample(StandardNormal);
            if z.abs() <= 2.0 {
                return (z * deviation) as f32;
            }
        }
    })
}

/// Glorot-uniform: uniform within `+-sqrt(6 / (fan_in + fan_out))` (Glorot & Bengio 2010).
pub(crate) fn glorot_uniform(shape: &[i64], rng: &mut impl Rng) -> Tensor {
    let (fan_in, fan_out) = fans(shape);
    let limit = (6.0 / (fan_in + fan_out)).sqrt();
    filled(shape, || rng.random_range(-limit..limit) as f32)
}

fn fans(shape: &[i64]) -> (f64, f64) {
    let field: i64 = shape[2..].iter().product();
    ((shape[1] * field) as f64, (shape[0] * field) as f64)
}

fn filled(shape: &[i64], draw: impl FnMut() -> f32) -> Tensor {
    let values: Vec<f32> = std::iter::repeat_with(draw).take(shape.iter().product::<i64>() as usize).collect();
    Tensor::from_slice(&values).view(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn moments(values: &Tensor) -> (f64, f64, f64) {
        let values = Vec::<f32>::try_from(values.flatten(0, -1)).unwrap();
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt(), values.iter().fold(0.0, |m, v| m.max(f64::from(v.abs()))))
    }

    #[test]
    fn he_normal_keeps_its_deviation_and_its_bounds() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
        let expected = (2.0f64 / (100.0 * 9.0)).sqrt();
        let (mean, deviation, largest) = moments(&he_normal(&[200, 100, 3, 3], &mut rng));
        assert!(mean.abs() < 0.01 * expected, "{mean}");
        assert!((deviation / expected - 1.0).abs() < 0.01, "{deviation}");
        assert!(largest <= 2.0 * expected / 0.8796 && largest > 1.99 * expected / 0.8797, "{largest}");
    }

    #[test]
    fn glorot_uniform_fills_its_interval() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
        let limit = (6.0f64 / 510.0).sqrt();
        let (mean, deviation, largest) = moments(&glorot_uniform(&[10, 500], &mut rng));
        assert!(mean.abs() < 0.03 * limit && largest <= limit && largest > 0.99 * limit);
        assert!((deviation / (limit / 3f64.sqrt()) - 1.0).abs() < 0.03);
    }
}
