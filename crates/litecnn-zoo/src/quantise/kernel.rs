use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use super::Params;

/// How many scales the weights of a layer have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scales {
    /// One.
    #[default]
    PerTensor,
    /// One for each channel out.
    PerChannel,
}

/// The weights of a convolution or a dense layer as whole numbers from -128 to 127, and what a unit of them means.
#[derive(Debug)]
pub(super) struct Kernel {
    /// `i8`, as the operation wants it.
    pub(super) integers: Tensor,
    /// `f32 [1]` or `[out]`.
    pub(super) scales: Tensor,
    /// The integers as the floats that an operation computes with.
    operand: Tensor,
}

/// Below this, sums of whole numbers are exact in 32-bit floats, in any order.
const EXACT: f64 = (1 << 24) as f64;

impl Kernel {
    /// Rounds weights: the largest magnitude becomes 127.5 units, so as to use the full range.
    pub(super) fn round(weight: &Tensor, scales: Scales) -> Result<Self, TchError> {
        let weight = weight.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
        let rows = weight.f_reshape([weight.size()[0], -1])?;
        let largest = match scales {
            Scales::PerTensor => rows.f_abs()?.f_max()?.f_reshape([1])?,
            Scales::PerChannel => rows.f_abs()?.f_amax([1i64].as_slice(), false)?,
        };
        let scale = largest.f_div_scalar(127.5)?.f_clamp_min(f64::from(f32::EPSILON))?;
        let quantised = match scales {
            Scales::PerTensor => weight.f_quantize_per_tensor(scale.f_double_value(&[0])?, 0, Kind::QInt8)?,
            Scales::PerChannel => {
                let zeros = Tensor::f_zeros(scale.size(), (Kind::Int64, Device::Cpu))?;
                weight.f_quantize_per_channel(&scale, &zeros, 0, Kind::QInt8)?
            }
        };
        Self::new(quantised.f_int_repr()?, scale)
    }

    /// A kernel of known numbers.
    pub(super) fn new(integers: Tensor, scales: Tensor) -> Result<Self, TchError> {
        let operand = integers.f_to_kind(Kind::Float)?;
        // The largest sum that bytes can give, any zero point.
        let sums = operand.f_abs()?.f_reshape([integers.size()[0], -1])?.f_sum_dim_intlist(
            [1i64].as_slice(),
            false,
            Kind::Double,
        )?;
        let exact = 255.0 * sums.f_max()?.f_double_value(&[])? < EXACT;
        let operand = if exact { operand } else { operand.f_to_kind(Kind::Double)? };
        Ok(Self { integers, scales, operand })
    }

    /// What the operation gives for bytes `x`, as bytes. `apply` gets the input, its zero point taken off, and the
    /// weights, and computes without a bias.
    pub(super) fn compute(
        &self,
        x: &Tensor,
        input: Params,
        output: Params,
        bias: Option<&Tensor>,
        apply: impl Fn(&Tensor, &Tensor) -> Result<Tensor, TchError>,
    ) -> Result<Tensor, TchError> {
        let x = x.f_int_repr()?.f_to_kind(self.operand.kind())?.f_sub_scalar_(i64::from(input.zero_point))?;
        // The sums are whole: rounding to 32 bits here is that of a 32-bit integer made a float.
        let mut sums = apply(&x, &self.operand)?.f_to_kind(Kind::Float)?;
        let mut shape = vec![1; sums.dim()];
        shape[1] = -1;
        let unit = self.scales.f_mul_scalar(f64::from(input.scale))?;
        if let Some(bias) = bias {
            sums = sums.f_add_(&bias.f_div(&unit)?.f_reshape(shape.as_slice())?)?;
        }
        let factor = unit.f_div_scalar(f64::from(output.scale))?.f_reshape(shape.as_slice())?;
        let mut rounded = sums.f_mul_(&factor)?.f_round_()?;
        let bytes = rounded.f_add_scalar_(i64::from(output.zero_point))?.f_clamp_(0, 255)?.f_to_kind(Kind::Uint8)?;
        bytes.f_internal_make_per_tensor_quantized_tensor(f64::from(output.scale), i64::from(output.zero_point))
    }
}
