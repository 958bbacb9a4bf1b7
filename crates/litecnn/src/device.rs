//! Which device to compute on.

use std::str::FromStr;

use anyhow::Result;
use tch::{Cuda, Device};

use crate::Usage;

/// A device as it is asked for on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// CUDA if it is there, else the CPU.
    Auto,
    Cpu,
    Cuda(usize),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = text.strip_prefix("cuda:").and_then(|n| n.parse().ok());
                number.map(Self::Cuda).ok_or_else(|| "possible are auto, cpu, cuda, cuda:N".to_owned())
            }
        }
    }
}

impl Wanted {
    /// The device, if it is there.
    pub(crate) fn resolve(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(Device::cuda_if_available()),
            Self::Cuda(n) => match Cuda::is_available() {
                true if (n as i64) < Cuda::device_count() => Ok(Device::Cuda(n)),
                true => {
                    let count = Cuda::device_count();
                    Err(Usage(format!("there is no device cuda:{n}: libtorch sees {count}, counted from 0")).into())
                }
                false => Err(Usage(format!("CUDA was asked for, but {}; or use --device cpu", why_no_cuda())).into()),
            },
        }
    }
}

fn why_no_cuda() -> &'static str {
    if !tch::utils::has_cuda() {
        "this program was built with a libtorch for the CPU only: run `cargo xtask setup --cuda` and build again"
    } else {
        "libtorch sees no NVIDIA device or driver: `cargo xtask doctor` says what is missing"
    }
}

/// `cpu`, `cuda:0` …
pub(crate) fn name(device: Device) -> String {
    match device {
        Device::Cuda(n) => format!("cuda:{n}"),
        _ => "cpu".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let read = |text: &str| Wanted::from_str(text);
        assert_eq!(read("auto"), Ok(Wanted::Auto));
        assert_eq!(read("cuda"), Ok(Wanted::Cuda(0)));
        assert_eq!(read("cuda:3"), Ok(Wanted::Cuda(3)));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
