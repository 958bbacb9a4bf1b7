//! Networks of convolutions with batch norm, residual additions and pooling: forward and backward, 16 images at a time.

mod conv;
mod depthwise;
mod map;
mod norm;
mod passes;
mod pool;
mod room;
mod separable;
mod shape;

pub use map::Images;
pub use pool::Pooling;
pub use room::Room;
pub use shape::{Filters, NetworkShape, Step, Unit};

use self::conv::Conv;
use self::map::{Map, Vector, values, values_mut};
use self::norm::{Affine, EPSILON, Mix};
use self::passes::{Convolution, Target};
use self::separable::Separable;
use crate::conv::sum;
use crate::dense;
use crate::simd::{LANES, Level};

/// A network's weights, arranged for the kernels.
///
/// The 16 images that are worked on together are also those that batch norm looks at in training: what is computed of
/// them does not depend on others, so groups of a batch can be computed one after the other, in the cache, or side by
/// side.
#[derive(Debug)]
pub struct NetworkKernel {
    level: Level,
    shape: NetworkShape,
    maps: Vec<Map>,
    units: Vec<UnitKernel>,
    head: Vec<f32>,
    head_bias: Vec<f32>,
}

#[derive(Debug)]
struct UnitKernel {
    convolution: Convolution,
    forward: Vec<f32>,
    backward: Vec<f32>,
    /// Batch norm's factors and summands.
    scale: Vec<f32>,
    shift: Vec<f32>,
    /// What it does outside of training.
    running: Vec<Affine>,
}

/// What batch norm saw.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    /// Of the 16 images.
    pub mean: f32,
    /// The unbiased estimate.
    pub variance: f32,
}

impl NetworkKernel {
    /// A network of zeros.
    ///
    /// # Errors
    /// What is wrong with the shape.
    pub fn new(shape: &NetworkShape, level: Level) -> Result<Self, String> {
        if let Some(fault) = shape.fault() {
            return Err(fault);
        }
        let maps = shape.maps();
        let unit = |(_, unit, map): (usize, Unit, Map)| {
            let out = unit.out(map);
            let convolution = match unit.filters {
                Filters::Full { kernel, out } => Convolution::Full(Conv { kernel, map, out }),
                Filters::Depthwise => Convolution::Depthwise(map),
                Filters::Separable { out } => Convolution::Separable(Separable { map, out }),
            };
            UnitKernel {
                convolution,
                forward: Vec::new(),
                backward: Vec::new(),
                scale: vec![0.0; out],
                shift: vec![0.0; out],
                running: vec![Affine::default(); out],
            }
        };
        let features = maps[maps.len() - 1].channels;
        let mut kernel = Self {
            level,
            shape: shape.clone(),
            units: shape.units(&maps).map(unit).collect(),
            head: vec![0.0; shape.classes * features],
            head_bias: vec![0.0; shape.classes],
            maps,
        };
        kernel.set_weights(&vec![0.0; shape.parameters()]);
        Ok(kernel)
    }

    /// Its shape.
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// Takes over weights, `[parameters]` in the order of [`NetworkShape::parameters`].
    ///
    /// # Panics
    /// If there are not as many.
    pub fn set_weights(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.shape.parameters(), "weights of another shape");
        let mut rest = weights;
        let mut take = |count: usize| {
            let (piece, after) = rest.split_at(count);
            rest = after;
            piece
        };
        for ((_, unit, map), kernel) in self.shape.units(&self.maps).zip(&mut self.units) {
            let of_filters = take(unit.weights(map));
            match &kernel.convolution {
                Convolution::Full(conv) => {
                    conv.pack(of_filters, &mut kernel.forward);
                    conv.pack_back(of_filters, &mut kernel.backward);
                }
                Convolution::Depthwise(_) => {
                    kernel.forward = of_filters.to_vec();
                    kernel.backward = of_filters.to_vec();
                }
                Convolution::Separable(separable) => {
                    separable.pack(of_filters, &mut kernel.forward, &mut kernel.backward);
                }
            }
            kernel.scale.copy_from_slice(take(unit.out(map)));
            kernel.shift.copy_from_slice(take(unit.out(map)));
        }
        let head = self.head.len();
        self.head.copy_from_slice(take(head));
        self.head_bias.copy_from_slice(rest);
    }

    /// Takes over what batch norms go by outside of training: means and variances `[normed]`, unit by unit.
    ///
    /// # Panics
    /// If there are not as many as [`NetworkShape::normed`].
    pub fn set_statistics(&mut self, means: &[f32], variances: &[f32]) {
        assert_eq!((means.len(), variances.len()), (self.shape.normed(), self.shape.normed()), "of another shape");
        let mut pairs = means.iter().zip(variances);
        for unit in &mut self.units {
            let affine = unit.scale.iter().zip(&unit.shift).zip(&mut unit.running);
            for (((scale, shift), to), (mean, variance)) in affine.zip(&mut pairs) {
                *to = affine_of(*scale, *shift, f64::from(*mean), f64::from(*variance));
            }
        }
    }

    /// Room for 16 images.
    pub fn images(&self) -> Images {
        Images::new(self.maps[0])
    }

    /// Room for what is computed of 16 images, and for the sums of gradients.
    pub fn room(&self) -> Room {
        Room::new(&self.shape, &self.maps, self.units.iter().map(|unit| unit.convolution.between()).collect())
    }

    /// Computes logits `[class][16]` with the running statistics.
    ///
    /// # Panics
    /// If images or room are of another shape.
    pub fn answer(&self, images: &Images, room: &mut Room) {
        self.pass(images, room, false);
    }

    /// Computes logits, batch norm going by these 16 images, none of which may be empty.
    ///
    /// # Panics
    /// As [`NetworkKernel::answer`].
    pub fn forward(&self, images: &Images, room: &mut Room) {
        self.pass(images, room, true);
    }

    fn pass(&self, images: &Images, room: &mut Room, training: bool) {
        assert!(room.shape == self.shape && images.map == self.maps[0], "room of another network");
        let Room { values: made, raw, between, moments, affine, sums, means, logits, .. } = room;
        let (mut unit_number, mut normed) = (0, 0);
        for (i, step) in self.shape.steps.iter().enumerate() {
            let (before, after) = made.split_at_mut(i);
            let value = |number: usize| if number == 0 { &images.vectors[..] } else { &before[number - 1][..] };
            let output = &mut after[0][..];
            match step {
                Step::Pool { input, pooling } => {
                    pool::forward(self.level, *pooling, &self.maps[*input], value(*input), output);
                }
                Step::Unit(unit) => {
                    let UnitKernel { convolution, forward, scale, shift, running, .. } = &self.units[unit_number];
                    let (map, raw) = (convolution.output(), &mut raw[unit_number][..]);
                    let sums = if training { &mut sums[..2 * map.channels] } else { &mut [] };
                    sums.fill(Vector::ZERO);
                    let between = &mut between[unit_number];
                    passes::convolve(self.level, convolution, value(unit.input), forward, between, raw, sums);
                    let places = normed..normed + map.channels;
                    if training {
                        let count = (map.pixels() * LANES) as f64;
                        let of = sums.as_chunks::<2>().0.iter().zip(scale).zip(shift);
                        let to = moments[places.clone()].iter_mut().zip(&mut affine[places.clone()]);
                        for ((([values, squares], scale), shift), (moments, affine)) in of.zip(to) {
                            let mean = f64::from(sum(&values.0)) / count;
                            let variance = (f64::from(sum(&squares.0)) / count - mean * mean).max(0.0);
                            *affine = affine_of(*scale, *shift, mean, variance);
                            let variance = (variance * count / (count - 1.0)) as f32;
                            *moments = Moments { mean: mean as f32, variance };
                        }
                    }
                    let affine = if training { &affine[places] } else { &running[..] };
                    norm::apply(self.level, &map, affine, raw, unit.added.map(value), unit.relu, output);
                    unit_number += 1;
                    normed += map.channels;
                }
            }
        }
        let last = self.maps.len() - 1;
        pool::mean(&self.maps[last], &made[last - 1], means);
        dense::forward(self.level, &self.head, &self.head_bias, values(means), values_mut(logits));
    }

    /// Adds what the 16 images of the last [`NetworkKernel::forward`] say to the room's sums of gradients. `by_logits`
    /// `[class][16]` are the loss's gradients by the logits.
    ///
    /// # Panics
    /// As [`NetworkKernel::answer`].
    pub fn backward(&self, images: &Images, by_logits: &[f32], room: &mut Room) {
        assert!(room.shape == self.shape && images.map == self.maps[0], "room of another network");
        assert_eq!(by_logits.len(), self.shape.classes * LANES);
        let Room { values: made, raw, between, moments, sums, means, by_means, gradients, plan, weight_sums, .. } =
            room;
        let last = self.maps.len() - 1;

        // Weight sums lie as weights do.
        let of_head = self.head.len() + self.head_bias.len();
        let (of_units, head) = weight_sums.split_at_mut(self.shape.parameters() - of_head);
        let (head, head_bias) = head.split_at_mut(self.head.len());
        dense::weight_gradients(self.level, values(means), by_logits, values_mut(head));
        dense::bias_gradients(by_logits, values_mut(head_bias));
        dense::input_gradients(self.level, &self.head, by_logits, values_mut(by_means));
        pool::mean_back(&self.maps[last], by_means, &mut gradients[plan.slots[last]]);

        let mut rest = of_units;
        let (mut unit_number, mut normed) = (self.units.len(), self.shape.normed());
        for (i, step) in self.shape.steps.iter().enumerate().rev() {
            let value = |number: usize| if number == 0 { &images.vectors[..] } else { &made[number - 1][..] };
            let mut own = std::mem::take(&mut gradients[plan.slots[i + 1]]);
            let first = plan.first[i];
            match step {
                Step::Pool { input, pooling } => {
                    let to = Target { gradient: &mut gradients[plan.slots[*input]], first: first.input };
                    pool::back(self.level, *pooling, &self.maps[*input], value(*input), &own, to);
                }
                Step::Unit(unit) => {
                    unit_number -= 1;
                    let kernel = &self.units[unit_number];
                    let (map, raw) = (kernel.convolution.output(), &raw[unit_number][..]);
                    normed -= map.channels;
                    let sums = &mut sums[..2 * map.channels];
                    sums.fill(Vector::ZERO);
                    let added = unit
                        .added
                        .map(|added| Target { gradient: &mut gradients[plan.slots[added]], first: first.added });
                    let output = unit.relu.then(|| value(i + 1));
                    norm::back(self.level, &map, raw, output, &mut own, added, sums);
                    let count = unit.weights(self.maps[unit.input]);
                    let (before, of_unit) = rest.split_at_mut(rest.len() - count - 2 * map.channels);
                    rest = before;
                    let (of_filters, of_norm) = of_unit.split_at_mut(count);
                    let mix = kernel.mix(sums, &moments[normed..normed + map.channels], of_norm);
                    let by_input = (unit.input > 0)
                        .then(|| Target { gradient: &mut gradients[plan.slots[unit.input]], first: first.input });
                    passes::convolve_back(
                        self.level,
                        &kernel.convolution,
                        &mix,
                        raw,
                        value(unit.input),
                        &kernel.backward,
                        &mut own,
                        by_input,
                        of_filters,
                        &mut between[unit_number],
                    );
                }
            }
            gradients[plan.slots[i + 1]] = own;
        }
    }
}

impl UnitKernel {
    /// From the sums of gradients, and of these times values, to what the second pass does to each channel; factors' and
    /// summands' gradients are added to `of_norm`, `[2][channel][16]`, in the first lane.
    fn mix(&self, sums: &[Vector], moments: &[Moments], of_norm: &mut [Vector]) -> Vec<Mix> {
        let map = self.convolution.output();
        let count = (map.pixels() * LANES) as f64;
        let (by_scale, by_shift) = of_norm.split_at_mut(map.channels);
        let sums = sums.as_chunks::<2>().0.iter();
        let each = sums.zip(moments).zip(&self.scale).zip(by_scale.iter_mut().zip(by_shift));
        each.map(|((([gradients, products], moments), scale), (by_scale, by_shift))| {
            let mean = f64::from(moments.mean);
            let variance = f64::from(moments.variance) * (count - 1.0) / count;
            let inverse = 1.0 / (variance + EPSILON).sqrt();
            let gradient = f64::from(sum(&gradients.0));
            // Of the gradients times the normalised values.
            let product = inverse * (f64::from(sum(&products.0)) - mean * gradient);
            by_scale.0[0] += product as f32;
            by_shift.0[0] += gradient as f32;
            let factor = f64::from(*scale) * inverse;
            Mix {
                by_gradient: factor as f32,
                by_raw: (-factor * inverse * product / count) as f32,
                summand: (factor * (inverse * mean * product - gradient) / count) as f32,
            }
        })
        .collect()
    }
}

fn affine_of(scale: f32, shift: f32, mean: f64, variance: f64) -> Affine {
    let factor = f64::from(scale) / (variance + EPSILON).sqrt();
    Affine { factor: factor as f32, summand: (f64::from(shift) - mean * factor) as f32 }
}
