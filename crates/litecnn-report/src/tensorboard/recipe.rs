use std::path::Path;

use litecnn_run::{Manifest, RunError};

use super::event::Event;
use super::start;
use crate::ReportError;
use crate::document::{Page, escape};

/// The recipe of a run and where it was made, as a text.
pub(super) fn events(run: &Path, manifest: &Manifest) -> Result<Vec<Event>, ReportError> {
    let recipe = toml::to_string(&manifest.recipe).map_err(|e| RunError::damaged(&run.join("run.toml"), e))?;
    let mut page = Page::default();
    page.paragraph(&format!(
        "Recipe {}, data {}, made on {}.",
        escape(&manifest.recipe_name),
        escape(&manifest.data),
        escape(&manifest.host)
    ));
    page.code("toml", &recipe);
    let wall_time = start::of_run(manifest);
    Ok(vec![Event::head(wall_time), Event::text(wall_time, "recipe", &page.to_markdown())])
}
