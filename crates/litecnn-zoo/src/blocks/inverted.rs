use serde::{Deserialize, Serialize};

use super::{add_shortcut, projection};
use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::layer::{Conv, is_false, is_one, one};

/// The inverted bottleneck of MobileNetV2 (Sandler et al. 2018): conv 1x1 in -> hidden, batch norm, relu6;
/// conv 3x3 of each channel alone, batch norm, relu6; conv 1x1 hidden -> out, batch norm; plus the shortcut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InvertedBottleneck {
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
}

impl Block for InvertedBottleneck {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let y = b.conv_norm("expand", x, &Conv::new(1, self.hidden))?;
        let y = b.relu6(y)?;
        let y = b.depthwise("depthwise", y, self.stride)?;
        let y = b.batch_norm("depthwise_norm", y)?;
        let y = b.relu6(y)?;
        let y = b.conv_norm("reduce", y, &Conv::new(1, self.out))?;
        add_shortcut(b, x, y, projection(self.project, self.out, self.stride))
    }
}
