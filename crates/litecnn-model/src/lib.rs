//! The light convolutional classifier of Isong, *Building Efficient Lightweight CNN Models* (2025), on libtorch.
//!
//! A [`Branch`] is two small convolutions with pooling and a dense head. Two of them make the [`DualModel`] that
//! the first training stage trains; with their heads turned into 1x1 convolutions (see the crate litecnn-surgery)
//! and joined under two dense layers ([`Joint`]) they make the [`UnifiedModel`], which has 14,862 parameters for
//! 28x28 grey images and 19,622 for 32x32 colour images. Trained, it answers fastest as an [`InferenceModel`]. All
//! are generic over image shape, number of filters and classes ([`BranchSpec`], [`UnifiedSpec`]; [`fit_budget`] chooses
//! them by a number of parameters), start as Keras
//! starts them, describe themselves ([`Summary`]) and go to and from safetensors files ([`Model`], [`Card`]).
//!
//! ```
//! use litecnn_model::{Branch, BranchSpec, UnifiedSpec};
//! use rand::SeedableRng;
//! use tch::{Device, Kind, Tensor};
//!
//! # fn main() -> Result<(), litecnn_model::ModelError> {
//! let spec = BranchSpec::paper(1, 28, 28, 10);
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
//! let branch = Branch::new(&spec, Device::Cpu, &mut rng)?;
//!
//! let images = Tensor::zeros([2, 1, 28, 28], (Kind::Float, Device::Cpu));
//! assert_eq!(branch.forward(&images)?.size(), [2, 10]);
//! assert_eq!(UnifiedSpec::paper(spec).parameters(), 14_862);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod branch;
mod budget;
mod error;
mod inference;
mod init;
mod params;
mod spec;
mod summary;
mod tensor_file;
mod unified;
mod weights;

pub use branch::{Branch, Joint};
pub use budget::{fit_branch, fit_budget, fit_images, of_first_filters};
pub use error::ModelError;
pub use inference::InferenceModel;
pub use params::Params;
pub use spec::{BranchSpec, HeadActivation, HeadKind, InputShape, UnifiedSpec};
pub use summary::{Layer, Summary};
pub use tensor_file::{read_tensors, write_tensors};
pub use unified::{DualModel, UnifiedModel, activate};
pub use weights::{Architecture, Card, Model};
