use serde::{Deserialize, Serialize};

use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::layer::Linear;

/// Squeeze-and-excitation (Hu et al. 2018): each channel times a factor in `[0, 1]`, which is told from the means of
/// all channels: dense in -> in / reduction, relu, dense -> in, sigmoid. No biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SqueezeExcite {
    /// Channels are divided by this inside, rounded down.
    pub reduction: i64,
}

impl Default for SqueezeExcite {
    fn default() -> Self {
        Self { reduction: 4 }
    }
}

impl Block for SqueezeExcite {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let channels = b.channels(x);
        if !(1..=channels).contains(&self.reduction) {
            return b.fail(format!("{channels} channels cannot be reduced by {}", self.reduction));
        }
        let dense = |out: i64| Linear { bias: false, ..Linear::new(out) };
        let y = b.global_average(x)?;
        let y = b.linear("reduce", y, dense(channels / self.reduction))?;
        let y = b.relu(y)?;
        let y = b.linear("expand", y, dense(channels))?;
        let y = b.sigmoid(y)?;
        b.gate(x, y)
    }
}
