//! What is measured, and how often: options of several subcommands.

use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_bench::{Calls, MODELS, Subject};
use litecnn_cli::{DeviceChoice, Usage};
use litecnn_report::speed::Copying;
use tch::{Cuda, Device};

/// Options of measurements of a model.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) subjects: Subjects,
    /// auto (the CPU and, where there is one, the GPU), cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Repetitions of each measurement [default: 100, or 10 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    repetitions: Option<u64>,
    /// Calls before that do not count, the first call among them [default: 10, or 3 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    warmup: Option<u64>,
    /// A first look: few repetitions, small batches.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Which models, and with how many threads.
#[derive(Debug, clap::Args)]
pub(crate) struct Subjects {
    /// Models by the names of their data sets, separated by commas.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = MODELS, default_values = MODELS)]
    pub(crate) models: Vec<String>,
    /// Threads an operation may use on the CPU, separated by commas [default: 1 and all the machine offers].
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// Measure the trained models of this run (seed 0) instead of random ones.
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
}

impl Subjects {
    /// Numbers of threads, each once.
    pub(crate) fn threads(&self) -> Vec<usize> {
        let mut threads: Vec<usize> = match self.threads.as_slice() {
            [] => vec![1, litecnn_cli::threads()],
            given => given.iter().map(|n| usize::from(*n)).collect(),
        };
        let mut seen = Vec::new();
        threads.retain(|n| {
            !seen.contains(n) && {
                seen.push(*n);
                true
            }
        });
        threads
    }

    /// The run given.
    pub(crate) fn run(&self) -> Result<&Path> {
        self.run.as_deref().ok_or_else(|| Usage("name the run whose models are meant: --run DIR".into()).into())
    }

    /// The model of a name on a device.
    pub(crate) fn subject(&self, name: &str, device: Device) -> Result<Subject> {
        Ok(match &self.run {
            Some(run) => Subject::trained(run, name, 0, device)?,
            None => Subject::random(name, device)?,
        })
    }
}

/// One model on one device with so many threads, and the ways its images get there.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) model: String,
    pub(crate) device: Device,
    pub(crate) threads: usize,
    pub(crate) copies: Vec<Option<Copying>>,
}

impl Options {
    pub(crate) fn calls(&self) -> Calls {
        let (warmup, repetitions) = if self.quick { (3, 10) } else { (10, 100) };
        Calls { warmup: self.warmup.unwrap_or(warmup), repetitions: self.repetitions.unwrap_or(repetitions) }
    }

    /// Where to measure.
    pub(crate) fn devices(&self) -> Result<Vec<Device>> {
        resolve(self.device)
    }

    /// Everything to be measured, in order. On a GPU the number of threads matters little, so one is used.
    pub(crate) fn settings(&self) -> Result<Vec<Setting>> {
        let mut settings = Vec::new();
        for device in self.devices()? {
            let cpu = device == Device::Cpu;
            let threads = if cpu { self.subjects.threads() } else { vec![1] };
            let copies = match cpu {
                true => vec![None],
                false => vec![Some(Copying::Excluded), Some(Copying::Included)],
            };
            for threads in threads {
                for model in &self.subjects.models {
                    settings.push(Setting { model: model.clone(), device, threads, copies: copies.clone() });
                }
            }
        }
        Ok(settings)
    }
}

/// The devices asked for, if they are there; automatically the CPU and, where there is one, the GPU.
fn resolve(choice: DeviceChoice) -> Result<Vec<Device>> {
    match choice {
        // CUDA is not asked for anything: waking it up takes memory.
        DeviceChoice::Cpu => Ok(vec![Device::Cpu]),
        DeviceChoice::Auto if Cuda::is_available() => Ok(vec![Device::Cpu, Device::Cuda(0)]),
        DeviceChoice::Auto => Ok(vec![Device::Cpu]),
        DeviceChoice::Cuda(n) if Cuda::is_available() && (n as i64) < Cuda::device_count() => Ok(vec![Device::Cuda(n)]),
        DeviceChoice::Cuda(n) => {
            let count = Cuda::device_count();
            let fix = "`cargo xtask doctor` says what is missing; or use --device cpu";
            Err(Usage(format!("there is no device cuda:{n} (libtorch sees {count} GPUs): {fix}")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_one_and_all_unless_given() {
        let subjects = |threads: &[u16]| Subjects { models: Vec::new(), threads: threads.to_vec(), run: None };
        assert_eq!(subjects(&[2, 1, 2]).threads(), [2, 1]);
        let all = subjects(&[]).threads();
        assert_eq!((all[0], all.last().copied()), (1, Some(litecnn_cli::threads())));
        assert!(all.len() <= 2);
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(resolve(DeviceChoice::Cpu).unwrap(), [Device::Cpu]);
        assert!(resolve(DeviceChoice::Cuda(99)).unwrap_err().is::<Usage>());
    }
}
