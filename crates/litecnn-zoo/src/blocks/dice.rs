use serde::{Deserialize, Serialize};

use super::{add_shortcut, gcd, projection};
use crate::ZooError;
use crate::builder::{Block, Builder, Value};
use crate::graph::{Axis, Window};
use crate::layer::{Conv, is_false, is_one, one};

/// The DiCE unit of DiCENet (Mehta et al. 2019). Its weights fix the height and width it works on.
///
/// Three views of the input, each conv 3x3 of each plane alone: over rows and columns for each channel, over channels
/// and columns for each row, over rows and channels for each column; side by side, batch norm, relu, and shuffled so
/// that a channel's views are neighbours. Then conv 1x1 3 in -> in, a group for each channel, with a padding of 1 (so a
/// map two larger each way), batch norm, relu. What that gives, `y`, goes through conv 3x3 in -> out without
/// padding in `gcd(in, out)` groups, batch norm, relu, and is gated by the means of `y`: conv 1x1 in -> in / 4, relu,
/// conv 1x1 -> out, sigmoid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dice {
    /// Channels out.
    pub out: i64,
}

/// The DiCE unit that halves the map, in two halves of the channels out. Left: conv 3x3 of each channel alone with a
/// step of 2, batch norm, relu; conv 1x1 in -> out / 2, batch norm, relu. Right: the mean of 3x3 windows with a step
/// of 2; [`Dice`] in -> out / 2. Left and right side by side, shuffled in 2 groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StridedDice {
    /// Channels out, even.
    pub out: i64,
}

/// A bottleneck of a DiCE unit: conv 1x1 in -> hidden, batch norm, relu; [`Dice`] or, with a step of 2,
/// [`StridedDice`] hidden -> out; plus the shortcut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DiceBottleneck {
    /// Channels inside, at least 4.
    pub hidden: i64,
    /// Channels out.
    pub out: i64,
    /// Step, 1 or 2.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: i64,
    /// Whether the shortcut is conv 1x1 in -> out with batch norm, instead of the value itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub project: bool,
    /// Whether there also are the weights of a depthwise convolution and a batch norm that nothing reads. The study's
    /// network has them and counts them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unused_depthwise: bool,
}

/// Channels inside the gate, as a part of those that come in.
const REDUCTION: i64 = 4;

impl Block for Dice {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let channels = b.map(x, "a DiCE unit")?.channels;
        if channels < REDUCTION {
            return b.fail(format!("a DiCE unit on {channels} channels; at least {REDUCTION}"));
        }
        let mut views = vec![b.depthwise("channel", x, 1)?];
        for (name, axis) in [("height", Axis::Height), ("width", Axis::Width)] {
            let swapped = b.swap(x, axis)?;
            let view = b.depthwise(name, swapped, 1)?;
            views.push(b.swap(view, axis)?);
        }
        let y = b.concat(&views)?;
        let y = b.batch_norm("views_norm", y)?;
        let y = b.relu(y)?;
        let y = b.shuffle(y, 3)?;
        let y = b.conv_norm("merge", y, &Conv::new(1, channels).groups(channels).padding(1))?;
        let y = b.relu(y)?;

        let gate = b.global_average(y)?;
        let gate = b.pixel(gate)?;
        let gate = b.conv("gate_reduce", gate, &Conv::new(1, channels / REDUCTION))?;
        let gate = b.relu(gate)?;
        let gate = b.conv("gate_expand", gate, &Conv::new(1, self.out))?;
        let gate = b.sigmoid(gate)?;

        let groups = gcd(channels, self.out.max(1));
        let y = b.conv_norm("project", y, &Conv::new(3, self.out).groups(groups).padding(0))?;
        let y = b.relu(y)?;
        b.gate(y, gate)
    }
}

impl Block for StridedDice {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        if self.out % 2 != 0 {
            return b.fail(format!("a strided DiCE unit of {} channels; an even number is wanted", self.out));
        }
        let half = self.out / 2;
        let left = b.depthwise("left", x, 2)?;
        let left = b.batch_norm("left_norm", left)?;
        let left = b.relu(left)?;
        let left = b.conv_norm("left_pointwise", left, &Conv::new(1, half))?;
        let left = b.relu(left)?;
        let right = b.average_pool(x, Window { size: 3, stride: 2, padding: 1 })?;
        let right = b.within("right", |b| Dice { out: half }.build(b, right))?;
        let both = b.concat(&[left, right])?;
        b.shuffle(both, 2)
    }
}

impl Block for DiceBottleneck {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let y = b.conv_norm("reduce", x, &Conv::new(1, self.hidden))?;
        let y = b.relu(y)?;
        if self.unused_depthwise {
            b.unused(|b| {
                let y = b.depthwise("unused", y, 1)?;
                b.batch_norm("unused_norm", y)
            })?;
        }
        let y = b.within("unit", |b| match self.stride {
            1 => Dice { out: self.out }.build(b, y),
            2 => StridedDice { out: self.out }.build(b, y),
            stride => b.fail(format!("a stride of {stride}; a DiCE unit has 1 or 2")),
        })?;
        add_shortcut(b, x, y, projection(self.project, self.out, self.stride))
    }
}
