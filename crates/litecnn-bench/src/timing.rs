use std::time::Instant;

use litecnn_report::speed::Copying;

use crate::{BenchError, Calls, Engine, Sample, measure};

/// How long a repetition of [`throughput`] lasts at least, so that the clock's own cost is lost in it.
pub const LEAST_SECONDS: f64 = 0.002;

/// Latency of one call on `batch` images in microseconds: each call is timed alone; on a GPU the clock stops when
/// the result is there.
///
/// # Errors
/// The engine's; see [`is_out_of_memory`](crate::is_out_of_memory).
pub fn latency(engine: &dyn Engine, batch: u64, copy: Option<Copying>, calls: Calls) -> Result<Sample, BenchError> {
    engine.ready(batch, copy, &mut |work| {
        measure(calls, || {
            work.call()?;
            work.wait();
            Ok(())
        })
    })
}

/// Throughput in images per second: a repetition makes calls on `batch` images back to back, as many as last
/// [`LEAST_SECONDS`] and at least one, and waits once at the end.
///
/// # Errors
/// As [`latency`].
pub fn throughput(engine: &dyn Engine, batch: u64, copy: Option<Copying>, calls: Calls) -> Result<Sample, BenchError> {
    engine.ready(batch, copy, &mut |work| {
        let mut timed = |count: u64| -> Result<f64, BenchError> {
            let start = Instant::now();
            for _ in 0..count {
                work.call()?;
            }
            work.wait();
            Ok(start.elapsed().as_secs_f64())
        };
        let speed = |count: u64, seconds: f64| (count * batch) as f64 / seconds.max(1e-9);
        let first = timed(1)?;
        for _ in 1..calls.warmup {
            timed(1)?;
        }
        let mut count = 1;
        while timed(count)? < LEAST_SECONDS {
            count *= 2;
        }
        let values = (0..calls.repetitions.max(1)).map(|_| Ok(speed(count, timed(count)?)));
        let values = values.collect::<Result<Vec<f64>, BenchError>>()?;
        Ok(Sample::of(speed(1, first), calls.warmup.max(1), values))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subject;
    use tch::Device;

    #[test]
    fn both_metrics_have_their_own_units_and_agree_roughly_on_one_thread() {
        tch::set_num_threads(1);
        let subject = Subject::random("mnist", Device::Cpu).unwrap();
        let calls = Calls { warmup: 3, repetitions: 15 };
        let one = latency(&subject, 8, None, calls).unwrap();
        let many = throughput(&subject, 8, None, calls).unwrap();
        // Eight images in so many microseconds; loose, since other programs share the machine.
        let ratio = many.median * one.median / 8e6;
        assert!((0.2..5.0).contains(&ratio), "{one:?} {many:?}");
        assert_eq!((one.repetitions, many.repetitions), (15, 15));
        assert!(many.min <= many.median && many.median <= many.p99);
    }
}
