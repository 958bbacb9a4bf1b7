use litecnn_model::ModelError;
use rand::{Rng, RngExt};
use tch::{Device, Kind, Tensor};

use crate::graph::{Axis, Graph, Op, Shape};
use crate::schedule::Schedule;
use crate::{State, Variable, ZooError};

/// A network that computes: a [`Graph`] and values for its variables.
#[derive(Debug)]
pub struct Model {
    graph: Graph,
    schedule: Schedule,
    state: State,
}

/// Is shown the number of a node when its value is made, and all values there are.
type See<'a> = dyn FnMut(usize, &[Option<Tensor>]) + 'a;

/// Added to the variance in a batch norm.
pub(crate) const EPSILON: f64 = 1e-5;
/// Weight of a batch's statistics in the running ones.
const MOMENTUM: f64 = 0.1;

impl Model {
    /// A fresh model: weights drawn as the description says, running means 0 and variances 1.
    ///
    /// # Errors
    /// [`ZooError::Torch`] if the device has no room or does not exist.
    pub fn new(graph: Graph, device: Device, rng: &mut impl Rng) -> Result<Self, ZooError> {
        let state = State::start(&graph, device, rng)?;
        Ok(Self { schedule: Schedule::of(&graph), graph, state })
    }

    /// A model of zeros, to be filled with known values.
    ///
    /// # Errors
    /// [`ZooError::Torch`] if the device has no room or does not exist.
    pub fn zeros(graph: Graph, device: Device) -> Result<Self, ZooError> {
        let state = State::zeros(&graph, device)?;
        Ok(Self { schedule: Schedule::of(&graph), graph, state })
    }

    /// Its operations and shapes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Values of its variables.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Values of its variables, to change them.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Where its variables are and where images must be.
    pub fn device(&self) -> Device {
        self.state.weights().device()
    }

    /// Its variables with their values, in the order their layers stand.
    pub fn variables(&self) -> impl Iterator<Item = (&Variable, &Tensor)> {
        self.graph.variables.iter().zip(self.state.views())
    }

    /// The value of a variable by name.
    ///
    /// # Errors
    /// [`ModelError::Missing`].
    pub fn get(&self, name: &str) -> Result<&Tensor, ZooError> {
        let found = self.variables().find(|(variable, _)| variable.name == name);
        found.map(|(_, value)| value).ok_or_else(|| {
            let found = self.graph.variables.iter().map(|v| v.name.clone()).collect();
            ModelError::Missing { layer: name.into(), found }.into()
        })
    }

    /// Overwrites a variable.
    ///
    /// # Errors
    /// [`ModelError::Missing`], or [`ModelError::Shape`] if the new value has another shape.
    pub fn set(&mut self, name: &str, value: &Tensor) -> Result<(), ZooError> {
        let mut view = self.get(name)?.f_detach()?;
        let (expected, found) = (view.size(), value.size());
        if expected != found {
            return Err(ModelError::Shape { layer: name.into(), expected, found }.into());
        }
        view.f_copy_(value)?;
        Ok(())
    }

    /// Results `[batch, ...]` of images `[batch, channels, height, width]` in inference: batch norms use running
    /// statistics, nothing is dropped. Called within `tch::no_grad` where no gradients are wanted, it needs less
    /// memory.
    ///
    /// # Errors
    /// [`ZooError::Images`] if the images have another shape, [`ZooError::Torch`] if they are elsewhere.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ZooError> {
        self.run(images, None, None)
    }

    /// The same in training: batch norms use the batch's statistics and update their running ones, and dropout drops
    /// what `rng` says.
    ///
    /// # Errors
    /// As [`Model::forward`]; [`ZooError::Batch`] if a batch norm has one value a channel.
    pub fn forward_train(&mut self, images: &Tensor, rng: &mut impl Rng) -> Result<Tensor, ZooError> {
        self.run(images, Some(rng), None)
    }

    /// [`Model::forward`] that shows every value when it is made.
    pub(crate) fn watch(&self, images: &Tensor, see: &mut See<'_>) -> Result<Tensor, ZooError> {
        self.run(images, None, Some(see))
    }

    fn run(
        &self,
        images: &Tensor,
        mut training: Option<&mut dyn Rng>,
        mut see: Option<&mut See<'_>>,
    ) -> Result<Tensor, ZooError> {
        let found = images.size();
        let expected = self.graph.input().dims();
        if found.len() != 4 || found[1..] != expected {
            let expected = expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(ZooError::Images { expected, found });
        }
        let mut values: Vec<Option<Tensor>> = Vec::with_capacity(self.graph.nodes.len());
        for i in 0..self.graph.nodes.len() {
            let value = match self.graph.nodes[i].op {
                Op::Input if self.channels_last() => channels_last(images)?,
                Op::Input => images.shallow_clone(),
                _ => self.compute(i, &values, training.as_deref_mut(), see.is_none())?,
            };
            values.push(Some(value));
            if let Some(see) = &mut see {
                see(i, &values);
            }
            for &value in &self.schedule.freed[i] {
                values[value] = None;
            }
        }
        Ok(values.swap_remove(self.graph.output).expect("the result is never freed"))
    }

    fn channels_last(&self) -> bool {
        self.schedule.channels_last && self.device() == Device::Cpu
    }

    /// The value of node `i` from those of the nodes before it. If rectifiers may come `early`, parts of a concatenation
    /// may be rectified where they are made, so that not every value is what its node says.
    fn compute(
        &self,
        i: usize,
        values: &[Option<Tensor>],
        training: Option<&mut (dyn Rng + '_)>,
        early: bool,
    ) -> Result<Tensor, ZooError> {
        let node = &self.graph.nodes[i];
        let input = |k: usize| values[node.inputs[k]].as_ref().expect("a value is kept until its last use");
        let view = |variable: usize| &self.state.views()[variable];
        let x = input(0);
        let batch = x.size()[0];
        let value = match node.op {
            Op::Input => x.shallow_clone(),
            Op::Conv { weight, bias, stride, padding, groups } => {
                let picked = picked(x, &view(weight).size(), stride, padding)?;
                let (x, stride) = picked.as_ref().map_or((x, stride), |picked| (picked, [1, 1]));
                let conv = |x: &Tensor| x.f_conv2d(view(weight), bias.map(view), stride, padding, [1, 1], groups);
                match self.channels_last() && better_first(&view(weight).size()) {
                    true => channels_last(&conv(&x.f_contiguous()?)?)?,
                    false => conv(x)?,
                }
            }
            Op::Linear { weight, bias } => x.f_linear(view(weight), bias.map(view))?,
            Op::BatchNorm { scale, shift, mean, variance } => {
                if training.is_some() && batch * node.shape.positions() <= 1 {
                    return Err(ZooError::Batch { layer: node.name.clone() });
                }
                let [scale, shift, mean, variance] = [scale, shift, mean, variance].map(|v| Some(view(v)));
                x.f_batch_norm(scale, shift, mean, variance, training.is_some(), MOMENTUM, EPSILON, true)?
            }
            Op::Relu | Op::Relu6 if early && self.schedule.done[i] => x.shallow_clone(),
            Op::Relu if self.schedule.in_place[i] => x.shallow_clone().f_relu_()?,
            Op::Relu => x.f_relu()?,
            Op::Relu6 if self.schedule.in_place[i] => x.shallow_clone().f_relu6_()?,
            Op::Relu6 => x.f_relu6()?,
            Op::Sigmoid => x.f_sigmoid()?,
            Op::MaxPool(w) => x.f_max_pool2d([w.size; 2], [w.stride; 2], [w.padding; 2], [1, 1], false)?,
            Op::AveragePool(w) => x.f_avg_pool2d([w.size; 2], [w.stride; 2], [w.padding; 2], false, true, None)?,
            Op::GlobalAverage => x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?,
            Op::Reshape => x.f_reshape(with_batch(batch, node.shape))?,
            Op::Dropout { rate } => match training {
                Some(rng) if rate > 0.0 => x.f_mul(&kept(x, rate, rng)?)?,
                _ => x.shallow_clone(),
            },
            Op::Shuffle { groups } if self.channels_last() => {
                // [batch, height, width, channels], the order of memory.
                let x = x.f_permute([0, 2, 3, 1])?;
                let size = x.size();
                let rows = x.f_reshape([batch, size[1], size[2], groups, size[3] / groups])?;
                rows.f_transpose(3, 4)?.f_reshape(size.as_slice())?.f_permute([0, 3, 1, 2])?
            }
            Op::Shuffle { groups } => {
                let size = x.size();
                let rows = x.f_reshape([batch, groups, size[1] / groups, size[2], size[3]])?;
                rows.f_transpose(1, 2)?.f_reshape(size.as_slice())?
            }
            Op::Swap(Axis::Height) => x.f_transpose(1, 2)?,
            Op::Swap(Axis::Width) => x.f_transpose(1, 3)?,
            Op::Concat => {
                let parts: Vec<&Tensor> = (0..node.inputs.len()).map(input).collect();
                for part in &parts {
                    match self.schedule.early[i].filter(|_| early).map(|rectifier| &self.graph.nodes[rectifier].op) {
                        Some(Op::Relu6) => drop(part.shallow_clone().f_relu6_()?),
                        Some(_) => drop(part.shallow_clone().f_relu_()?),
                        None => {}
                    }
                }
                Tensor::f_cat(&parts, 1)?
            }
            Op::Add if self.schedule.in_place[i] => x.shallow_clone().f_add_(input(1))?,
            Op::Add => x.f_add(input(1))?,
            Op::Gate => x.f_mul(&input(1).f_view([batch, node.shape.channels(), 1, 1])?)?,
        };
        Ok(value)
    }
}

/// The pixels that a 1x1 convolution with a larger step sees, if its input channels do not come in eights: for such
/// libtorch 2.13 computes weight gradients on CPUs with AVX2, but not AVX-512, in memory it does not have (oneDNN's `jit_1x1:avx2`).
fn picked(x: &Tensor, weight: &[i64], stride: [i64; 2], padding: [i64; 2]) -> Result<Option<Tensor>, tch::TchError> {
    if weight[2..] != [1, 1] || padding != [0, 0] || stride == [1, 1] || weight[1] % 8 == 0 {
        return Ok(None);
    }
    x.f_slice(2, None, None, stride[0])?.f_slice(3, None, None, stride[1]).map(Some)
}

/// Whether a convolution is faster on maps that lie channels first, and worth the copies: with 512 channels, kernels
/// larger than 1x1 take 1.2 to 2.6 times as long channels last; with 256, as long; with 128, less.
fn better_first(kernel: &[i64]) -> bool {
    kernel[2..] != [1, 1] && kernel[0] * kernel[1] >= 256 * 512
}

/// The same maps with all channels of a position side by side in memory.
fn channels_last(maps: &Tensor) -> Result<Tensor, ZooError> {
    Ok(maps.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}

/// The shape of a batch of values.
fn with_batch(batch: i64, shape: Shape) -> Vec<i64> {
    let mut size = vec![batch];
    size.extend(shape.dims());
    size
}

/// Factors for dropout: 0 with probability `rate`, else what keeps the mean.
fn kept(x: &Tensor, rate: f64, rng: &mut (dyn Rng + '_)) -> Result<Tensor, ZooError> {
    let grown = (1.0 / (1.0 - rate)) as f32;
    let factor = || if rng.random::<f64>() < rate { 0.0 } else { grown };
    let factors: Vec<f32> = std::iter::repeat_with(factor).take(x.numel()).collect();
    Ok(Tensor::f_from_slice(&factors)?.f_view(x.size().as_slice())?.f_to(x.device())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::peak_values;
    use crate::{Network, Variant};
    use std::collections::HashMap;

    /// Shapes as inferred, and the most values really alive at once.
    fn check(network: &Network) -> i64 {
        let model = Model::zeros(network.graph().unwrap(), Device::Cpu).unwrap();
        let images = Tensor::zeros(with_batch(1, model.graph().input()), (Kind::Float, Device::Cpu));
        let mut peak = 0;
        let mut see = |i: usize, values: &[Option<Tensor>]| {
            let node = &model.graph().nodes[i];
            let made = values[i].as_ref().unwrap().size();
            assert_eq!(made, with_batch(1, node.shape), "{} {}: {:?}", network.name, node.name, node.op);
            // Values that lie in the same memory count once.
            let alive: HashMap<_, _> = values.iter().flatten().map(|v| (v.data_ptr(), v.numel() as i64)).collect();
            peak = peak.max(alive.values().sum());
        };
        let _ = tch::no_grad(|| model.watch(&images, &mut see)).unwrap();
        assert_eq!(peak, peak_values(model.graph()), "{}", network.name);
        peak
    }

    #[test]
    fn shapes_and_memory_are_as_told_from_the_description() {
        // Tests run side by side already.
        tch::set_num_threads(1);
        for variant in Variant::all() {
            check(&variant.network(10));
        }
        for (channels, side) in [(1, 28), (3, 32)] {
            let branch = litecnn_model::BranchSpec::paper(channels, side, side, 10);
            check(&Network::from(&branch));
            check(&Network::from(&litecnn_model::UnifiedSpec::paper(branch)));
        }
    }

    #[test]
    fn memory_by_hand() {
        // What the first batch norm reads and what it makes; later maps are smaller, and relu overwrites.
        let vgg = check(&Variant::find("vgg19-2").unwrap().network(10));
        assert_eq!(vgg, 2 * 64 * 32 * 32);
    }

    #[test]
    fn dropout_drops_its_part_and_keeps_the_mean() {
        use rand::SeedableRng;
        let x = Tensor::ones([400, 250], (Kind::Float, Device::Cpu));
        let dropped = x.f_mul(&kept(&x, 0.25, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0)).unwrap()).unwrap();
        let zeros = dropped.eq(0.0).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        assert!((zeros - 0.25).abs() < 0.01, "{zeros}");
        assert!((dropped.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.01);
        assert!((dropped.max().double_value(&[]) - 4.0 / 3.0).abs() < 1e-6);
    }
}
