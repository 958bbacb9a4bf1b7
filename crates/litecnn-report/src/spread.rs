use serde::{Deserialize, Serialize};

/// A figure measured once a seed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// One value a seed, in the order of the seeds.
    pub values: Vec<f64>,
    /// Their mean; 0 of none.
    pub mean: f64,
    /// Sample standard deviation (divided by n - 1). Of a single value it is unknown, and written as 0: look at the
    /// number of values before quoting it.
    pub std: f64,
}

impl Spread {
    /// Mean and standard deviation of the values.
    pub fn new(values: Vec<f64>) -> Self {
        let n = values.len() as f64;
        let mean = if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / n };
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let std = if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() };
        Self { values, mean, std }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_standard_deviation() {
        assert_eq!(Spread::new(vec![]), Spread { values: vec![], mean: 0.0, std: 0.0 });
        assert_eq!(Spread::new(vec![0.5]), Spread { values: vec![0.5], mean: 0.5, std: 0.0 });
        let three = Spread::new(vec![1.0, 2.0, 3.0]);
        assert_eq!((three.mean, three.std), (2.0, 1.0));
    }
}
