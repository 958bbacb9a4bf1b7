//! What quantisation costs, on whole test sets: accuracy with weights of 32-bit floats, 8-bit integers and 4-bit integers,
//! images whose answer changes, and bytes of the files.
//!
//! `cargo run --release -p litecnn-export --example quantised_accuracy -- FOLDER final.safetensors ...`
//!
//! The folder holds data sets as `litecnn data fetch` leaves them, unpacked: `mnist` and `fashion-mnist` as IDX files,
//! `cifar10` as binary batches. Each file of weights names the data set that it was trained on.
#![allow(clippy::print_stdout, reason = "a program")]

use std::error::Error;
use std::path::Path;

use litecnn_export::{QuantiseSettings, TrainedModel, litecnn, quantise};
use litecnn_runtime::{AlignedBytes, Model, top1};

/// Training images to calibrate with, evenly spaced.
const CALIBRATION: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a folder of data sets, then weight files")?;
    println!(
        "{:<14} {:>7} {:>7} {:>6} {:>6} {:>7} {:>6} {:>9} {:>9}  range",
        "data set", "f32 %", "int8 %", "by", "flips", "4 bit %", "by", "f32 bytes", "int8 bytes"
    );
    for weights in arguments {
        let model = TrainedModel::read(weights.as_ref())?;
        let folder = Path::new(&folder).join(model.dataset());
        let pixels: usize = model.input().iter().product();
        let (train, _) = images(&folder, pixels, true)?;
        let (test, labels) = images(&folder, pixels, false)?;
        let count = train.len() / pixels;
        let chosen = (0..CALIBRATION).map(|i| i * count / CALIBRATION);
        let chosen: Vec<u8> = chosen.flat_map(|i| &train[i * pixels..][..pixels]).copied().collect();

        let quantised = quantise(&model, &chosen, QuantiseSettings::default())?;
        let coarse = quantise(&model, &chosen, QuantiseSettings { weight_bits: 4, ..QuantiseSettings::default() })?;
        let files = [litecnn(&model)?, quantised.litecnn()?, coarse.litecnn()?];
        let answers = [answers(&files[0], &test)?, answers(&files[1], &test)?, answers(&files[2], &test)?];
        let accuracy = |answers: &[usize]| {
            let right = answers.iter().zip(&labels).filter(|(answer, label)| **answer == usize::from(**label)).count();
            100.0 * right as f64 / labels.len() as f64
        };
        let [float, integer, coarse] = [0, 1, 2].map(|i| accuracy(&answers[i]));
        let flips = answers[0].iter().zip(&answers[1]).filter(|(a, b)| a != b).count();
        println!(
            "{:<14} {float:>7.2} {integer:>7.2} {:>+6.2} {flips:>6} {coarse:>7.2} {:>+6.2} {:>9} {:>9}  {:?}",
            model.dataset(),
            integer - float,
            coarse - float,
            files[0].len(),
            files[1].len(),
            quantised.range(),
        );
    }
    Ok(())
}

/// The class of each image.
fn answers(file: &[u8], images: &[u8]) -> Result<Vec<usize>, Box<dyn Error>> {
    let file = AlignedBytes::new(file);
    let model = Model::from_bytes(&file)?;
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut logits = vec![0.0; images.len() / model.pixels() * model.classes()];
    model.session(&mut scratch)?.logits_batch(images, &mut logits)?;
    Ok(logits.chunks_exact(model.classes()).map(top1).collect())
}

/// Images `[height][width][channel]` and labels of the training or the test set.
fn images(folder: &Path, pixels: usize, train: bool) -> Result<(Vec<u8>, Vec<u8>), Box<dyn Error>> {
    let read = |name: String| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let idx = if train { "train" } else { "t10k" };
    if folder.join(format!("{idx}-images-idx3-ubyte")).exists() {
        let images = read(format!("{idx}-images-idx3-ubyte"))?.split_off(16);
        let labels = read(format!("{idx}-labels-idx1-ubyte"))?.split_off(8);
        return Ok((images, labels));
    }
    let batches =
        if train { (1..=5).map(|i| format!("data_batch_{i}.bin")).collect() } else { vec!["test_batch.bin".into()] };
    let (mut images, mut labels) = (vec![], vec![]);
    for batch in batches {
        for record in read(batch)?.chunks_exact(pixels + 1) {
            let planes = &record[1..];
            images.extend((0..pixels).map(|i| planes[i % 3 * (pixels / 3) + i / 3]));
            labels.push(record[0]);
        }
    }
    Ok((images, labels))
}
