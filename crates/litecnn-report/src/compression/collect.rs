use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use litecnn_run::{Measured, SeedDir, seeds_in};

use crate::{ReportError, Spread};

const FILE: &str = "measured.json";

/// Folders within that of a network: `pruned/round-4/int8` is the deepest the study knows, one's own may be deeper.
const DEPTH: usize = 6;

/// What was done to a network, by the folder its figures lie in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Treatment {
    /// Trained, or pruned by so many rounds.
    Floats { round: u32 },
    /// The same, quantised.
    Int8 { round: u32 },
    /// Something else, in this folder.
    Other(String),
}

/// All figures of one network on one data set: for each treatment one for each seed.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    pub(super) treatments: BTreeMap<Treatment, Vec<Measured>>,
}

/// Networks by data set and name.
pub(super) type Networks = BTreeMap<(String, String), Network>;

/// Whether there is anything to collect.
pub(super) fn any(run: &Path) -> bool {
    seeds_in(run).iter().any(|(dataset, seed)| {
        let folders = folders(SeedDir::new(run, dataset, *seed).root());
        folders.iter().any(|folder| !below(folder).is_empty())
    })
}

/// Reads every file there is, and checks that it lies where it belongs.
pub(super) fn collect(run: &Path) -> Result<Networks, ReportError> {
    let mut networks = Networks::new();
    let mut data: BTreeMap<String, String> = BTreeMap::new();
    for (dataset, seed) in seeds_in(run) {
        for folder in folders(SeedDir::new(run, &dataset, seed).root()) {
            let mut name: Option<String> = None;
            for (inner, path) in below(&folder) {
                let measured = Measured::read(&path)?;
                let wrong = |reason: String| Err(ReportError::Inconsistent { path: path.clone(), reason });
                if (&measured.dataset, measured.seed) != (&dataset, seed) {
                    return wrong(format!("it is of {} and seed {}", measured.dataset, measured.seed));
                }
                let digest = data.entry(dataset.clone()).or_insert_with(|| measured.data.clone());
                if *digest != measured.data {
                    return wrong(format!("others of {dataset} were measured on other images"));
                }
                let expected = name.get_or_insert_with(|| measured.network.clone());
                if *expected != measured.network {
                    return wrong(format!("it is of {}, others in its folder are of {expected}", measured.network));
                }
                let of = networks.entry((dataset.clone(), measured.network.clone())).or_default();
                let seeds = of.treatments.entry(treatment(&inner)).or_default();
                if seeds.iter().any(|other| other.seed == seed) {
                    return wrong(format!("another folder holds {} with seed {seed}, too", measured.network));
                }
                seeds.push(measured);
            }
        }
    }
    if networks.is_empty() {
        return Err(ReportError::NothingToReport { run: run.to_owned() });
    }
    Ok(networks)
}

impl Network {
    pub(super) fn floats(&self, round: u32) -> Option<&[Measured]> {
        self.treatments.get(&Treatment::Floats { round }).map(Vec::as_slice)
    }

    pub(super) fn int8(&self, round: u32) -> Option<&[Measured]> {
        self.treatments.get(&Treatment::Int8 { round }).map(Vec::as_slice)
    }

    /// Rounds of pruning there are figures of, in order.
    pub(super) fn rounds(&self) -> impl Iterator<Item = u32> {
        self.treatments.keys().filter_map(|treatment| match treatment {
            Treatment::Floats { round } => Some(*round).filter(|round| *round > 0),
            _ => None,
        })
    }
}

/// Accuracy as the study counts it, a value a seed.
pub(super) fn accuracy(seeds: &[Measured]) -> Spread {
    Spread::new(seeds.iter().map(|m| m.batch_accuracy).collect())
}

fn treatment(inner: &str) -> Treatment {
    let round = |text: &str| text.strip_prefix("pruned/round-").and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    match inner.strip_suffix("int8").map(|rest| rest.trim_end_matches('/')) {
        Some("") => Treatment::Int8 { round: 0 },
        Some(rest) if round(rest).is_some() => Treatment::Int8 { round: round(rest).unwrap_or(0) },
        None if inner.is_empty() => Treatment::Floats { round: 0 },
        None if round(inner).is_some() => Treatment::Floats { round: round(inner).unwrap_or(0) },
        _ => Treatment::Other(inner.to_owned()),
    }
}

/// The files of figures below a folder, with the folders they lie in: relative, separated by `/`. In order.
fn below(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut ahead = vec![(String::new(), folder.to_owned(), 0)];
    while let Some((inner, folder, depth)) = ahead.pop() {
        let file = folder.join(FILE);
        if file.is_file() {
            found.push((inner.clone(), file));
        }
        if depth < DEPTH {
            for next in folders(&folder) {
                let name = next.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let inner = if inner.is_empty() { name } else { format!("{inner}/{name}") };
                ahead.push((inner, next, depth + 1));
            }
        }
    }
    found.sort();
    found
}

/// Folders in a folder, no links, in order of name.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_the_treatment() {
        for (inner, expected) in [
            ("", Treatment::Floats { round: 0 }),
            ("int8", Treatment::Int8 { round: 0 }),
            ("pruned/round-10", Treatment::Floats { round: 10 }),
            ("pruned/round-4/int8", Treatment::Int8 { round: 4 }),
            ("pruned/round-0", Treatment::Other("pruned/round-0".into())),
            ("pruned/round-x/int8", Treatment::Other("pruned/round-x/int8".into())),
            ("my-int8", Treatment::Other("my-int8".into())),
            ("shrunk", Treatment::Other("shrunk".into())),
        ] {
            assert_eq!(treatment(inner), expected);
        }
    }
}
