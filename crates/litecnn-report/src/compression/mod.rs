//! The study of compression: what was measured of networks that were trained, pruned and quantised, beside what
//! Sobolewski & Szyc publish.

mod collect;
mod figures;
mod page;
mod published;
mod quantised;
mod rounds;
mod variants;

use std::path::{Path, PathBuf};

use crate::{ReportError, html, stale};

/// What [`report_compression`] made of a run directory.
#[derive(Debug, Clone)]
pub struct CompressionReport {
    /// What was measured, as printed on a terminal.
    pub table: String,
    /// What the study measured and the run did not, a sentence for each of its tables.
    pub missing: Vec<String>,
    /// The files written.
    pub files: Vec<PathBuf>,
}

/// Whether a directory holds measured networks of the compression study, and no run of another kind.
pub fn is_compression(run: &Path) -> bool {
    !run.join("run.toml").exists() && collect::any(run)
}

/// Writes `COMPRESSION.md`, `compression.html` and `figures/compression-*.svg` into a directory of measured networks,
/// from every `measured.json` in it:
///
/// ```text
/// <data set>/seed-<n>/<network>/
///   measured.json                         trained
///   int8/measured.json                    quantised
///   pruned/round-<k>/measured.json        pruned, then trained on
///   pruned/round-<k>/int8/measured.json   then quantised
/// ```
///
/// Other folders with such a file are listed. What was not measured is left out, and said to be.
///
/// # Errors
/// [`ReportError::NothingToReport`] if there is no such file; [`ReportError::Run`] if one cannot be read;
/// [`ReportError::Inconsistent`] if one is of another data set, seed or network than its folder. Nothing is written
/// then.
pub fn report_compression(run: &Path) -> Result<CompressionReport, ReportError> {
    let measured = collect::collect(run)?;
    litecnn_run::refuse_links(run)?;
    let published = published::Study::sobolewski_szyc()?;
    let page = page::page(&measured, &published)?;
    let pngs = stale::pngs(&run.join("figures"));
    let files = html::write(&page.head, &page.opening, &page.body, run, "COMPRESSION.md", "compression.html")?;
    stale::remove(run, &files, &pngs)?;
    Ok(CompressionReport { table: page.table, missing: page.missing, files })
}
