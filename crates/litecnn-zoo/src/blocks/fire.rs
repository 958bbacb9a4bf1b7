use serde::{Deserialize, Serialize};

use super::{Dice, GhostModule, add_shortcut, gcd, projection};
use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::layer::{Conv, is_false, is_one, one};

/// The Fire module of SqueezeNet (Iandola et al. 2016) with batch norms: conv 1x1 in -> out / 8 with bias; side by side
/// conv 1x1 and conv 3x3 -> out / 2, each with bias, batch norm, relu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fire {
    /// Channels out, a multiple of 8.
    pub out: i64,
    /// Whether there also is a batch norm on the squeezed channels that nothing reads. The study's network has it and
    /// counts it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unused_norm: bool,
}

/// A Fire module beside a shortcut: conv 1x1 in -> squeeze, relu; side by side conv 1x1 and conv 3x3 -> out / 2, each
/// with the step, relu; plus the shortcut. All convolutions have biases; the only batch norm is the shortcut's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FireBottleneck {
    /// Channels inside.
    pub squeeze: i64,
    /// Channels out, even.
    pub out: i64,
    /// Step.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: i64,
    /// Whether the shortcut is conv 1x1 in -> out with bias and batch norm, instead of the value itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub project: bool,
}

/// A Fire module whose 3x3 half is depthwise: conv 1x1 in -> out / 8 with bias, batch norm, relu; side by side
/// conv 1x1 -> out / 2 with bias, batch norm, and conv 3x3 that makes four channels of each one alone, batch norm; relu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DepthwiseFire {
    /// Channels out, a multiple of 8.
    pub out: i64,
}

/// A [`DepthwiseFire`] whose 1x1 convolutions are in 4 groups where they read more than 24 channels: conv 1x1
/// in -> out / 8, batch norm, relu, shuffle if grouped; side by side conv 1x1 -> out / 2, batch norm, and the depthwise
/// convolution as it is; shuffle in 8 groups, relu. No biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GroupedFire {
    /// Channels out, a multiple of 32.
    pub out: i64,
    /// Whether there also is a batch norm on the depthwise convolution that nothing reads. The study's network has it
    /// and counts it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unused_norm: bool,
}

/// A Fire module of ghost modules: an activated ghost module in -> out / 8; side by side conv 1x1 -> out / 2, batch
/// norm, and a ghost module -> out / 2; relu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GhostFire {
    /// Channels out, a multiple of 16.
    pub out: i64,
    /// Whether the second ghost module is in 4 groups where it reads more than 24 channels.
    #[serde(default, skip_serializing_if = "is_false")]
    pub grouped: bool,
}

/// A Fire module with a DiCE unit: conv 1x1 in -> out / 8 in as many groups as divide both, batch norm, relu; side by
/// side conv 1x1 -> out / 2, batch norm, and [`Dice`] -> out / 2; relu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DiceFire {
    /// Channels out, a multiple of 8, at least 32.
    pub out: i64,
}

/// Groups of a 1x1 convolution that reads `channels`.
fn groups(channels: i64) -> i64 {
    const GROUPS: i64 = 4;
    /// Up to so many channels a convolution is small enough as it is.
    const MOST_UNGROUPED: i64 = 24;
    if channels > MOST_UNGROUPED { GROUPS } else { 1 }
}

/// Squeezed channels and channels of each half.
fn widths(b: &Builder<'_>, out: i64) -> Result<(i64, i64), ZooError> {
    match out > 0 && out % 8 == 0 {
        true => Ok((out / 8, out / 2)),
        false => b.fail(format!("a Fire module of {out} channels; a multiple of 8 is wanted")),
    }
}

impl Block for Fire {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let (squeeze, half) = widths(b, self.out)?;
        let x = b.conv("squeeze", x, &Conv::new(1, squeeze).bias())?;
        if self.unused_norm {
            b.unused(|b| b.batch_norm("unused_norm", x))?;
        }
        let mut halves = Vec::new();
        for (name, kernel) in [("expand1", 1), ("expand3", 3)] {
            let y = b.conv_norm(name, x, &Conv::new(kernel, half).bias())?;
            halves.push(b.relu(y)?);
        }
        b.concat(&halves)
    }
}

impl Block for FireBottleneck {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        if self.out % 2 != 0 {
            return b.fail(format!("a Fire module of {} channels; an even number is wanted", self.out));
        }
        let y = b.conv("squeeze", x, &Conv::new(1, self.squeeze).bias())?;
        let y = b.relu(y)?;
        let mut halves = Vec::new();
        for (name, kernel) in [("expand1", 1), ("expand3", 3)] {
            let half = b.conv(name, y, &Conv::new(kernel, self.out / 2).stride(self.stride).bias())?;
            halves.push(b.relu(half)?);
        }
        let y = b.concat(&halves)?;
        add_shortcut(b, x, y, projection(self.project, self.out, self.stride).map(Conv::bias))
    }
}

impl Block for DepthwiseFire {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let (squeeze, half) = widths(b, self.out)?;
        let x = b.conv_norm("squeeze", x, &Conv::new(1, squeeze).bias())?;
        let x = b.relu(x)?;
        let pointwise = b.conv_norm("expand1", x, &Conv::new(1, half).bias())?;
        let depthwise = b.conv_norm("expand3", x, &Conv::new(3, half).groups(squeeze))?;
        let y = b.concat(&[pointwise, depthwise])?;
        b.relu(y)
    }
}

impl Block for GroupedFire {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let (squeeze, half) = widths(b, self.out)?;
        let grouped = groups(b.channels(x));
        let x = b.conv_norm("squeeze", x, &Conv::new(1, squeeze).groups(grouped))?;
        let x = b.relu(x)?;
        let x = b.shuffle(x, grouped)?;
        let pointwise = b.conv_norm("expand1", x, &Conv::new(1, half).groups(groups(squeeze)))?;
        let depthwise = b.conv("expand3", x, &Conv::new(3, half).groups(squeeze))?;
        if self.unused_norm {
            b.unused(|b| b.batch_norm("unused_norm", depthwise))?;
        }
        let y = b.concat(&[pointwise, depthwise])?;
        let y = b.shuffle(y, 8)?;
        b.relu(y)
    }
}

impl Block for GhostFire {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let (squeeze, half) = widths(b, self.out)?;
        let first = GhostModule { out: squeeze, activate: true, groups: 1 };
        let x = b.within("squeeze", |b| first.build(b, x))?;
        let pointwise = b.conv_norm("expand1", x, &Conv::new(1, half))?;
        let groups = if self.grouped { groups(squeeze) } else { 1 };
        let second = GhostModule { out: half, activate: false, groups };
        let ghost = b.within("expand3", |b| second.build(b, x))?;
        let y = b.concat(&[pointwise, ghost])?;
        b.relu(y)
    }
}

impl Block for DiceFire {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let (squeeze, half) = widths(b, self.out)?;
        let groups = gcd(b.channels(x), squeeze);
        let x = b.conv_norm("squeeze", x, &Conv::new(1, squeeze).groups(groups))?;
        let x = b.relu(x)?;
        let pointwise = b.conv_norm("expand1", x, &Conv::new(1, half))?;
        let dice = b.within("expand3", |b| Dice { out: half }.build(b, x))?;
        let y = b.concat(&[pointwise, dice])?;
        b.relu(y)
    }
}
