use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use litecnn_data::{Dataset, Images};
use litecnn_export::{QuantiseSettings, TrainedModel, c, litecnn, onnx, quantise};
use litecnn_model::Model as Loaded;
use litecnn_report::speed::{ExportForm, OURS, RUNTIME, RUNTIME_INT8};
use litecnn_run::{RunError, SeedDir};
use litecnn_runtime::{AlignedBytes, Model, top1};
use tch::{Device, Kind, Tensor};

use crate::{BenchError, Calls, Exported, Subject, Weights, latency};

/// What answers where libtorch and the runtime do not.
#[derive(Debug, Clone, Default)]
pub struct Others {
    /// A C compiler with its arguments, such as `cc -O3 -march=native`: the C export is compiled and run.
    pub compiler: Option<String>,
    /// A Python with `onnxruntime` and `numpy`: the ONNX export is run.
    pub python: Option<PathBuf>,
}

/// Images libtorch answers at once.
const BATCH: usize = 500;

/// Training images that scales are chosen by.
pub(crate) const CALIBRATION: usize = 512;

/// The trained model of a run in every form there is: bytes of the file, microseconds for one image on one thread,
/// and how its answers to all test images differ from libtorch's. Scales of
/// integers are chosen by 512 training images, evenly spaced.
///
/// # Errors
/// If the run has no such model, or a form of it fails.
pub fn forms(run: &Path, seed: u64, dataset: &Dataset, others: &Others) -> Result<Vec<ExportForm>, BenchError> {
    let (name, images) = (dataset.name.as_str(), &dataset.test);
    let path = SeedDir::new(run, name, seed).final_weights();
    let trained = TrainedModel::read(&path)?;
    let subject = Subject::trained(run, name, seed, Device::Cpu)?;
    let expected = by_libtorch(&path, images)?;
    let calls = Calls { warmup: 20, repetitions: 200 };
    let of = |form: &str, bytes: usize, us: Option<f64>, logits: Option<&[f32]>| {
        let answers = logits.map(|logits| Answers::compare(logits, &expected, &images.labels));
        ExportForm {
            form: form.to_owned(),
            model: name.to_owned(),
            seed,
            bytes: bytes as u64,
            us,
            images: images.len() as u64,
            right: answers.as_ref().map(|a| a.right),
            other_answers: answers.as_ref().map(|a| a.other),
            largest_logit_difference: answers.as_ref().map(|a| a.difference),
        }
    };
    let mut rows = Vec::new();
    let us = latency(&subject, 1, None, calls)?.median;
    rows.push(of(OURS, subject.weight_file()?.len(), Some(us), Some(&expected)));

    let integers = quantise(&trained, &evenly(&dataset.train, CALIBRATION), QuantiseSettings::default())?;
    for (form, weights, file) in
        [(RUNTIME, Weights::F32, litecnn(&trained)?), (RUNTIME_INT8, Weights::Int8, integers.litecnn()?)]
    {
        let us = latency(&Exported::new(&subject, weights, 1)?, 1, None, calls)?.median;
        let logits = by_runtime(&AlignedBytes::new(&file), images)?;
        rows.push(of(form, file.len(), Some(us), Some(&logits)));
    }

    let folder = tempfile::tempdir().map_err(|e| io("make a folder in", &std::env::temp_dir(), e))?;
    let graph = onnx(&trained);
    let answers = match &others.python {
        Some(python) => Some(by_python(python, folder.path(), &graph, images)?),
        None => None,
    };
    rows.push(of("onnx", graph.len(), answers.as_ref().map(|a| a.0), answers.as_ref().map(|a| a.1.as_slice())));
    let source = c(&trained, "model");
    let answers = match &others.compiler {
        Some(compiler) => Some(by_compiler(compiler, folder.path(), &source.header, &source.source, images)?),
        None => None,
    };
    // What of it is in a program: weights and names.
    rows.push(of("c", source.constant_bytes, answers.as_ref().map(|a| a.0), answers.as_ref().map(|a| a.1.as_slice())));
    Ok(rows)
}

/// Up to `count` images, evenly spaced.
pub(crate) fn evenly(images: &Images, count: usize) -> Vec<u8> {
    let (bytes, count) = (bytes(images), count.min(images.len()));
    let pixels = bytes.len() / images.len();
    (0..count).flat_map(|i| &bytes[i * images.len() / count * pixels..][..pixels]).copied().collect()
}

/// How logits of many images compare.
struct Answers {
    right: u64,
    other: u64,
    difference: f64,
}

impl Answers {
    fn compare(logits: &[f32], expected: &[f32], labels: &[u8]) -> Self {
        let classes = expected.len() / labels.len();
        let mut answers = Self { right: 0, other: 0, difference: 0.0 };
        for ((logits, expected), &label) in logits.chunks(classes).zip(expected.chunks(classes)).zip(labels) {
            let answer = top1(logits);
            answers.right += u64::from(answer == usize::from(label));
            answers.other += u64::from(answer != top1(expected));
            for (a, b) in logits.iter().zip(expected) {
                answers.difference = answers.difference.max(f64::from((a - b).abs()));
            }
        }
        answers
    }
}

/// Logits of images, `[images, classes]`, by libtorch.
pub(crate) fn by_libtorch(path: &Path, images: &Images) -> Result<Vec<f32>, BenchError> {
    let (Loaded::Unified(model), _) = Loaded::load(path, Device::Cpu)? else {
        return Err(BenchError::NotUnified { path: path.display().to_string() });
    };
    let (_, height, width, channels) = images.pixels.dim();
    let mut logits = Vec::new();
    for batch in bytes(images).chunks(BATCH * height * width * channels) {
        let shape = [-1, height as i64, width as i64, channels as i64];
        let pixels = Tensor::f_from_slice(batch)?.f_reshape(shape)?.f_permute([0, 3, 1, 2])?.f_contiguous()?;
        let answers = tch::no_grad(|| model.forward(&(pixels.to_kind(Kind::Float) / 255.0)))?;
        logits.extend(Vec::<f32>::try_from(&answers.f_flatten(0, -1)?)?);
    }
    Ok(logits)
}

/// The same of an exported model, by the runtime.
pub(crate) fn by_runtime(file: &[u8], images: &Images) -> Result<Vec<f32>, BenchError> {
    let model = Model::from_bytes(file)?;
    let mut scratch = vec![0.0; model.batch_scratch_len()];
    let mut logits = vec![0.0; images.len() * model.classes()];
    model.session(&mut scratch)?.logits_batch(bytes(images), &mut logits)?;
    Ok(logits)
}

fn by_python(python: &Path, folder: &Path, graph: &[u8], images: &Images) -> Result<(f64, Vec<f32>), BenchError> {
    let script = folder.join("answers.py");
    write(&script, include_bytes!("../peers/answers.py"))?;
    let (model, input, output) = (folder.join("model.onnx"), folder.join("images.u8"), folder.join("logits.f32"));
    write(&model, graph)?;
    write(&input, bytes(images))?;
    let done = ran(Command::new(python).arg(script).args([model, input, output.clone()]))?;
    Ok((microseconds(python, &done.stdout)?, floats(&litecnn_run::read(&output)?)))
}

fn by_compiler(
    compiler: &str,
    folder: &Path,
    header: &str,
    source: &str,
    images: &Images,
) -> Result<(f64, Vec<f32>), BenchError> {
    write(&folder.join("model.h"), header.as_bytes())?;
    write(&folder.join("model.c"), source.as_bytes())?;
    write(&folder.join("main.c"), include_bytes!("../peers/answers.c"))?;
    let input = folder.join("images.u8");
    write(&input, bytes(images))?;
    let mut words = compiler.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("cc"));
    ran(command.args(words).args(["-std=c99", "model.c", "main.c", "-o", "answers", "-lm"]).current_dir(folder))?;
    let opened = std::fs::File::open(&input).map_err(|e| io("read", &input, e))?;
    let program = folder.join("answers");
    let done = ran(Command::new(&program).stdin(Stdio::from(opened)))?;
    Ok((microseconds(&program, &done.stderr)?, floats(&done.stdout)))
}

/// What a program left, if it ended well.
fn ran(command: &mut Command) -> Result<std::process::Output, BenchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let fail = |reason: String| BenchError::Peer { program: program.clone(), reason };
    let output = command.output().map_err(|e| fail(format!("cannot be started: {e}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(fail(format!("ended ({}): {last}", output.status)))
}

fn microseconds(program: &Path, said: &[u8]) -> Result<f64, BenchError> {
    let said = String::from_utf8_lossy(said);
    let told = || BenchError::Peer {
        program: program.display().to_string(),
        reason: format!("was to tell microseconds, said: {}", said.trim()),
    };
    said.trim().parse().map_err(|_| told())
}

fn bytes(images: &Images) -> &[u8] {
    images.pixels.as_slice().unwrap_or_default()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BenchError> {
    std::fs::write(path, bytes).map_err(|e| io("write", path, e))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> BenchError {
    RunError::Io { action, path: path.to_owned(), source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted() {
        let expected = [0.0, 1.0, 2.0, 1.0, 5.0, 4.0];
        let logits = [0.0, 1.5, 2.0, 1.0, 4.0, 4.75];
        let answers = Answers::compare(&logits, &expected, &[1, 1, 0]);
        assert_eq!((answers.right, answers.other, answers.difference), (1, 1, 1.0));
    }

    #[test]
    fn programs_that_fail_are_named() {
        let words = |program: &str| ran(&mut Command::new(program)).map(|_| ()).unwrap_err().to_string();
        assert!(words("no-such-compiler").contains("no-such-compiler: cannot be started"));
        assert!(words("false").contains("false: ended (exit status: 1)"));
        assert!(microseconds(Path::new("x"), b"soon\n").unwrap_err().to_string().contains("said: soon"));
        assert_eq!(microseconds(Path::new("x"), b"1.5\n").unwrap(), 1.5);
    }
}
