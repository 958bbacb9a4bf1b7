use tch::{Device, Kind, Tensor};

use crate::spec::{KERNEL, POOL};
use crate::{HeadActivation, ModelError, UnifiedModel, UnifiedSpec};

/// A [`UnifiedModel`] re-arranged for answering only: the same logits to float rounding, in a fraction of the time.
///
/// The weights are a copy, as they were when it was made. For training, and wherever gradients, single branches or
/// weights by name are wanted, stay with the [`UnifiedModel`].
///
/// How it gets there, in the order of what it saves on a processor:
/// - Images lie innermost in memory (`[channels, height, width, batch]`), so every operation works on long rows.
/// - A convolution is one matrix product that gives the values of a pooling window as separate rows, and pooling
///   is the maximum of these. The general pooling of libtorch costs more than the convolutions do here.
/// - Both branches run in the same operations, bias and ReLU come after pooling, and heads without activation are
///   one linear map with the hidden layer.
/// - Large batches are worked through in pieces that stay in the cache.
#[derive(Debug)]
pub struct InferenceModel {
    spec: UnifiedSpec,
    convolutions: Vec<PooledConvolution>,
    /// Dense layers with ReLU, on columns: weight `[outputs, inputs]`, bias `[outputs, 1]`.
    dense: Vec<[Tensor; 2]>,
    /// Output layer, on rows: weight `[hidden, classes]`, bias `[classes]`.
    output: [Tensor; 2],
}

impl InferenceModel {
    /// The inference form of a model, on the model's device.
    ///
    /// # Errors
    /// [`ModelError::Torch`] if the device has no room.
    pub fn new(model: &UnifiedModel) -> Result<Self, ModelError> {
        tch::no_grad(|| Self::arrange(model))
    }

    fn arrange(model: &UnifiedModel) -> Result<Self, ModelError> {
        let spec = model.spec().clone();
        let branch = &spec.branch;
        let both = |name: &str| -> Result<[&Tensor; 2], ModelError> {
            Ok([model.branches[0].params().get(name)?, model.branches[1].params().get(name)?])
        };

        let mut convolutions = Vec::new();
        let mut size = [branch.input.height, branch.input.width];
        for (i, &filters) in branch.filters.iter().enumerate() {
            let kernels = Tensor::f_stack(&both(&format!("conv{}.weight", i + 1))?, 0)?;
            let bias = Tensor::f_cat(&both(&format!("conv{}.bias", i + 1))?, 0)?;
            // The first layer sees one image with the filters of both branches, the others one half each.
            let kernels = if i == 0 { kernels.f_flatten(0, 1)?.f_unsqueeze(0)? } else { kernels };
            let layer = PooledConvolution::new(&kernels, &bias, size, filters <= WIDEST_PATCHES)?;
            size = layer.pooled();
            convolutions.push(layer);
        }

        let (classes, features) = (branch.classes, branch.features());
        let [channels, height, width] = branch.feature_shape();
        let heads = Tensor::f_zeros([2, classes, 2, features], (Kind::Float, model.joint.params().flat().device()))?;
        for (b, head) in (0..).zip(both("head.weight")?) {
            // From the order height, width, channel to the one the convolutions here leave behind.
            let head = head.f_view([classes, height, width, channels])?.f_permute([0, 3, 1, 2])?;
            heads.f_select(0, b)?.f_select(1, b)?.f_copy_(&head.f_reshape([classes, features])?)?;
        }
        let heads = [heads.f_view([2 * classes, 2 * features])?, Tensor::f_cat(&both("head.bias")?, 0)?];
        let joint = model.joint.params();
        let hidden = [joint.get("hidden.weight")?.copy(), joint.get("hidden.bias")?.copy()];
        let dense = match spec.head_activation {
            HeadActivation::None => vec![composed(&heads, &hidden)?],
            HeadActivation::Relu => vec![heads, hidden],
        };
        let dense = dense.into_iter().map(|[weight, bias]| Ok([weight, bias.f_view([-1, 1])?]));
        Ok(Self {
            dense: dense.collect::<Result<_, ModelError>>()?,
            output: [joint.get("output.weight")?.copy().f_tr()?, joint.get("output.bias")?.copy()],
            convolutions,
            spec,
        })
    }

    /// The same model (not a copy) for another thread.
    pub fn share(&self) -> Self {
        let pair = |[weight, bias]: &[Tensor; 2]| [weight.shallow_clone(), bias.shallow_clone()];
        Self {
            spec: self.spec.clone(),
            convolutions: self.convolutions.iter().map(PooledConvolution::share).collect(),
            dense: self.dense.iter().map(pair).collect(),
            output: pair(&self.output),
        }
    }

    /// Its architecture.
    pub fn spec(&self) -> &UnifiedSpec {
        &self.spec
    }

    /// Where its weights are and where images must be.
    pub fn device(&self) -> Device {
        self.output[1].device()
    }

    /// Logits `[batch, classes]` of `f32` images `[batch, channels, height, width]` with values in `[0, 1]`, in any
    /// memory layout. No images give no logits, `[0, classes]`.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if the images have another shape than the model takes, [`ModelError::Torch`] if they
    /// are of another kind or on another device.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        let found = images.size();
        let input = self.spec.branch.input;
        let batch = found.first().copied().unwrap_or(1);
        let expected = [batch, input.channels, input.height, input.width];
        if found != expected {
            return Err(ModelError::Shape { layer: "images".into(), expected: expected.into(), found });
        }
        tch::no_grad(|| {
            let piece = self.piece();
            match batch {
                0 => Ok(Tensor::f_zeros([0, self.spec.branch.classes], (Kind::Float, self.device()))?),
                _ if batch <= piece => self.logits(images, batch),
                _ => {
                    let pieces = images.f_split(piece, 0)?;
                    let logits = pieces.iter().map(|images| self.logits(images, images.size()[0]));
                    Ok(Tensor::f_cat(&logits.collect::<Result<Vec<_>, _>>()?, 0)?)
                }
            }
        })
    }

    /// Probabilities `[batch, classes]`, each row summing to 1: the softmax of [`InferenceModel::forward`].
    ///
    /// # Errors
    /// As [`InferenceModel::forward`].
    pub fn probabilities(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        let logits = self.forward(images)?;
        tch::no_grad(|| Ok(logits.f_softmax(1, Kind::Float)?))
    }

    fn logits(&self, images: &Tensor, batch: i64) -> Result<Tensor, ModelError> {
        let mut x = images.f_permute([1, 2, 3, 0])?.f_contiguous()?;
        for layer in &self.convolutions {
            x = layer.forward(&x, batch)?;
        }
        x = x.f_view([-1, batch])?;
        for [weight, bias] in &self.dense {
            x = bias.f_addmm(weight, &x)?.f_relu_()?;
        }
        let [weight, bias] = &self.output;
        Ok(bias.f_addmm(&x.f_tr()?, weight)?)
    }

    /// Images worked through at a time.
    fn piece(&self) -> i64 {
        let largest = self.convolutions.iter().map(PooledConvolution::bytes).max().unwrap_or(1);
        match self.device() {
            // Whole vectors of images, enough of them to make calls worth their while, and a cache for each thread.
            Device::Cpu => i64::from(tch::get_num_threads()) * (CACHE_BYTES / largest / 16 * 16).clamp(16, 64),
            _ => (DEVICE_BYTES / largest).max(1),
        }
    }
}

/// Most filters a branch's convolution may have to work on patches: beyond, the products cost more than the
/// copies they save.
const WIDEST_PATCHES: i64 = 24;
/// What a layer may work on at once for each thread of a processor: about one core's second-level cache.
const CACHE_BYTES: i64 = 2 << 20;
/// What a layer may work on at once on a device, which likes large operations: bounds the memory needed.
const DEVICE_BYTES: i64 = 1 << 30;
/// Side of the patch that a pooling window is made of.
const PATCH: i64 = KERNEL + POOL - 1;

/// A 3x3 convolution, 2x2 max-pooling, bias and ReLU on images `[channels, height, width, batch]`.
#[derive(Debug)]
struct PooledConvolution {
    /// `[groups, rows, inputs]`.
    weight: Tensor,
    /// `[groups, filters, 1]`.
    bias: Tensor,
    /// Channels of the image, in all groups.
    channels: i64,
    /// Height and width of the image.
    size: [i64; 2],
    /// Whether a column is the 4x4 patch under a pooling window, multiplied by each kernel at its four places
    /// (`[4, filters]` rows); else it is the 3x3 patch under one value to pool, and there are four times as many
    /// columns. The former has 16/9 of the products and 4/9 of the values to copy.
    patches: bool,
}

impl PooledConvolution {
    /// `kernels` are `[groups, filters, channels / groups, 3, 3]`, `bias` is `[groups * filters]`.
    fn new(kernels: &Tensor, bias: &Tensor, size: [i64; 2], patches: bool) -> Result<Self, ModelError> {
        let [groups, filters, inputs, ..] = kernels.size()[..] else { unreachable!("five dimensions") };
        let weight = if patches {
            let places =
                Tensor::f_zeros([groups, POOL, POOL, filters, inputs, PATCH, PATCH], (Kind::Float, kernels.device()))?;
            for (y, x) in (0..POOL).flat_map(|y| (0..POOL).map(move |x| (y, x))) {
                let place = places.f_select(1, y)?.f_select(1, x)?;
                place.f_narrow(3, y, KERNEL)?.f_narrow(4, x, KERNEL)?.f_copy_(kernels)?;
            }
            places.f_view([groups, POOL * POOL * filters, inputs * PATCH * PATCH])?
        } else {
            kernels.f_reshape([groups, filters, inputs * KERNEL * KERNEL])?
        };
        let bias = bias.f_view([groups, filters, 1])?;
        Ok(Self { weight, bias, channels: groups * inputs, size, patches })
    }

    fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone(), ..*self }
    }

    /// Height and width of its output.
    fn pooled(&self) -> [i64; 2] {
        self.size.map(|side| (side - KERNEL + 1) / POOL)
    }

    /// Bytes of the columns and of their products with the weights, for one image.
    fn bytes(&self) -> i64 {
        let [groups, rows, inputs] = self.weight.size()[..] else { unreachable!("three dimensions") };
        let columns = self.pooled().iter().product::<i64>() * if self.patches { 1 } else { POOL * POOL };
        4 * groups * (rows + inputs) * columns
    }

    /// `[groups, filters, pooled height * pooled width * batch]` of a contiguous `[channels, height, width, batch]`.
    fn forward(&self, x: &Tensor, batch: i64) -> Result<Tensor, ModelError> {
        let [groups, rows, inputs] = self.weight.size()[..] else { unreachable!("three dimensions") };
        let [height, width] = self.pooled();
        let positions = height * width * batch;
        let (row, channel) = (self.size[1] * batch, self.size[0] * self.size[1] * batch);
        let group = self.channels / groups;
        let windows = if self.patches {
            x.f_as_strided(
                [groups, group, PATCH, PATCH, height, width, batch],
                [group * channel, channel, row, batch, POOL * row, POOL * batch, 1],
                None,
            )?
        } else {
            x.f_as_strided(
                [groups, group, KERNEL, KERNEL, POOL, POOL, height, width, batch],
                [group * channel, channel, row, batch, row, batch, POOL * row, POOL * batch, 1],
                None,
            )?
        };
        let columns = windows.f_reshape([groups, inputs, -1])?;
        let values = self.weight.f_bmm(&columns)?;
        let mut pooled = if self.patches {
            values.f_view([groups, POOL * POOL, rows / (POOL * POOL), positions])?.f_amax(1, false)?
        } else {
            values.f_view([groups, rows, POOL * POOL, positions])?.f_amax(2, false)?
        };
        Ok(pooled.f_add_(&self.bias)?.f_relu_()?)
    }
}

/// Two dense layers without an activation between them as one: weight `[outputs, inputs]`, bias `[outputs]`.
/// Composed in double precision, so that the result is rounded once.
fn composed(first: &[Tensor; 2], second: &[Tensor; 2]) -> Result<[Tensor; 2], ModelError> {
    let double = |t: &Tensor| t.f_to_kind(Kind::Double);
    let (w1, b1, w2, b2) = (double(&first[0])?, double(&first[1])?, double(&second[0])?, double(&second[1])?);
    let bias = b2.f_addmv(&w2, &b1)?;
    Ok([w2.f_mm(&w1)?.f_to_kind(Kind::Float)?, bias.f_to_kind(Kind::Float)?])
}
