//! Microseconds that one image takes on one thread in litecnn-runtime and in libtorch, in turn; ratios to libtorch's:
//! `cargo run --release -p litecnn-zoo --example folded -- ROUNDS CALLS NETWORK.toml ...`. A round is the median of so many
//! calls of each; told is the median of rounds. With a Python that has onnxruntime in `LITECNN_ONNX_PYTHON`, ONNX Runtime
//! takes its turns, too. Weights are random.
#![allow(clippy::print_stdout, reason = "a program")]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use litecnn_export::{TrainedModel, litecnn, onnx};
use litecnn_runtime::{AlignedBytes, Layout, Level, Model as Compact};
use litecnn_zoo::{Card, Count, Model, Network};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rounds, calls, paths @ ..] = arguments.as_slice() else { return Err("ROUNDS CALLS NETWORK.toml ...".into()) };
    let (rounds, calls) = (rounds.parse::<usize>()?, calls.parse::<usize>()?);
    tch::set_num_threads(1);
    println!("one image, one thread, {rounds} rounds of {calls} calls in turn, µs; level {}", Level::detect().name());
    for path in paths {
        network(Path::new(path), rounds, calls)?;
    }
    Ok(())
}

fn network(path: &Path, rounds: usize, calls: usize) -> Result<(), Box<dyn Error>> {
    let network = Network::load(path)?;
    let model = Model::new(network.graph()?, Device::Cpu, &mut ChaCha8Rng::seed_from_u64(0))?;
    let folded = model.fold(&Card::new(&network, &[])?)?;
    let (operations, parameters) = (folded.network.operations.len(), folded.weights.len());
    let trained = TrainedModel::from_folded(folded)?;
    let (file, graph) = (AlignedBytes::new(&litecnn(&trained)?), onnx(&trained));
    let compact = Compact::from_bytes(&file)?.with_layout(Layout::Chw);
    let image: Vec<f32> = (0..compact.pixels()).map(|i| (i * 37 % 256) as f32 / 255.0).collect();
    let input = trained.input().map(|n| n as i64);
    let images = Tensor::from_slice(&image).f_view([1, input[0], input[1], input[2]])?;
    let mut scratch = vec![0.0; compact.scratch_len()];
    let mut session = compact.session(&mut scratch)?;
    let mut output = vec![0.0; compact.classes()];
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("model.onnx"), &graph)?;
    let mut other = Other::start(&folder.path().join("model.onnx"), calls)?;

    let mut times = [vec![], vec![], vec![]];
    for _ in 0..rounds {
        times[0].push(median(calls, || Ok(session.predict(&image, &mut output)?))?);
        times[1].push(median(calls, || {
            let logits = tch::no_grad(|| model.forward(&images))?;
            drop(logits.f_softmax(-1, Kind::Float)?);
            Ok(())
        })?);
        if let Some(other) = &mut other {
            times[2].push(other.turn()?);
        }
    }
    println!(
        "{}: {operations} operations, {parameters} weights ({} before), {} multiply-accumulates, file of {} bytes, {} bytes \
         of memory",
        network.name,
        Count::of(model.graph()).parameters,
        compact.architecture().multiply_adds(),
        file.len(),
        4 * compact.scratch_len()
    );
    let mut told = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).map(|&median| [median, times[0], times[times.len() - 1]])
    });
    let of_libtorch = told[1].map_or(f64::NAN, |[median, ..]| median);
    for (name, times) in ["litecnn-runtime", "libtorch", "ONNX Runtime"].into_iter().zip(&mut told) {
        if let Some([median, least, most]) = times {
            println!("  {name:<16} {median:>9.1} ({least:.1} to {most:.1}), ratio {:.3}", *median / of_libtorch);
        }
    }
    Ok(())
}

/// Median of some calls, in microseconds.
fn median(calls: usize, mut call: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let start = Instant::now();
        call()?;
        times.push(1e6 * start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// ONNX Runtime in a process of its own.
struct Other(Child);

impl Other {
    fn start(model: &Path, calls: usize) -> Result<Option<Self>, Box<dyn Error>> {
        let Some(python) = std::env::var_os("LITECNN_ONNX_PYTHON") else { return Ok(None) };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/onnx_latency.py");
        let mut command = Command::new(python);
        command.arg(script).arg(model).arg(calls.to_string());
        Ok(Some(Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)))
    }

    /// Microseconds of one call.
    fn turn(&mut self) -> Result<f64, Box<dyn Error>> {
        let (stdin, stdout) = (self.0.stdin.as_mut().ok_or("no input")?, self.0.stdout.as_mut().ok_or("no output")?);
        stdin.write_all(b"\n")?;
        let mut line = String::new();
        // A line at a time is all there is to be read.
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(1e6 * line.trim().parse::<f64>()?)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
