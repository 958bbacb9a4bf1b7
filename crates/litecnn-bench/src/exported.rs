use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};

use litecnn_data::stream;
use litecnn_export::{Folded, QuantiseSettings, TrainedModel, litecnn, quantise};
use litecnn_report::speed::{Copying, RUNTIME, RUNTIME_INT8};
use litecnn_runtime::{AlignedBytes, Layout, Model, Pixel, PredictError, Session};
use rand::RngExt;
use rand::distr::{Distribution, StandardUniform};
use tch::Device;

use crate::{BenchError, Call, Engine, Measure, Sample, Subject};

/// A model in `litecnn-runtime`, as those have it who do without libtorch.
///
/// With weights of 32-bit floats it is given what the other engines are given: `f32` images `[batch, channels, height,
/// width]`; with weights of bytes `u8` images `[batch, height, width, channels]`. With several threads, each answers its
/// part of a batch in a session of its own.
#[derive(Debug)]
pub struct Exported {
    model: String,
    weights: Weights,
    threads: usize,
    file: AlignedBytes,
}

/// What an exported model's weights are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// 32-bit floats.
    F32,
    /// 8-bit integers.
    Int8,
}

impl Weights {
    /// Both.
    pub const ALL: [Self; 2] = [Self::F32, Self::Int8];
}

impl Exported {
    /// Exports the model of a subject. Scales of integers are chosen by random images: speed does not depend on them.
    ///
    /// # Errors
    /// If it has a shape that the runtime does not take.
    pub fn new(subject: &Subject, weights: Weights, threads: usize) -> Result<Self, BenchError> {
        let model = TrainedModel::from_bytes("final.safetensors".as_ref(), &subject.weight_file()?)?;
        let file = match weights {
            Weights::F32 => litecnn(&model)?,
            Weights::Int8 => {
                let images: Vec<u8> = random(8 * model.input().iter().product::<usize>());
                quantise(&model, &images, QuantiseSettings::default())?.litecnn()?
            }
        };
        Ok(Self::of_file(AlignedBytes::new(&file), weights, subject.model(), threads))
    }

    /// A folded network with weights of 32-bit floats, under the name `model`.
    ///
    /// # Errors
    /// If the runtime does not take it.
    pub fn folded(folded: Folded, model: &str, threads: usize) -> Result<Self, BenchError> {
        let file = AlignedBytes::new(&litecnn(&TrainedModel::from_folded(folded)?)?);
        Ok(Self::of_file(file, Weights::F32, model, threads))
    }

    /// A file that was written with such weights.
    pub(crate) fn of_file(file: AlignedBytes, weights: Weights, model: &str, threads: usize) -> Self {
        Self { model: model.to_owned(), weights, threads: threads.max(1), file }
    }
}

/// Seeded random values: bytes, or floats in `[0, 1)`.
fn random<T>(count: usize) -> Vec<T>
where
    StandardUniform: Distribution<T>,
{
    let mut rng = stream(0, "bench/images");
    (0..count).map(|_| rng.random()).collect()
}

impl Engine for Exported {
    fn program(&self) -> &str {
        match self.weights {
            Weights::F32 => RUNTIME,
            Weights::Int8 => RUNTIME_INT8,
        }
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn ready(&self, batch: u64, _copy: Option<Copying>, measure: &mut Measure<'_>) -> Result<Sample, BenchError> {
        let model = Model::from_bytes(&self.file)?;
        let count = batch as usize * model.pixels();
        match self.weights {
            Weights::F32 => timed::<f32>(&model.with_layout(Layout::Chw), &random(count), self.threads, measure),
            Weights::Int8 => timed::<u8>(&model, &random(count), self.threads, measure),
        }
    }
}

/// Has calls measured that answer `images`.
fn timed<P: Pixel + Sync>(
    model: &Model<'_>,
    images: &[P],
    threads: usize,
    measure: &mut Measure<'_>,
) -> Result<Sample, BenchError> {
    let batch = images.len() / model.pixels();
    let mut parts = batch.div_ceil(batch.div_ceil(threads).max(1));
    let mut output = vec![0.0; batch * model.classes()];
    let mut scratches = vec![vec![0.0; model.batch_scratch_len()]; parts];
    let of_part = batch.div_ceil(parts);
    let cut = images.chunks(of_part * model.pixels()).zip(output.chunks_mut(of_part * model.classes()));
    let mut work = Vec::new();
    for ((images, output), scratch) in cut.zip(&mut scratches) {
        work.push(Part { session: model.session(scratch)?, images, output });
    }
    parts = work.len();
    let turns = Turns::new(parts);
    std::thread::scope(|scope| {
        let mut work = work.into_iter();
        let Some(first) = work.next() else { unreachable!("a batch has at least one image") };
        for part in work {
            let turns = &turns;
            scope.spawn(move || turns.follow(part));
        }
        // Stops the others even if measuring panics.
        let mut lead = Lead { part: first, turns: &turns };
        measure(&mut lead)
    })
}

/// What one thread answers.
struct Part<'m, 's, P> {
    session: Session<'m, 's>,
    images: &'s [P],
    output: &'s mut [f32],
}

impl<P: Pixel> Part<'_, '_, P> {
    fn answer(&mut self) -> Result<(), PredictError> {
        self.session.predict_batch(std::hint::black_box(self.images), self.output)
    }
}

/// Threads that begin and end each call together.
struct Turns {
    /// One thread waits for nobody.
    alone: bool,
    start: Barrier,
    end: Barrier,
    over: AtomicBool,
    failed: Mutex<Option<PredictError>>,
}

impl Turns {
    fn new(threads: usize) -> Self {
        let (start, end) = (Barrier::new(threads), Barrier::new(threads));
        Self { alone: threads == 1, start, end, over: AtomicBool::new(false), failed: Mutex::new(None) }
    }

    fn follow<P: Pixel>(&self, mut part: Part<'_, '_, P>) {
        loop {
            self.start.wait();
            if self.over.load(Ordering::Acquire) {
                return;
            }
            if let Err(error) = part.answer() {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            self.end.wait();
        }
    }
}

/// The thread that is timed, which does its part, too.
struct Lead<'m, 's, 't, P> {
    part: Part<'m, 's, P>,
    turns: &'t Turns,
}

impl<P: Pixel> Call for Lead<'_, '_, '_, P> {
    fn call(&mut self) -> Result<(), BenchError> {
        if self.turns.alone {
            return Ok(self.part.answer()?);
        }
        self.turns.start.wait();
        let done = self.part.answer();
        self.turns.end.wait();
        done?;
        match self.turns.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

impl<P> Drop for Lead<'_, '_, '_, P> {
    fn drop(&mut self) {
        self.turns.over.store(true, Ordering::Release);
        self.turns.start.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Calls, latency};

    #[test]
    fn any_number_of_threads_answers_every_image() {
        let subject = Subject::random("mnist", Device::Cpu).unwrap();
        for (threads, batch) in [(1, 1), (2, 1), (2, 5), (3, 4), (4, 64)] {
            for weights in Weights::ALL {
                let engine = Exported::new(&subject, weights, threads).unwrap();
                let sample = latency(&engine, batch, None, Calls { warmup: 2, repetitions: 3 }).unwrap();
                assert!(sample.min > 0.0 && sample.repetitions == 3, "{weights:?} {threads} {batch}");
            }
        }
    }

    #[test]
    fn parts_are_answered_as_the_whole_is() {
        let subject = Subject::random("cifar10", Device::Cpu).unwrap();
        let file = Exported::new(&subject, Weights::F32, 1).unwrap().file;
        let model = Model::from_bytes(&file).unwrap();
        let images: Vec<u8> = (0..7 * model.pixels()).map(|i| (i * 7 % 251) as u8).collect();
        let mut expected = vec![0.0; 70];
        let mut scratch = vec![0.0; model.scratch_len()];
        model.session(&mut scratch).unwrap().predict_batch(&images, &mut expected).unwrap();
        for threads in [1, 2, 3, 9] {
            let mut scratches = vec![vec![0.0; model.scratch_len()]; 7];
            let mut answered = vec![0.0; 70];
            let of_part = 7usize.div_ceil(threads);
            let cut = images.chunks(of_part * model.pixels()).zip(answered.chunks_mut(of_part * 10));
            for ((images, output), scratch) in cut.zip(&mut scratches) {
                Part { session: model.session(scratch).unwrap(), images, output }.answer().unwrap();
            }
            assert_eq!(answered, expected, "{threads}");
        }
        // A thread that fails is heard of.
        let turns = Turns { alone: false, ..Turns::new(1) };
        *turns.failed.lock().unwrap() = Some(PredictError::Image { needed: 1, found: 2 });
        let (mut scratch, mut output) = (scratch, vec![0.0; 10]);
        let part = Part { session: model.session(&mut scratch).unwrap(), images: &images[..3072], output: &mut output };
        let mut lead = Lead { part, turns: &turns };
        assert!(lead.call().is_err() && lead.call().is_ok());
    }
}
