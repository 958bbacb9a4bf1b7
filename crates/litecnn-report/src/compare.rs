use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table, presets};
use litecnn_run::Predictions;

use crate::analysis::Comparison;
use crate::collect::{Collected, CollectedSeed, collect};
use crate::document::{Page, escape};
use crate::figure::{Figure, StepsPanel};
use crate::html::{self, Head};
use crate::numbers::{NONE, grouped, points, probability, spread_percent};
use crate::verdict::title;
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
    page.paragraph("Mean over the seeds, with the sample standard deviation where there are several.");
    page.table(&figures.header, &figures.rows);
    for dataset in datasets(&runs) {
        page.figure(dots(dataset, &runs, &published)?);
    }
    page.heading(2, "Do they differ?");
    page.paragraph(
        "McNemar's exact test between final models trained with the same seed, on the same test images: how many \
         images only one of the two gets right, and how probable a split at least as uneven is if both are equally good.",
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

/// Runs are called by their folders, or by their paths where folders are called alike.
fn names(runs: &[PathBuf]) -> Vec<String> {
    let short =
        |run: &PathBuf| run.file_name().map_or_else(|| run.display().to_string(), |n| n.to_string_lossy().into());
    let all: Vec<String> = runs.iter().map(short).collect();
    let unique = |name: &String| all.iter().filter(|n| *n == name).count() == 1;
    runs.iter()
        .zip(&all)
        .map(|(run, name)| if unique(name) { name.clone() } else { run.display().to_string() })
        .collect()
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
        ("seeds", |d| d.seeds.len().to_string()),
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

/// Test accuracy of every run.
fn dots(dataset: &str, runs: &[Run], published: &Published) -> Result<Figure, ReportError> {
    let of = |run: &Run| Some((run.name.clone(), run.summary.datasets.get(dataset)?.test_accuracy.clone()));
    let paper = published.datasets.get(dataset).map(|p| p.accuracy.test);
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
                        (Some(a), Some(b)) if same_images(a, b) => {
                            let c = Comparison::new(&right(b), &right(a));
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

fn same_images(a: &Predictions, b: &Predictions) -> bool {
    let images = |p: &Predictions| p.rows.iter().map(|r| (r.index, r.label)).collect::<Vec<_>>();
    images(a) == images(b)
}

fn right(predictions: &Predictions) -> Vec<bool> {
    predictions.pairs().map(|(label, predicted)| label == predicted).collect()
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
    }

    #[test]
    fn settings_have_whole_names() {
        let recipe: toml::Table = toml::from_str("a = 1\n[b.c]\nd = [1, 2]\n").unwrap();
        let mut flat = BTreeMap::new();
        flatten("", &toml::Value::Table(recipe), &mut flat);
        assert_eq!(flat.into_iter().collect::<Vec<_>>(), [("a".into(), "1".into()), ("b.c.d".into(), "[1, 2]".into())]);
    }
}
