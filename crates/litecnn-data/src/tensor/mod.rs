//! Images as tensors: splits, batches on a device, augmentation.

mod augment;
mod batches;
mod split;
mod stream;

pub use augment::{Augmentation, Change, Fill};
pub use batches::{Batch, Batches, DeviceImages};
pub use split::{Split, SplitError, folds, split};
pub use stream::{Stream, stream};
