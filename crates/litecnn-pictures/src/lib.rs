//! Pictures as people have them, made into images as a network sees them.
//!
//! [`PictureForm`] says what a network sees: channels, height, width, how a picture of another shape is fitted and what
//! shows through where it is transparent; its [`pixels`](PictureForm::pixels) turns the bytes of a PNG, JPEG, GIF, BMP
//! or WebP file into that. Files are told apart by their content, turned as the camera says (EXIF), and refused before
//! room is made for them if they claim sizes beyond reason. A decoder that panics has met a damaged file: that is an error
//! like any other, and its message is kept back by a panic hook around the one that is there. [`scan`] finds pictures and their classes in a folder per
//! class, in `train/ val/ test/` folders of these, or in a CSV file of paths and labels, always in the same order.
//! No tensor library, nothing is printed, no unsafe code.
//!
//! ```
//! use litecnn_pictures::{Background, Fit, PictureForm};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let form = PictureForm { channels: 3, height: 2, width: 2, fit: Fit::Letterbox, background: Background::WHITE };
//! // A BMP file of two grey pixels side by side.
//! let mut bytes = Vec::new();
//! image::GrayImage::from_raw(2, 1, vec![0, 90]).unwrap()
//!     .write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Bmp)?;
//!
//! let pixels = form.pixels(&bytes)?; // height, width, channels
//! assert_eq!(pixels.len(), 2 * 2 * 3);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod background;
mod decode;
mod error;
mod folder;
mod form;
mod guard;
mod jpeg;
mod list;
mod listing;
mod order;
mod resize;

pub use background::Background;
pub use error::{PictureError, ScanError};
pub use form::{ENDINGS, Fit, PictureForm, is_named_as_picture};
pub use listing::{Ignored, Listed, Listing, Missing, Part, scan};
