use serde::{Deserialize, Serialize};

use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::layer::{Conv, Linear, Width, is_default, is_false, is_true, yes};

/// A head that averages, then weighs: the mean of each channel, dense -> classes, dropout of the logits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DenseHead {
    /// Whether the dense layer has biases.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub bias: bool,
    /// Fraction of logits dropped in training, in `[0, 1)`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dropout: f64,
}

/// A head that weighs, then averages: conv 1x1 in -> classes, batch norm, a rectifier, the mean of each channel. Its
/// logits are never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ConvHead {
    /// Which rectifier.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activation: HeadRectifier,
    /// Whether the convolution has biases.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bias: bool,
    /// Whether there is a batch norm.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub norm: bool,
}

/// The rectifier of a [`ConvHead`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadRectifier {
    /// Negative values become zero.
    #[default]
    Relu,
    /// And values above 6 become 6.
    Relu6,
}

impl Block for DenseHead {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let x = b.global_average(x)?;
        let x = b.linear("", x, Linear { out: Width::Classes, bias: self.bias })?;
        if self.dropout == 0.0 { Ok(x) } else { b.dropout(x, self.dropout) }
    }
}

impl Block for ConvHead {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let conv = Conv { bias: self.bias, ..Conv::new(1, Width::Classes) };
        let mut x = b.conv("conv", x, &conv)?;
        if self.norm {
            x = b.batch_norm("conv_norm", x)?;
        }
        x = match self.activation {
            HeadRectifier::Relu => b.relu(x)?,
            HeadRectifier::Relu6 => b.relu6(x)?,
        };
        b.global_average(x)
    }
}
