use super::{header, short, words};
use crate::document::{Page, escape};
use crate::figure::{Figure, StepsPanel};
use crate::numbers::{NONE, grouped, interval_percent, points, probability, spread_percent, whole_percent};
use crate::verdict::title;
use crate::{Comparison, DatasetSummary, Published, ReportError, Spread, Summary};

/// What is compared with what, and where the comparisons are, seed by seed.
const COMPARISONS: [(&str, Pick); 2] = [
    ("joined model against branch 1", |d| &d.analysis.joining),
    ("folds together against joined model", |d| &d.analysis.ensembling),
];

type Pick = fn(&DatasetSummary) -> &[Option<Comparison>];

/// Table 1.
pub(super) fn accuracy(page: &mut Page, summary: &Summary, published: &Published) {
    page.heading(2, "Accuracy (Table 1)");
    page.paragraph(
        "In percent, differences in percentage points. Ours is the mean over the seeds, with the sample standard \
         deviation where there are several. The interval is the 95 % percentile bootstrap interval of that mean over \
         test images (10,000 resamples): it covers that the test images are a sample, not that other seeds train other \
         models. Training accuracy is measured on the training images without augmentation.",
    );
    let mut rows = Vec::new();
    for (name, ours) in &summary.datasets {
        let paper = published.datasets.get(name).map(|p| &p.accuracy);
        for (split, theirs, mine, interval) in [
            ("train", paper.map(|p| p.train), &ours.train_accuracy, None),
            ("validation", None, &ours.validation_accuracy, None),
            ("test", paper.map(|p| p.test), &ours.test_accuracy, ours.analysis.test_interval),
        ] {
            rows.push(vec![
                format!("{}, {split}", title(name, published)),
                theirs.map_or(NONE.to_owned(), whole_percent),
                spread_percent(mine),
                theirs.map_or(NONE.to_owned(), |t| points(mine.mean - t)),
                interval.map_or(NONE.to_owned(), interval_percent),
                ours.seeds.len().to_string(),
            ]);
        }
    }
    page.table(&header(&["", "paper", "ours", "difference", "95 % interval", "seeds"]), &rows);
}

/// Every model of a data set in order of training: its name, and test and validation accuracy.
pub(super) fn models(dataset: &DatasetSummary) -> Vec<(&str, &Spread, Option<&Spread>)> {
    let mut found = Vec::new();
    for (step, figures) in &dataset.steps {
        for (branch, b) in &figures.branches {
            found.push((branch.as_str(), &b.test_accuracy, Some(&b.validation_accuracy)));
        }
        if let Some(test) = &figures.test_accuracy {
            found.push((step.as_str(), test, figures.validation_accuracy.as_ref()));
        }
    }
    let ensemble = &dataset.analysis.ensemble;
    if !ensemble.values.is_empty() {
        found.push(("ensemble", ensemble, None));
    }
    found
}

/// The models on the way, and whether joining helps.
pub(super) fn steps(page: &mut Page, summary: &Summary, published: &Published) -> Result<(), ReportError> {
    let mut names: Vec<&str> = summary.datasets.values().flat_map(models).map(|m| m.0).collect();
    names.sort_by(|a, b| crate::order::steps(a, b));
    names.dedup();
    let mut head = vec!["model".to_owned()];
    head.extend(summary.datasets.keys().map(|c| title(c, published).to_owned()));
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let mut row = vec![words(name)];
            row.extend(summary.datasets.values().map(|dataset| {
                let found = models(dataset).into_iter().find(|m| m.0 == *name);
                found.map_or(NONE.to_owned(), |(_, test, validation)| {
                    format!("{} / {}", spread_percent(test), validation.map_or(NONE.to_owned(), spread_percent))
                })
            }));
            row
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    page.heading(2, "From branches to folds: how much better is the joined model?");
    joining(page, summary, published);
    figures(page, summary, published)?;
    page.heading(2, "The models on the way, in figures");
    page.paragraph("Of the model each step leaves behind, in percent: test / validation.");
    page.table(&head, &rows);
    if names.iter().any(|name| name.starts_with("fold-")) {
        page.paragraph(
            "Every fold starts from a copy of the weights of stage two, step 2. Those weights have already seen most \
             of each fold's validation images, so the folds' validation accuracies are not independent estimates; \
             the test accuracies are. The ensemble answers with the mean of the folds' probabilities.",
        );
    }
    tests(page, summary, published);
    Ok(())
}

/// Test accuracy of every model on the way, drawn.
fn figures(page: &mut Page, summary: &Summary, published: &Published) -> Result<(), ReportError> {
    for (name, dataset) in &summary.datasets {
        let rows: Vec<(String, Spread)> =
            models(dataset).into_iter().map(|(model, test, _)| (short(model), test.clone())).collect();
        if rows.is_empty() {
            continue;
        }
        let dataset = title(name, published);
        page.heading(3, dataset);
        let paper = published.datasets.get(name).map(|p| p.accuracy.test);
        page.figure(Figure {
            name: format!("steps-{name}"),
            caption: format!("Test accuracy of every model on the way, {dataset}."),
            panels: vec![StepsPanel { title: &format!("{dataset}: from branches to folds"), rows, paper }.panel()?],
            columns: 1,
        });
    }
    Ok(())
}

/// Whether joining two branches helps, and whether the folds do together, in a sentence each.
fn joining(page: &mut Page, summary: &Summary, published: &Published) {
    for (what, pick) in COMPARISONS {
        let sentence = |(name, dataset): (&String, &DatasetSummary)| {
            let known: Vec<&Comparison> = pick(dataset).iter().flatten().collect();
            let of = known.len();
            let mean = known.iter().map(|c| c.difference).sum::<f64>() / of as f64;
            let sure =
                |better: bool| known.iter().filter(|c| c.test.p_value < 0.05 && (c.difference > 0.0) == better).count();
            let told = format!(
                "{} {} points (p < 0.05: better with {}, worse with {} of {of})",
                escape(title(name, published)),
                points(mean),
                sure(true),
                sure(false)
            );
            (of > 0).then_some(told)
        };
        let sentences: Vec<String> = summary.datasets.iter().filter_map(sentence).collect();
        if !sentences.is_empty() {
            page.paragraph(&format!(
                "Test accuracy, {what}, mean difference over the seeds, and with how many of them McNemar's test sees one: {}.",
                sentences.join(", ")
            ));
        }
    }
}

/// McNemar's test seed by seed.
fn tests(page: &mut Page, summary: &Summary, published: &Published) {
    let mut rows = Vec::new();
    for (what, pick) in COMPARISONS {
        for (name, dataset) in &summary.datasets {
            for (seed, c) in dataset.seeds.iter().zip(pick(dataset)) {
                let Some(Comparison { difference, test }) = c else { continue };
                let name = format!("{}, seed {seed}: {what}", title(name, published));
                let [first, second] = [test.only_first, test.only_second].map(grouped);
                rows.push(vec![name, points(*difference), first, second, probability(test.p_value)]);
            }
        }
    }
    if rows.is_empty() {
        return;
    }
    page.paragraph(
        "Seed by seed, with McNemar's exact test: how many test images only one of the two models gets right, and how \
         probable a split at least as uneven is if both are equally good. The test compares two trained models, not two \
         ways of training, and no p-value here is corrected for their number. The joined model has also been trained \
         longer than its branches; the ensemble is six models.",
    );
    page.table(&header(&["", "difference, points", "only the first is right", "only the second", "p"]), &rows);
}
