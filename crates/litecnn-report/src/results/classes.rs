use super::{header, shown};
use crate::collect::Collected;
use crate::document::Page;
use crate::numbers::{NONE, grouped};
use crate::verdict::title;
use crate::{Metrics, Overall, Published, PublishedClassification, Scores};

/// Tables 2 to 4 and the confusion matrices, of the first seed of every data set, on the test images.
pub(super) fn classes(page: &mut Page, run: &Collected, published: &Published) {
    page.heading(2, "Class by class (Tables 2 to 4)");
    page.paragraph(
        "On the test images, from the first seed of each data set: the paper's figure / ours. A score with nothing to \
         divide by is 0. The text below each table is ours, laid out as scikit-learn's `classification_report`; in the \
         confusion matrix, rows are true classes and columns predicted ones.",
    );
    for dataset in &run.datasets {
        let Some(metrics) = shown(dataset) else { continue };
        let paper = published.datasets.get(&dataset.name).map(|p| &p.classification);
        let table = paper.map_or(String::new(), |p| format!(" ({})", p.table));
        page.heading(3, &format!("{}{table}, seed {}", title(&dataset.name, published), metrics.subject.seed));
        scores(page, metrics, paper);
        page.folded_code("the same as text", "text", &metrics.splits.test.report.to_text(&metrics.subject.classes, 4));
        confusion(page, metrics);
    }
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

fn confusion(page: &mut Page, metrics: &Metrics) {
    let names = &metrics.subject.classes;
    let mut head = vec!["true \u{2193} predicted \u{2192}".to_owned()];
    head.extend(names.iter().cloned());
    let rows: Vec<Vec<String>> = metrics
        .splits
        .test
        .confusion
        .rows()
        .iter()
        .zip(names)
        .map(|(counts, name)| std::iter::once(name.clone()).chain(counts.iter().map(|&n| grouped(n))).collect())
        .collect();
    page.table(&head, &rows);
}
