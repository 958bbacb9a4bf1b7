use serde::{Deserialize, Serialize};

use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::layer::Conv;
use crate::layer::{Width, is_one, one};

/// A 3x3 convolution taken apart: conv 3x1 in -> in with the vertical step, conv 1x3 in -> out with the horizontal
/// one (Szegedy et al. 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Factorised {
    /// Channels out.
    pub out: Width,
    /// Step.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: i64,
}

/// A depthwise-separable convolution: conv 3x3 of each channel alone, conv 1x1 in -> out (Howard et al. 2017).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Separable {
    /// Channels out.
    pub out: Width,
    /// Step of the depthwise convolution.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: i64,
}

impl Factorised {
    /// One that keeps the size.
    pub fn new(out: i64) -> Self {
        Self { out: out.into(), stride: 1 }
    }
}

impl Separable {
    /// One that keeps the size.
    pub fn new(out: i64) -> Self {
        Self { out: out.into(), stride: 1 }
    }
}

impl Block for Factorised {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let channels = b.channels(x);
        let x = b.conv("vertical", x, &Conv::new([3, 1], channels).stride([self.stride, 1]))?;
        b.conv("horizontal", x, &Conv::new([1, 3], self.out).stride([1, self.stride]))
    }
}

impl Block for Separable {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let x = b.depthwise("depthwise", x, self.stride)?;
        b.conv("pointwise", x, &Conv::new(1, self.out))
    }
}
