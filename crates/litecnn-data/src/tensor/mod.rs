//! Images as tensors: splits, batches on a device, augmentation, normalisation.

mod augment;
mod batches;
mod crop;
mod host;
mod normalisation;
mod split;
mod stream;

pub use augment::{Augmentation, Change, Fill};
pub use batches::{Batch, Batches, DeviceImages};
pub use crop::{Crop, Crops};
pub use host::{HostImages, Resampler};
pub use normalisation::Normalisation;
pub use split::{Split, SplitError, folds, split, stratified_folds, stratified_split};
pub use stream::{Stream, stream};
