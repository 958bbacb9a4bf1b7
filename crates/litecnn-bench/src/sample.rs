use std::time::Instant;

use litecnn_report::speed::{Copying, Metric, Row};

use crate::{Engine, device_name};

/// How often something is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// Calls before the measured ones, the very first call among them; at least that one is made.
    pub warmup: u64,
    /// Repetitions measured, at least one.
    pub repetitions: u64,
}

/// What many repetitions of one thing gave, in one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The very first call, which does not count among the others.
    pub first_call: f64,
    /// 50th percentile.
    pub median: f64,
    /// 95th percentile, interpolated linearly between the two nearest values.
    pub p95: f64,
    /// 99th percentile, likewise.
    pub p99: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divided by n - 1); 0 of a single value.
    pub std: f64,
    /// Least value.
    pub min: f64,
    /// Number of values.
    pub repetitions: u64,
    /// Calls made before, which do not count.
    pub warmup: u64,
}

/// Times `call`: the first time on its own, then `calls.warmup - 1` times unmeasured, then each of the repetitions
/// alone. In microseconds.
///
/// # Errors
/// The first one of `call`.
pub fn measure<E>(calls: Calls, mut call: impl FnMut() -> Result<(), E>) -> Result<Sample, E> {
    let mut timed = || {
        let start = Instant::now();
        call()?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    };
    let first = timed()?;
    for _ in 1..calls.warmup {
        timed()?;
    }
    let values = (0..calls.repetitions.max(1)).map(|_| timed()).collect::<Result<Vec<f64>, E>>()?;
    Ok(Sample::of(first, calls.warmup.max(1), values))
}

impl Sample {
    /// The figures of some values, of which there is at least one, none of them NaN.
    pub fn of(first_call: f64, warmup: u64, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self {
            first_call,
            median: percentile(&values, 0.50),
            p95: percentile(&values, 0.95),
            p99: percentile(&values, 0.99),
            mean,
            std: if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() },
            min: values.first().copied().unwrap_or(f64::NAN),
            repetitions: values.len() as u64,
            warmup,
        }
    }

    /// As a row of `bench.json`.
    pub fn row(&self, engine: &dyn Engine, batch: u64, metric: Metric, copy: Option<Copying>) -> Row {
        Row {
            program: engine.program().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: engine.model().to_owned(),
            batch,
            threads: engine.threads(),
            device: device_name(engine.device()),
            metric,
            unit: metric.unit(),
            copy,
            median: self.median,
            p95: self.p95,
            p99: self.p99,
            mean: self.mean,
            std: self.std,
            min: self.min,
            repetitions: self.repetitions,
            warmup: self.warmup,
            first_call: self.first_call,
        }
    }
}

/// The value below which a share of the sorted values lies, interpolated linearly between its neighbours.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * place.fract(),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_hand() {
        // Places 2, 3.8 and 3.96 of 0 to 4; squares 9 + 4 + 1 + 0 + 36 over 4.
        let sample = Sample::of(50.0, 3, vec![3.0, 1.0, 4.0, 2.0, 10.0]);
        assert_eq!((sample.median, sample.mean, sample.min), (3.0, 4.0, 1.0));
        assert!((sample.p95 - 8.8).abs() < 1e-12 && (sample.p99 - 9.76).abs() < 1e-12);
        assert!((sample.std - 12.5f64.sqrt()).abs() < 1e-12);
        assert_eq!((sample.first_call, sample.repetitions, sample.warmup), (50.0, 5, 3));
        let even = Sample::of(0.0, 1, vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!(even.median, 2.5);
        let one = Sample::of(0.0, 1, vec![7.0]);
        assert_eq!((one.median, one.p95, one.p99, one.mean, one.std, one.min), (7.0, 7.0, 7.0, 7.0, 0.0, 7.0));
        // A hundred values, as the paper has: places 94.05 and 98.01.
        let hundred = Sample::of(0.0, 1, (1..=100).map(f64::from).collect());
        assert!((hundred.p95 - 95.05).abs() < 1e-9 && (hundred.p99 - 99.01).abs() < 1e-9);
    }

    #[test]
    fn the_first_call_and_the_warm_up_do_not_count() {
        let mut made = 0u64;
        let sample = measure(Calls { warmup: 3, repetitions: 4 }, || {
            made += 1;
            let pause = if made <= 3 { 20 } else { 0 };
            std::thread::sleep(std::time::Duration::from_millis(pause));
            Ok::<(), String>(())
        });
        let sample = sample.unwrap();
        assert_eq!((made, sample.repetitions, sample.warmup), (7, 4, 3));
        assert!(sample.first_call >= 20_000.0 && sample.median < 20_000.0, "{sample:?}");
        let mut made = 0;
        let least = measure(Calls { warmup: 0, repetitions: 0 }, || {
            made += 1;
            Ok::<(), String>(())
        });
        assert_eq!((made, least.unwrap().warmup), (2, 1), "the first call and one repetition are the least");
        assert_eq!(measure(Calls { warmup: 1, repetitions: 1 }, || Err("no")), Err("no"));
    }
}
