//! Kernels for the light branch of Isong, *Building Efficient Lightweight CNN Models* (2025), on a CPU: 3x3
//! convolutions with 2x2 max-pooling and ReLU, and dense layers; forward, backward, and resampling for augmentation.
//!
//! Layers this small leave a general library's convolutions at a tenth of what the processor can do: channels are
//! too few to fill a vector. Images are not. So every buffer has 16 images ([`LANES`]) as its innermost axis, a
//! vector holds the same pixel of 16 images, weights are scalars, and no lane idles whatever the number of channels.
//! Pooling and ReLU are fused into the convolution, and only pixels that pooling keeps are computed.
//!
//! [`BranchKernel`] is a branch, [`JointKernel`] what joins two of them, [`Sampler`] augments; [`NetworkKernel`] is a network
//! of convolutions with batch norm, residual additions and pooling. Every sum is taken in one order on every instruction
//! set ([`Level`]), so that AVX-512, AVX2 and plain Rust give the same bits; the softmax's exponential is the platform's.
//! The crate knows neither files nor libtorch and has no dependencies.
//!
//! ```
//! use litecnn_kernels::{BranchKernel, BranchShape, LANES, Level, cross_entropy_gradient, to_lanes};
//!
//! # fn main() { run().unwrap() }
//! # fn run() -> Option<()> {
//! let shape = BranchShape { channels: 1, height: 28, width: 28, filters: vec![10, 20], classes: 10 };
//! assert_eq!(shape.parameters(), 6_930);
//! let mut weights = vec![0.01; shape.parameters()];
//! let mut kernel = BranchKernel::new(&shape, Level::detect())?;
//! kernel.set_weights(&weights);
//!
//! // Two images; the other lanes stay empty.
//! let (dark, bright) = (vec![0.1; shape.pixels()], vec![0.9; shape.pixels()]);
//! let mut images = vec![0.0; shape.pixels() * LANES];
//! to_lanes(&[&dark, &bright], &mut images);
//!
//! // A step of gradient descent.
//! let (mut activations, mut workspace) = (kernel.activations(true), kernel.workspace());
//! let (mut by_logits, mut gradient) = (vec![0.0; 10 * LANES], vec![0.0; shape.parameters()]);
//! kernel.forward(&images, &mut activations);
//! cross_entropy_gradient(activations.logits(), &[3, 8], 2, &mut by_logits);
//! kernel.backward(&images, &activations, &by_logits, &mut workspace);
//! kernel.take_gradient(&mut gradient);
//! for (weight, slope) in weights.iter_mut().zip(&gradient) {
//!     *weight -= 0.1 * slope;
//! }
//! kernel.set_weights(&weights);
//! # Some(())
//! # }
//! ```

mod branch;
mod conv;
mod dense;
mod joint;
mod lanes;
mod loss;
mod network;
mod sample;
mod shape;
mod simd;

pub use branch::{Activations, BranchKernel, Workspace};
pub use joint::JointKernel;
pub use lanes::{bytes_to_lanes, from_lanes, to_lanes};
pub use loss::{cross_entropy_gradient, soft_cross_entropy_gradient, weighted_cross_entropy_gradient};
pub use network::{Filters, Images, Moments, NetworkKernel, NetworkShape, Pooling, Room, Step, Unit};
pub use sample::{Outside, Sampler, Sampling};
pub use shape::BranchShape;
pub use simd::{LANES, Level};
