//! Images as tensors: splits, batches on a device, augmentation.

mod augment;
mod batches;
mod host;
mod split;
mod stream;

pub use augment::{Augmentation, Change, Fill};
pub use batches::{Batch, Batches, DeviceImages};
pub use host::{HostImages, Resampler};
pub use split::{Split, SplitError, folds, split};
pub use stream::{Stream, stream};
