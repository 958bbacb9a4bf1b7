//! Which device to compute on.

use anyhow::Result;
use litecnn_cli::{DeviceChoice, Usage};
use tch::{Cuda, Device};

/// The device asked for, if it is there; automatically CUDA if it is there, else the CPU.
pub(crate) fn resolve(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto => Ok(Device::cuda_if_available()),
        DeviceChoice::Cuda(n) => match Cuda::is_available() {
            true if (n as i64) < Cuda::device_count() => Ok(Device::Cuda(n)),
            true => {
                let count = Cuda::device_count();
                Err(Usage(format!("there is no device cuda:{n}: libtorch sees {count}, counted from 0")).into())
            }
            false => Err(Usage(format!("CUDA was asked for, but {}; or use --device cpu", why_no_cuda())).into()),
        },
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
