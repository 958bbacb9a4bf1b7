//! The search for small networks: candidates drawn at random from a family, within a budget, and successive halving
//! (Jamieson & Talwalkar 2016) by accuracy on images that are held out of the training images. Test images are never
//! looked at.

mod halving;
mod space;

pub use halving::{Halving, Searching};
pub use space::Space;
