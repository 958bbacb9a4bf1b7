//! The paper's augmentation of a batch of 32: drawing the changes and applying them, one thread.
#![allow(missing_docs, reason = "criterion's macros")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use litecnn_data::{DeviceImages, stream};
use litecnn_train::Recipe;
use tch::Device;

const BATCH: u32 = 32;

fn augmentation(c: &mut Criterion) {
    let recipe = Recipe::paper();
    let mut group = c.benchmark_group("augmentation");
    group.throughput(Throughput::Elements(u64::from(BATCH)));
    for name in ["mnist", "cifar10"] {
        let images = DeviceImages::new(&common::samples(name).train, Device::Cpu, 255.0).expect("images");
        let places: Vec<u32> = (0..BATCH).collect();
        let batches = images.batches(&places, BATCH as usize).expect("a batch");
        let batch = batches.last().expect("a batch").expect("a batch");
        let mut rng = stream(0, "bench/augmentation");
        group.bench_function(name, |b| {
            b.iter(|| {
                let changes = recipe.augmentation.draw(batch.len(), &mut rng);
                recipe.augmentation.apply(&batch.images, &changes).expect("changed images")
            });
        });
    }
}

criterion_group!(name = benches; config = common::settings(3, 50); targets = augmentation);
criterion_main!(benches);
