use litecnn_report::speed::{Copying, Limit, Metric, Row};

use crate::memory::{is_out_of_memory, words};
use crate::{BenchError, Calls, Engine, device_name, throughput};

/// How a sweep goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Whether images are copied to the device; none on the CPU.
    pub copy: Option<Copying>,
    /// Calls at each batch size.
    pub calls: Calls,
    /// The last batch size, a power of two or the last one below.
    pub max_batch: u64,
}

/// Throughput at batch sizes 1, 2, 4 … until the last one or until memory runs out, which ends the sweep and is
/// returned as a limit. `each` is told every row at once.
///
/// # Errors
/// Any error but want of memory.
pub fn sweep(
    engine: &dyn Engine,
    plan: &Sweep,
    mut each: impl FnMut(&Row),
) -> Result<(Vec<Row>, Option<Limit>), BenchError> {
    let mut rows = Vec::new();
    let sizes = std::iter::successors(Some(1u64), |n| n.checked_mul(2)).take_while(|n| *n <= plan.max_batch);
    for batch in sizes {
        match throughput(engine, batch, plan.copy, plan.calls) {
            Ok(sample) => {
                let row = sample.row(engine, batch, Metric::Throughput, plan.copy);
                each(&row);
                rows.push(row);
            }
            Err(error) if is_out_of_memory(&error) => {
                let limit = Limit {
                    model: engine.model().to_owned(),
                    device: device_name(engine.device()),
                    threads: engine.threads(),
                    batch,
                    reason: words(&error),
                };
                return Ok((rows, Some(limit)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((rows, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subject;
    use tch::Device;

    #[test]
    fn batch_sizes_double_to_the_last() {
        let subject = Subject::random("mnist", Device::Cpu).unwrap();
        let calls = Calls { warmup: 1, repetitions: 2 };
        let plan = Sweep { copy: None, calls, max_batch: 6 };
        let mut told = 0;
        let (rows, limit) = sweep(&subject, &plan, |_| told += 1).unwrap();
        assert_eq!(rows.iter().map(|r| r.batch).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!((told, limit), (3, None));
        assert!(rows.iter().all(|r| r.check().is_ok()));
    }
}
