use std::time::{Duration, Instant};

use litecnn_data::{Augmentation, stream};
use litecnn_kernels::{BranchKernel, LANES, Level, cross_entropy_gradient, from_lanes};
use litecnn_model::Branch;
use litecnn_train::{Engine, Optimizer, Recipe, TrainingData, branch_shape};
use tch::{Device, Reduction, Tensor};

use crate::BenchError;

/// What one part of a training step takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What is done.
    pub name: &'static str,
    /// Median over the steps, microseconds.
    pub us: f64,
}

/// The parts of a step of stage one: one branch, one batch, one thread; the second branch, whose images are changed
/// at random, if `augmented`. The same calls in the same order as in training, with a clock between them, for so many
/// steps.
///
/// # Errors
/// Those of training.
pub fn profile(
    data: &TrainingData,
    recipe: &Recipe,
    engine: Engine,
    augmented: bool,
    steps: usize,
) -> Result<Vec<Part>, BenchError> {
    tch::set_num_threads(1);
    let augmentation = augmented.then_some(&recipe.augmentation);
    let mut branch = Branch::new(&data.branch_spec(recipe), Device::Cpu, &mut stream(0, "bench/weights"))?;
    let mut optimizer = Optimizer::new(&recipe.stage_1.optimizer, branch.params().flat());
    let mut order: Vec<u32> =
        data.split.train.iter().copied().cycle().take(steps * recipe.stage_1.batch_size).collect();
    rand::seq::SliceRandom::shuffle(order.as_mut_slice(), &mut stream(0, "bench/order"));
    let batches = order.chunks(recipe.stage_1.batch_size);
    let mut clock = Clock::default();
    match engine {
        Engine::Libtorch => by_libtorch(data, batches, augmentation, &mut branch, &mut optimizer, &mut clock)?,
        Engine::Kernels => by_kernels(data, batches, augmentation, &branch, &optimizer, &mut clock)?,
    }
    Ok(clock.parts())
}

fn by_libtorch<'a>(
    data: &TrainingData,
    batches: impl Iterator<Item = &'a [u32]>,
    augmentation: Option<&Augmentation>,
    branch: &mut Branch,
    optimizer: &mut Optimizer,
    clock: &mut Clock,
) -> Result<(), BenchError> {
    let mut rng = stream(0, "bench/augmentation");
    for places in batches {
        clock.start();
        let batch = data.images.batches(places, places.len())?.next().transpose()?;
        let Some(batch) = batch else { continue };
        clock.lap("batch");
        let images = match augmentation {
            Some(augmentation) => {
                let images = augmentation.apply(&batch.images, &augmentation.draw(batch.len(), &mut rng))?;
                clock.lap("augmentation");
                images
            }
            None => batch.images,
        };
        let logits = branch.forward(&images)?;
        clock.lap("forward");
        let loss = logits.f_cross_entropy_loss::<Tensor>(&batch.labels, None, Reduction::Mean, -100, 0.0)?;
        clock.lap("loss");
        let gradients = Tensor::f_run_backward(&[loss], branch.params().views(), false, false)?;
        clock.lap("backward");
        let gradient = branch.params().gather(&gradients)?;
        clock.lap("gathering gradients");
        optimizer.step(branch.params_mut().flat_mut(), &gradient)?;
        clock.lap("optimiser");
    }
    Ok(())
}

fn by_kernels<'a>(
    data: &TrainingData,
    batches: impl Iterator<Item = &'a [u32]>,
    augmentation: Option<&Augmentation>,
    branch: &Branch,
    optimizer: &Optimizer,
    clock: &mut Clock,
) -> Result<(), BenchError> {
    let shape = branch_shape(branch.spec());
    let (Some(host), Some(mut kernel)) = (data.images.host(), BranchKernel::new(&shape, Level::detect())) else {
        return Ok(());
    };
    let mut weights: Vec<f32> = Vec::try_from(branch.params().flat())?;
    kernel.set_weights(&weights);
    let mut optimizer = optimizer.to_host()?;
    let (mut activations, mut workspace) = (kernel.activations(true), kernel.workspace());
    let mut lanes = vec![0.0; shape.pixels() * LANES];
    let mut by_logits = vec![0.0; shape.classes * LANES];
    let mut gradient = vec![0.0; weights.len()];
    let mut logits = vec![0.0; shape.classes * LANES];
    let mut rng = stream(0, "bench/augmentation");
    let mut resampler = augmentation.map(|augmentation| (augmentation, host.resampler(augmentation)));
    for batch in batches {
        clock.start();
        for places in batch.chunks(LANES) {
            match &mut resampler {
                Some((augmentation, resampler)) => {
                    let changes = augmentation.draw(places.len(), &mut rng);
                    host.fill_changed(places, &changes, resampler, &mut lanes)?;
                    clock.lap("batch and augmentation");
                }
                None => {
                    host.fill(places, &mut lanes)?;
                    clock.lap("batch");
                }
            }
            kernel.forward(&lanes, &mut activations);
            clock.lap("forward");
            let labels = places.iter().map(|&place| host.label(place)).collect::<Result<Vec<_>, _>>()?;
            cross_entropy_gradient(activations.logits(), &labels, batch.len(), &mut by_logits);
            from_lanes(activations.logits(), &mut logits[..places.len() * shape.classes]);
            clock.lap("loss");
            kernel.backward(&lanes, &activations, &by_logits, &mut workspace);
            clock.lap("backward");
        }
        kernel.take_gradient(&mut gradient);
        clock.lap("gathering gradients");
        optimizer.step(&mut weights, &gradient);
        clock.lap("optimiser");
        kernel.set_weights(&weights);
        clock.lap("arranging weights");
    }
    Ok(())
}

/// A stop-watch with a list of laps; laps of the same name in one step are added up.
#[derive(Debug, Default)]
struct Clock {
    last: Option<Instant>,
    step: usize,
    parts: Vec<(&'static str, Vec<Duration>)>,
}

impl Clock {
    fn start(&mut self) {
        self.step += 1;
        self.last = Some(Instant::now());
    }

    fn lap(&mut self, name: &'static str) {
        let now = Instant::now();
        let took = self.last.map_or(Duration::ZERO, |last| now - last);
        let at = self.parts.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.parts.push((name, Vec::new()));
            self.parts.len() - 1
        });
        let laps = &mut self.parts[at].1;
        laps.resize(self.step, Duration::ZERO);
        laps[self.step - 1] += took;
        self.last = Some(Instant::now());
    }

    fn parts(self) -> Vec<Part> {
        let median = |mut laps: Vec<Duration>| {
            laps.sort_unstable();
            laps.get(laps.len() / 2).map_or(0.0, |middle| middle.as_secs_f64() * 1e6)
        };
        self.parts.into_iter().map(|(name, laps)| Part { name, us: median(laps) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use litecnn_data::{LoadOptions, load};

    use super::*;

    #[test]
    fn both_engines_tell_the_same_parts() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
        let dataset = load("mnist", &LoadOptions { data_dir: Some(samples), ..LoadOptions::default() }).unwrap();
        let recipe = Recipe::load("smoke").unwrap();
        let data = TrainingData::new(&dataset, &recipe, 0, Device::Cpu).unwrap();
        for augmented in [false, true] {
            for engine in [Engine::Libtorch, Engine::Kernels] {
                let parts = profile(&data, &recipe, engine, augmented, 3).unwrap();
                for name in ["forward", "loss", "backward", "gathering gradients", "optimiser"] {
                    let part = parts.iter().find(|part| part.name == name).unwrap();
                    assert!(part.us > 0.0, "{name}");
                }
                assert_eq!(parts.iter().any(|part| part.name.contains("augmentation")), augmented);
            }
        }
    }

    #[test]
    fn laps_of_a_step_add_up() {
        let mut clock = Clock::default();
        for _ in 0..3 {
            clock.start();
            for _ in 0..2 {
                std::thread::sleep(Duration::from_millis(2));
                clock.lap("sleep");
            }
        }
        let parts = clock.parts();
        assert_eq!(parts.len(), 1);
        assert!(parts[0].us >= 4000.0, "{}", parts[0].us);
    }
}
