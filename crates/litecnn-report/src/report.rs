use std::path::{Path, PathBuf};

use crate::collect::collect;
use crate::results::{Results, results};
use crate::{Missing, Published, ReportError, Summary, html, terminal_table};

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

/// Writes `summary.json`, `RESULTS.md`, `report.html` (one file, nothing is fetched) and `figures/*.svg` into a run
/// directory, from what it holds.
///
/// A run that is not finished gives a report of what is there, with a list of what is not; the run may be going on
/// meanwhile. Files that were written before are replaced whole.
///
/// # Errors
/// [`ReportError::NothingToReport`] if the directory holds no results; [`ReportError::Run`] if a file cannot be
/// read or is damaged, naming it; [`ReportError::Inconsistent`] if a file belongs to another recipe, data set or
/// seed. Nothing is written then.
pub fn report(run: &Path) -> Result<Report, ReportError> {
    let collected = collect(run)?;
    let published = Published::isong2025()?;
    let summary = Summary::of(&collected);
    let Results { head, opening, body } = results(&collected, &summary, &published)?;
    let failed = |e: minijinja::Error| ReportError::Page(e.to_string());
    let page = html::page(&head, &opening, &body).map_err(failed)?;
    let mut files = vec![run.join("summary.json"), run.join("RESULTS.md"), run.join("report.html")];
    let figures: Vec<PathBuf> = body.figures().map(|f| run.join("figures").join(format!("{}.svg", f.name))).collect();
    // The pages go last, so that they never show figures that are not there.
    for (path, figure) in figures.iter().zip(body.figures()) {
        litecnn_run::write_atomic(path, figure.svg().as_bytes())?;
    }
    summary.write(&files[0])?;
    let text = format!("# {}\n\n{}\n{}", head.title, opening.to_markdown(), body.to_markdown());
    litecnn_run::write_atomic(&files[1], text.as_bytes())?;
    litecnn_run::write_atomic(&files[2], page.as_bytes())?;
    files.extend(figures);
    Ok(Report { table: terminal_table(&summary, &published), summary, missing: collected.missing, files })
}
