use std::collections::BTreeSet;

use comfy_table::{CellAlignment, Table, presets};

use super::collect::{Networks, accuracy};
use super::published::Study;
use super::{figures, quantised, rounds, variants};
use crate::ReportError;
use crate::document::{Page, escape};
use crate::html::Head;
use crate::numbers::grouped;

/// Epochs of the study's recipe.
const EPOCHS: u32 = 150;

/// The page, and what is told on a terminal.
pub(super) struct Told {
    pub(super) head: Head,
    pub(super) opening: Page,
    pub(super) body: Page,
    pub(super) table: String,
    pub(super) missing: Vec<String>,
}

pub(super) fn page(networks: &Networks, study: &Study) -> Result<Told, ReportError> {
    let tables = variants::tables(study, networks);
    let (pruned, pruned_absent) = rounds::tables(study, networks);
    let (quantised, quantised_absent) = quantised::table(study, networks);
    // The tables of the previous study are no part of the paper: of them nothing is missed that was never begun.
    let mut missing: Vec<String> = tables
        .iter()
        .enumerate()
        .filter(|(at, table)| !table.missing.is_empty() && (*at < 2 || !table.rows.is_empty()))
        .map(|(_, table)| format!("{}: {} not measured", table.title, variants::numbers(&table.missing)))
        .collect();
    missing.extend(pruned_absent);
    missing.extend(pruned.iter().filter_map(|table| table.missing.clone()));
    missing.extend(quantised_absent);

    let mut body = Page::default();
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        body.heading(2, &table.title);
        body.table(&variants::header(), &table.rows);
        body.figure(figures::costs(study, networks, table.family, table.dataset)?);
    }
    if !pruned.is_empty() {
        body.heading(2, "Pruning (Table III)");
        body.paragraph(
            "After each round the weights left are those of convolutions and dense layers that are not zero; in round 0 \
             all parameters, as the study prints. The share of zeros is the study's, a mean over its three networks.",
        );
        for table in &pruned {
            body.heading(3, &table.title);
            body.table(&rounds::header(), &table.rows);
        }
    }
    if !quantised.is_empty() {
        body.heading(2, "Quantisation to 8 bits");
        body.table(&quantised::header(), &quantised);
    }
    let others = variants::others(study, networks);
    if !others.is_empty() {
        body.heading(2, "Other networks and treatments");
        let header = ["Network", "Data set", "What", "Parameters", "Not zero", "Bytes", "Accuracy (%)", "Seeds"]
            .map(str::to_owned);
        body.table(&header, &others);
    }
    if !missing.is_empty() {
        body.heading(2, "Not measured");
        body.list(&missing.iter().map(|what| escape(what)).collect::<Vec<_>>());
    }
    Ok(Told {
        head: Head { title: "Compression of ResNet-101 and VGG-19".to_owned(), tiles: Vec::new() },
        opening: opening(networks, study),
        body,
        table: terminal(networks, study),
        missing,
    })
}

fn opening(networks: &Networks, study: &Study) -> Page {
    let mut page = Page::default();
    page.paragraph(&format!("Published: {}.", escape(study.source.trim_end_matches('.'))));
    page.paragraph(
        "Accuracies are on the test images with the weights of the last epoch, counted as the study counts: the plain \
         mean over batches of 128, of which the last one is smaller. The plain accuracy stands beside it. FLOPs are those \
         of one image in inference, a multiply-accumulate counted once. Of several seeds: mean ± standard deviation; the \
         study reports a single one. A dash stands where there is no figure.",
    );
    let all = || networks.values().flat_map(|network| network.treatments.values()).flatten();
    let images: BTreeSet<u64> = all().map(|m| m.images).collect();
    if images.iter().any(|n| *n != 10_000) {
        let sizes: Vec<String> = images.into_iter().map(grouped).collect();
        page.quote(&format!(
            "Not comparable: measured on {} test images, where the study has 10,000. This shows that the steps work, not \
             how well.",
            sizes.join(" and ")
        ));
    }
    let known = networks.iter().filter(|((dataset, name), _)| study.find(name, dataset).is_some());
    let trained = known.filter_map(|(_, network)| network.floats(0)).flatten();
    let short: BTreeSet<u32> = trained.map(|m| m.epochs).filter(|epochs| *epochs != EPOCHS).collect();
    if let (Some(least), Some(most)) = (short.first(), short.last()) {
        let epochs = if least == most { least.to_string() } else { format!("{least} to {most}") };
        page.quote(&format!(
            "Some networks were trained for {epochs} epochs, where the study has {EPOCHS}: that, too, makes a difference."
        ));
    }
    page
}

/// Every network as trained, pruned and quantised, in a line.
fn terminal(networks: &Networks, study: &Study) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["Network", "Data set", "Seeds", "Trained", "8 bits", "Last round of pruning"]);
    for ((dataset, name), network) in networks {
        let published = study.find(name, dataset);
        let resnet = published.filter(|v| v.family == "ResNet-101");
        let none = || crate::numbers::NONE.to_owned();
        let trained =
            network.floats(0).map(|seeds| variants::pair(published.and_then(|v| v.accuracy), accuracy(seeds).mean));
        let int8 = network.int8(0).map(|seeds| {
            let theirs = resnet.and_then(|v| study.int8(v.no, dataset, 0)).map(|(_, int8)| int8);
            variants::pair(theirs, accuracy(seeds).mean)
        });
        let last = network.rounds().last().and_then(|round| Some((round, network.floats(round)?)));
        let pruned = last.map(|(round, seeds)| {
            let row = study.rounds(dataset).iter().find(|row| row.round == round);
            let theirs = resnet.and_then(|v| row?.of(v.no)).map(|p| p.accuracy);
            format!("{round}: {}", variants::pair(theirs, accuracy(seeds).mean))
        });
        let seeds = network.treatments.values().map(Vec::len).max().unwrap_or(0);
        table.add_row([
            name.clone(),
            dataset.clone(),
            seeds.to_string(),
            trained.unwrap_or_else(none),
            int8.unwrap_or_else(none),
            pruned.unwrap_or_else(none),
        ]);
    }
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\nTest accuracy in percent, published / here, as the study counts.")
}
