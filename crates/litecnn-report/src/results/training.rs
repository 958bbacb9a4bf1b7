use litecnn_run::EpochRecord;

use super::papers_figure;
use crate::collect::{Collected, CollectedDataset};
use crate::document::Page;
use crate::figure::{Course, Curves, Figure, Panel, Quantity};
use crate::verdict::title;
use crate::{Published, PublishedFigures, ReportError};

/// A step whose curves are drawn.
struct Step {
    /// Part of the figure's name.
    name: &'static str,
    /// In prose.
    words: &'static str,
    /// The paper's figure of it.
    figure: fn(&PublishedFigures) -> Option<u32>,
    /// Histories it takes: those of the step of this name, or that begin so.
    histories: &'static str,
    /// Outputs of the model, and how they are called.
    outputs: &'static [(&'static str, &'static str)],
}

const STEPS: [Step; 4] = [
    Step {
        name: "stage-1",
        words: "Stage one",
        figure: |f| Some(f.stage_1),
        histories: "stage-1",
        outputs: &[("branch-1", "branch 1 (original images)"), ("branch-2", "branch 2 (augmented images)")],
    },
    Step {
        name: "stage-2-1",
        words: "Stage two, step 1",
        figure: |f| Some(f.stage_2_1),
        histories: "stage-2-1",
        outputs: &[("model", "step 1 (new layers only)")],
    },
    Step {
        name: "stage-2-2",
        words: "Stage two, step 2",
        figure: |f| Some(f.stage_2_2),
        histories: "stage-2-2",
        outputs: &[("model", "step 2 (all layers)")],
    },
    Step { name: "folds", words: "The folds", figure: |_| None, histories: "fold-", outputs: &[("model", "folds")] },
];

/// Accuracy and loss by epoch of every step (Figures 4 to 6, 8 to 13), and of the folds.
pub(super) fn training(page: &mut Page, run: &Collected, published: &Published) -> Result<(), ReportError> {
    let mut begun = false;
    for dataset in &run.datasets {
        let recipe = &run.manifest.recipe;
        let drawn = STEPS.iter().filter_map(|step| figure(dataset, step, recipe, published).transpose());
        let figures: Vec<Figure> = drawn.collect::<Result<_, _>>()?;
        if figures.is_empty() {
            continue;
        }
        if !begun {
            begun = true;
            page.heading(2, "Training, epoch by epoch (Figures 4 to 6 and 8 to 13)");
            page.paragraph(
                "Thin lines are single seeds (for the folds: single folds of single seeds), thick ones their mean as far as \
                 all of them go. Dotted lines mark the epochs whose weights went on, with their validation value, or its \
                 mean over the seeds. Training figures are taken over the epoch, with dropout or augmentation where the \
                 step has them, so they may lie below those of validation.",
            );
        }
        page.heading(3, title(&dataset.name, published));
        for figure in figures {
            page.figure(figure);
        }
    }
    Ok(())
}

fn figure(
    dataset: &CollectedDataset,
    step: &Step,
    recipe: &toml::Table,
    published: &Published,
) -> Result<Option<Figure>, ReportError> {
    let histories: Vec<&[EpochRecord]> = dataset
        .seeds
        .iter()
        .flat_map(|seed| &seed.histories)
        .filter(|(name, records)| name.starts_with(step.histories) && !records.is_empty())
        .map(|(_, records)| records.as_slice())
        .collect();
    if histories.is_empty() {
        return Ok(None);
    }
    let name = title(&dataset.name, published);
    // Other rules are not followed here, and the folds' validation images have been seen before.
    let keep = recipe.get(step.name).and_then(|s| s.get("keep")).and_then(toml::Value::as_str);
    let marks_best = keep == Some("best");
    let mut panels = Vec::new();
    for (output, words) in step.outputs {
        panels.extend(output_panels(&histories, output, &format!("{name}, {words}"), marks_best)?);
    }
    let number = published.datasets.get(&dataset.name).and_then(|p| (step.figure)(&p.figures));
    let place = number.map_or_else(String::new, papers_figure);
    let (n, what) = (histories.len(), if step.name == "folds" { "trainings" } else { "seeds" });
    let of = if n == 1 { String::new() } else { format!(", {n} {what}") };
    Ok(Some(Figure {
        name: format!("{}-{}", step.name, dataset.name),
        caption: format!("{} of {name}{of}{place}.", step.words),
        panels,
        columns: 2,
    }))
}

/// Accuracy and loss of one output.
fn output_panels(
    histories: &[&[EpochRecord]],
    output: &str,
    title: &str,
    marks_best: bool,
) -> Result<Vec<Panel>, ReportError> {
    let courses = |train: fn(&EpochRecord) -> f64, validation: fn(&EpochRecord) -> f64| -> Vec<Course> {
        let of = |history: &&[EpochRecord], value: fn(&EpochRecord) -> f64| -> Vec<f64> {
            history.iter().filter(|r| r.output == output).map(value).collect()
        };
        let course = |h| {
            let best = best_epoch(&of(h, |r| r.validation_accuracy));
            Course { train: of(h, train), validation: of(h, validation), kept: best.filter(|_| marks_best) }
        };
        histories.iter().map(course).collect()
    };
    let accuracy = courses(|r| r.accuracy, |r| r.validation_accuracy);
    let loss = courses(|r| r.loss, |r| r.validation_loss);
    [(Quantity::Accuracy, accuracy), (Quantity::Loss, loss)]
        .into_iter()
        .map(|(quantity, courses)| Curves { title, quantity, courses }.panel())
        .collect()
}

/// The first epoch, counted from 1, with the highest value.
fn best_epoch(values: &[f64]) -> Option<usize> {
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().position(|v| *v == best).map(|place| place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_epochs_the_first_is_best() {
        assert_eq!(best_epoch(&[0.5, 0.75, 0.75, 0.25]), Some(2));
        assert_eq!(best_epoch(&[]), None);
    }
}
