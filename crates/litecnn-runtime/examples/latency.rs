//! Microseconds an image takes, for the published shapes, batches of 1, 32 and 256, and all sets of instructions:
//! `cargo run --release -p litecnn-runtime --example latency [seconds a line] [model] [level] [batch]`. Bind it to one
//! core (`taskset -c 0`). A single line's instructions an image: `perf stat -e instructions:u,cycles:u` of the program
//! with all four arguments, divided by the images it says it answered.
#![allow(clippy::print_stdout, reason = "a program")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use litecnn_runtime::{AlignedBytes, Architecture, Level, Model, Scaling, encode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(0.5), |s| s.parse::<f64>())?;
    let chosen = |n: usize, name: &str| std::env::args().nth(n).is_none_or(|only| only == name);
    println!(
        "{:<9} {:<9} {:>5} {:>9} {:>9} {:>8} {:>6} {:>9}",
        "model", "level", "batch", "least µs", "median", "GFLOP/s", "share", "images"
    );
    for (name, channels, side) in [("mnist", 1, 28), ("cifar10", 3, 32)] {
        let architecture = Architecture::unified(channels, side, side, &[10, 20], 10, 32, false)?;
        let weights: Vec<f32> = (0..architecture.parameters()).map(|i| noise(i) * 0.2 - 0.1).collect();
        let names: Vec<String> = (0..10).map(|class| class.to_string()).collect();
        let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
        let file = AlignedBytes::new(&encode(&architecture, &names, scaling, &weights)?);
        let images: Vec<u8> = (0..256 * architecture.pixels()).map(|i| (noise(i) * 255.0) as u8).collect();
        for level in Level::available().filter(|level| chosen(2, name) && chosen(3, level.name())) {
            let peak = peak(level);
            let model = Model::from_bytes(&file)?.with_level(level);
            let mut scratch = vec![0.0; model.batch_scratch_len()];
            let mut session = model.session(&mut scratch)?;
            let mut output = vec![0.0; 256 * model.classes()];
            for batch in [1, 32, 256].into_iter().filter(|batch| chosen(4, &batch.to_string())) {
                let (images, output) = (&images[..batch * model.pixels()], &mut output[..batch * model.classes()]);
                let ([least, median], count) = time(seconds, batch, || {
                    session.predict_batch(black_box(images), black_box(&mut *output)).map_err(|error| error.to_string())
                })?;
                let rate = 2.0 * architecture.multiply_adds() as f64 / (least * 1e3);
                println!(
                    "{name:<9} {:<9} {batch:>5} {least:>9.2} {median:>9.2} {rate:>8.1} {:>5.0}% {count:>9}",
                    level.name(),
                    100.0 * rate / peak
                );
            }
            if level == Level::detect() && chosen(4, "anew") {
                let mut scratch = vec![0.0; model.scratch_len()];
                let image = &images[..model.pixels()];
                let ([least, median], _) = time(seconds, 1, || {
                    model.predict(black_box(image), &mut scratch, &mut output[..10]).map_err(|error| error.to_string())
                })?;
                println!("{name:<9} {:<9} {:>5} {least:>9.2} {median:>9.2}  weights prepared anew", level.name(), 1);
            }
        }
    }
    println!(
        "share: of two multiplications with addition a vector and cycle, of the operations the models are defined"
    );
    println!("by; minimal filtering needs fewer, so it can exceed 100 %.");
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

fn noise(i: usize) -> f32 {
    ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32
}
