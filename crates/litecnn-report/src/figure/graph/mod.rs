//! A model drawn as a graph of its layers.

mod areas;
mod draw;
mod nodes;
mod place;
mod plan;
#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write as _;

use litecnn_run::ModelGraph;

use super::panel::Panel;
use crate::ReportError;
use crate::numbers::grouped;
use plan::Plan;

/// A model as a graph of its layers; with a step, what it trains and what it leaves as it is.
pub(crate) fn graph(title: &str, model: &ModelGraph, step: Option<&str>) -> Result<Panel, ReportError> {
    let plan = Plan::of(model).map_err(|reason| ReportError::Figure { figure: title.to_owned(), reason })?;
    let all = model.parameters();
    let trained = step.map(|step| model.trained(step));
    let mut alt = format!("{title}: {} layers, {} parameters", model.layers.len(), grouped(all));
    if let Some(trained) = trained {
        let _ = write!(alt, ", {} of them trained", grouped(trained));
    }
    // The drawing library knows no dashes.
    let mut dashed = String::new();
    let panel = Panel::draw(plan.height, alt, |canvas| {
        canvas.title(title)?;
        match trained {
            Some(trained) => draw::legend(canvas, trained, all - trained, &mut dashed)?,
            None => {
                let all = grouped(all);
                canvas.subtitle(&format!("{all} parameters in all; in a box: output shape, parameters"))?;
            }
        }
        plan.draw(canvas, step, &mut dashed)
    })?;
    Ok(panel.with(&dashed))
}
