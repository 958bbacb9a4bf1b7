use std::path::{Path, PathBuf};

use crate::collect::{Collected, collect};
use crate::results::{Results, results};
use crate::{Missing, Published, ReportError, Summary, html, stale, terminal_table};

/// What [`report()`] made of a run directory.
#[derive(Debug, Clone)]
pub struct Report {
    /// The figures, as written to `summary.json`.
    pub summary: Summary,
    /// Paper, ours and difference for every data set: see [`terminal_table`].
    pub table: String,
    /// What the run lacks; empty for a complete one.
    pub missing: Vec<Missing>,
    /// The files written.
    pub files: Vec<PathBuf>,
}

impl Report {
    /// The figures among the files.
    pub fn figures(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().filter(|path| path.extension().is_some_and(|e| e == "svg"))
    }
}

/// Writes `summary.json`, `RESULTS.md`, `report.html` (one file, nothing is fetched), `figures/*.svg` and
/// `tables/classification-*.{txt,json}` (as scikit-learn has them) into a run directory, from what it holds.
///
/// A run that is not finished gives a report of what is there, with a list of what is not; the run may be going on
/// meanwhile. Files that were written before are replaced whole; figures and tables of an earlier report that are no
/// longer made are removed, and PNGs of figures that have changed.
///
/// # Errors
/// [`ReportError::NothingToReport`] if the directory holds no results; [`ReportError::Run`] if a file cannot be
/// read or is damaged, naming it; [`ReportError::Inconsistent`] if a file belongs to another recipe, data set or
/// seed; [`ReportError::Changed`] if one is not as it was evaluated. Nothing is written then.
pub fn report(run: &Path) -> Result<Report, ReportError> {
    let collected = collect(run)?;
    litecnn_run::refuse_links(run)?;
    let published = Published::isong2025()?;
    let summary = Summary::of(&collected);
    let Results { head, opening, body } = results(&collected, &summary, &published)?;
    let mut files = vec![run.join("summary.json")];
    summary.write(&files[0])?;
    // The pages go last: if anything fails, the old ones stay.
    let tables = tables(&collected, &run.join("tables"))?;
    let pngs = stale::pngs(&run.join("figures"));
    files.extend(html::write(&head, &opening, &body, run, "RESULTS.md", "report.html")?);
    files.extend(tables);
    stale::remove(run, &files, &pngs)?;
    Ok(Report { table: terminal_table(&summary, &published), summary, missing: collected.missing, files })
}

/// The classification report of every final model on the test images, as scikit-learn prints it and as its
/// `output_dict`.
fn tables(run: &Collected, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut written = Vec::new();
    for dataset in &run.datasets {
        for (seed, metrics) in dataset.measured() {
            let (report, names) = (&metrics.splits.test.report, &metrics.subject.classes);
            let stem = format!("classification-{}-seed-{}", dataset.name, seed.seed);
            let (text, json) = (folder.join(format!("{stem}.txt")), folder.join(format!("{stem}.json")));
            litecnn_run::write_atomic(&text, report.to_text(names, 4).as_bytes())?;
            litecnn_run::write_json(&json, &report.to_json(names))?;
            written.extend([text, json]);
        }
    }
    Ok(written)
}
