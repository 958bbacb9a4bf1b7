//! Tables I and II: networks as trained.

use super::collect::{Networks, accuracy};
use super::published::{Study, TABLES, data_title};
use crate::numbers::{NONE, grouped, percent, signed, spread_percent};

/// One of the study's tables of networks, as far as it was measured.
pub(super) struct VariantTable {
    pub(super) family: &'static str,
    pub(super) dataset: &'static str,
    pub(super) title: String,
    pub(super) rows: Vec<Vec<String>>,
    /// Numbers of the variants that were not measured.
    pub(super) missing: Vec<u32>,
}

pub(super) fn header() -> Vec<String> {
    [
        "Network",
        "Parameters",
        "FLOPs (millions)",
        "Published (%)",
        "Here (%)",
        "Difference",
        "Plain accuracy (%)",
        "Epochs",
        "Seeds",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// All four tables; those of which nothing was measured have no rows.
pub(super) fn tables(study: &Study, networks: &Networks) -> Vec<VariantTable> {
    let table = |(table, family, dataset): (&str, &'static str, &'static str)| {
        let (mut rows, mut missing) = (Vec::new(), Vec::new());
        for variant in study.of(family, dataset) {
            let network = networks.get(&(dataset.to_owned(), variant.network()));
            let Some(seeds) = network.and_then(|network| network.floats(0)) else {
                missing.push(variant.no);
                continue;
            };
            let ours = accuracy(seeds);
            let plain = crate::Spread::new(seeds.iter().map(litecnn_run::Measured::accuracy).collect());
            let difference = variant.accuracy.map(|published| signed(100.0 * ours.mean - published));
            let counted = distinct(seeds.iter().map(|m| m.parameters), grouped);
            let agrees = seeds.iter().all(|m| m.parameters == variant.params);
            rows.push(vec![
                variant.title(),
                if agrees { counted } else { format!("{counted} (study: {})", grouped(variant.params)) },
                format!("{:.2}", variant.flops as f64 / 1e6),
                variant.accuracy.map_or_else(|| NONE.to_owned(), |a| format!("{a:.2}")),
                spread_percent(&ours),
                difference.unwrap_or_else(|| NONE.to_owned()),
                spread_percent(&plain),
                distinct(seeds.iter().map(|m| u64::from(m.epochs)), grouped),
                seeds.len().to_string(),
            ]);
        }
        let title = format!("{table}: {family} on {}", data_title(dataset));
        VariantTable { family, dataset, title, rows, missing }
    };
    TABLES.into_iter().map(table).collect()
}

/// Networks that are none of the study's, or on a data set of one's own, and what else was done to any.
pub(super) fn others(study: &Study, networks: &Networks) -> Vec<Vec<String>> {
    use super::collect::Treatment;
    let mut rows = Vec::new();
    for ((dataset, name), network) in networks {
        let known = study.find(name, dataset).is_some();
        for (treatment, seeds) in &network.treatments {
            let done = match treatment {
                Treatment::Floats { round: 0 } if known => continue,
                Treatment::Floats { round: 0 } => "trained".to_owned(),
                Treatment::Floats { .. } | Treatment::Int8 { .. } => continue,
                Treatment::Other(folder) => folder.clone(),
            };
            let mean = |values: &dyn Fn(&litecnn_run::Measured) -> u64| distinct(seeds.iter().map(values), grouped);
            rows.push(vec![
                name.clone(),
                data_title(dataset).to_owned(),
                done,
                mean(&|m| m.parameters),
                mean(&|m| m.non_zero),
                mean(&|m| m.bytes),
                spread_percent(&accuracy(seeds)),
                seeds.len().to_string(),
            ]);
        }
    }
    rows
}

/// Values that should not depend on the seed: the one value, or all there are.
pub(super) fn distinct(values: impl Iterator<Item = u64>, write: fn(u64) -> String) -> String {
    let all: std::collections::BTreeSet<u64> = values.collect();
    all.into_iter().map(write).collect::<Vec<_>>().join(", ")
}

/// `1, 3 to 5 and 9`.
pub(super) fn numbers(all: &[u32]) -> String {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for &n in all {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => spans.push((n, n)),
        }
    }
    let words: Vec<String> = spans
        .into_iter()
        .flat_map(|(first, last)| match last - first {
            0 => vec![first.to_string()],
            1 => vec![first.to_string(), last.to_string()],
            _ => vec![format!("{first} to {last}")],
        })
        .collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// One published figure beside one of ours, for a terminal.
pub(super) fn pair(published: Option<f64>, ours: f64) -> String {
    let published = published.map_or_else(|| NONE.to_owned(), |p| format!("{p:.2}"));
    format!("{published} / {}", percent(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words() {
        let cases: [(&[u32], &str); 5] = [
            (&[], ""),
            (&[4], "4"),
            (&[1, 2], "1 and 2"),
            (&[1, 3, 4, 5, 9], "1, 3 to 5 and 9"),
            (&[1, 2, 3], "1 to 3"),
        ];
        for (all, words) in cases {
            assert_eq!(numbers(all), words);
        }
    }
}
