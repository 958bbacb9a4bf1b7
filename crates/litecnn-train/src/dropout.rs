use litecnn_data::Stream;
use litecnn_model::UnifiedSpec;
use rand::RngExt;
use tch::{Device, Tensor};

use crate::TrainError;

/// Factors that drop hidden units: 0 with the rate's probability, else `1 / (1 - rate)`.
pub(crate) struct Dropout {
    rate: f64,
    hidden: usize,
    /// Where the factors come from.
    pub(crate) rng: Stream,
}

impl Dropout {
    pub(crate) fn new(spec: &UnifiedSpec, rng: Stream) -> Self {
        Self { rate: spec.dropout, hidden: spec.hidden as usize, rng }
    }

    /// Factors for the next batch, `[batch][hidden]`; none if nothing is ever dropped.
    pub(crate) fn draw(&mut self, batch: usize) -> Option<Vec<f32>> {
        if self.rate == 0.0 {
            return None;
        }
        let kept = (1.0 / (1.0 - self.rate)) as f32;
        let mut factor = || if self.rng.random::<f64>() < self.rate { 0.0 } else { kept };
        Some((0..batch * self.hidden).map(|_| factor()).collect())
    }

    /// The same as a tensor on a device, `[batch, hidden]`.
    pub(crate) fn draw_tensor(&mut self, batch: usize, device: Device) -> Result<Option<Tensor>, TrainError> {
        let shape = [batch as i64, self.hidden as i64];
        let tensor = |factors: Vec<f32>| Tensor::f_from_slice(&factors)?.f_view(shape)?.f_to(device);
        Ok(self.draw(batch).map(tensor).transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_data::stream;
    use litecnn_model::BranchSpec;

    #[test]
    fn dropout_drops_its_rate_and_keeps_the_mean() {
        let mut spec = UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10));
        for rate in [0.5, 0.2] {
            spec.dropout = rate;
            let values = Dropout::new(&spec, stream(0, "d")).draw(4000).unwrap();
            let dropped = values.iter().filter(|v| **v == 0.0).count() as f64 / values.len() as f64;
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
            assert!((dropped - rate).abs() < 0.01 && (mean - 1.0).abs() < 0.01, "{dropped} {mean}");
            let tensor = Dropout::new(&spec, stream(0, "d")).draw_tensor(4000, Device::Cpu).unwrap().unwrap();
            assert_eq!(tensor.flatten(0, -1), Tensor::from_slice(&values));
        }
        spec.dropout = 0.0;
        assert!(Dropout::new(&spec, stream(0, "d")).draw(3).is_none());
    }
}
