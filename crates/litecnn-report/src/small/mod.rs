//! Small models of one task: `small.json`, and the page and figures made of it and of the studies beside it.
//!
//! The paper's model by its recipe and by a better one, and networks that a search found, are set side by side; what parts of
//! the method are worth and how accuracy grows with the number of weights come from the outcomes of `litecnn ablate`
//! (`ablation/<data set>/`) and `litecnn sizes` (`sizes/<data set>/{joined,compact}/`), as far as they lie in the folder.

mod figures;
mod format;
mod page;

pub use format::{InIntegers, Small, SmallFamily, SmallModel};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use litecnn_run::{OUTCOMES, Outcome, read_outcomes};

use crate::{Published, ReportError, order};

/// Writes `SMALL.md` and the figures it shows (`figures/*.svg`) into a folder, each file whole or not at all, and returns
/// their paths, the page last.
///
/// # Errors
/// [`ReportError::Run`] naming a file that cannot be read or written, [`ReportError::Figure`] if one cannot be drawn.
pub fn write_small(small: &Small, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let page = page::page(small, &Studies::read(folder)?, &Published::isong2025()?)?;
    let mut written = Vec::new();
    for figure in page.figures() {
        let path = folder.join("figures").join(format!("{}.svg", figure.name));
        litecnn_run::write_atomic(&path, figure.svg().as_bytes())?;
        written.push(path);
    }
    let path = folder.join("SMALL.md");
    litecnn_run::write_atomic(&path, page.to_markdown().as_bytes())?;
    written.push(path);
    Ok(written)
}

/// Outcomes by data set.
#[derive(Debug, Default)]
struct Studies {
    ablation: BTreeMap<String, Vec<Outcome>>,
    /// Of the paper's model, and of a network that was found.
    sizes: BTreeMap<String, [Vec<Outcome>; 2]>,
}

impl Studies {
    fn read(folder: &Path) -> Result<Self, ReportError> {
        let some =
            |path: PathBuf| if path.exists() { Ok(read_outcomes(&path)?) } else { Ok::<_, ReportError>(Vec::new()) };
        let mut studies = Self::default();
        for dataset in subfolders(&folder.join("ablation")) {
            let outcomes = some(folder.join("ablation").join(&dataset).join(OUTCOMES))?;
            studies.ablation.insert(dataset, outcomes);
        }
        for dataset in subfolders(&folder.join("sizes")) {
            let of = |family: &str| some(folder.join("sizes").join(&dataset).join(family).join(OUTCOMES));
            studies.sizes.insert(dataset.clone(), [of("joined")?, of("compact")?]);
        }
        Ok(studies)
    }

    /// Data sets of anything, in the order of pages.
    fn datasets<'a>(&'a self, small: &'a Small) -> Vec<&'a str> {
        let models = small.models.iter().map(|model| model.dataset.as_str());
        let mut all: Vec<&str> =
            models.chain(self.ablation.keys().chain(self.sizes.keys()).map(String::as_str)).collect();
        all.sort_by(|a, b| order::datasets(a, b));
        all.dedup();
        all
    }
}

fn subfolders(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
