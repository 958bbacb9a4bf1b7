//! What earlier reports left in a run directory and this one does not make.

use std::path::{Path, PathBuf};

use litecnn_run::RunError;

/// Kinds of figures a report makes; a data set's name follows. Throughput is not among them: the pages of
/// `cargo xtask bench` show it too.
const FIGURES: [&str; 14] = [
    "steps",
    "confusion",
    "mistakes",
    "stage-1",
    "stage-2-1",
    "stage-2-2",
    "folds",
    "model-branch",
    "model-dual",
    "model-unified",
    "filters",
    "augmentation",
    "reliability",
    "compression",
];

/// A PNG beside a figure, and the digest of the figure it was drawn from.
pub(crate) struct Png {
    path: PathBuf,
    figure: String,
}

/// The PNGs beside figures that are there now.
pub(crate) fn pngs(figures: &Path) -> Vec<Png> {
    let png = |path: PathBuf| {
        let figure = litecnn_run::sha256_file(&path.with_extension("svg")).ok()?;
        Some(Png { path, figure })
    };
    files(figures).into_iter().filter(|path| has_extension(path, &["png"]) && is_figure(path)).filter_map(png).collect()
}

/// Removes figures and tables of a report that are not among `made`, and those of `pngs` whose figure has changed.
/// Files with names that no report gives stay.
pub(crate) fn remove(run: &Path, made: &[PathBuf], pngs: &[Png]) -> Result<(), RunError> {
    let gone = |path: &PathBuf| !made.contains(&path.with_extension("svg"));
    let mut stale: Vec<PathBuf> =
        files(&run.join("figures")).into_iter().filter(|path| is_figure(path) && gone(path)).collect();
    let tables = files(&run.join("tables")).into_iter();
    stale.extend(tables.filter(|path| is_table(path) && !made.contains(path)));
    for png in pngs.iter().filter(|png| !gone(&png.path)) {
        if litecnn_run::sha256_file(&png.path.with_extension("svg"))? != png.figure {
            stale.push(png.path.clone());
        }
    }
    for path in stale {
        std::fs::remove_file(&path).map_err(|source| RunError::Io { action: "remove", path, source })?;
    }
    Ok(())
}

/// Files and no links: what they lead to is not ours.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_file())).map(|e| e.path()).collect()
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|own| extensions.iter().any(|e| own == *e))
}

fn is_figure(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let of =
        |kind: &str| stem.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')).is_some_and(|d| !d.is_empty());
    has_extension(path, &["svg", "png"]) && FIGURES.iter().any(|kind| of(kind))
}

fn is_table(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let of = stem.strip_prefix("classification-").and_then(|rest| rest.rsplit_once("-seed-"));
    let seed = of.filter(|(dataset, _)| !dataset.is_empty()).map(|(_, seed)| seed);
    has_extension(path, &["txt", "json"]) && seed.is_some_and(|s| s.parse::<u64>().is_ok_and(|n| n.to_string() == s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_known_and_others_are_not() {
        let yes = ["steps-mnist.svg", "model-dual-cifar10.png", "stage-2-1-my-data.svg"];
        let no = ["steps.svg", "steps-.svg", "steps-mnist.pdf", "throughput-mnist-cpu.svg", "growth.svg", "mine.svg"];
        assert!(yes.iter().all(|name| is_figure(Path::new(name))));
        assert!(!no.iter().any(|name| is_figure(Path::new(name))));
        let yes = ["classification-mnist-seed-0.txt", "classification-my-data-seed-10.json"];
        let no = ["classification-mnist.txt", "classification-mnist-seed-00.txt", "classification-mnist-seed-0.csv"];
        assert!(yes.iter().all(|name| is_table(Path::new(name))));
        assert!(!no.iter().any(|name| is_table(Path::new(name))));
    }
}
