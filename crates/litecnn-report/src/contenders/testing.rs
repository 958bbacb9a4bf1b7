//! Made-up contenders for tests.

use super::{Contender, Contenders, Family, Timing, Training};
use crate::speed::{Machine, OURS};

pub(super) fn contender(name: &str, family: Family, parameters: u64, correct: &[u64]) -> Contender {
    let training = |(seed, &correct): (usize, &u64)| Training { seed: seed as u64, epochs: 40, seconds: 90.0, correct };
    Contender {
        dataset: "cifar10".into(),
        name: name.into(),
        words: format!("the {name}"),
        family,
        parameters,
        non_zero: parameters,
        macs: 10 * parameters,
        bytes: 4 * parameters + 1_000,
        timings: vec![Timing { program: OURS.into(), us: 0.01 * parameters as f64 }],
        images: 10_000,
        trainings: correct.iter().enumerate().map(training).collect(),
    }
}

pub(super) fn contenders(of: Vec<Contender>) -> Contenders {
    Contenders { contenders: of, ..Contenders::new(Machine::example()) }
}
