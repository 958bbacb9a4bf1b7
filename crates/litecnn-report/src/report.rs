use std::path::{Path, PathBuf};

use crate::collect::collect;
use crate::results::results;
use crate::{Missing, Published, ReportError, Summary, terminal_table};

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

/// Writes `summary.json` and `RESULTS.md` into a run directory, from its manifest, metrics and step records.
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
    let page = results(&collected, &summary, &published);
    let files = vec![run.join("summary.json"), run.join("RESULTS.md")];
    summary.write(&files[0])?;
    litecnn_run::write_atomic(&files[1], page.as_bytes())?;
    Ok(Report { table: terminal_table(&summary, &published), summary, missing: collected.missing, files })
}
