//! Microseconds an image takes, for the published shapes with weights of 32-bit floats and of 8-bit integers and for a list
//! of operations, in batches of 1, 32 and 256, and with all sets of instructions:
//! `cargo run --release -p litecnn-runtime --example latency [seconds a line] [model] [level] [batch]`. Bind it to one
//! core (`taskset -c 0`). A single line's instructions an image: `perf stat -e instructions:u,cycles:u` of the program
//! with all four arguments, divided by the images it says it answered.
#![allow(clippy::print_stdout, reason = "a program")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use litecnn_runtime::{
    Activation, AlignedBytes, Architecture, Level, LoadError, Model, Network, Operation, OperationKind, Quantised,
    QuantisedLayer, QuantisedNetwork, QuantisedOperation, Requantisation, Scaling, encode, encode_int8, encode_network,
    encode_network_int8,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(0.5), |s| s.parse::<f64>())?;
    let chosen = |n: usize, name: &str| std::env::args().nth(n).is_none_or(|only| only == name);
    println!(
        "{:<9} {:<7} {:<10} {:>5} {:>9} {:>9} {:>8} {:>6} {:>9}",
        "model", "weights", "level", "batch", "least µs", "median", "GOP/s", "share", "images"
    );
    let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
    let names: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let mut files = Vec::new();
    for (name, channels, side) in [("mnist", 1, 28), ("cifar10", 3, 32)] {
        let architecture = Architecture::unified(channels, side, side, &[10, 20], 10, 32, false)?;
        let weights: Vec<f32> = (0..architecture.parameters()).map(|i| noise(i) * 0.2 - 0.1).collect();
        files.push((name, "f32", encode(&architecture, &names, scaling, &weights)?));
        files.push((name, "int8", encode_int8(&architecture, &names, scaling, &integers(&architecture))?));
    }
    let network = separable();
    let weights: Vec<f32> = (0..network.parameters()?).map(|i| noise(i) * 0.2 - 0.1).collect();
    files.push(("separable", "f32", encode_network(&network, &names, scaling, &weights)?));
    let integers = integers_of(&network)?;
    files.push(("separable", "int8", encode_network_int8(&network, &names, scaling, &integers)?));
    for level in Level::available().filter(|level| chosen(3, level.name())) {
        let peak = peak(level);
        for (name, kind, file) in files.iter().filter(|(name, ..)| chosen(2, name)) {
            if *kind == "f32" && level.name().ends_with("vnni") {
                continue;
            }
            let file = AlignedBytes::new(file);
            let model = Model::from_bytes(&file)?.with_level(level);
            let images: Vec<u8> = (0..256 * model.pixels()).map(|i| (noise(i) * 255.0) as u8).collect();
            let mut scratch = vec![0.0; model.batch_scratch_len()];
            let mut session = model.session(&mut scratch)?;
            let mut output = vec![0.0; 256 * model.classes()];
            for batch in [1, 32, 256].into_iter().filter(|batch| chosen(4, &batch.to_string())) {
                let (images, output) = (&images[..batch * model.pixels()], &mut output[..batch * model.classes()]);
                let ([least, median], count) = time(seconds, batch, || {
                    let answered = session.predict_batch(black_box(images), black_box(&mut *output));
                    answered.map_err(|error| error.to_string())
                })?;
                let rate = 2.0 * model.architecture().multiply_adds() as f64 / (least * 1e3);
                println!(
                    "{name:<9} {kind:<7} {:<10} {batch:>5} {least:>9.2} {median:>9.2} {rate:>8.1} {:>5.0}% {count:>9}",
                    level.name(),
                    100.0 * rate / peak
                );
            }
            if !chosen(4, "anew") {
                continue;
            }
            let mut scratch = vec![0.0; model.scratch_len()];
            let image = &images[..model.pixels()];
            let ([least, median], _) = time(seconds, 1, || {
                model.predict(black_box(image), &mut scratch, &mut output[..10]).map_err(|error| error.to_string())
            })?;
            let level = level.name();
            println!("{name:<9} {kind:<7} {level:<10} {:>5} {least:>9.2} {median:>9.2}  in a session of its own", 1);
        }
    }
    println!(
        "share: of two multiplications with addition a vector and cycle, of the operations the models are defined"
    );
    println!("by, floats of 32 bits; minimal filtering needs fewer, bytes are smaller, so it can exceed 100 %.");
    Ok(())
}

/// Least and median of many runs, in microseconds an image, and the number of images.
fn time(seconds: f64, batch: usize, mut run: impl FnMut() -> Result<(), String>) -> Result<([f64; 2], usize), String> {
    let calls = 64usize.div_ceil(batch);
    let mut times = Vec::new();
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end || times.len() < 5 {
        let start = Instant::now();
        for _ in 0..calls {
            run()?;
        }
        times.push(start.elapsed().as_secs_f64() * 1e6 / (calls * batch) as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(([times[0], times[times.len() / 2]], times.len() * calls * batch))
}

/// GFLOP/s if every cycle did two multiplications with addition in vectors of this level.
fn peak(level: Level) -> f64 {
    // Each step waits for the one before: 3 cycles for the multiplication, 1 for the rotation.
    let fastest = (0..200).map(|_| {
        let start = Instant::now();
        let x = (0..20_000).fold(1u64, |x, _| x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
        black_box(x);
        4.0 * 20_000.0 / start.elapsed().as_secs_f64() / 1e9
    });
    fastest.fold(0.0, f64::max) * 4.0 * level.width() as f64
}

/// Depthwise-separable convolutions with shortcuts: 24 channels on 32x32 pixels, 48 on 16x16, 64 on 8x8.
fn separable() -> Network {
    let mut operations: Vec<Operation> = Vec::new();
    let mut channels = 3;
    let mut add = |outputs: u16, groups: u16, kernel: u8, stride: u8, added: bool, relu: bool| {
        let from = operations.len() as u16;
        operations.push(Operation {
            kind: OperationKind::Convolution,
            from,
            added: added.then(|| from - 1),
            activation: if relu { Activation::Relu } else { Activation::None },
            outputs,
            groups,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [if kernel == 3 { 1 } else { 0 }; 2],
        });
    };
    for (width, blocks) in [(24, 2), (48, 2), (64, 1)] {
        if channels == 3 {
            add(width, 1, 3, 1, false, true);
        } else {
            add(channels, channels, 3, 2, false, false);
            add(width, 1, 1, 1, false, true);
        }
        for _ in 0..blocks {
            add(width, width, 3, 1, false, false);
            add(width, 1, 1, 1, true, true);
        }
        channels = width;
    }
    add(10, 1, 8, 1, false, false);
    let last = operations.len() - 1;
    // The mean of all positions, then a dense layer.
    operations[last] = Operation { kind: OperationKind::AveragePool, outputs: channels, ..operations[last] };
    operations.push(Operation {
        kind: OperationKind::Convolution,
        from: operations.len() as u16,
        outputs: 10,
        kernel: [1; 2],
        ..operations[last]
    });
    Network { input: [3, 32, 32], operations, factors: vec![4.0; 3], summands: vec![-2.0; 3] }
}

/// Random weights; what they answer does not matter.
fn integers(architecture: &Architecture) -> Quantised {
    let [channels, _, _] = architecture.input_shape();
    let mut shapes = Vec::new();
    for _ in 0..architecture.branches() {
        shapes.extend([[10, 9 * channels], [20, 90], [10, architecture.features()]]);
    }
    shapes.extend([[32, 20], [10, 32]]);
    let layer = |(i, [outputs, inputs]): (usize, [usize; 2])| QuantisedLayer {
        weights: (0..outputs * inputs).map(|w| (noise(w + i) * 254.0 - 127.0) as i8).collect(),
        biases: vec![0; outputs],
        outputs: match i {
            7 => Requantisation::Logits(vec![1e-4; outputs]),
            _ => Requantisation::Bytes { multipliers: vec![16_384; outputs], shifts: vec![2; outputs] },
        },
    };
    Quantised { layers: shapes.into_iter().enumerate().map(layer).collect() }
}

/// The same of a list of operations.
fn integers_of(network: &Network) -> Result<QuantisedNetwork, LoadError> {
    let shapes = network.shapes()?;
    let operation = |(i, operation): (usize, &Operation)| {
        let outputs = usize::from(operation.outputs);
        let inputs = shapes[usize::from(operation.from)][0] / usize::from(operation.groups);
        let of_each = inputs * usize::from(operation.kernel[0]) * usize::from(operation.kernel[1]);
        let count = if operation.kind == OperationKind::Convolution { outputs * of_each } else { 0 };
        let last = i + 1 == network.operations.len();
        QuantisedOperation {
            weights: (0..count).map(|w| (noise(w + i) * 254.0 - 127.0) as i8).collect(),
            biases: vec![0; outputs],
            outputs: if last {
                Requantisation::Logits(vec![1e-4; outputs])
            } else {
                Requantisation::Bytes { multipliers: vec![16_384; outputs], shifts: vec![2; outputs] }
            },
            zeros: vec![0; if last { 0 } else { outputs }],
            added: vec![(16_384, 0); if operation.added.is_some() { outputs } else { 0 }],
            most: vec![200; if operation.activation == Activation::Relu6 { outputs } else { 0 }],
        }
    };
    let operations = network.operations.iter().enumerate().map(operation).collect();
    Ok(QuantisedNetwork { zeros: vec![128; network.input[0]], operations })
}

fn noise(i: usize) -> f32 {
    ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32
}
