//! What values there are between layers.

use super::ByteRange;
use crate::model::PIXEL_SCALE;
use crate::{Folded, TrainedModel};

/// Most values kept of a channel.
const MOST_KEPT: usize = 1 << 18;
/// Most values kept of all channels of a folded network, of which there may be many.
const MOST_KEPT_OF_ALL: usize = 1 << 22;
/// Steps of the search for the range of least error.
const STEPS: usize = 100;

/// What a model answers to some images, and what its layers hand to each other, in the order of
/// [`TrainedModel::forward`].
pub(super) struct Calibration {
    /// `[layer][channel]`
    between: Vec<Vec<Values>>,
    /// `[layer]`, of the image first, then `[channel][height][width]`.
    means: Vec<Vec<f64>>,
    /// `[image][class]`
    pub(super) logits: Vec<f64>,
}

/// What is seen of a layer.
#[derive(Clone)]
pub(super) struct Seen {
    /// Of each channel, least and most of what bytes stand for; zero is always in it.
    pub(super) ranges: Vec<[f64; 2]>,
    /// Mean of each value, `[channel][height][width]`.
    pub(super) means: Vec<f64>,
}

/// Values of a channel: the extremes, and evenly spaced ones, sorted.
#[derive(Default)]
struct Values {
    least: f64,
    most: f64,
    kept: Vec<f64>,
    /// Values to pass over before the next one is kept.
    ahead: usize,
}

impl Calibration {
    /// Images are `[height][width][channel]`.
    pub(super) fn new(model: &TrainedModel, images: &[u8]) -> Self {
        let [channels, height, width] = model.input();
        let pixels = channels * height * width;
        let count = images.len() / pixels;
        let (mut between, mut logits) = (Vec::<Vec<Values>>::new(), Vec::new());
        let mut means = vec![];
        let outputs = |folded: &Folded| folded.network.operations.iter().map(|o| usize::from(o.outputs)).sum::<usize>();
        let most = model.folded().map_or(MOST_KEPT, |folded| (MOST_KEPT_OF_ALL / outputs(folded).max(1)).max(1));
        for image in images.chunks_exact(pixels) {
            let value = |i: usize| f64::from(image[i % (height * width) * channels + i / (height * width)]);
            let image: Vec<f64> = (0..pixels).map(|i| value(i) / f64::from(PIXEL_SCALE)).collect();
            let mut place = 0;
            add(&mut means, 0, &image);
            logits.extend(model.forward(&image, &mut |values, channels| {
                if place == between.len() {
                    between.push((0..channels).map(|_| Values::default()).collect());
                }
                for (channel, values) in between[place].iter_mut().zip(values.chunks_exact(values.len() / channels)) {
                    channel.add(values, count, most);
                }
                place += 1;
                add(&mut means, place, values);
            }));
        }
        for values in between.iter_mut().flatten() {
            values.kept.sort_unstable_by(f64::total_cmp);
        }
        means.iter_mut().flatten().for_each(|mean| *mean /= count as f64);
        Self { between, means, logits }
    }

    /// What layers hand on.
    pub(super) fn seen(&self, range: ByteRange) -> Vec<Seen> {
        let seen = |(channels, means): (&Vec<Values>, &Vec<f64>)| Seen {
            ranges: channels.iter().map(|values| values.range(range)).collect(),
            means: means.clone(),
        };
        self.between.iter().zip(&self.means[1..]).map(seen).collect()
    }

    /// Mean of each pixel, `[channel][height][width]`.
    pub(super) fn image(&self) -> &[f64] {
        &self.means[0]
    }

    /// Mean Kullback-Leibler divergence of the answers' probabilities from the model's own.
    pub(super) fn divergence(&self, found: &[f32], classes: usize) -> f64 {
        let images = self.logits.chunks_exact(classes).zip(found.chunks_exact(classes));
        let count = images.len() as f64;
        let of_image = |(expected, found): (&[f64], &[f32])| {
            let found: Vec<f64> = found.iter().copied().map(f64::from).collect();
            let (expected, found) = (log_probabilities(expected), log_probabilities(&found));
            expected.iter().zip(found).map(|(p, q)| p.exp() * (p - q)).sum::<f64>()
        };
        images.map(of_image).sum::<f64>() / count
    }
}

/// Means of channels.
pub(super) fn means(values: &[f64], channels: usize) -> impl Iterator<Item = f64> {
    let area = values.len() / channels;
    values.chunks_exact(area).map(move |channel| channel.iter().sum::<f64>() / area as f64)
}

/// Adds values to the sums of a layer.
fn add(sums: &mut Vec<Vec<f64>>, layer: usize, values: &[f64]) {
    if layer == sums.len() {
        sums.push(vec![0.0; values.len()]);
    }
    for (sum, value) in sums[layer].iter_mut().zip(values) {
        *sum += value;
    }
}

impl Values {
    fn add(&mut self, values: &[f64], images: usize, most: usize) {
        // Odd, so that not always the same columns are kept.
        let step = (images * values.len()).div_ceil(most) | 1;
        self.kept.extend(values.iter().skip(self.ahead).step_by(step));
        let kept = values.len().saturating_sub(self.ahead).div_ceil(step);
        self.ahead = self.ahead + kept * step - values.len();
        for &value in values {
            self.least = self.least.min(value);
            self.most = self.most.max(value);
        }
    }

    fn range(&self, range: ByteRange) -> [f64; 2] {
        let [least, most] = match range {
            ByteRange::Full => [self.least, self.most],
            ByteRange::Share(share) => {
                let last = (self.kept.len() - 1) as f64;
                let at = |share: f64| self.kept[(share * last).round().clamp(0.0, last) as usize];
                [at(1.0 - share).min(0.0), at(share).max(0.0)]
            }
            ByteRange::LeastError => {
                let candidates = (1..=STEPS).map(|step| {
                    let part = step as f64 / STEPS as f64;
                    [self.least * part, self.most * part]
                });
                let errors = candidates.map(|range| (self.error(range), range));
                errors.fold((f64::INFINITY, [0.0; 2]), |a, b| if b.0 < a.0 { b } else { a }).1
            }
        };
        // All zero: any range will do.
        if most > least { [least, most] } else { [0.0, 1.0] }
    }

    /// Squared error of the values as bytes of a range.
    fn error(&self, [least, most]: [f64; 2]) -> f64 {
        let scale = (most - least) / 255.0;
        if scale <= 0.0 {
            return f64::INFINITY;
        }
        let zero = (-least / scale).round();
        let off = |value: f64| ((value / scale + zero).round().clamp(0.0, 255.0) - zero) * scale - value;
        self.kept.iter().map(|&value| off(value).powi(2)).sum()
    }
}

fn log_probabilities(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = logits.iter().map(|v| (v - largest).exp()).sum();
    logits.iter().map(|v| v - largest - sum.ln()).collect()
}
