use litecnn_kernels::Level;
use tch::Device;

/// What computes batches. Both do the same mathematics; they round differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The vectorised kernels of the crate litecnn-kernels, on the CPU.
    Kernels,
    /// libtorch with automatic differentiation, on any device.
    Libtorch,
}

impl Engine {
    /// The faster one for a device, on this processor.
    pub fn for_device(device: Device) -> Self {
        if device == Device::Cpu && Level::detect().is_fast() { Self::Kernels } else { Self::Libtorch }
    }

    /// `kernels` or `libtorch`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernels => "kernels",
            Self::Libtorch => "libtorch",
        }
    }
}
