//! The same pictures, other ways to a small network: `comparison.json`, and the page and figures made of it.
//!
//! Isong's two-stage method is set beside a control (the same architecture trained plainly), a larger plain network
//! pruned to its size, its own integer form, and the smallest variants of another study. A measuring program leaves
//! [`Contenders`]; this module knows the format and how it is told, and measures nothing itself.
//!
//! ```
//! use litecnn_report::contenders::{Contenders, write_comparison};
//! # use litecnn_report::speed::Machine;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let folder = temporary.path();
//! # let machine = Machine { cpu: "Example CPU".into(), cores: 2, memory_bytes: None, os: "linux".into(),
//! #     libtorch: "2.13.0".into(), device: "cpu".into(), tf32: None, litecnn: "0.1.0".into(),
//! #     commit: "unknown".into(), date: "2025-01-31T12:00:00Z".into() };
//! let nothing_yet = Contenders::new(machine);
//! nothing_yet.write(&folder.join("comparison.json"))?;
//! write_comparison(&Contenders::read(&folder.join("comparison.json"))?, folder)?;
//! assert!(folder.join("COMPARISON.md").exists());
//! # Ok(())
//! # }
//! ```

mod figures;
mod format;
mod page;
#[cfg(test)]
mod testing;
mod verdict;

pub use format::{Contender, Contenders, Family, Pair, SCRATCH, TWO_STAGE, TWO_STAGE_INT8, Timing, Training};

use std::path::{Path, PathBuf};

use crate::{Published, ReportError};

/// Writes `COMPARISON.md` and the figures it shows (`figures/*.svg`) into a folder, each file whole or not at all, and
/// returns their paths, the page first.
///
/// # Errors
/// [`ReportError::Run`] naming a file that cannot be written, [`ReportError::Figure`] if one cannot be drawn.
pub fn write_comparison(contenders: &Contenders, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let page = page::page(contenders, &Published::isong2025()?)?;
    let path = folder.join("COMPARISON.md");
    let mut written = vec![path.clone()];
    // The page goes last, so that it never shows figures that are not there.
    for figure in page.figures() {
        let path = folder.join("figures").join(format!("{}.svg", figure.name));
        litecnn_run::write_atomic(&path, figure.svg().as_bytes())?;
        written.push(path);
    }
    litecnn_run::write_atomic(&path, page.to_markdown().as_bytes())?;
    Ok(written)
}
