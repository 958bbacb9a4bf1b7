//! How much faster a plain network is without some of its channels: `cargo run --release -p litecnn-zoo --example
//! shrunk`. One thread, batches of 128, whole and shrunk in turn; milliseconds are the least of 10.
#![allow(clippy::print_stdout, reason = "a command line tool talks")]

use std::error::Error;
use std::time::Instant;

use litecnn_zoo::{Budget, Count, Model, Network};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

const PLAIN: &str = r#"
    name = "plain"
    input = { channels = 3, height = 32, width = 32 }
    classes = 10

    [[parts]]
    name = "body"
    layers = [
        { conv = { kernel = 3, out = 32 } }, "batch-norm", "relu", { max-pool = {} },
        { conv = { kernel = 3, out = 64 } }, "batch-norm", "relu", { max-pool = {} },
        { conv = { kernel = 3, out = 128 } }, "batch-norm", "relu", { max-pool = {} },
        { dense-head = {} },
    ]
"#;

fn main() -> Result<(), Box<dyn Error>> {
    tch::set_num_threads(1);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let images = Tensor::f_randn([128, 3, 32, 32], (Kind::Float, Device::Cpu))?;
    let network = Network::parse(PLAIN, "plain.toml".as_ref())?;
    let whole = Model::new(network.graph()?, Device::Cpu, &mut rng)?;
    let mut models = vec![(0.0, whole)];
    for share in [0.25, 0.5, 0.75] {
        models.push((share, models[0].1.shrink(&network, Budget::Share(share))?.1));
    }
    let mut least = vec![[f64::INFINITY; 2]; models.len()];
    for _ in 0..10 {
        for ((_, model), least) in models.iter_mut().zip(&mut least) {
            let start = Instant::now();
            let _logits = tch::no_grad(|| model.forward(&images))?;
            least[0] = least[0].min(1e3 * start.elapsed().as_secs_f64());
            let start = Instant::now();
            let loss = model.forward_train(&images, &mut rng)?.f_sum(Kind::Float)?;
            let weights: Vec<&Tensor> = model.state().views().iter().filter(|v| v.requires_grad()).collect();
            Tensor::f_run_backward(&[loss], &weights, false, false)?;
            least[1] = least[1].min(1e3 * start.elapsed().as_secs_f64());
        }
    }
    println!("removed   weights        MACs   inference, ms    training, ms");
    for ((share, model), times) in models.iter().zip(&least) {
        let count = Count::of(model.graph());
        let ratio = |i: usize| times[i] / least[0][i];
        print!("{:6.0}% {:9} {:11} ", 100.0 * share, count.parameters, count.flops.macs());
        println!("{:8.2} {:6.3} {:8.2} {:6.3}", times[0], ratio(0), times[1], ratio(1));
    }
    Ok(())
}
