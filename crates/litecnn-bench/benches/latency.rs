//! One call on one image, each model, one thread.
#![allow(missing_docs, reason = "criterion's macros")]

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use litecnn_bench::{MODELS, Subject};
use tch::Device;

fn latency(c: &mut Criterion) {
    let mut group = c.benchmark_group("latency");
    for model in MODELS {
        let subject = Subject::random(model, Device::Cpu).expect("a model");
        let image = subject.images(1, Device::Cpu).expect("an image");
        group.bench_function(model, |b| b.iter(|| subject.predict(&image).expect("an answer")));
    }
}

criterion_group!(name = benches; config = common::settings(4, 100); targets = latency);
criterion_main!(benches);
