use std::path::{Path, PathBuf};

use super::{Bench, figures, page};
use crate::{Published, ReportError};

/// Writes `BENCH.md` and the figures it shows (`figures/*.svg`) into a folder, each file whole or not at all, and
/// returns their paths, the page first.
///
/// # Errors
/// [`ReportError::Run`] naming a file that cannot be written, [`ReportError::Figure`] if one cannot be drawn.
pub fn write_report(bench: &Bench, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let figures = figures::all(bench, &Published::isong2025()?)?;
    let names: Vec<&str> = figures.iter().map(|f| f.name.as_str()).collect();
    let path = folder.join("BENCH.md");
    let text = page::page(bench, &Published::isong2025()?, &names);
    let mut written = vec![path.clone()];
    // The page goes last, so that it never shows figures that are not there.
    for figure in &figures {
        let path = folder.join("figures").join(format!("{}.svg", figure.name));
        litecnn_run::write_atomic(&path, figure.svg().as_bytes())?;
        written.push(path);
    }
    litecnn_run::write_atomic(&path, text.as_bytes())?;
    Ok(written)
}
