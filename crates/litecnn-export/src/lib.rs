//! Trained models as artefacts that run without libtorch.
//!
//! [`TrainedModel::read`] reads any weight file of this project into plain vectors; [`onnx`] makes of it a file for
//! ONNX Runtime and its like, [`c`] a pair of C99 files for microcontrollers, [`litecnn()`] the file that
//! `litecnn-runtime` runs faster than anything else, [`quantise()`] the same in 8-bit integers (a quarter of the size and,
//! with AVX-512 VNNI, less than half of the time), [`rust`] either of them as constants of a Rust program. None needs a
//! tensor library, so this crate builds in seconds. Equal weight files give equal artefacts, byte by byte.
//!
//! ```no_run
//! use litecnn_export::TrainedModel;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = TrainedModel::read("final.safetensors".as_ref())?;
//! std::fs::write("mnist.onnx", litecnn_export::onnx(&model))?;
//!
//! let c = litecnn_export::c(&model, "mnist");
//! std::fs::write(format!("{}.h", c.name), &c.header)?;
//! std::fs::write(format!("{}.c", c.name), &c.source)?;
//! println!("{} bytes of constants, {} of scratch memory", c.constant_bytes, c.scratch_bytes);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod c;
mod card;
mod compact;
mod error;
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
pub use model::{BranchWeights, Convolution, Dense, JointWeights, TrainedModel};
pub use onnx::onnx;
pub use quantise::{ByteRange, QuantiseSettings, QuantisedModel, quantise};
pub use rust::{RustSource, rust};
