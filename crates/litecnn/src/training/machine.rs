//! What the machine and the program are, for the records.

use std::collections::BTreeMap;

use anyhow::Result;
use litecnn_data::Dataset;
use litecnn_run::{Manifest, now};
use tch::Device;

use super::source::Source;

/// Version of the libtorch this program was built with.
pub(crate) const LIBTORCH: &str = env!("LITECNN_LIBTORCH");

/// What `run.toml` of a new run says: a name, a hash of everything that decides results but data and seed, and the settings.
pub(crate) fn manifest(
    name: String,
    hash: String,
    settings: toml::Table,
    dataset: &Dataset,
    source: &Source,
    device: Device,
) -> Result<Manifest> {
    let source = source.remembered()?.map(|source| (dataset.name.clone(), source));
    Ok(Manifest {
        format: Manifest::FORMAT.into(),
        created: now(),
        host: host(),
        versions: versions(device),
        recipe_name: name,
        recipe_hash: hash,
        recipe: settings,
        data: if dataset.official { "official" } else { "unofficial" }.into(),
        datasets: BTreeMap::from([(dataset.name.clone(), dataset.digest.clone())]),
        sources: source.into_iter().collect(),
        steps: BTreeMap::new(),
    })
}

/// The processor and the number of threads it offers.
fn host() -> String {
    format!("{}, {} threads", litecnn_cli::processor(), litecnn_cli::threads())
}

/// Versions of everything that takes part in a result.
fn versions(device: Device) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::from(
        [
            ("litecnn", env!("CARGO_PKG_VERSION")),
            ("libtorch", LIBTORCH),
            ("git-commit", env!("LITECNN_COMMIT")),
            ("os", std::env::consts::OS),
            ("arch", std::env::consts::ARCH),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    if let Device::Cuda(_) = device {
        versions.insert("cudnn".into(), tch::utils::version_cudnn().to_string());
        versions.insert("tf32-convolutions".into(), "on (libtorch's default)".into());
    }
    versions
}

/// Largest resident memory of this process so far, in bytes, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}
