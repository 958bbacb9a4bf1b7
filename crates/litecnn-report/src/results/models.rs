use litecnn_run::{ArchitectureRecord, ModelGraph, Pictures, RunError};

use super::{papers_figure, shown};
use crate::collect::{Collected, CollectedSeed};
use crate::document::Page;
use crate::figure::{Figure, Panel, augmentation, filters, graph, read_filters};
use crate::verdict::{list, title};
use crate::{Published, ReportError};

/// A model as the paper draws it.
struct Drawing {
    model: &'static str,
    /// In the paper.
    figure: u32,
    words: &'static str,
    /// Steps whose trained parts are marked, and how they are called; none marks nothing.
    steps: &'static [(Option<&'static str>, &'static str)],
}

const DRAWINGS: [Drawing; 3] = [
    Drawing { model: "branch", figure: 2, words: "One branch", steps: &[(None, "branch")] },
    Drawing {
        model: "dual",
        figure: 3,
        words: "The dual-input-output model of stage one",
        steps: &[(Some("stage-1"), "dual model, stage one")],
    },
    Drawing {
        model: "unified",
        figure: 7,
        words: "The joined model of stage two, in its first step and after",
        steps: &[
            (Some("stage-2-1"), "joined model, step 1"),
            (Some("stage-2-2"), "joined model, step 2"),
            (Some("folds"), "joined model, folds"),
        ],
    },
];

/// The models as graphs (Figures 2, 3 and 7), each kind once for all data sets that share it.
pub(super) fn models(page: &mut Page, run: &Collected, published: &Published) -> Result<(), ReportError> {
    let mut kinds: Vec<(&ArchitectureRecord, Vec<&str>, &str)> = Vec::new();
    for dataset in &run.datasets {
        let Some(record) = dataset.seeds.iter().find_map(|s| s.architecture.as_ref()) else { continue };
        let name = title(&dataset.name, published);
        match kinds.iter_mut().find(|(other, ..)| *other == record) {
            Some((_, names, _)) => names.push(name),
            None => kinds.push((record, vec![name], &dataset.name)),
        }
    }
    if kinds.is_empty() {
        return Ok(());
    }
    page.heading(2, "The models (Figures 2, 3 and 7)");
    page.paragraph(
        "Drawn from what the program that trained them says of the models, whose parameter counts were checked against the \
         weights: what each layer is, the shape of its output for one image (channels × height × \
         width, or units), and how many parameters it has.",
    );
    for (record, names, dataset) in kinds {
        page.heading(3, &list(&names));
        for drawing in &DRAWINGS {
            let Some(model) = record.models.iter().find(|m| m.name == drawing.model) else { continue };
            let place =
                if published.datasets.contains_key(dataset) { papers_figure(drawing.figure) } else { String::new() };
            page.figure(Figure {
                name: format!("model-{}-{dataset}", drawing.model),
                caption: format!("{} for {}{place}.", drawing.words, list(&names)),
                panels: panels(drawing, model)?,
                columns: 3,
            });
        }
    }
    Ok(())
}

/// A panel for each step in which other parts are trained.
fn panels(drawing: &Drawing, model: &ModelGraph) -> Result<Vec<Panel>, ReportError> {
    let marked = |step: Option<&str>| -> Vec<bool> {
        model.layers.iter().map(|l| step.is_some_and(|s| l.trained_in.iter().any(|t| t == s))).collect()
    };
    let mut drawn: Vec<(Vec<bool>, Option<&str>, String)> = Vec::new();
    for (step, words) in drawing.steps {
        let marks = marked(*step);
        match drawn.iter_mut().find(|(other, ..)| *other == marks) {
            // The same picture: one title for both.
            Some((_, _, title)) => {
                title.push_str(" and ");
                title.push_str(words.rsplit(", ").next().unwrap_or(words));
            }
            None => drawn.push((marks, *step, (*words).to_owned())),
        }
    }
    drawn.iter().map(|(_, step, title)| graph(title, model, *step)).collect()
}

/// What the first layers of both branches look for, and what the second branch was shown.
pub(super) fn looks(page: &mut Page, run: &Collected, published: &Published) -> Result<(), ReportError> {
    let mut parts = Vec::new();
    for dataset in &run.datasets {
        let name = title(&dataset.name, published);
        let mut figures = Vec::new();
        let Some((seed, metrics)) = shown(dataset) else { continue };
        if seed.dir.final_weights().exists() {
            let read = read_filters(&seed.dir.final_weights())?;
            if !read.is_empty() {
                figures.push(Figure {
                    name: format!("filters-{}", dataset.name),
                    caption: format!("First-layer filters of the final model for {name}, seed {}.", seed.seed),
                    panels: vec![filters(&format!("{name}: first-layer filters"), &read)?],
                    columns: 1,
                });
            }
        }
        let heading = format!("{name}: augmentation");
        let classes = &metrics.subject.classes;
        let panel = from_sheet(seed, "augmentation.png", |p, sheet| augmentation(&heading, p, classes, sheet))?;
        figures.extend(panel.map(|panel| Figure {
            name: format!("augmentation-{}", dataset.name),
            caption: format!(
                "Training images of {name} and what branch 2 may be shown in their place, seed {}.",
                seed.seed
            ),
            panels: vec![panel],
            columns: 1,
        }));
        if !figures.is_empty() {
            parts.push((name, figures));
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    page.heading(2, "What the branches see");
    page.paragraph(
        "Filters of the first convolution of both branches: grey is 0, lighter is positive, darker is negative, each filter \
         on a scale of its own; three channels as red, green and blue. Augmentation is drawn anew for every image in every epoch.",
    );
    for (name, figures) in parts {
        page.heading(3, name);
        for figure in figures {
            page.figure(figure);
        }
    }
    Ok(())
}

/// A panel made of a sheet of pictures of a seed, if it is there.
pub(super) fn from_sheet(
    seed: &CollectedSeed,
    name: &str,
    draw: impl FnOnce(&Pictures, &[u8]) -> Result<Panel, ReportError>,
) -> Result<Option<Panel>, ReportError> {
    let path = seed.dir.picture(name);
    let Some(pictures) = seed.pictures.as_ref().filter(|_| path.exists()) else { return Ok(None) };
    let sheet = litecnn_run::read(&path)?;
    // What cannot be drawn is no sheet, or not the one the list beside it is of.
    draw(pictures, &sheet).map(Some).map_err(|e| RunError::damaged(&path, e).into())
}
