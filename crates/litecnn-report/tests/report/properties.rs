//! What holds of every set of predictions.

use litecnn_report::{ClassificationReport, ConfusionMatrix, Overall, Scores, SplitMetrics, mean_cross_entropy};
use litecnn_run::{Prediction, Predictions};
use proptest::prelude::*;

/// Number of classes, and pairs of true and predicted class.
fn pairs() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    (1usize..12).prop_flat_map(|classes| (Just(classes), prop::collection::vec((0..classes, 0..classes), 1..200)))
}

fn matrix((classes, pairs): &(usize, Vec<(usize, usize)>)) -> ConfusionMatrix {
    ConfusionMatrix::from_pairs(*classes, pairs.iter().copied()).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

proptest! {
    #[test]
    fn counts_add_up(given in pairs()) {
        let m = matrix(&given);
        let report = ClassificationReport::new(&m);
        let images = given.1.len() as u64;
        prop_assert_eq!(m.total(), images);
        prop_assert_eq!((0..given.0).map(|c| m.support(c)).sum::<u64>(), images);
        prop_assert_eq!((0..given.0).map(|c| m.predicted(c)).sum::<u64>(), images);
        prop_assert_eq!(report.classes.iter().map(|c| c.scores.support).sum::<u64>(), images);
        prop_assert_eq!(report.macro_average.support, images);
        prop_assert_eq!(m.correct(), given.1.iter().filter(|(t, p)| t == p).count() as u64);
    }

    #[test]
    fn scores_are_fractions_and_f1_is_the_harmonic_mean(given in pairs()) {
        let report = ClassificationReport::new(&matrix(&given));
        let averages = [report.macro_average, report.weighted_average];
        for s in report.classes.iter().map(|c| c.scores).chain(averages) {
            for value in [s.precision, s.recall, s.f1] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{}", value);
            }
        }
        for Scores { precision, recall, f1, .. } in report.classes.iter().map(|c| c.scores) {
            let expected = if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
            prop_assert!(close(f1, expected));
        }
    }

    #[test]
    fn weighted_recall_is_accuracy(given in pairs()) {
        let m = matrix(&given);
        let report = ClassificationReport::new(&m);
        prop_assert!(close(report.weighted_average.recall, m.accuracy()));
        prop_assert_eq!(report.overall, Overall::Accuracy(m.accuracy()));
    }

    #[test]
    fn new_numbers_for_the_classes_change_no_score(
        (given, order) in pairs().prop_flat_map(|g| {
            let order: Vec<usize> = (0..g.0).collect();
            (Just(g), Just(order).prop_shuffle())
        })
    ) {
        let report = ClassificationReport::new(&matrix(&given));
        let renamed: Vec<_> = given.1.iter().map(|&(t, p)| (order[t], order[p])).collect();
        let other = ClassificationReport::new(&matrix(&(given.0, renamed)));
        for (class, new) in order.iter().enumerate() {
            prop_assert_eq!(report.classes[class].scores, other.classes[*new].scores);
        }
        prop_assert_eq!(report.overall, other.overall);
        prop_assert!(close(report.macro_average.f1, other.macro_average.f1));
        prop_assert!(close(report.weighted_average.precision, other.weighted_average.precision));
    }

    #[test]
    fn a_report_on_some_classes_repeats_their_scores(given in pairs(), keep in prop::collection::vec(any::<bool>(), 12)) {
        let m = matrix(&given);
        let labels: Vec<usize> = (0..given.0).filter(|&c| keep[c]).collect();
        let (all, some) = (ClassificationReport::new(&m), ClassificationReport::for_labels(&m, &labels).unwrap());
        for class in &some.classes {
            prop_assert_eq!(class, &all.classes[class.label]);
        }
        let covers = given.1.iter().all(|(t, p)| keep[*t] && keep[*p]);
        prop_assert_eq!(matches!(some.overall, Overall::Accuracy(_)), covers);
    }

    #[test]
    fn loss_is_between_nothing_and_the_clip(
        rows in prop::collection::vec((0u16..3, prop::collection::vec(0f32..=1.0, 3)), 1..50)
    ) {
        let row = |(label, probabilities): (u16, Vec<f32>)| Prediction { index: 0, label, predicted: 0, probabilities };
        let predictions = Predictions { classes: 3, rows: rows.into_iter().map(row).collect() };
        let loss = mean_cross_entropy(&predictions);
        prop_assert!((0.0..=16.2).contains(&loss), "{}", loss);
        let split = SplitMetrics::from_predictions(&predictions).unwrap();
        prop_assert_eq!((split.loss, split.images), (loss, predictions.rows.len() as u64));
    }
}
