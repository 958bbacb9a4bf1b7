//! Trained models as artefacts that run without libtorch.
//!
//! [`TrainedModel::read`] reads any weight file of this project into plain vectors; [`onnx`] makes of it a file for
//! ONNX Runtime and its like, [`c`] a pair of C99 files for microcontrollers, [`litecnn()`] the file that
//! `litecnn-runtime` runs faster than anything else, [`quantise()`] the same in 8-bit integers (a quarter of the size and,
//! with AVX-512 VNNI, less than half of the time), [`rust`] either of them as constants of a Rust program. A [`Folded`]
//! network goes the same ways. None needs a tensor library, so this crate builds in seconds. Equal weight files give equal artefacts, byte by byte.
//!
//! ```
//! use litecnn_export::TrainedModel;
//! use litecnn_runtime::{AlignedBytes, Model};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let folder = temporary.path();
//! # let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mnist-final.safetensors");
//! let model = TrainedModel::read(weights.as_ref())?;
//! std::fs::write(folder.join("mnist.onnx"), litecnn_export::onnx(&model))?;
//!
//! let c = litecnn_export::c(&model, "mnist");
//! std::fs::write(folder.join("mnist.h"), &c.header)?;
//! std::fs::write(folder.join("mnist.c"), &c.source)?;
//! println!("{} bytes of constants, {} of scratch memory", c.constant_bytes, c.scratch_bytes);
//!
//! let file = AlignedBytes::new(&litecnn_export::litecnn(&model)?);
//! let model = Model::from_bytes(&file)?;
//! let mut probabilities = [0.0; 10];
//! model.predict(&[0u8; 28 * 28], &mut vec![0.0; model.scratch_len()], &mut probabilities)?;
//! assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod c;
mod card;
mod compact;
mod error;
mod folded;
mod model;
mod names;
mod onnx;
mod quantise;
mod reference;
mod rust;
mod template;
mod weights;

pub use c::{CSource, c};
pub use card::HeadActivation;
pub use compact::litecnn;
pub use error::ExportError;
pub use folded::Folded;
pub use model::{BranchWeights, Convolution, Dense, JointWeights, TrainedModel};
pub use onnx::onnx;
pub use quantise::{ByteRange, QuantiseSettings, QuantisedModel, quantise};
pub use rust::{RustSource, rust};
