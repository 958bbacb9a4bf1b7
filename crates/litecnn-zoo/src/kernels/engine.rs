use litecnn_kernels::{
    Images, LANES, Level, Moments, NetworkKernel, Room, from_lanes, soft_cross_entropy_gradient, to_lanes,
};
use litecnn_train::TrainError;
use tch::{Device, Kind, Tensor};

use super::lower::Lowered;
use crate::{Graph, State, ZooError};

/// Weight of 16 images' statistics in the running ones, as [`crate::Model`] has it.
const MOMENTUM: f32 = 0.1;

/// A network's kernels and room for as many threads as are used.
#[derive(Debug)]
pub(crate) struct Kernels {
    lowered: Lowered,
    kernel: NetworkKernel,
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    images: Images,
    room: Room,
}

/// What 16 images of a batch give.
struct Group {
    /// `[16][classes]`.
    logits: Vec<f32>,
    gradient: Vec<f32>,
    moments: Vec<Moments>,
}

/// What a batch gives.
pub(crate) struct Batch {
    /// `[images, classes]`.
    pub(crate) logits: Tensor,
    /// Laid out as the trained weights are.
    pub(crate) gradient: Tensor,
}

impl Kernels {
    /// Kernels for a graph, if they know all its operations and are worth using here.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn new(graph: &Graph, threads: usize) -> Result<Self, String> {
        let level = Level::detect();
        if !level.is_fast() {
            return Err("the processor has none of the instructions they are written for".into());
        }
        let lowered = Lowered::of(graph)?;
        let kernel = NetworkKernel::new(&lowered.shape, level)?;
        let worker = |_| Worker { images: kernel.images(), room: kernel.room() };
        let workers = (0..threads.max(1)).map(worker).collect();
        Ok(Self { kernel, workers, lowered })
    }

    /// A step's forward and backward pass over images `[images, channels, height, width]`, whole groups of 16, with
    /// targets `[images, classes]` that add up to 1 for each image. Running statistics take the groups in one after the
    /// other. The numbers are the same whatever the number of threads.
    ///
    /// # Errors
    /// [`ZooError::Torch`] if something is of another shape.
    pub(crate) fn step(&mut self, images: &Tensor, targets: &Tensor, state: &mut State) -> Result<Batch, ZooError> {
        self.take_weights(state)?;
        let (images, targets) = (floats(images)?, floats(targets)?);
        let classes = self.lowered.shape.classes;
        let count = targets.len() / classes;
        let shares = [1.0 / count as f32; LANES];
        let groups = self.groups(&images, count, |worker, kernel, place| {
            kernel.forward(&worker.images, &mut worker.room);
            let rows: Vec<&[f32]> =
                targets[place * LANES * classes..][..LANES * classes].chunks_exact(classes).collect();
            let (mut wanted, mut by_logits) = (vec![0.0; LANES * classes], vec![0.0; LANES * classes]);
            to_lanes(&rows, &mut wanted);
            soft_cross_entropy_gradient(worker.room.logits(), &wanted, &shares, &mut by_logits);
            let logits = by_image(worker.room.logits());
            kernel.backward(&worker.images, &by_logits, &mut worker.room);
            let mut gradient = vec![0.0; kernel.shape().parameters()];
            worker.room.take_gradient(&mut gradient);
            Group { logits, gradient, moments: worker.room.moments().to_vec() }
        })?;
        let mut sums = vec![0.0f32; self.lowered.weights.len()];
        let mut statistics = floats(state.statistics())?;
        for group in &groups {
            for (to, g) in self.lowered.weights.iter().zip(&group.gradient) {
                sums[*to] += g;
            }
            let places = self.lowered.means.iter().zip(&self.lowered.variances);
            for ((mean, variance), seen) in places.zip(&group.moments) {
                statistics[*mean] = (1.0 - MOMENTUM) * statistics[*mean] + MOMENTUM * seen.mean;
                statistics[*variance] = (1.0 - MOMENTUM) * statistics[*variance] + MOMENTUM * seen.variance;
            }
        }
        state.statistics().shallow_clone().f_copy_(&Tensor::f_from_slice(&statistics)?)?;
        let logits: Vec<f32> = groups.iter().flat_map(|group| group.logits.iter().copied()).collect();
        Ok(Batch {
            logits: Tensor::f_from_slice(&logits)?.f_view([count as i64, classes as i64])?,
            gradient: Tensor::f_from_slice(&sums)?,
        })
    }

    /// Logits `[images, classes]` in inference.
    ///
    /// # Errors
    /// As [`Kernels::step`].
    pub(crate) fn answer(&mut self, images: &Tensor, state: &State) -> Result<Tensor, ZooError> {
        self.take_weights(state)?;
        let count = images.size4()?.0 as usize;
        let images = floats(images)?;
        let classes = self.lowered.shape.classes;
        let groups = self.groups(&images, count, |worker, kernel, _| {
            kernel.answer(&worker.images, &mut worker.room);
            by_image(worker.room.logits())
        })?;
        let mut logits = groups.concat();
        logits.truncate(count * classes);
        Ok(Tensor::f_from_slice(&logits)?.f_view([count as i64, classes as i64])?)
    }

    fn take_weights(&mut self, state: &State) -> Result<(), ZooError> {
        let (weights, statistics) = (floats(state.weights())?, floats(state.statistics())?);
        let pick = |from: &[f32], places: &[usize]| places.iter().map(|&place| from[place]).collect::<Vec<_>>();
        self.kernel.set_weights(&pick(&weights, &self.lowered.weights));
        let [means, variances] = [&self.lowered.means, &self.lowered.variances].map(|p| pick(&statistics, p));
        self.kernel.set_statistics(&means, &variances);
        Ok(())
    }

    /// Does something with every group of 16 images, the last one filled up with zeros; threads take turns.
    fn groups<T: Send>(
        &mut self,
        images: &[f32],
        count: usize,
        work: impl Fn(&mut Worker, &NetworkKernel, usize) -> T + Sync,
    ) -> Result<Vec<T>, ZooError> {
        let (kernel, shape) = (&self.kernel, &self.lowered.shape);
        let pixels = shape.channels * shape.height * shape.width;
        let groups = count.div_ceil(LANES);
        let threads = self.workers.len().min(groups).max(1);
        let share = |worker: &mut Worker, first: usize| {
            let places = (first..groups).step_by(threads);
            places
                .map(|place| {
                    let of = &images[place * LANES * pixels..(count * pixels).min((place + 1) * LANES * pixels)];
                    fill(&mut worker.images, of, shape.channels, shape.height, shape.width);
                    work(worker, kernel, place)
                })
                .collect::<Vec<T>>()
        };
        let [lead, others @ ..] = &mut self.workers[..threads] else { return Ok(Vec::new()) };
        let mut made: Vec<std::vec::IntoIter<T>> = std::thread::scope(|scope| {
            let share = &share;
            let others: Vec<_> =
                others.iter_mut().enumerate().map(|(i, worker)| scope.spawn(move || share(worker, i + 1))).collect();
            let mut made = vec![share(lead, 0).into_iter()];
            for other in others {
                made.push(
                    other.join().map_err(|_| TrainError::State("a thread of training panicked".into()))?.into_iter(),
                );
            }
            Ok::<_, TrainError>(made)
        })?;
        Ok((0..groups).filter_map(|place| made[place % threads].next()).collect())
    }
}

/// Images `[images][channels][height][width]` into lanes; lanes without one are zero.
fn fill(to: &mut Images, images: &[f32], channels: usize, height: usize, width: usize) {
    let pixels = channels * height * width;
    for c in 0..channels {
        for y in 0..height {
            let line = to.line(y, c);
            if images.len() < LANES * pixels {
                line.fill(0.0);
            }
            for (lane, image) in images.chunks_exact(pixels).enumerate() {
                let row = &image[(c * height + y) * width..][..width];
                for (lanes, value) in line.chunks_exact_mut(LANES).zip(row) {
                    lanes[lane] = *value;
                }
            }
        }
    }
}

/// Logits `[class][16]` as `[16][classes]`.
fn by_image(logits: &[f32]) -> Vec<f32> {
    let mut rows = vec![0.0; logits.len()];
    from_lanes(logits, &mut rows);
    rows
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>, ZooError> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view([-1])?;
    Ok(Vec::try_from(&flat)?)
}
