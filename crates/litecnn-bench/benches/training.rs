//! One epoch of stage one and of stage two, step 2, on 800 images of the committed samples, one worker.
#![allow(missing_docs, reason = "criterion's macros")]

mod common;

use std::path::Path;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use litecnn_data::stream;
use litecnn_train::{Recipe, Silent, TrainingData, stage_one, train_whole};
use tch::Device;

fn training(c: &mut Criterion) {
    let text = "name = \"bench\"\n[data]\nvalidation-images = 200\n[stage-1]\nepochs = 1\n[stage-2-2]\nepochs = 1\n";
    let recipe = Recipe::parse(text, Path::new("bench")).expect("a recipe");
    let mut group = c.benchmark_group("training");
    // Every sample as many epochs as the next: epochs are long.
    group.sampling_mode(SamplingMode::Flat);
    for name in ["mnist", "cifar10"] {
        let data = TrainingData::new(&common::samples(name), &recipe, 0, Device::Cpu).expect("images");
        group.throughput(Throughput::Elements(data.split.train.len() as u64));
        let first = || stage_one(&data, &recipe, 0, 1, None, &Silent).expect("an epoch").0;
        group.bench_function(format!("stage-1/{name}"), |b| b.iter(first));

        let [a, b] = first().branches;
        let join = || {
            let mut rng = stream(0, "bench/weights");
            litecnn_surgery::join(&a, &b, &data.unified_spec(&recipe), &mut rng).expect("a model")
        };
        group.bench_function(format!("stage-2-2/{name}"), |b| {
            let epoch = |model| train_whole(model, &data, &recipe, 0, 1, None, &Silent).expect("an epoch");
            b.iter_batched(join, epoch, BatchSize::PerIteration);
        });
    }
}

criterion_group!(name = benches; config = common::settings(5, 10); targets = training);
criterion_main!(benches);
