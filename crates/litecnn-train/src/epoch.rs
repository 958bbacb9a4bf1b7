use litecnn_data::Stream;
use litecnn_run::EpochRecord;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::score::batch_loss;
use crate::{Score, TrainError};

/// A mean cross-entropy of a batch, in nats, beyond which a training has failed: with logits so far apart, 32-bit floats
/// have no room for what a model knows.
const EXPLODED: f64 = 1e6;

/// An epoch that is to be trained, or the rest of one that was halted.
pub struct Epoch<'a> {
    /// The step it belongs to.
    pub step: &'a str,
    /// Counted from 1.
    pub number: u32,
    /// Records of the epochs before it.
    pub history: &'a [EpochRecord],
    pub(crate) outputs: &'a [&'static str],
    /// How far the outputs came before; empty if the epoch is new.
    pub(crate) halted: &'a [Headway],
    /// The last epoch whose state is saved; 0 for none.
    pub(crate) last_good: u32,
    /// Tells of a batch.
    pub(crate) tick: &'a (dyn Fn() + Sync),
    /// Whether training is to be halted.
    pub(crate) halts: &'a (dyn Fn() -> bool + Sync),
}

/// How far an epoch of one output has come: with weights and optimiser, all that the rest of it depends on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Headway {
    /// Batches trained on.
    pub batches: usize,
    /// Where the epoch's streams of random numbers stand, in words.
    pub words: Vec<u64>,
    /// Logits of the images of these batches as the model gave them then, one row an image.
    pub logits: Vec<f32>,
}

/// Batches done and places in streams, without what the model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) batches: usize,
    pub(crate) words: Vec<u64>,
}

/// How the training of an epoch ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Trained {
    /// With its last batch: scores by output, over the images as they were seen.
    Whole(Vec<Score>),
    /// It was left after a batch, by output.
    Halted(Vec<Headway>),
}

impl Epoch<'_> {
    /// The epoch of an output, at its first batch or where it was halted.
    pub fn lane(&self, output: usize, learning_rate: f64) -> Lane<'_> {
        let way = self.halted.get(output).cloned().unwrap_or_default();
        Lane { epoch: self, output, learning_rate, way }
    }

    /// What the lanes of all outputs make of the epoch, in batches of `size`; `labels` are `i64 [images]` in the
    /// order of the epoch.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss of a batch was no sensible number.
    pub fn ended(&self, lanes: Vec<Lane<'_>>, size: usize, labels: &Tensor) -> Result<Trained, TrainError> {
        let batches = labels.numel().div_ceil(size.max(1));
        if lanes.iter().any(|lane| lane.way.batches < batches) {
            return Ok(Trained::Halted(lanes.into_iter().map(|lane| lane.way).collect()));
        }
        let labels = labels.f_to(Device::Cpu)?;
        let scores = lanes.into_iter().map(|lane| {
            let score =
                Score::of(&Tensor::f_from_slice(&lane.way.logits)?.f_view([labels.numel() as i64, -1])?, &labels)?;
            if !sensible(score.loss) {
                lane.find(size, &Vec::try_from(&labels)?)?;
            }
            Ok(score)
        });
        Ok(Trained::Whole(scores.collect::<Result<_, TrainError>>()?))
    }
}

/// The epoch of one output under way.
#[derive(Clone)]
pub struct Lane<'a> {
    epoch: &'a Epoch<'a>,
    output: usize,
    /// That of the batch it is at.
    pub learning_rate: f64,
    /// How far it has come.
    pub way: Headway,
}

impl Lane<'_> {
    /// Puts a stream of random numbers, the epoch's `n`th, where it stood when the epoch was halted.
    pub fn seek(&self, n: usize, stream: &mut Stream) {
        if let Some(&words) = self.way.words.get(n) {
            stream.set_word_pos(words.into());
        }
    }

    /// Notes where the epoch's streams stand.
    pub fn note(&mut self, streams: &[&Stream]) {
        self.way.words = streams.iter().map(|stream| stream.get_word_pos() as u64).collect();
    }

    /// The part of an epoch's images that is left, in batches of `size`.
    pub fn left<'i, T>(&self, images: &'i [T], size: usize) -> &'i [T] {
        &images[(self.way.batches * size).min(images.len())..]
    }

    /// Refuses the loss of the batch at hand if it is no number, or beyond all reason.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] with epoch, batch and learning rate.
    pub fn check(&self, loss: f64) -> Result<(), TrainError> {
        self.check_at(self.way.batches, loss)
    }

    /// As [`Lane::check`], from logits, one row an image; quick where nothing is wrong.
    pub(crate) fn check_logits(&self, logits: &[f32], labels: &[i64]) -> Result<(), TrainError> {
        // No loss is larger than the largest difference of two logits and the logarithm of the number of classes.
        if logits.iter().all(|logit| logit.abs() < 1e5) {
            return Ok(());
        }
        self.check(batch_loss(logits, labels))
    }

    /// Counts a batch as done. False if training is to be halted after it.
    pub fn batch_done(&mut self) -> bool {
        self.way.batches += 1;
        (self.epoch.tick)();
        !self.halts()
    }

    /// Whether training is to be halted after the batch at hand.
    pub(crate) fn halts(&self) -> bool {
        (self.epoch.halts)()
    }

    /// Adds logits `[batch, classes]` of batches done, in order.
    ///
    /// # Errors
    /// [`TrainError::Torch`].
    pub fn add(&mut self, seen: &[Tensor]) -> Result<(), TrainError> {
        if !seen.is_empty() {
            self.way.logits.extend(Vec::<f32>::try_from(Tensor::f_cat(seen, 0)?.f_reshape([-1])?)?);
        }
        Ok(())
    }

    /// Finds the batch of a whole epoch whose loss is to be refused.
    fn find(&self, size: usize, labels: &[i64]) -> Result<(), TrainError> {
        let classes = self.way.logits.len() / labels.len().max(1);
        let batches = self.way.logits.chunks((size * classes).max(1)).zip(labels.chunks(size.max(1)));
        batches.enumerate().try_for_each(|(n, (logits, labels))| self.check_at(n, batch_loss(logits, labels)))
    }

    fn check_at(&self, batch: usize, loss: f64) -> Result<(), TrainError> {
        if sensible(loss) {
            return Ok(());
        }
        let output = self.epoch.outputs.get(self.output).copied().unwrap_or_default();
        Err(TrainError::Diverged {
            step: self.epoch.step.to_owned(),
            epoch: self.epoch.number,
            batch: Some(batch + 1),
            what: fault(output, loss),
            learning_rate: self.learning_rate,
            last_good: self.epoch.last_good,
        })
    }
}

/// Whether a loss is one that training can go on with.
pub(crate) fn sensible(loss: f64) -> bool {
    loss.is_finite() && loss <= EXPLODED
}

/// What is wrong with a loss.
pub(crate) fn fault(output: &str, loss: f64) -> String {
    if loss.is_finite() {
        format!("the loss of `{output}` has grown to {loss:.1e}")
    } else {
        format!("the loss of `{output}` is not a finite number")
    }
}
