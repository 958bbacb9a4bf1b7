//! What the command line programs of litecnn have in common, so that they speak alike: wrong usage, errors in a
//! sentence, the name that was meant, devices, durations. Knows no tensor library.
//!
//! ```
//! use litecnn_cli::{DeviceChoice, Usage, duration, nearest, sentence};
//!
//! assert_eq!("cuda:1".parse(), Ok(DeviceChoice::Cuda(1)));
//! assert_eq!(duration(75.3), "1m15s");
//! assert_eq!(nearest("mnits", ["cifar10", "mnist"]), Some("mnist"));
//! let error = anyhow::Error::from(Usage("a recipe named twice".into())).context("cannot start");
//! assert_eq!(sentence(&error), "cannot start: a recipe named twice");
//! ```

#![forbid(unsafe_code)]

mod device;
mod duration;
mod error;
mod interrupt;
mod machine;
mod nearest;
mod print;

pub use device::DeviceChoice;
pub use duration::duration;
pub use error::{Usage, ending, sentence};
pub use interrupt::{Interrupted, SUPERVISED, Signal, catch_signals, caught, command_line};
pub use machine::{processor, threads};
pub use nearest::{did_you_mean, nearest, nearest_first, with_nearest};
pub use print::print;
