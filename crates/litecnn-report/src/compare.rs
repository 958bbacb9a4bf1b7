use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use comfy_table::{CellAlignment, Table, presets};

use crate::analysis::Comparison;
use crate::collect::{Collected, CollectedSeed, collect};
use crate::document::{Page, escape};
use crate::figure::{Figure, StepsPanel};
use crate::html::{self, Head};
use crate::numbers::{NONE, grouped, points, probability, spread_percent};
use crate::verdict::{official, title};
use crate::{DatasetSummary, Published, ReportError, Spread, Summary, order};

/// Several runs side by side, and whether their differences may be chance.
#[derive(Debug)]
pub struct RunComparison {
    figures: Grid,
    tests: Grid,
    page: Page,
}

/// Cells under a header.
#[derive(Debug)]
struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A run under comparison.
struct Run {
    name: String,
    collected: Collected,
    summary: Summary,
}

/// Compares runs, the first of which the others are compared with: figures side by side, McNemar's exact test between
/// the predictions of every two runs for each data set and seed they have in common, and where their recipes differ.
///
/// Runs may be partial; what one of them lacks is left out or told.
///
/// # Errors
/// [`ReportError::TooFewRuns`] for fewer than two; else as [`report()`](crate::report()).
pub fn compare(runs: &[PathBuf]) -> Result<RunComparison, ReportError> {
    if runs.len() < 2 {
        return Err(ReportError::TooFewRuns);
    }
    let published = Published::isong2025()?;
    let names = names(runs);
    let runs: Vec<Run> = runs
        .iter()
        .zip(names)
        .map(|(path, name)| {
            let collected = collect(path)?;
            Ok(Run { name, summary: Summary::of(&collected), collected })
        })
        .collect::<Result<_, ReportError>>()?;
    let (figures, tests) = (figures(&runs, &published), tests(&runs, &published));
    let mut page = Page::default();
    page.heading(2, "Side by side");
    page.paragraph(
        "Mean over the seeds of each run, with the sample standard deviation where there are several; the seeds may differ \
         from run to run.",
    );
    page.table(&figures.header, &figures.rows);
    for dataset in datasets(&runs) {
        page.figure(dots(dataset, &runs, &published)?);
    }
    page.heading(2, "Do they differ?");
    page.paragraph(
        "McNemar's exact test between final models trained with the same seed, on the same test images: how many \
         images only one of the two gets right, and how probable a split at least as uneven is if both are equally good.",
    );
    page.paragraph(
        "The test compares two trained models, not two ways of training: other seeds make other models. The p-values stand \
         uncorrected; of many, some are small by chance.",
    );
    if tests.rows.is_empty() {
        page.paragraph("No two runs have predictions of the same test images with the same seed.");
    }
    page.table(&tests.header, &tests.rows);
    settings(&mut page, &runs);
    Ok(RunComparison { figures, tests, page })
}

impl RunComparison {
    /// Both tables, for a terminal.
    pub fn to_text(&self) -> String {
        let (figures, tests) = (self.figures.to_text(), self.tests.to_text());
        if self.tests.rows.is_empty() { figures } else { format!("{figures}\n\n{tests}") }
    }

    /// Writes `COMPARE.md`, `compare.html` and `figures/compare-*.svg` into a folder, and returns their paths.
    ///
    /// # Errors
    /// [`ReportError::Run`] naming the file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
        let head = Head { title: "Runs compared".into(), tiles: Vec::new() };
        html::write(&head, &Page::default(), &self.page, folder, "COMPARE.md", "compare.html")
    }
}

impl Grid {
    fn to_text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(&self.header);
        for row in &self.rows {
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// Runs are called by their folders, with as many folders above as tell them apart; the same run given twice has a
/// number.
fn names(runs: &[PathBuf]) -> Vec<String> {
    let parts: Vec<Vec<String>> = runs.iter().map(|run| parts(run)).collect();
    let tail = |run: usize, length: usize| &parts[run][parts[run].len().saturating_sub(length)..];
    let name = |run: usize| {
        let others = || (0..runs.len()).filter(|other| parts[*other] != parts[run]);
        let longest = parts[run].len().max(1);
        let length = (1..longest).find(|&n| others().all(|other| tail(other, n) != tail(run, n))).unwrap_or(longest);
        let alike: Vec<usize> = (0..runs.len()).filter(|other| parts[*other] == parts[run]).collect();
        let name = tail(run, length).join("/");
        match alike.iter().position(|other| *other == run) {
            Some(place) if alike.len() > 1 => format!("{name} ({})", place + 1),
            _ => name,
        }
    };
    (0..runs.len()).map(name).collect()
}

/// The folders a path goes through, however it is written.
fn parts(run: &Path) -> Vec<String> {
    let whole = std::fs::canonicalize(run).or_else(|_| std::path::absolute(run)).unwrap_or_else(|_| run.to_owned());
    let folder = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    };
    whole.components().filter_map(folder).collect()
}

/// Data sets that any of the runs has measured.
fn datasets(runs: &[Run]) -> Vec<&str> {
    let mut names: Vec<&str> = runs.iter().flat_map(|r| r.summary.datasets.keys()).map(String::as_str).collect();
    names.sort_by(|a, b| order::datasets(a, b));
    names.dedup();
    names
}

fn figures(runs: &[Run], published: &Published) -> Grid {
    type Show = fn(&DatasetSummary) -> String;
    let kinds: [(&str, Show); 8] = [
        ("test accuracy, %", |d| spread_percent(&d.test_accuracy)),
        ("validation accuracy, %", |d| spread_percent(&d.validation_accuracy)),
        ("train accuracy, %", |d| spread_percent(&d.train_accuracy)),
        ("expected calibration error, %", |d| match d.analysis.calibration_error.values.is_empty() {
            true => NONE.to_owned(),
            false => spread_percent(&d.analysis.calibration_error),
        }),
        ("parameters", |d| grouped(d.params)),
        ("file, bytes", |d| grouped(d.weights_bytes)),
        ("seconds of all steps", |d| {
            let known = Spread::new(d.seconds.iter().flatten().copied().collect());
            if known.values.is_empty() { NONE.to_owned() } else { format!("{:.1}", known.mean) }
        }),
        ("seeds", |d| d.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    ];
    let mut header = vec![String::new()];
    header.extend(runs.iter().map(|r| r.name.clone()));
    let mut rows = Vec::new();
    for dataset in datasets(runs) {
        for (what, show) in kinds {
            let mut row = vec![format!("{}: {what}", title(dataset, published))];
            row.extend(runs.iter().map(|r| r.summary.datasets.get(dataset).map_or(NONE.to_owned(), show)));
            rows.push(row);
        }
    }
    Grid { header, rows }
}

/// Test accuracy of every run; beside the paper's only if all of them are of its data.
fn dots(dataset: &str, runs: &[Run], published: &Published) -> Result<Figure, ReportError> {
    let of = |run: &Run| Some((run.name.clone(), run.summary.datasets.get(dataset)?.test_accuracy.clone()));
    let theirs = runs.iter().all(|run| official(&run.summary));
    let paper = published.datasets.get(dataset).filter(|_| theirs).map(|p| p.accuracy.test);
    let name = title(dataset, published);
    let panel = StepsPanel { title: name, rows: runs.iter().filter_map(of).collect(), paper }.panel()?;
    Ok(Figure {
        name: format!("compare-{dataset}"),
        caption: format!("Test accuracy of every run, {name}."),
        panels: vec![panel],
        columns: 1,
    })
}

fn tests(runs: &[Run], published: &Published) -> Grid {
    let header = ["", "difference, points", "only the first is right", "only the second", "p"].map(str::to_owned);
    let mut rows = Vec::new();
    for dataset in datasets(runs) {
        for (place, second) in runs.iter().enumerate() {
            for first in &runs[..place] {
                for (seed, a, b) in common_seeds(first, second, dataset) {
                    let what =
                        format!("{} seed {seed}: {} against {}", title(dataset, published), second.name, first.name);
                    let row = match (&a.predictions, &b.predictions) {
                        _ if digest(first, dataset) != digest(second, dataset) => told(what, "other data"),
                        (Some(a), Some(b)) if a.same_images(b) => {
                            let c = Comparison::new(&b.right(), &a.right());
                            let counts = [c.test.only_first, c.test.only_second].map(grouped);
                            let [only_first, only_second] = counts;
                            vec![what, points(c.difference), only_first, only_second, probability(c.test.p_value)]
                        }
                        (Some(_), Some(_)) => told(what, "other test images"),
                        _ => told(what, "no predictions"),
                    };
                    rows.push(row);
                }
            }
        }
    }
    Grid { header: header.into(), rows }
}

/// A row that says why there is no test.
fn told(what: String, why: &str) -> Vec<String> {
    vec![what, why.to_owned(), NONE.to_owned(), NONE.to_owned(), NONE.to_owned()]
}

fn common_seeds<'a>(
    first: &'a Run,
    second: &'a Run,
    dataset: &str,
) -> Vec<(u64, &'a CollectedSeed, &'a CollectedSeed)> {
    let seeds = |run: &'a Run| -> Vec<&'a CollectedSeed> {
        let of = run.collected.datasets.iter().find(|d| d.name == dataset);
        of.map_or_else(Vec::new, |d| d.measured().map(|(seed, _)| seed).collect())
    };
    let others = seeds(second);
    seeds(first).into_iter().filter_map(|a| others.iter().find(|b| b.seed == a.seed).map(|b| (a.seed, a, *b))).collect()
}

/// Of the images a run was made with: equal indices and labels may belong to other pictures.
fn digest<'a>(run: &'a Run, dataset: &str) -> Option<&'a String> {
    run.collected.manifest.datasets.get(dataset)
}

/// The settings in which the recipes differ.
fn settings(page: &mut Page, runs: &[Run]) {
    let all: Vec<BTreeMap<String, String>> = runs
        .iter()
        .map(|run| {
            let mut flat = BTreeMap::new();
            flatten("", &toml::Value::Table(run.collected.manifest.recipe.clone()), &mut flat);
            flat
        })
        .collect();
    let mut keys: Vec<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    keys.sort();
    keys.dedup();
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .filter(|key| all.iter().any(|run| run.get(*key) != all[0].get(*key)))
        .map(|key| {
            let values = all.iter().map(|run| run.get(key).cloned().unwrap_or_else(|| NONE.to_owned()));
            std::iter::once(key.clone()).chain(values).collect()
        })
        .collect();
    page.heading(2, "Where their recipes differ");
    if rows.is_empty() {
        page.paragraph("Nowhere.");
    }
    let mut header = vec!["setting".to_owned()];
    header.extend(runs.iter().map(|r| r.name.clone()));
    page.table(&header, &rows);
    let facts: Vec<String> = runs
        .iter()
        .map(|r| {
            let m = &r.collected.manifest;
            format!(
                "{}: recipe {}, data {}, {}",
                escape(&r.name),
                escape(&m.recipe_name),
                escape(&m.data),
                escape(&m.host)
            )
        })
        .collect();
    page.list(&facts);
}

/// Settings by their whole names.
fn flatten(prefix: &str, value: &toml::Value, into: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, into);
            }
        }
        other => {
            into.insert(prefix.to_owned(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_apart() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(names(&paths(&["results/a", "results/b/"])), ["a", "b"]);
        assert_eq!(names(&paths(&["x/run", "y/run", "z"])), ["x/run", "y/run", "z"]);
        assert_eq!(names(&paths(&["/1/x/run", "/1/y/run"])), ["x/run", "y/run"]);
        assert_eq!(names(&paths(&["/1/x/run", "/2/x/run", "/3/y/run"])), ["1/x/run", "2/x/run", "y/run"]);
        assert_eq!(names(&paths(&["/run", "/x/run"])), ["run", "x/run"]);
        assert_eq!(names(&paths(&["a/run", "a/run", "b/run"])), ["a/run (1)", "a/run (2)", "b/run"]);
        let twice = tempfile::tempdir().unwrap();
        let named = names(&[twice.path().to_owned(), twice.path().join(".")]);
        assert!(named[0].ends_with(" (1)") && named[1].ends_with(" (2)") && !named[0].contains('/'), "{named:?}");
    }

    #[test]
    fn settings_have_whole_names() {
        let recipe: toml::Table = toml::from_str("a = 1\n[b.c]\nd = [1, 2]\n").unwrap();
        let mut flat = BTreeMap::new();
        flatten("", &toml::Value::Table(recipe), &mut flat);
        assert_eq!(flat.into_iter().collect::<Vec<_>>(), [("a".into(), "1".into()), ("b.c.d".into(), "[1, 2]".into())]);
    }
}
