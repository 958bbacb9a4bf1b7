//! Blocks: several operations that are one layer of a description. Each is written in the notation
//! `conv KxK in -> out`; convolutions have no bias and nothing follows them unless it is said.

mod bottleneck;
mod dice;
mod factorised;
mod fire;
mod ghost;
mod heads;
mod inverted;
mod squeeze_excite;

pub use bottleneck::{Bottleneck, GroupedBottleneck, Middle};
pub use dice::{Dice, DiceBottleneck, StridedDice};
pub use factorised::{Factorised, Separable};
pub use fire::{DepthwiseFire, DiceFire, Fire, FireBottleneck, GhostFire, GroupedFire};
pub use ghost::{GhostBottleneck, GhostModule};
pub use heads::{ConvHead, DenseHead, HeadRectifier};
pub use inverted::InvertedBottleneck;
pub use squeeze_excite::SqueezeExcite;

use crate::ZooError;
use crate::builder::{Builder, Value};
use crate::layer::Conv;

/// `x` plus what `body` is: through `projection` and a batch norm where there is one, as it is otherwise.
fn add_shortcut(b: &mut Builder<'_>, x: Value, body: Value, projection: Option<Conv>) -> Result<Value, ZooError> {
    let shortcut = match projection {
        Some(conv) => b.conv_norm("shortcut", x, &conv)?,
        None => x,
    };
    b.add(body, shortcut)
}

/// The 1x1 convolution of a shortcut, if there is one.
fn projection(project: bool, out: i64, stride: i64) -> Option<Conv> {
    project.then(|| Conv::new(1, out).stride(stride))
}

/// The greatest common divisor of two positive numbers.
fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
