//! What computes batches.

use std::str::FromStr;

use anyhow::Result;
use litecnn_cli::{Usage, did_you_mean};
use litecnn_train::Engine;
use tch::Device;

/// An engine as it is asked for on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The faster one.
    Auto,
    This(Engine),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "kernels" => Ok(Self::This(Engine::Kernels)),
            "libtorch" => Ok(Self::This(Engine::Libtorch)),
            _ => {
                let known = ["auto", "kernels", "libtorch"];
                Err(format!("possible are {}{}", known.join(", "), did_you_mean(text, known)))
            }
        }
    }
}

impl Wanted {
    /// The engine, if it works on the device.
    pub(crate) fn resolve(self, device: Device) -> Result<Engine> {
        match self {
            Self::This(Engine::Kernels) if device != Device::Cpu => {
                Err(Usage("the kernels work on the CPU only: use --device cpu or --engine libtorch".into()).into())
            }
            Self::This(engine) => Ok(engine),
            Self::Auto => Ok(Engine::for_device(device)),
        }
    }
}
