use super::{header, words};
use crate::document::Page;
use crate::numbers::{NONE, points, spread_percent, whole_percent};
use crate::verdict::title;
use crate::{Published, Spread, Summary};

/// Table 1.
pub(super) fn accuracy(page: &mut Page, summary: &Summary, published: &Published) {
    page.heading(2, "Accuracy (Table 1)");
    page.paragraph(
        "In percent, differences in percentage points. Ours is the mean over the seeds, with the sample standard \
         deviation where there are several. Training accuracy is measured on the training images without augmentation.",
    );
    let mut rows = Vec::new();
    for (name, ours) in &summary.datasets {
        let paper = published.datasets.get(name).map(|p| &p.accuracy);
        for (split, theirs, mine) in [
            ("train", paper.map(|p| p.train), Some(&ours.train_accuracy)),
            ("validation", None, Some(&ours.validation_accuracy)),
            ("test", paper.map(|p| p.test), Some(&ours.test_accuracy)),
        ] {
            rows.push(vec![
                format!("{}, {split}", title(name, published)),
                theirs.map_or(NONE.to_owned(), whole_percent),
                mine.map_or(NONE.to_owned(), spread_percent),
                theirs.zip(mine).map_or(NONE.to_owned(), |(t, m)| points(m.mean - t)),
                ours.seeds.len().to_string(),
            ]);
        }
    }
    page.table(&header(&["", "paper", "ours", "difference", "seeds"]), &rows);
}

/// The models on the way.
pub(super) fn steps(page: &mut Page, summary: &Summary, published: &Published) {
    let models = |name: &str| -> Vec<(String, &Spread, &Spread)> {
        let Some(dataset) = summary.datasets.get(name) else { return Vec::new() };
        let mut found = Vec::new();
        for (step, figures) in &dataset.steps {
            for (branch, b) in &figures.branches {
                found.push((branch.clone(), &b.test_accuracy, &b.validation_accuracy));
            }
            if let (Some(test), Some(validation)) = (&figures.test_accuracy, &figures.validation_accuracy) {
                found.push((step.clone(), test, validation));
            }
        }
        found
    };
    let mut names: Vec<String> = summary.datasets.keys().flat_map(|d| models(d)).map(|m| m.0).collect();
    names.sort_by(|a, b| crate::order::steps(a, b));
    names.dedup();
    if names.is_empty() {
        return;
    }
    page.heading(2, "Accuracy by step");
    page.paragraph("Of the model each step leaves behind, in percent: test / validation.");
    let columns: Vec<&String> = summary.datasets.keys().collect();
    let mut head = vec!["model".to_owned()];
    head.extend(columns.iter().map(|c| title(c, published).to_owned()));
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let mut row = vec![words(name)];
            row.extend(columns.iter().map(|dataset| {
                let found = models(dataset).into_iter().find(|m| m.0 == *name);
                found.map_or(NONE.to_owned(), |(_, test, validation)| {
                    format!("{} / {}", spread_percent(test), spread_percent(validation))
                })
            }));
            row
        })
        .collect();
    page.table(&head, &rows);
    if names.iter().any(|name| name.starts_with("fold-")) {
        page.paragraph(
            "Every fold starts from a copy of the weights of stage two, step 2. Those weights have already seen most \
             of each fold's validation images, so the folds' validation accuracies are not independent estimates; \
             the test accuracies are.",
        );
    }
}
