//! Loading the committed samples, parting them, and the batches of an epoch, one thread.
#![allow(missing_docs, reason = "criterion's macros")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use litecnn_data::{DeviceImages, folds, load, split, stream};
use tch::Device;

/// As many as MNIST's official training part has.
const IMAGES: usize = 60_000;

fn data(c: &mut Criterion) {
    let mut group = c.benchmark_group("data");
    for name in ["mnist", "cifar10"] {
        let options = common::options();
        group.throughput(Throughput::Elements(common::IMAGES));
        group.bench_function(format!("load/{name}"), |b| b.iter(|| load(name, &options).expect("the samples")));

        let images = DeviceImages::new(&common::samples(name).train, Device::Cpu, 255.0).expect("images");
        let places: Vec<u32> = (0..images.len() as u32).collect();
        let mut rng = stream(0, "bench/order");
        group.bench_function(format!("batches/{name}"), |b| {
            b.iter(|| {
                let batches = images.shuffled_batches(&places, 32, &mut rng).expect("batches");
                batches.map(|batch| batch.expect("a batch").len()).sum::<usize>()
            });
        });
    }
    group.throughput(Throughput::Elements(IMAGES as u64));
    group.bench_function("split", |b| b.iter(|| split(IMAGES, 10_000, 0).expect("a split")));
    group.bench_function("folds", |b| b.iter(|| folds(IMAGES, 6, 0).expect("folds")));
}

criterion_group!(name = benches; config = common::settings(3, 20); targets = data);
criterion_main!(benches);
