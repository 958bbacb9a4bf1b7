//! What holds of the statistics of every set of predictions.

use litecnn_report::{Calibration, ConfusionMatrix, McNemar, bootstrap_accuracy, brier};
use litecnn_run::{Prediction, Predictions};
use proptest::prelude::*;

const CLASSES: usize = 4;

/// Predictions whose probabilities sum to one and whose predicted class is the most probable one.
fn predictions() -> impl Strategy<Value = Predictions> {
    let row = (0..CLASSES as u16, prop::array::uniform4(0.01f32..1.0)).prop_map(|(label, weights)| {
        let sum: f32 = weights.iter().sum();
        let most = (0..CLASSES).rev().max_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap();
        let probabilities = weights.iter().map(|w| w / sum).collect();
        Prediction { index: 0, label, predicted: most as u16, probabilities }
    });
    prop::collection::vec(row, 1..80).prop_map(|rows| Predictions { classes: CLASSES, rows })
}

fn numbers() -> impl Strategy<Value = Vec<usize>> {
    Just((0..CLASSES).collect()).prop_shuffle()
}

/// The same predictions with class `c` called `numbers[c]`.
fn renumbered(given: &Predictions, numbers: &[usize]) -> Predictions {
    let new = |class: u16| numbers[usize::from(class)] as u16;
    let rows = given.rows.iter().map(|row| {
        let mut probabilities = vec![0.0; CLASSES];
        for (&number, &p) in numbers.iter().zip(&row.probabilities) {
            probabilities[number] = p;
        }
        Prediction { index: row.index, label: new(row.label), predicted: new(row.predicted), probabilities }
    });
    Predictions { classes: CLASSES, rows: rows.collect() }
}

/// Sums taken in another order may differ in their last digits.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

fn same(a: &Calibration, b: &Calibration) -> bool {
    let figures = |c: &Calibration| {
        let bins = c.bins.iter().flat_map(|bin| [bin.images as f64, bin.confidence, bin.accuracy]);
        bins.chain([c.expected_calibration_error, c.maximum_calibration_error]).collect::<Vec<_>>()
    };
    figures(a).into_iter().zip(figures(b)).all(|(a, b)| close(a, b))
}

fn confusion(given: &Predictions) -> ConfusionMatrix {
    ConfusionMatrix::from_pairs(given.classes, given.pairs()).unwrap()
}

proptest! {
    #[test]
    fn an_interval_is_within_the_images_and_contains_their_mean(
        right in prop::collection::vec(0u8..=3, 5..200), level in 0.9f64..0.999, seed in any::<u64>()
    ) {
        let correct: Vec<f64> = right.iter().map(|&r| f64::from(r) / 3.0).collect();
        let mean = correct.iter().sum::<f64>() / correct.len() as f64;
        let interval = bootstrap_accuracy(&correct, level, 1000, seed).unwrap();
        prop_assert!(interval.low <= mean + 1e-12 && mean <= interval.high + 1e-12, "{:?} {}", interval, mean);
        let bounds = correct.iter().fold((1f64, 0f64), |(low, high), &c| (low.min(c), high.max(c)));
        prop_assert!(bounds.0 - 1e-12 <= interval.low && interval.high <= bounds.1 + 1e-12, "{:?}", interval);
        let wider = bootstrap_accuracy(&correct, 1.0, 1000, seed).unwrap();
        prop_assert!(wider.low <= interval.low && interval.high <= wider.high);
    }

    #[test]
    fn an_interval_does_not_know_the_order_of_the_images(
        (given, shuffled) in prop::collection::vec(0u8..=3, 1..100)
            .prop_flat_map(|right| (Just(right.clone()), Just(right).prop_shuffle())),
        seed in any::<u64>()
    ) {
        let interval = |right: &[u8]| {
            let correct: Vec<f64> = right.iter().map(|&r| f64::from(r) / 3.0).collect();
            bootstrap_accuracy(&correct, 0.95, 200, seed)
        };
        prop_assert_eq!(interval(&given), interval(&shuffled));
    }

    #[test]
    fn mcnemar_is_symmetric_and_needs_no_order(
        (pairs, shuffled) in prop::collection::vec(any::<(bool, bool)>(), 0..200)
            .prop_flat_map(|pairs| (Just(pairs.clone()), Just(pairs).prop_shuffle()))
    ) {
        let test = McNemar::new(pairs.iter().copied());
        prop_assert!(test.p_value > 0.0 && test.p_value <= 1.0);
        prop_assert_eq!(test, McNemar::new(shuffled));
        let swapped = McNemar::new(pairs.iter().map(|&(first, second)| (second, first)));
        prop_assert_eq!((swapped.only_first, swapped.only_second), (test.only_second, test.only_first));
        prop_assert_eq!(swapped.p_value, test.p_value);
        prop_assert_eq!(test.p_value == 1.0, test.only_first.abs_diff(test.only_second) <= 1);
    }

    #[test]
    fn mcnemar_is_surer_the_more_uneven(few in 0u64..300, many in 300u64..600) {
        let p = |few: u64, many: u64| {
            let first = std::iter::repeat_n((true, false), few as usize);
            McNemar::new(first.chain(std::iter::repeat_n((false, true), many as usize))).p_value
        };
        prop_assert!(p(few, many + 1) < p(few, many) || p(few, many) == 1.0);
    }

    #[test]
    fn bins_hold_every_image_where_it_belongs(given in predictions(), bins in 1usize..40) {
        let calibration = Calibration::from_predictions(bins, &given);
        prop_assert_eq!(calibration.bins.len(), bins);
        prop_assert_eq!((calibration.bins[0].low, calibration.bins[bins - 1].high), (0.0, 1.0));
        prop_assert_eq!(calibration.bins.iter().map(|bin| bin.images).sum::<u64>(), given.rows.len() as u64);
        for pair in calibration.bins.windows(2) {
            prop_assert_eq!(pair[0].high, pair[1].low);
        }
        for bin in calibration.bins.iter().filter(|bin| bin.images > 0) {
            prop_assert!(bin.low - 1e-12 <= bin.confidence && bin.confidence <= bin.high + 1e-12, "{:?}", bin);
            prop_assert!((0.0..=1.0).contains(&bin.accuracy));
        }
        let right: f64 = calibration.bins.iter().map(|bin| bin.images as f64 * bin.accuracy).sum();
        prop_assert!(close(right / given.rows.len() as f64, confusion(&given).accuracy()));
        let (mean, most) = (calibration.expected_calibration_error, calibration.maximum_calibration_error);
        prop_assert!(0.0 <= mean && mean <= most + 1e-12 && most <= 1.0);
    }

    #[test]
    fn one_bin_compares_mean_confidence_and_accuracy(given in predictions()) {
        let sure = given.rows.iter().map(|row| f64::from(row.probabilities[usize::from(row.predicted)])).sum::<f64>();
        let calibration = Calibration::from_predictions(1, &given);
        let expected = (sure / given.rows.len() as f64 - confusion(&given).accuracy()).abs();
        prop_assert!(close(calibration.expected_calibration_error, expected));
        prop_assert!(close(calibration.maximum_calibration_error, expected));
    }

    #[test]
    fn the_order_of_the_images_changes_nothing(
        (given, shuffled) in predictions().prop_flat_map(|given| {
            let rows = Just(given.rows.clone()).prop_shuffle();
            (Just(given), rows.prop_map(|rows| Predictions { classes: CLASSES, rows }))
        })
    ) {
        prop_assert!(same(&Calibration::from_predictions(15, &given), &Calibration::from_predictions(15, &shuffled)));
        prop_assert!(close(brier(&given), brier(&shuffled)));
        prop_assert_eq!(confusion(&given).most_confused(5), confusion(&shuffled).most_confused(5));
    }

    #[test]
    fn new_numbers_for_the_classes_change_only_the_names_of_mistakes(given in predictions(), numbers in numbers()) {
        let other = renumbered(&given, &numbers);
        prop_assert_eq!(Calibration::from_predictions(15, &given), Calibration::from_predictions(15, &other));
        prop_assert!(close(brier(&given), brier(&other)));
        prop_assert_eq!(confusion(&given).accuracy(), confusion(&other).accuracy());
        let sorted = |mut mistakes: Vec<(usize, usize, u64)>| {
            mistakes.sort_unstable();
            mistakes
        };
        let renamed = confusion(&given).most_confused(99).into_iter().map(|(t, p, n)| (numbers[t], numbers[p], n));
        prop_assert_eq!(sorted(renamed.collect()), sorted(confusion(&other).most_confused(99)));
    }

    #[test]
    fn mistakes_are_all_told_and_in_order(given in predictions(), n in 0usize..20) {
        let matrix = confusion(&given);
        let all = matrix.most_confused(usize::MAX);
        prop_assert_eq!(all.iter().map(|m| m.2).sum::<u64>(), matrix.total() - matrix.correct());
        for &(label, predicted, images) in &all {
            prop_assert!(label != predicted && images > 0);
            prop_assert_eq!(matrix.rows()[label][predicted], images);
        }
        prop_assert!(all.is_sorted_by_key(|&(label, predicted, images)| (u64::MAX - images, label, predicted)));
        prop_assert_eq!(&matrix.most_confused(n)[..], &all[..n.min(all.len())]);
    }

    #[test]
    fn brier_is_between_right_and_wrong_for_certain(given in predictions()) {
        prop_assert!((0.0..=2.0).contains(&brier(&given)));
        let certain = given.rows.iter().map(|row| {
            let probabilities = (0..CLASSES).map(|class| f32::from(u8::from(class == usize::from(row.predicted))));
            Prediction { probabilities: probabilities.collect(), ..row.clone() }
        });
        let certain = Predictions { classes: CLASSES, rows: certain.collect() };
        prop_assert!(close(brier(&certain), 2.0 * (1.0 - confusion(&given).accuracy())));
    }

    #[test]
    fn the_dictionary_has_every_class_once_and_three_averages(given in predictions()) {
        let report = litecnn_report::ClassificationReport::new(&confusion(&given));
        let json = report.to_json(&[]);
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        prop_assert_eq!(keys, ["0", "1", "2", "3", "accuracy", "macro avg", "weighted avg"]);
        prop_assert_eq!(json["weighted avg"]["support"].as_f64(), Some(given.rows.len() as f64));
    }
}
