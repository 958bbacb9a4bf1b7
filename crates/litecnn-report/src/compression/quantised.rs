//! Networks in 8 bits, beside the same networks in floats.

use litecnn_run::Measured;

use super::collect::{Networks, Treatment, accuracy};
use super::published::{PRUNED, QUANTISED_ROUND, Study, data_title};
use super::variants::{distinct, numbers};
use crate::numbers::{NONE, grouped, points, spread_percent};

pub(super) fn header() -> Vec<String> {
    [
        "Network",
        "Rounds pruned",
        "Floats, published (%)",
        "Here (%)",
        "8 bits, published (%)",
        "Here (%)",
        "Change, published",
        "Here",
        "Bytes",
        "Settings",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A row for each network that was quantised, and a sentence for what the study quantised and the run did not.
pub(super) fn table(study: &Study, networks: &Networks) -> (Vec<Vec<String>>, Vec<String>) {
    let (mut rows, mut done) = (Vec::new(), Vec::new());
    for ((dataset, name), network) in networks {
        let variant = study.find(name, dataset);
        for (treatment, seeds) in &network.treatments {
            let Treatment::Int8 { round } = treatment else { continue };
            let resnet = variant.filter(|v| v.family == "ResNet-101");
            let published = resnet.and_then(|v| study.int8(v.no, dataset, *round));
            if let Some(v) = resnet {
                done.push((v.no, *round));
            }
            let of = |m: &&Measured| seeds.iter().any(|other| other.seed == m.seed);
            let floats: Vec<Measured> = network.floats(*round).unwrap_or(&[]).iter().filter(of).cloned().collect();
            let (before, after) = (accuracy(&floats), accuracy(seeds));
            let title = variant.map_or_else(|| name.clone(), |v| format!("{} {}", v.family, v.title()));
            let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
            let change = (floats.len() == seeds.len()).then(|| points(after.mean - before.mean));
            rows.push(vec![
                format!("{title} on {}", data_title(dataset)),
                round.to_string(),
                or_none(published.map(|(floats, _)| format!("{floats:.2}"))),
                spread_percent(&before),
                or_none(published.map(|(_, int8)| format!("{int8:.2}"))),
                spread_percent(&after),
                or_none(published.map(|(floats, int8)| crate::numbers::signed(int8 - floats))),
                or_none(change),
                distinct(seeds.iter().map(|m| m.bytes), grouped),
                settings(seeds),
            ]);
        }
    }
    let mut absent = Vec::new();
    for (round, words) in [(0, "as trained"), (QUANTISED_ROUND, "after round 4 of pruning")] {
        let left: Vec<u32> = PRUNED.into_iter().filter(|no| !done.contains(&(*no, round))).collect();
        if !left.is_empty() {
            absent.push(format!("Quantisation of ResNet-101 {words}: nothing was measured of {}", numbers(&left)));
        }
    }
    (rows, absent)
}

/// `calibration test, scales per-tensor`; of several seeds, those of each that differs.
fn settings(seeds: &[Measured]) -> String {
    let told = |m: &Measured| m.settings.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ");
    let all: std::collections::BTreeSet<String> = seeds.iter().map(told).collect();
    all.into_iter().collect::<Vec<_>>().join("; ")
}
