//! Surgery as Isong (2025) describes it: the dense head of each trained branch is removed and becomes a 1x1
//! convolution that computes the same, and both branches are joined under fresh dense layers.
//!
//! The flattened features of a branch are seen as a 1x1 image with as many channels as there are features; the
//! dense kernel, reshaped, is the convolution's kernel, and the bias stays. That is the one reading that gives the
//! published parameter counts. No weight changes its value: [`convert_head`] moves bits.
//!
//! ```
//! use litecnn_model::{Branch, BranchSpec, UnifiedSpec};
//! use rand::SeedableRng;
//! use tch::Device;
//!
//! # fn main() -> Result<(), litecnn_surgery::SurgeryError> {
//! let spec = BranchSpec::paper(1, 28, 28, 10);
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
//! let first = Branch::new(&spec, Device::Cpu, &mut rng)?;
//! let second = Branch::new(&spec, Device::Cpu, &mut rng)?;
//!
//! let unified = litecnn_surgery::join(&first, &second, &UnifiedSpec::paper(spec), &mut rng)?;
//! assert_eq!(unified.named().iter().map(|(_, w)| w.numel()).sum::<usize>(), 14_862);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod convert;
mod join;

pub use convert::{convert_head, dense_to_conv, redraw_heads};
pub use join::join;

use litecnn_model::ModelError;

/// Why an operation on a model cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurgeryError {
    /// A layer is not what the operation needs.
    #[error("layer `{layer}`: {reason}")]
    Layer {
        /// Name of the layer or weight.
        layer: String,
        /// What is wrong, and what is wanted.
        reason: String,
    },
    /// The model or its weights are impossible.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

impl SurgeryError {
    fn layer(layer: &str, reason: impl Into<String>) -> Self {
        Self::Layer { layer: layer.into(), reason: reason.into() }
    }
}
