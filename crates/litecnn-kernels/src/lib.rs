//! Training and inference kernels for the light branch of Isong, *Building Efficient Lightweight CNN Models* (2025):
//! 3x3 convolutions with max-pooling and ReLU, and dense layers.
mod branch;
mod conv;
mod dense;
mod joint;
mod lanes;
mod loss;
mod sample;
mod shape;
mod simd;

pub use branch::{Activations, BranchKernel, Workspace};
pub use joint::JointKernel;
pub use lanes::{bytes_to_lanes, from_lanes, to_lanes};
pub use loss::cross_entropy_gradient;
pub use sample::{Outside, Sampler, Sampling};
pub use shape::BranchShape;
pub use simd::{LANES, Level};
