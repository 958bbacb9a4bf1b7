//! What this machine and this program are, for the records.

use std::process::Command;

use litecnn_cli::{processor, threads};
use litecnn_report::speed::Machine;
use tch::Device;

/// The machine, as far as it tells, and the GPU among the devices measured.
pub(crate) fn machine(devices: &[Device]) -> Machine {
    let gpu = devices.iter().find_map(|device| match device {
        Device::Cuda(n) => Some(Gpu::look(*n)),
        _ => None,
    });
    Machine {
        cpu: processor(),
        cores: threads(),
        memory_bytes: memory(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        libtorch: env!("LITECNN_LIBTORCH").to_owned(),
        tf32: gpu.as_ref().and_then(|gpu| gpu.tf32),
        device: gpu.map_or_else(|| "cpu".to_owned(), |gpu| gpu.name),
        litecnn: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("LITECNN_COMMIT").to_owned(),
        date: litecnn_run::now(),
    }
}

fn memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

struct Gpu {
    name: String,
    tf32: Option<bool>,
}

impl Gpu {
    fn look(number: usize) -> Self {
        let mut ask = Command::new("nvidia-smi");
        ask.args(["--query-gpu=name,compute_cap", "--format=csv,noheader", "-i", &number.to_string()]);
        let answer = ask.output().ok().filter(|o| o.status.success());
        let answer = answer.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        let off = std::env::var("NVIDIA_TF32_OVERRIDE").is_ok_and(|v| v == "0");
        Self::read(&answer, number, off)
    }

    /// `NVIDIA H100 80GB HBM3, 9.0`; libtorch lets convolutions use TF32 where the GPU has it, from 8.0 on.
    fn read(answer: &str, number: usize, off: bool) -> Self {
        let line = answer.lines().next().unwrap_or_default();
        let (name, capability) = line.rsplit_once(',').unwrap_or((line, ""));
        let name = name.trim();
        let capability: Option<f64> = capability.trim().parse().ok();
        Self {
            name: if name.is_empty() { format!("cuda:{number}") } else { name.to_owned() },
            tf32: capability.map(|c| c >= 8.0 && !off),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_something() {
        let machine = machine(&[Device::Cpu]);
        assert!(machine.cores >= 1 && !machine.cpu.is_empty());
        assert_eq!((machine.device.as_str(), machine.tf32), ("cpu", None));
        assert!(machine.libtorch.starts_with("2."), "{}", machine.libtorch);
    }

    #[test]
    fn gpus_are_read_as_nvidia_smi_tells_them() {
        let of = |answer: &str, off| {
            let gpu = Gpu::read(answer, 1, off);
            (gpu.name, gpu.tf32)
        };
        assert_eq!(of("NVIDIA H100 80GB HBM3, 9.0\n", false), ("NVIDIA H100 80GB HBM3".into(), Some(true)));
        assert_eq!(of("NVIDIA H100 80GB HBM3, 9.0\n", true).1, Some(false));
        assert_eq!(of("Tesla P100-PCIE-16GB, 6.0\n", false).1, Some(false));
        assert_eq!(of("", false), ("cuda:1".into(), None));
    }
}
