use super::Contender;
use super::page::{family_words, interval};
use crate::ReportError;
use crate::figure::{Figure, TradeoffPanel, TradeoffPoint};
use crate::numbers::grouped;
use crate::speed::file_part;

/// Accuracy against bytes, and against microseconds.
pub(super) fn figure(title: &str, dataset: &str, contenders: &[&Contender]) -> Result<Figure, ReportError> {
    let panel = |cost: &str, label: fn(f64) -> String, of: &dyn Fn(&Contender) -> Option<f64>| {
        let points = contenders.iter().enumerate().filter_map(|(i, c)| {
            let accuracies = c.accuracies();
            let ends = interval(c);
            Some(TradeoffPoint {
                name: c.words.clone(),
                number: i + 1,
                kind: c.family as usize,
                cost: of(c)?,
                accuracy: 100.0 * accuracies.iter().sum::<f64>() / accuracies.len() as f64,
                interval: (100.0 * ends.low, 100.0 * ends.high),
            })
        });
        TradeoffPanel { title: &format!("{title}: accuracy by {cost}"), cost, label, points: points.collect() }.panel()
    };
    let families: Vec<String> = [0, 1, 2].map(|i| family_words(i).to_owned()).to_vec();
    Ok(Figure {
        name: format!("comparison-{}", file_part(dataset)),
        caption: format!(
            "Mean accuracy on the test images with its 95 % interval, against the size of the file and against the time \
             for one image by the fastest program that computes the network. Markers tell what it is: {}.",
            families.join(", ")
        ),
        panels: vec![
            panel("size of the file", kilobytes, &|c| Some(c.bytes as f64 / 1024.0))?,
            panel("time for one image", time, &|c| c.fastest().map(|t| t.us))?,
        ],
        columns: 2,
    })
}

/// `20 KB`, `1,500 KB`.
fn kilobytes(kilobytes: f64) -> String {
    if kilobytes < 9.95 { short(kilobytes, "KB") } else { format!("{} KB", grouped(kilobytes.round() as u64)) }
}

/// `20 µs`, `1.5 ms`.
fn time(us: f64) -> String {
    if us < 1000.0 { short(us, "µs") } else { short(us / 1000.0, "ms") }
}

fn short(value: f64, unit: &str) -> String {
    if value < 9.95 && value.fract().abs() > 0.05 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_short() {
        assert_eq!([kilobytes(2.5), kilobytes(20.2), kilobytes(1_500.0)], ["2.5 KB", "20 KB", "1,500 KB"]);
        assert_eq!([time(20.0), time(2_500.0), time(12_345.0)], ["20 µs", "2.5 ms", "12 ms"]);
    }
}
