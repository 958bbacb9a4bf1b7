use serde::{Deserialize, Serialize};

use super::{Sides, Width};
use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::graph::Window;

/// A convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Conv {
    /// Sides of the kernel.
    pub kernel: Sides,
    /// Channels out.
    pub out: Width,
    /// Step.
    #[serde(default = "ones", skip_serializing_if = "is_ones")]
    pub stride: Sides,
    /// Zeros on each side; without it `(kernel - 1) / 2`, which keeps the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<Sides>,
    /// Blocks of channels that do not see each other; must divide channels in and out.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: i64,
    /// Whether each channel out has a summand.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bias: bool,
    /// What the kernel starts as.
    #[serde(default, skip_serializing_if = "is_default")]
    pub init: InitialKernel,
}

/// What a kernel starts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialKernel {
    /// Uniform within `+-1/sqrt(in / groups * height * width)`.
    #[default]
    UniformFanIn,
    /// Normal with deviation `sqrt(2 / (out * height * width))` (He et al. 2015, by what comes out).
    NormalFanOut,
}

/// A convolution of each channel alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Depthwise {
    /// Sides of the kernels.
    #[serde(default = "threes", skip_serializing_if = "is_threes")]
    pub kernel: Sides,
    /// Step.
    #[serde(default = "ones", skip_serializing_if = "is_ones")]
    pub stride: Sides,
    /// Channels out for each channel in: channel `i` comes from channel `i / multiplier`.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub multiplier: i64,
    /// Whether each channel out has a summand.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bias: bool,
}

/// A dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Linear {
    /// Units.
    pub out: Width,
    /// Whether each unit has a summand.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub bias: bool,
}

/// A pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pool {
    /// Side.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub size: i64,
    /// Step.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub stride: i64,
    /// Padding on each side, at most half the window.
    #[serde(default, skip_serializing_if = "is_default")]
    pub padding: i64,
}

/// In training, values become zero with probability `rate`, others grow by `1 / (1 - rate)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dropout {
    /// In `[0, 1)`.
    pub rate: f64,
}

/// Channels seen as rows are read column by column: channel `j * groups + i` comes from `i * (channels / groups) + j`
/// (Zhang et al. 2018, "ShuffleNet").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shuffle {
    /// Number of rows; must divide the channels.
    pub groups: i64,
}

impl Conv {
    /// A convolution that keeps the size, without bias.
    pub fn new(kernel: impl Into<Sides>, out: impl Into<Width>) -> Self {
        Self {
            kernel: kernel.into(),
            out: out.into(),
            stride: ones(),
            padding: None,
            groups: 1,
            bias: false,
            init: InitialKernel::default(),
        }
    }

    /// The same with a step.
    pub fn stride(self, stride: impl Into<Sides>) -> Self {
        Self { stride: stride.into(), ..self }
    }

    /// The same with other padding.
    pub fn padding(self, padding: impl Into<Sides>) -> Self {
        Self { padding: Some(padding.into()), ..self }
    }

    /// The same in groups.
    pub fn groups(self, groups: i64) -> Self {
        Self { groups, ..self }
    }

    /// The same with a bias.
    pub fn bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// The same with another start.
    pub fn init(self, init: InitialKernel) -> Self {
        Self { init, ..self }
    }
}

impl Linear {
    /// A dense layer with bias.
    pub fn new(out: impl Into<Width>) -> Self {
        Self { out: out.into(), bias: true }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self { size: 2, stride: 2, padding: 0 }
    }
}

impl Pool {
    pub(super) fn window(self) -> Window {
        Window { size: self.size, stride: self.stride, padding: self.padding }
    }
}

impl Block for Conv {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        b.conv("", x, self)
    }
}

impl Block for Depthwise {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let channels = b.map(x, "a convolution")?.channels;
        let out = channels.saturating_mul(self.multiplier);
        let conv = Conv { bias: self.bias, ..Conv::new(self.kernel, out).stride(self.stride).groups(channels) };
        b.conv("", x, &conv)
    }
}

impl Block for Linear {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        b.linear("", x, *self)
    }
}

impl Block for Dropout {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        b.dropout(x, self.rate)
    }
}

impl Block for Shuffle {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        b.shuffle(x, self.groups)
    }
}

// Defaults, and whether a setting has its default and need not be written.

pub(crate) fn one() -> i64 {
    1
}

fn two() -> i64 {
    2
}

fn ones() -> Sides {
    1.into()
}

fn threes() -> Sides {
    3.into()
}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn is_one(n: &i64) -> bool {
    *n == 1
}

fn is_two(n: &i64) -> bool {
    *n == 2
}

fn is_ones(sides: &Sides) -> bool {
    *sides == ones()
}

fn is_threes(sides: &Sides) -> bool {
    *sides == threes()
}

pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

pub(crate) fn is_true(flag: &bool) -> bool {
    *flag
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
