mod classes;
mod cost;

use crate::collect::{Collected, CollectedDataset};
use crate::markdown::{Page, escape};
use crate::numbers::{NONE, grouped, kilobytes, megabytes, points, spread_percent, whole_percent};
use crate::verdict::{official, title, verdict};
use crate::{Published, Spread, Summary};

/// The whole of `RESULTS.md`.
pub(crate) fn results(run: &Collected, summary: &Summary, published: &Published) -> String {
    let mut page = Page::default();
    page.heading(1, &format!("Results beside those of {} ({})", published.author, published.year));
    if !official(summary) {
        page.quote(&format!(
            "**Smoke test. These figures cannot be compared with published ones.** The data is not the official one: {}. \
             The published figures are printed beside ours only to show that every table is filled.",
            escape(&summary.data)
        ));
    }
    page.paragraph(&format!("Is the paper reproduced? {}", verdict(summary, published)));
    page.paragraph(&format!(
        "Paper: {}, *{}*, {}. It prints accuracies in whole percent, so half a point of every difference is rounding, \
         and \"reached\" means: not more than half a point below.",
        published.author, published.title, published.source
    ));
    if !summary.missing.is_empty() {
        page.heading(2, "Missing from this run");
        page.list(&summary.missing);
    }
    if !summary.datasets.is_empty() {
        accuracy(&mut page, summary, published);
        steps(&mut page, summary, published);
        classes::classes(&mut page, run, published);
        sizes(&mut page, summary, published);
        cost::cost(&mut page, summary, published);
    }
    cost::making(&mut page, run);
    page.finish()
}

fn header(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&c| c.to_owned()).collect()
}

fn accuracy(page: &mut Page, summary: &Summary, published: &Published) {
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

fn steps(page: &mut Page, summary: &Summary, published: &Published) {
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

/// A step's or branch's name in prose.
fn words(step: &str) -> String {
    match step {
        "stage-1" => "stage one".to_owned(),
        "stage-2-1" => "stage two, step 1 (new layers only)".to_owned(),
        "stage-2-2" => "stage two, step 2 (all layers)".to_owned(),
        "branch-1" => "branch 1 (original images)".to_owned(),
        "branch-2" => "branch 2 (augmented images)".to_owned(),
        other => other.replace('-', " "),
    }
}

fn sizes(page: &mut Page, summary: &Summary, published: &Published) {
    page.heading(2, "Size (Table 6)");
    page.paragraph(
        "KB are 1,024 bytes, MB 1,024 KB; four bytes a parameter. Our file holds weights and metadata only.",
    );
    let columns = ["", "parameters, paper", "ours", "KB, paper", "ours", "file MB, paper", "ours", "file bytes, ours"];
    let rows: Vec<Vec<String>> = summary
        .datasets
        .iter()
        .map(|(name, ours)| {
            let paper = published.datasets.get(name).map(|p| &p.size);
            vec![
                title(name, published).to_owned(),
                paper.map_or(NONE.to_owned(), |p| grouped(p.params)),
                grouped(ours.params),
                paper.map_or(NONE.to_owned(), |p| format!("{:.2}", p.params_kb)),
                kilobytes(ours.params * 4),
                paper.map_or(NONE.to_owned(), |p| format!("{:.2}", p.file_mb)),
                format!("{:.2}", megabytes(ours.weights_bytes)),
                grouped(ours.weights_bytes),
            ]
        })
        .collect();
    page.table(&header(&columns), &rows);
}

/// The seed whose details are printed: the first one measured.
fn shown(dataset: &CollectedDataset) -> Option<&crate::Metrics> {
    dataset.seeds.first().map(|s| &s.metrics)
}
