use litecnn_run::Outcome;

use super::{Small, SmallFamily};
use crate::figure::{Figure, GrownLine, GrownPanel, TradeoffPanel, TradeoffPoint};
use crate::interval::{of_mean, of_share};
use crate::numbers::grouped;
use crate::speed::file_part;
use crate::{Interval, Published, ReportError, Scaling, Spread};

/// Accuracies with numbers of weights that others publish for these tasks: data set, fraction, weights.
const ELSEWHERE: [(&str, f64, f64); 4] = [
    ("mnist", 0.995, 8_900.0),
    ("fashion-mnist", 0.916, 85_000.0),
    ("cifar10", 0.874, 22_100.0),
    ("cifar10", 0.944, 97_500.0),
];

/// Accuracy against the number of weights: the models, and what others publish.
pub(super) fn models(title: &str, dataset: &str, small: &Small, published: &Published) -> Result<Figure, ReportError> {
    let mut points: Vec<TradeoffPoint> = Vec::new();
    let mut add = |name: &str, kind: usize, cost: f64, accuracy: f64, interval: Option<Interval>| {
        let Interval { low, high } = interval.unwrap_or(Interval { low: accuracy, high: accuracy });
        points.push(TradeoffPoint {
            name: name.to_owned(),
            number: points.len() + 1,
            kind,
            cost,
            accuracy: 100.0 * accuracy,
            interval: (100.0 * low.max(0.0), 100.0 * high.min(1.0)),
        });
    };
    for model in small.models.iter().filter(|model| model.dataset == dataset) {
        let accuracies = model.accuracies();
        let interval = of_mean(&accuracies)
            .unwrap_or_else(|| of_share(model.trainings.iter().map(|t| t.correct).sum(), model.images));
        let mean = Spread::new(accuracies).mean;
        let kind = if model.family == SmallFamily::Compact { 2 } else { 0 };
        add(model.family.words(), kind, model.parameters as f64, mean, Some(interval));
    }
    if let Some(paper) = published.datasets.get(dataset) {
        add("as the paper prints it", 1, paper.size.params as f64, paper.accuracy.test, None);
    }
    for (_, accuracy, weights) in ELSEWHERE.iter().filter(|(name, ..)| *name == dataset) {
        add("published elsewhere", 1, *weights, *accuracy, None);
    }
    let heading = format!("{title}: accuracy by weights");
    let panel = TradeoffPanel { title: &heading, cost: "weights", label: weights_label, points }.panel()?;
    Ok(Figure {
        name: format!("small-{}", file_part(dataset)),
        caption: "Mean accuracy on the test images with its 95 % interval over seeds, against the number of weights, batch \
                  norms folded: discs the paper's model here, squares networks found by search, rings what is published."
            .to_owned(),
        panels: vec![panel],
        columns: 1,
    })
}

/// Accuracy as one model, or two, are made narrower and wider, with the curves fitted.
pub(super) fn sizes(title: &str, dataset: &str, families: [&[Outcome]; 2]) -> Result<Figure, ReportError> {
    let names = ["the paper's model, recipe tuned", "the network found, recipe compact"];
    let lines = families.into_iter().zip(names).filter(|(outcomes, _)| !outcomes.is_empty()).map(|(outcomes, name)| {
        let points = outcomes.iter().map(|o| (o.parameters as f64, 100.0 * o.test_accuracy)).collect();
        let curve = Scaling::fit(outcomes).map(|scaling| scaling.curve);
        GrownLine {
            name: name.to_owned(),
            points,
            curve: curve.map(|curve| Box::new(move |weights| 100.0 * (1.0 - curve.at(weights))) as _),
        }
    });
    let heading = format!("{title}: accuracy by size");
    let panel =
        GrownPanel { title: &heading, axis: "weights", label: weights_label, lines: lines.collect() }.panel()?;
    Ok(Figure {
        name: format!("sizes-{}", file_part(dataset)),
        caption:
            "Accuracy on the test images of each seed as all layers are made narrower and wider, and the curve fitted; \
                  few epochs, all alike."
                .to_owned(),
        panels: vec![panel],
        columns: 1,
    })
}

fn weights_label(weights: f64) -> String {
    match weights < 1000.0 {
        true => format!("{weights:.0}"),
        false => format!("{}k", grouped((weights / 1000.0).round() as u64)),
    }
}
