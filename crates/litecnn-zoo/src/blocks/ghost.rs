use serde::{Deserialize, Serialize};

use super::{SqueezeExcite, add_shortcut, projection};
use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::layer::{Conv, is_false, is_one, one};

/// The ghost module (Han et al. 2020): half of the channels, `y`, are conv 1x1 in -> out / 2, the other half, `z`, are
/// cheap: conv 3x3 of each channel of `y` alone. `z` comes before `y`; one batch norm for both; relu6 if `activate`.
/// In groups, `y` is shuffled before `z` is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GhostModule {
    /// Channels out, even.
    pub out: i64,
    /// Whether relu6 follows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub activate: bool,
    /// Groups of the 1x1 convolution and of the shuffle.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: i64,
}

/// The ghost bottleneck (Han et al. 2020): an activated ghost module in -> hidden; conv 3x3 of each channel alone with
/// the step, batch norm; squeeze-and-excitation; a ghost module hidden -> out; plus the shortcut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GhostBottleneck {
    /// Channels inside, even.
    pub hidden: i64,
    /// Channels out, even.
    pub out: i64,
    /// Step of the depthwise convolution and of the shortcut.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: i64,
    /// Whether the shortcut is conv 1x1 in -> out with batch norm, instead of the value itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub project: bool,
    /// Whether the depthwise convolution is there at a step of 1, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub depthwise: bool,
    /// Whether there is squeeze-and-excitation.
    #[serde(default, skip_serializing_if = "is_false")]
    pub squeeze_excite: bool,
    /// Groups of both ghost modules.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: i64,
}

impl Block for GhostModule {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        if self.out % 2 != 0 {
            return b.fail(format!("a ghost module of {} channels; an even number is wanted", self.out));
        }
        let y = b.conv("primary", x, &Conv::new(1, self.out / 2).groups(self.groups))?;
        let y = b.shuffle(y, self.groups)?;
        let z = b.depthwise("cheap", y, 1)?;
        let both = b.concat(&[z, y])?;
        let both = b.batch_norm("norm", both)?;
        if self.activate { b.relu6(both) } else { Ok(both) }
    }
}

impl Block for GhostBottleneck {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let ghost = |out, activate| GhostModule { out, activate, groups: self.groups };
        let mut y = b.within("expand", |b| ghost(self.hidden, true).build(b, x))?;
        if self.depthwise || self.stride != 1 {
            y = b.depthwise("depthwise", y, self.stride)?;
            y = b.batch_norm("depthwise_norm", y)?;
        }
        if self.squeeze_excite {
            y = b.within("squeeze_excite", |b| SqueezeExcite::default().build(b, y))?;
        }
        let y = b.within("reduce", |b| ghost(self.out, false).build(b, y))?;
        add_shortcut(b, x, y, projection(self.project, self.out, self.stride))
    }
}
