//! Forward passes and training steps of networks, in turn with PyTorch modules of the same layers.
//!
//! ```sh
//! cargo run --release -p litecnn-zoo --example speed -- PYTHON THREADS BATCH REPETITIONS NETWORK...
//! ```
//!
//! PYTHON is an interpreter that has torch. A network is a family and a number, `vgg19-2`. A step is forward, loss and
//! gradients of all weights, without the optimizer. A line gives milliseconds of ours and of PyTorch, least and median,
//! and the ratio of both; below 1 ours is faster.
#![allow(clippy::print_stdout, reason = "a command line tool talks")]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use litecnn_zoo::{Model, Variant};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

type Done<T> = Result<T, Box<dyn Error>>;

/// What is timed, by the word the peer knows.
const CALLS: [&str; 2] = ["train", "infer"];

fn main() -> Done<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [python, threads, batch, repetitions, names @ ..] = given.as_slice() else {
        return Err("wanted: PYTHON THREADS BATCH REPETITIONS NETWORK...".into());
    };
    tch::set_num_threads(threads.parse()?);
    println!("{:14} {:5} {:>21} {:>21} {:>14}", "network", "call", "ours, ms", "PyTorch, ms", "ratio");
    for name in names {
        let mut ours = Ours::new(name, batch.parse()?)?;
        let mut peer = Peer::start(python, &[name, batch, threads])?;
        for call in CALLS {
            // The first call of each warms up.
            ours.time(call)?;
            peer.time(call)?;
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for _ in 0..repetitions.parse()? {
                a.push(1e3 * ours.time(call)?);
                b.push(1e3 * peer.time(call)?);
            }
            let [[a, a_median], [b, b_median]] = [a, b].map(least_and_median);
            let ratios = [a / b, a_median / b_median];
            print!("{name:14} {call:5} {a:10.2} {a_median:10.2} {b:10.2} {b_median:10.2} ");
            println!("{:6.3} {:7.3}", ratios[0], ratios[1]);
        }
    }
    Ok(())
}

fn least_and_median(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times.first(), times.get(times.len() / 2)].map(|time| time.copied().unwrap_or(f64::NAN))
}

struct Ours {
    model: Model,
    images: Tensor,
    labels: Tensor,
    rng: ChaCha8Rng,
}

impl Ours {
    fn new(name: &str, batch: i64) -> Done<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let model = Model::new(Variant::find(name)?.network(10).graph()?, Device::Cpu, &mut rng)?;
        let images = Tensor::f_randn([batch, 3, 32, 32], (Kind::Float, Device::Cpu))?;
        Ok(Self { model, images, labels: Tensor::f_zeros([batch], (Kind::Int64, Device::Cpu))?, rng })
    }

    fn time(&mut self, call: &str) -> Done<f64> {
        let start = Instant::now();
        if call == "train" {
            let logits = self.model.forward_train(&self.images, &mut self.rng)?;
            let loss = logits.cross_entropy_for_logits(&self.labels);
            let weights: Vec<&Tensor> = self.model.state().views().iter().filter(|v| v.requires_grad()).collect();
            Tensor::f_run_backward(&[loss], &weights, false, false)?;
        } else {
            let _logits = tch::no_grad(|| self.model.forward(&self.images))?;
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

/// `tests/reference/speed.py`, started.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &str, arguments: &[&String]) -> Done<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/speed.py");
        let mut command = Command::new(python);
        command.arg("-B").arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the peer's input and output are missing".into());
        };
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    fn time(&mut self, call: &str) -> Done<f64> {
        writeln!(self.input, "{call}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse().map_err(|_| "PyTorch's side ended early; its message is above")?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It waits for a line that does not come.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
