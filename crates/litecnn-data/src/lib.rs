//! The image data sets litecnn is trained and measured on.
//!
//! [`load`] gives a [`Dataset`] by name (`mnist`, `fashion-mnist`, `cifar10`, `cifar100`), whatever the state of the machine: from
//! a folder of the user's, from the cache, or fetched over https or with a package manager's own client into the
//! cache. Sizes and SHA-256 of the canonical files are compared at every load, so every source is as good as
//! another and damage is noticed where it happened. [`fetch`] does the same without decoding and reports
//! [`Progress`]. A folder with a `manifest.toml` of its own may hold any other set in the formats of MNIST or CIFAR;
//! [`write_sample`] makes such folders out of small extracts, and [`load_pictures`] out of folders of pictures;
//! [`write_pictures`] writes a set out as one. For
//! training, a [`DeviceImages`] holds the images on a device and gives them in batches, [`split`] and [`folds`] part them
//! (class by class: [`stratified_split`], [`stratified_folds`]), [`Augmentation`] or [`Crops`]
//! change them, [`Normalisation`] shifts and scales them, and every random number comes from a [`stream`] named after
//! its purpose. The library prints nothing, and on damaged input it returns a [`DataError`] that says what, where, and
//! what to do.
//!
//! ```
//! use litecnn_data::{DeviceImages, LoadOptions, load, split, stream};
//! use tch::Device;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The repository carries small extracts of all sets, for tests and first steps.
//! let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/samples");
//! let options = LoadOptions { data_dir: Some(samples.into()), ..LoadOptions::default() };
//! let mnist = load("mnist", &options)?;
//!
//! assert_eq!(mnist.train.pixels.dim(), (1000, 28, 28, 1)); // images, height, width, channels
//! assert_eq!(mnist.classes[usize::from(mnist.test.labels[0])], "7");
//! assert!(!mnist.official, "an extract is not the published set");
//!
//! // What an epoch of training sees: 800 of the images in batches of 32, in an order that seed and name decide.
//! let (parts, images) = (split(1000, 200, 0)?, DeviceImages::new(&mnist.train, Device::Cpu, 255.0)?);
//! let mut batches = images.shuffled_batches(&parts.train, 32, &mut stream(0, "stage-1/epoch-1"))?;
//! let first = batches.next().transpose()?.map(|batch| batch.images.size());
//! assert_eq!((first, batches.count()), (Some(vec![32, 1, 28, 28]), 24));
//! # Ok(())
//! # }
//! ```

mod cache;
mod cifar;
mod client;
mod coarse;
#[cfg(test)]
#[path = "../../damage.rs"]
mod damage;
mod dataset;
mod error;
mod folder;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod gzip;
mod idx;
mod load;
mod manifest;
mod pictures;
mod png;
mod progress;
mod sample;
mod source;
mod tensor;
#[cfg(test)]
mod testing;
mod write_pictures;

pub use dataset::{Dataset, Images};
pub use error::{Attempt, DataError};
pub use litecnn_pictures::{Background, Fit, Ignored, Part, PictureForm};
pub use load::{Fetched, LoadOptions, fetch, load};
pub use manifest::{FileSpec, Fitting, Form, Format, Role, SetSpec, Source, official_sets};
pub use pictures::{
    ClassCounts, Counted, ImportReport, PictureOptions, PictureProgress, Shares, SkippedPicture, Tally, Twin,
    export_pictures, import_pictures, load_pictures,
};
pub use progress::Progress;
pub use sample::write_sample;
pub use tensor::{
    Augmentation, Batch, Batches, Change, Crop, Crops, DeviceImages, Fill, HostImages, Normalisation, Resampler, Split,
    SplitError, Stream, folds, split, stratified_folds, stratified_split, stream,
};
pub use write_pictures::{PicturePart, write_pictures};
