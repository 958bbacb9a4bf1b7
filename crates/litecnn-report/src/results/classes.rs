use super::models::from_sheet;
use super::{header, papers_figure, shown};
use crate::collect::{Collected, CollectedSeed};
use crate::document::Page;
use crate::figure::{Figure, heat_map, mistakes as draw_mistakes};
use crate::numbers::{NONE, grouped, percent};
use crate::verdict::title;
use crate::{Metrics, Overall, Published, PublishedClassification, ReportError, Scores, Subject};

/// Tables 2 to 4 and the confusion matrices, of the first seed of every data set, on the test images.
pub(super) fn classes(page: &mut Page, run: &Collected, published: &Published) -> Result<(), ReportError> {
    page.heading(2, "Class by class (Tables 2 to 4, Figures 14 to 16)");
    page.paragraph(
        "On the test images, from the first seed of each data set: the paper's figure / ours. A score with nothing to \
         divide by is 0. The text below each table is ours, laid out as scikit-learn's `classification_report`. Of the \
         mistakes, those are shown that the model was surest of.",
    );
    for dataset in &run.datasets {
        let Some((seed, metrics)) = shown(dataset) else { continue };
        let paper = published.datasets.get(&dataset.name).map(|p| &p.classification);
        let table = paper.map_or(String::new(), |p| format!(" ({})", p.table));
        page.heading(3, &format!("{}{table}, seed {}", title(&dataset.name, published), metrics.subject.seed));
        scores(page, metrics, paper);
        page.folded_code("the same as text", "text", &metrics.splits.test.report.to_text(&metrics.subject.classes, 4));
        confusion(page, metrics, title(&dataset.name, published), published)?;
        mistakes(page, seed, metrics, title(&dataset.name, published))?;
    }
    Ok(())
}

fn scores(page: &mut Page, metrics: &Metrics, paper: Option<&PublishedClassification>) {
    let report = &metrics.splits.test.report;
    // A data set of the same name may have other classes; then no row has a counterpart.
    let paper = paper.filter(|p| p.classes.len() == report.classes.len());
    let row = |name: &str, theirs: Option<&Scores>, ours: &Scores| {
        let pair = |value: fn(&Scores) -> f64| match theirs {
            Some(theirs) => format!("{:.2} / {:.2}", value(theirs), value(ours)),
            None => format!("{NONE} / {:.2}", value(ours)),
        };
        let support = grouped(ours.support);
        vec![name.to_owned(), pair(|s| s.precision), pair(|s| s.recall), pair(|s| s.f1), support]
    };
    let mut rows: Vec<Vec<String>> = report
        .classes
        .iter()
        .map(|class| {
            let name = metrics.subject.classes.get(class.label).cloned().unwrap_or_default();
            row(&name, paper.and_then(|p| p.classes.get(class.label)), &class.scores)
        })
        .collect();
    match &report.overall {
        Overall::Accuracy(accuracy) => {
            let theirs = paper.map_or(NONE.to_owned(), |p| format!("{:.2}", p.accuracy));
            let figure = format!("{theirs} / {accuracy:.2}");
            let support = grouped(report.macro_average.support);
            rows.push(vec!["accuracy".to_owned(), String::new(), String::new(), figure, support]);
        }
        Overall::Micro(scores) => rows.push(row("micro average", None, scores)),
    }
    rows.push(row("macro average", paper.map(|p| &p.macro_average), &report.macro_average));
    rows.push(row("weighted average", paper.map(|p| &p.weighted_average), &report.weighted_average));
    page.table(&header(&["class", "precision", "recall", "F1", "images"]), &rows);
}

fn confusion(page: &mut Page, metrics: &Metrics, name: &str, published: &Published) -> Result<(), ReportError> {
    let Subject { dataset, seed, classes, .. } = &metrics.subject;
    let matrix = &metrics.splits.test.confusion;
    let place = published.datasets.get(dataset).map_or_else(String::new, |p| papers_figure(p.figures.confusion));
    page.figure(Figure {
        name: format!("confusion-{dataset}"),
        caption: format!("Confusion matrix of {name}, seed {seed}, test images{place}. Rows are true classes."),
        panels: vec![heat_map(&format!("{name}: rows = true classes"), matrix, classes)?],
        columns: 1,
    });
    let class = |class: usize| classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    let rows: Vec<Vec<String>> = matrix
        .most_confused(5)
        .into_iter()
        .map(|(label, predicted, count)| {
            let share = count as f64 / matrix.support(label).max(1) as f64;
            vec![format!("{} taken for {}", class(label), class(predicted)), grouped(count), percent(share)]
        })
        .collect();
    page.table(&header(&["most confused", "images", "% of the class"]), &rows);
    Ok(())
}

fn mistakes(page: &mut Page, seed: &CollectedSeed, metrics: &Metrics, name: &str) -> Result<(), ReportError> {
    let title = format!("{name}: worst mistakes");
    let classes = &metrics.subject.classes;
    let Some(panel) = from_sheet(seed, "mistakes.png", |p, png| draw_mistakes(&title, p, classes, png))? else {
        return Ok(());
    };
    page.figure(Figure {
        name: format!("mistakes-{}", metrics.subject.dataset),
        caption: format!(
            "Mistakes the final model for {name}, seed {}, was surest of: true class, class given, probability.",
            seed.seed
        ),
        panels: vec![panel],
        columns: 1,
    });
    Ok(())
}
