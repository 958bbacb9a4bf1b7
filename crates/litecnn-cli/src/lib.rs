//! What the command line programs of litecnn have in common, so that they speak alike. Knows no tensor library.
//!
//! ```
//! use litecnn_cli::{DeviceChoice, Usage, duration, sentence};
//!
//! assert_eq!("cuda:1".parse(), Ok(DeviceChoice::Cuda(1)));
//! assert_eq!(duration(75.3), "1m15s");
//! let error = anyhow::Error::from(Usage("a recipe named twice".into())).context("cannot start");
//! assert_eq!(sentence(&error), "cannot start: a recipe named twice");
//! ```

#![forbid(unsafe_code)]

mod device;
mod duration;
mod error;
mod interrupt;
mod machine;
mod print;

pub use device::DeviceChoice;
pub use duration::duration;
pub use error::{Usage, ending, sentence};
pub use interrupt::{Interrupted, SUPERVISED, Signal, catch_signals, caught, command_line};
pub use machine::{processor, threads};
pub use print::print;
