use serde::{Deserialize, Serialize};

use super::{add_shortcut, projection};
use crate::ZooError;
use crate::blocks::Factorised;
use crate::builder::{Block, Builder, Value};
use crate::layer::{Conv, InitialKernel, is_default, is_false, is_one, one};

/// The bottleneck of ResNet (He et al. 2016): conv 1x1 in -> hidden, batch norm, relu; a [`Middle`] on hidden
/// channels, batch norm, relu; conv 1x1 hidden -> out, batch norm; plus the shortcut; relu.
///
/// All convolutions of the original start by [`InitialKernel::NormalFanOut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bottleneck {
    /// Channels inside.
    pub hidden: i64,
    /// Channels out.
    pub out: i64,
    /// Step of the middle and of the shortcut.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: i64,
    /// Whether the shortcut is conv 1x1 in -> out with batch norm, instead of the value itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub project: bool,
    /// What sees the neighbourhood.
    #[serde(default, skip_serializing_if = "is_default")]
    pub middle: Middle,
}

/// What sees the neighbourhood in a [`Bottleneck`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Middle {
    /// A 3x3 convolution.
    #[default]
    Full,
    /// [`Factorised`].
    Factorised,
    /// A 3x3 convolution of each channel alone.
    Depthwise,
}

/// A bottleneck of grouped 1x1 convolutions, each followed by a shuffle (after ShuffleNet, Zhang et al. 2018):
/// conv 1x1 in -> hidden in groups, batch norm, relu, shuffle; conv 3x3 of each channel alone, batch norm;
/// conv 1x1 hidden -> out in groups, batch norm, shuffle; plus the shortcut; relu. The shortcut is not grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GroupedBottleneck {
    /// Channels inside.
    pub hidden: i64,
    /// Channels out.
    pub out: i64,
    /// Step of the depthwise convolution and of the shortcut.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: i64,
    /// Whether the shortcut is conv 1x1 in -> out with batch norm, instead of the value itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub project: bool,
    /// Groups of both 1x1 convolutions and of the shuffles.
    #[serde(default = "four", skip_serializing_if = "is_four")]
    pub groups: i64,
}

impl Block for Bottleneck {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let normal = |conv: Conv| conv.init(InitialKernel::NormalFanOut);
        let y = b.conv_norm("reduce", x, &normal(Conv::new(1, self.hidden)))?;
        let y = b.relu(y)?;
        let y = match self.middle {
            Middle::Full => b.conv("middle", y, &normal(Conv::new(3, self.hidden).stride(self.stride)))?,
            Middle::Depthwise => b.depthwise("middle", y, self.stride)?,
            Middle::Factorised => {
                let factorised = Factorised { stride: self.stride, ..Factorised::new(self.hidden) };
                b.within("middle", |b| factorised.build(b, y))?
            }
        };
        let y = b.batch_norm("middle_norm", y)?;
        let y = b.relu(y)?;
        let y = b.conv_norm("expand", y, &normal(Conv::new(1, self.out)))?;
        let y = add_shortcut(b, x, y, projection(self.project, self.out, self.stride).map(normal))?;
        b.relu(y)
    }
}

impl Block for GroupedBottleneck {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let y = b.conv_norm("reduce", x, &Conv::new(1, self.hidden).groups(self.groups))?;
        let y = b.relu(y)?;
        let y = b.shuffle(y, self.groups)?;
        let y = b.depthwise("middle", y, self.stride)?;
        let y = b.batch_norm("middle_norm", y)?;
        let y = b.conv_norm("expand", y, &Conv::new(1, self.out).groups(self.groups))?;
        let y = b.shuffle(y, self.groups)?;
        let y = add_shortcut(b, x, y, projection(self.project, self.out, self.stride))?;
        b.relu(y)
    }
}

fn four() -> i64 {
    4
}

fn is_four(n: &i64) -> bool {
    *n == 4
}
