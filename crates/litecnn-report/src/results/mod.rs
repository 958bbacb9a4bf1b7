mod accuracy;
mod calibration;
mod classes;
mod cost;
mod models;
mod training;

use crate::collect::{Collected, CollectedDataset, CollectedSeed};
use crate::document::{Page, escape};
use crate::figure::Figure;
use crate::html::{Head, Tile};
use crate::numbers::{NONE, grouped, kilobytes, megabytes, percent, points, whole_percent};
use crate::speed::{Bench, latency, latency_sentence, throughput_name, throughput_panels};
use crate::verdict::{official, paper_recipe, reached, title, verdict};
use crate::{DatasetSummary, Metrics, Published, ReportError, Summary};

/// What a report says.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) head: Head,
    /// The answer.
    pub(crate) opening: Page,
    /// What it rests on.
    pub(crate) body: Page,
}

/// Says what a run has come to, beside the published figures.
pub(crate) fn results(run: &Collected, summary: &Summary, published: &Published) -> Result<Results, ReportError> {
    let mut body = Page::default();
    if !summary.missing.is_empty() {
        body.heading(2, "Missing from this run");
        body.list(&summary.missing);
    }
    if !summary.datasets.is_empty() {
        accuracy::accuracy(&mut body, summary, published);
        accuracy::steps(&mut body, summary, published)?;
        classes::classes(&mut body, run, published)?;
    }
    training::training(&mut body, run, published)?;
    models::models(&mut body, run, published)?;
    models::looks(&mut body, run, published)?;
    calibration::calibration(&mut body, run, summary, published)?;
    if let Some(bench) = &run.bench {
        speed(&mut body, bench, published)?;
    }
    if !summary.datasets.is_empty() {
        sizes(&mut body, summary, published);
        cost::cost(&mut body, summary, published);
    }
    cost::making(&mut body, run);
    Ok(Results { head: head(summary, published), opening: opening(run, summary, published), body })
}

fn head(summary: &Summary, published: &Published) -> Head {
    let comparable = official(summary) && paper_recipe(summary, published);
    let tile = |(name, ours): (&String, &DatasetSummary)| {
        let paper = published.datasets.get(name);
        let mean = ours.test_accuracy.mean;
        let seeds = ours.seeds.len();
        Tile {
            state: match paper {
                Some(paper) if comparable && reached(paper, ours) => "reached",
                Some(_) if comparable => "below",
                _ => "other",
            },
            name: title(name, published).to_owned(),
            ours: format!("{} %", percent(mean)),
            spread: match seeds {
                1 => "test accuracy, one seed".to_owned(),
                _ => format!("test accuracy, ± {} over {seeds} seeds", percent(ours.test_accuracy.std)),
            },
            paper: paper.map_or_else(String::new, |p| format!("paper: {} %", whole_percent(p.accuracy.test))),
            difference: paper.map_or_else(String::new, |p| {
                let points = points(mean - p.accuracy.test);
                match (comparable, reached(p, ours)) {
                    (true, true) => format!("{points} points: reached"),
                    (true, false) => format!("{points} points: below"),
                    (false, _) => format!("{points} points: not to be compared"),
                }
            }),
        }
    };
    Head {
        title: format!("Results beside those of {} ({})", published.author, published.year),
        tiles: summary.datasets.iter().map(tile).collect(),
    }
}

fn opening(run: &Collected, summary: &Summary, published: &Published) -> Page {
    let mut page = Page::default();
    if !official(summary) {
        page.quote(&format!(
            "**These figures cannot be compared with published ones.** The data is not the official one: {}. Where published \
             figures stand beside ours, it is only to show that every table is filled.",
            escape(&summary.data)
        ));
    }
    page.paragraph(&format!("Is the paper reproduced? {}", verdict(summary, published)));
    page.paragraph(&format!(
        "Paper: {}, *{}*, {}. It prints accuracies in whole percent, so half a point of every difference is rounding, \
         and \"reached\" means: not more than half a point below.",
        published.author, published.title, published.source
    ));
    let bench = run.bench.as_ref().filter(|_| paper_recipe(summary, published));
    if let Some(told) = bench.and_then(|bench| latency_sentence(bench, published)) {
        page.paragraph(&told);
    }
    page
}

fn header(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&c| c.to_owned()).collect()
}

/// A step's or branch's name in prose.
fn words(step: &str) -> String {
    match step {
        "stage-1" => "stage one".to_owned(),
        "stage-2-1" => "stage two, step 1 (new layers only)".to_owned(),
        "stage-2-2" => "stage two, step 2 (all layers)".to_owned(),
        "branch-1" => "branch 1 (original images)".to_owned(),
        "branch-2" => "branch 2 (augmented images)".to_owned(),
        "ensemble" => "ensemble of the folds".to_owned(),
        other => other.replace('-', " "),
    }
}

/// The same where there is little room.
fn short(step: &str) -> String {
    match step {
        "stage-2-1" => "joined, step 1".to_owned(),
        "stage-2-2" => "joined, step 2".to_owned(),
        "ensemble" => "folds together".to_owned(),
        "stage-1" => "stage one".to_owned(),
        other => other.replace('-', " "),
    }
}

/// Table 5 and Figures 17 to 22.
fn speed(page: &mut Page, bench: &Bench, published: &Published) -> Result<(), ReportError> {
    latency(page, bench, published);
    let panels = throughput_panels(bench, published)?;
    if panels.is_empty() {
        return Ok(());
    }
    page.heading(2, "Throughput (Figures 17 to 22)");
    page.paragraph(&format!(
        "Images per second of calls made back to back, against batch size. Measured on {}.",
        escape(&bench.machine.cpu)
    ));
    for (model, device, panel) in panels {
        let (name, place) = (title(&model, published), if device == "cpu" { "the CPU" } else { &device });
        page.heading(3, &format!("{name} on {place}"));
        page.figure(Figure {
            name: throughput_name(&model, &device),
            caption: format!("Throughput of {name} on {place}."),
            panels: vec![panel],
            columns: 1,
        });
    }
    Ok(())
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

/// ` (the paper's Figure 4)`.
fn papers_figure(number: u32) -> String {
    format!(" (the paper's Figure {number})")
}

/// The seed whose details are printed: the first one measured.
fn shown(dataset: &CollectedDataset) -> Option<(&CollectedSeed, &Metrics)> {
    dataset.measured().next()
}
