//! Calls on 32 and 256 images, each model, one thread.
#![allow(missing_docs, reason = "criterion's macros")]

mod common;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use litecnn_bench::{MODELS, Subject};
use tch::Device;

fn throughput(c: &mut Criterion) {
    let mut group = c.benchmark_group("throughput");
    // Every sample as many calls as the next: calls are long.
    group.sampling_mode(SamplingMode::Flat);
    for model in MODELS {
        let subject = Subject::random(model, Device::Cpu).expect("a model");
        for batch in [32, 256] {
            let images = subject.images(batch, Device::Cpu).expect("images");
            group.throughput(Throughput::Elements(batch));
            group.bench_with_input(BenchmarkId::new(model, batch), &images, |b, images| {
                b.iter(|| subject.predict(images).expect("an answer"));
            });
        }
    }
}

criterion_group!(name = benches; config = common::settings(3, 30); targets = throughput);
criterion_main!(benches);
