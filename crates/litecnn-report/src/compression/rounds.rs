//! Table III: networks after rounds of pruning.

use super::collect::{Network, Networks, accuracy};
use super::published::{PRUNED, Study, Variant, data_title};
use super::variants::{distinct, numbers};
use crate::numbers::{NONE, grouped, signed, spread_percent};

/// What was measured of one pruned network.
pub(super) struct PrunedTable {
    pub(super) title: String,
    pub(super) rows: Vec<Vec<String>>,
    /// Rounds of the study that were not measured, in a sentence.
    pub(super) missing: Option<String>,
}

pub(super) fn header() -> Vec<String> {
    ["Round", "Zero (%)", "Weights left, published", "Here", "Published (%)", "Here (%)", "Difference"]
        .map(str::to_owned)
        .to_vec()
}

/// A table for each network that was pruned, and a sentence for each of the study's that was not.
pub(super) fn tables(study: &Study, networks: &Networks) -> (Vec<PrunedTable>, Vec<String>) {
    let (mut tables, mut absent) = (Vec::new(), Vec::new());
    for ((dataset, name), network) in networks {
        if network.rounds().next().is_some() {
            tables.push(table(study, dataset, name, network));
        }
    }
    let done = |variant: &&Variant| {
        let of = |dataset: &str| networks.get(&(dataset.to_owned(), variant.network()));
        ["cifar100", "cifar10"].iter().any(|dataset| of(dataset).is_some_and(|n| n.rounds().next().is_some()))
    };
    let left: Vec<u32> = study
        .of("ResNet-101", "cifar100")
        .filter(|variant| PRUNED.contains(&variant.no) && !done(variant))
        .map(|variant| variant.no)
        .collect();
    if !left.is_empty() {
        absent.push(format!("Table III, pruning of ResNet-101: nothing was measured of {}", numbers(&left)));
    }
    (tables, absent)
}

fn table(study: &Study, dataset: &str, name: &str, network: &Network) -> PrunedTable {
    let variant = study.find(name, dataset);
    let published = |round: u32| {
        let variant = variant.filter(|v| v.family == "ResNet-101")?;
        let row = study.rounds(dataset).iter().find(|row| row.round == round)?;
        Some((row.sparsity, row.of(variant.no)?))
    };
    let mut rows = Vec::new();
    for round in std::iter::once(0).chain(network.rounds()) {
        let Some(seeds) = network.floats(round) else { continue };
        let ours = accuracy(seeds);
        let theirs = published(round).map(|(_, pruned)| pruned);
        // Before the first round the study prints all weights, those included that are never ranked.
        let left = |m: &litecnn_run::Measured| if round == 0 { m.parameters } else { m.non_zero };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
        rows.push(vec![
            round.to_string(),
            or_none(published(round).map(|(sparsity, _)| format!("{sparsity:.1}"))),
            or_none(theirs.map(|p| grouped(p.non_zeroed))),
            distinct(seeds.iter().map(left), grouped),
            or_none(theirs.map(|p| format!("{:.2}", p.accuracy))),
            spread_percent(&ours),
            or_none(theirs.map(|p| signed(100.0 * ours.mean - p.accuracy))),
        ]);
    }
    let absent: Vec<u32> = study
        .rounds(dataset)
        .iter()
        .map(|row| row.round)
        .filter(|round| published(*round).is_some() && network.floats(*round).is_none())
        .collect();
    let title = variant.map_or_else(|| name.to_owned(), |v| format!("{} {}", v.family, v.title()));
    let title = format!("{title} on {}", data_title(dataset));
    let missing =
        (!absent.is_empty()).then(|| format!("{title}, pruning: rounds {} were not measured", numbers(&absent)));
    PrunedTable { title, rows, missing }
}
