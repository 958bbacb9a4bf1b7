use litecnn_model::ModelError;
use tch::{Device, Kind, TchError, Tensor};

use super::{Kernel, Params, Scales, is_observed};
use crate::model::EPSILON;
use crate::schedule::Schedule;
use crate::{Axis, Graph, Op, Role, Variable, ZooError};

/// A network whose values and weights are bytes; inference only, on the CPU.
///
/// It computes what PyTorch's static quantisation of single modules gives, without fusing any. Every convolution, batch
/// norm and dense layer gives bytes with a scale of its own; weights are 8 bits, biases and batch norms floats.
/// Rectifiers, pooling, shuffles and other moves keep the scale of what they read. Concatenations, sums, sigmoids and
/// gates are computed in floats and then made bytes. Sums of products are exact: they never saturate.
#[derive(Debug)]
pub struct Quantised {
    graph: Graph,
    scales: Scales,
    freed: Vec<Vec<usize>>,
    /// Of each node.
    params: Vec<Params>,
    /// Of each variable.
    variables: Vec<Stored>,
}

/// A variable's value in a quantised network.
#[derive(Debug)]
pub(super) enum Stored {
    Kernel(Kernel),
    Floats(Tensor),
    /// It reaches nothing.
    Nothing,
}

impl Stored {
    /// A variable's value, rounded if it is a weight that is multiplied.
    pub(super) fn of(variable: &Variable, value: &Tensor, scales: Scales) -> Result<Self, TchError> {
        Ok(match variable.role {
            _ if !variable.used => Self::Nothing,
            Role::ConvWeight | Role::LinearWeight => Self::Kernel(Kernel::round(value, scales)?),
            _ => Self::Floats(value.f_detach()?.f_to_device(Device::Cpu)?.f_to_dtype(Kind::Float, false, true)?),
        })
    }
}

impl Quantised {
    /// A network of known numbers: `own` has those of the nodes that get their own.
    pub(super) fn new(
        graph: Graph,
        scales: Scales,
        own: &[Option<Params>],
        variables: Vec<Stored>,
    ) -> Result<Self, ZooError> {
        let mut params: Vec<Params> = Vec::with_capacity(graph.nodes.len());
        for (node, own) in graph.nodes.iter().zip(own) {
            let inherited = || params.get(*node.inputs.first()?).copied();
            let found = own.or_else(inherited);
            params.push(found.ok_or_else(|| ModelError::Missing { layer: node.name.clone(), found: Vec::new() })?);
        }
        let freed = Schedule::of(&graph).freed;
        Ok(Self { graph, scales, freed, params, variables })
    }

    /// Its operations and shapes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// How many scales its weights have.
    pub fn scales(&self) -> Scales {
        self.scales
    }

    /// Results `f32 [batch, ...]` of images `f32 [batch, channels, height, width]` on the CPU, normalised as those of
    /// the calibration. Results are bytes, too: several may be equal.
    ///
    /// # Errors
    /// [`ZooError::Images`] if the images have another shape, [`ZooError::Torch`] if they are elsewhere.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ZooError> {
        self.watch(images, &mut |_, _| {})
    }

    /// Bytes of all that must be kept: one for each weight of convolutions and dense layers, four for each other
    /// weight, running statistic and scale, one for each zero point. A file has names besides.
    pub fn bytes(&self) -> usize {
        let of_variable = |stored: &Stored| match stored {
            Stored::Kernel(kernel) => kernel.integers.numel() + 4 * kernel.scales.numel(),
            Stored::Floats(values) => 4 * values.numel(),
            Stored::Nothing => 0,
        };
        self.variables.iter().map(of_variable).sum::<usize>() + 5 * self.own_params().count()
    }

    /// Weights of convolutions and dense layers that are not zero.
    ///
    /// # Errors
    /// [`ZooError::Torch`].
    pub fn non_zero(&self) -> Result<i64, ZooError> {
        self.kernels().map(|kernel| Ok(kernel.integers.f_count_nonzero(None)?.f_int64_value(&[])?)).sum()
    }

    pub(super) fn variables(&self) -> &[Stored] {
        &self.variables
    }

    pub(super) fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.variables.iter().filter_map(|stored| match stored {
            Stored::Kernel(kernel) => Some(kernel),
            _ => None,
        })
    }

    /// Those of nodes that do not inherit them.
    pub(super) fn own_params(&self) -> impl Iterator<Item = Params> {
        self.graph.nodes.iter().zip(&self.params).filter(|(node, _)| is_observed(&node.op)).map(|(_, &params)| params)
    }

    /// [`Quantised::forward`] that shows every value, as bytes, when it is made.
    pub(super) fn watch(&self, images: &Tensor, see: &mut dyn FnMut(usize, &Tensor)) -> Result<Tensor, ZooError> {
        let found = images.size();
        let expected = self.graph.input().dims();
        if found.len() != 4 || found[1..] != expected {
            let expected = expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(ZooError::Images { expected, found });
        }
        if found[0] == 0 {
            // libtorch's operations on bytes want some.
            let mut shape = self.graph.result().dims();
            shape.insert(0, 0);
            return Ok(Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?);
        }
        let images = images.f_detach()?;
        let mut values: Vec<Option<Tensor>> = Vec::with_capacity(self.graph.nodes.len());
        for i in 0..self.graph.nodes.len() {
            let value = self.compute(i, &images, &values)?;
            see(i, &value);
            values.push(Some(value));
            for &value in &self.freed[i] {
                values[value] = None;
            }
        }
        let result = values.swap_remove(self.graph.output).expect("the result is never freed");
        Ok(result.f_dequantize()?)
    }

    /// The value of node `i` from those of the nodes before it.
    fn compute(&self, i: usize, images: &Tensor, values: &[Option<Tensor>]) -> Result<Tensor, TchError> {
        let node = &self.graph.nodes[i];
        let output = self.params[i];
        let bytes = |x: Tensor| x.f_quantize_per_tensor(output.scale.into(), output.zero_point.into(), Kind::QUInt8);
        if node.op == Op::Input {
            return bytes(images.shallow_clone());
        }
        let value = |k: usize| values[node.inputs[k]].as_ref().expect("a value is kept until its last use");
        let floats = |k: usize| value(k).f_dequantize();
        let (x, input) = (value(0), self.params[node.inputs[0]]);
        let size = x.size();
        match node.op {
            Op::Input => unreachable!("done above"),
            Op::Conv { weight, bias, stride, padding, groups } => {
                let conv = |x: &Tensor, w: &Tensor| x.f_conv2d(w, None::<&Tensor>, stride, padding, [1, 1], groups);
                self.kernel(weight).compute(x, input, output, bias.map(|b| self.floats(b)), conv)
            }
            Op::Linear { weight, bias } => {
                let linear = |x: &Tensor, w: &Tensor| x.f_linear(w, None::<&Tensor>);
                self.kernel(weight).compute(x, input, output, bias.map(|b| self.floats(b)), linear)
            }
            Op::BatchNorm { scale, shift, mean, variance } => {
                let [scale, shift, mean, variance] = [scale, shift, mean, variance].map(|v| self.floats(v));
                let (step, zero) = (output.scale.into(), output.zero_point.into());
                // libtorch has it for maps only.
                let map = if size.len() == 2 { x.f_reshape([size[0], size[1], 1, 1])? } else { x.shallow_clone() };
                map.f_quantized_batch_norm(Some(scale), Some(shift), mean, variance, EPSILON, step, zero)?
                    .f_reshape(size)
            }
            Op::Relu => x.f_relu(),
            Op::Relu6 => x.f_clamp(0.0, 6.0),
            Op::Sigmoid => bytes(floats(0)?.f_sigmoid()?),
            Op::MaxPool(w) => channels_last(x)?.f_max_pool2d([w.size; 2], [w.stride; 2], [w.padding; 2], [1, 1], false),
            Op::AveragePool(w) => {
                channels_last(x)?.f_avg_pool2d([w.size; 2], [w.stride; 2], [w.padding; 2], false, true, None)
            }
            Op::GlobalAverage => channels_last(x)?.f_adaptive_avg_pool2d([1, 1])?.f_reshape([size[0], size[1]]),
            Op::Reshape => {
                let mut shape = node.shape.dims();
                shape.insert(0, size[0]);
                x.f_reshape(shape)
            }
            Op::Dropout { .. } => Ok(x.shallow_clone()),
            Op::Shuffle { groups } => {
                let rows = x.f_reshape([size[0], groups, size[1] / groups, size[2], size[3]])?;
                rows.f_transpose(1, 2)?.f_reshape(size)
            }
            Op::Swap(Axis::Height) => x.f_transpose(1, 2)?.f_contiguous(),
            Op::Swap(Axis::Width) => x.f_transpose(1, 3)?.f_contiguous(),
            Op::Concat => {
                let parts = (0..node.inputs.len()).map(floats).collect::<Result<Vec<_>, _>>()?;
                bytes(Tensor::f_cat(&parts, 1)?)
            }
            Op::Add => bytes(floats(0)?.f_add_(&floats(1)?)?),
            Op::Gate => bytes(floats(0)?.f_mul_(&floats(1)?.f_reshape([size[0], size[1], 1, 1])?)?),
        }
    }

    fn kernel(&self, variable: usize) -> &Kernel {
        match &self.variables[variable] {
            Stored::Kernel(kernel) => kernel,
            _ => unreachable!("an operation's weight is a kernel"),
        }
    }

    fn floats(&self, variable: usize) -> &Tensor {
        match &self.variables[variable] {
            Stored::Floats(values) => values,
            _ => unreachable!("an operation's other variables are floats"),
        }
    }
}

/// The same values as libtorch's poolings of bytes want them in memory: channels beside each other.
fn channels_last(x: &Tensor) -> Result<Tensor, TchError> {
    x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}
