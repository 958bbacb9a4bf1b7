//! The layers a description is made of.

mod compound;
mod plain;
mod sizes;

pub use compound::{Concat, Repeat, Residual};
pub use plain::{Conv, Depthwise, Dropout, InitialKernel, Linear, Pool, Shuffle};
pub(crate) use plain::{is_default, is_false, is_one, is_true, one, yes};
pub use sizes::{Sides, Width};

use serde::{Deserialize, Serialize};

use crate::ZooError;
use crate::blocks::*;
use crate::builder::{Block, Builder, Value};

/// One layer or block of a [`crate::Network`]. In TOML one without settings is a string, `"relu"`, one with settings a
/// table of one key, `{ conv = { kernel = 3, out = 16 } }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// A convolution.
    Conv(Conv),
    /// A convolution of each channel alone.
    Depthwise(Depthwise),
    /// A dense layer.
    Linear(Linear),
    /// Batch norm: eps 1e-5, running statistics keep 0.9 of themselves.
    BatchNorm,
    /// Negative values become zero.
    Relu,
    /// As `relu`, and values above 6 become 6.
    Relu6,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The largest value of each window.
    MaxPool(Pool),
    /// The mean of each window, zeros of the padding counted.
    AveragePool(Pool),
    /// The mean of each channel, as a vector.
    GlobalAverage,
    /// A map as a vector: channel by channel, row by row.
    Flatten,
    /// Dropout.
    Dropout(Dropout),
    /// A channel shuffle.
    Shuffle(Shuffle),
    /// Layers over and over.
    Repeat(Repeat),
    /// Branches side by side.
    Concat(Concat),
    /// Layers beside a shortcut.
    Residual(Residual),
    /// See [`Factorised`].
    Factorised(Factorised),
    /// See [`Separable`].
    Separable(Separable),
    /// See [`Bottleneck`].
    Bottleneck(Bottleneck),
    /// See [`GroupedBottleneck`].
    GroupedBottleneck(GroupedBottleneck),
    /// See [`InvertedBottleneck`].
    InvertedBottleneck(InvertedBottleneck),
    /// See [`GhostModule`].
    GhostModule(GhostModule),
    /// See [`GhostBottleneck`].
    GhostBottleneck(GhostBottleneck),
    /// See [`SqueezeExcite`].
    SqueezeExcite(SqueezeExcite),
    /// See [`Dice`].
    Dice(Dice),
    /// See [`StridedDice`].
    StridedDice(StridedDice),
    /// See [`DiceBottleneck`].
    DiceBottleneck(DiceBottleneck),
    /// See [`Fire`].
    Fire(Fire),
    /// See [`FireBottleneck`].
    FireBottleneck(FireBottleneck),
    /// See [`DepthwiseFire`].
    DepthwiseFire(DepthwiseFire),
    /// See [`GroupedFire`].
    GroupedFire(GroupedFire),
    /// See [`GhostFire`].
    GhostFire(GhostFire),
    /// See [`DiceFire`].
    DiceFire(DiceFire),
    /// See [`DenseHead`].
    DenseHead(DenseHead),
    /// See [`ConvHead`].
    ConvHead(ConvHead),
}

impl Block for Layer {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let block: &dyn Block = match self {
            Self::BatchNorm => return b.batch_norm("", x),
            Self::Relu => return b.relu(x),
            Self::Relu6 => return b.relu6(x),
            Self::Sigmoid => return b.sigmoid(x),
            Self::GlobalAverage => return b.global_average(x),
            Self::Flatten => return b.flatten(x),
            Self::MaxPool(pool) => return b.max_pool(x, pool.window()),
            Self::AveragePool(pool) => return b.average_pool(x, pool.window()),
            Self::Conv(block) => block,
            Self::Depthwise(block) => block,
            Self::Linear(block) => block,
            Self::Dropout(block) => block,
            Self::Shuffle(block) => block,
            Self::Repeat(block) => block,
            Self::Concat(block) => block,
            Self::Residual(block) => block,
            Self::Factorised(block) => block,
            Self::Separable(block) => block,
            Self::Bottleneck(block) => block,
            Self::GroupedBottleneck(block) => block,
            Self::InvertedBottleneck(block) => block,
            Self::GhostModule(block) => block,
            Self::GhostBottleneck(block) => block,
            Self::SqueezeExcite(block) => block,
            Self::Dice(block) => block,
            Self::StridedDice(block) => block,
            Self::DiceBottleneck(block) => block,
            Self::Fire(block) => block,
            Self::FireBottleneck(block) => block,
            Self::DepthwiseFire(block) => block,
            Self::GroupedFire(block) => block,
            Self::GhostFire(block) => block,
            Self::DiceFire(block) => block,
            Self::DenseHead(block) => block,
            Self::ConvHead(block) => block,
        };
        block.build(b, x)
    }
}

/// Layers after each other, each named by its place, repetitions counted through.
pub(crate) fn build_all(layers: &[Layer], b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
    build_from(layers, &mut 0, b, x)
}

fn build_from(layers: &[Layer], place: &mut usize, b: &mut Builder<'_>, mut x: Value) -> Result<Value, ZooError> {
    for layer in layers {
        x = match layer {
            Layer::Repeat(repeat) => {
                repeat.check(b)?;
                for _ in 0..repeat.times {
                    x = build_from(&repeat.layers, place, b, x)?;
                }
                x
            }
            layer => {
                b.count_layer()?;
                *place += 1;
                b.within(&(*place - 1).to_string(), |b| layer.build(b, x))?
            }
        };
    }
    Ok(x)
}

/// Makes a layer of each of its kinds.
macro_rules! layers_from {
    ($($kind:ident)*) => {
        $(impl From<$kind> for Layer {
            fn from(block: $kind) -> Self {
                Self::$kind(block)
            }
        })*
    };
}

layers_from!(
    Conv Depthwise Linear Dropout Shuffle Repeat Concat Residual Factorised Separable Bottleneck GroupedBottleneck
    InvertedBottleneck GhostModule GhostBottleneck SqueezeExcite Dice StridedDice DiceBottleneck Fire FireBottleneck
    DepthwiseFire GroupedFire GhostFire DiceFire DenseHead ConvHead
);
