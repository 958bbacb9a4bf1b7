//! Bootstrap, McNemar's test, calibration and Brier score against golden files made by SciPy, statsmodels and NumPy
//! (`golden/statistics/generate.py`).

use litecnn_report::{Calibration, Interval, McNemar, bootstrap_accuracy, brier};
use litecnn_run::{Prediction, Predictions};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Uniform};

#[derive(serde::Deserialize)]
struct Cases {
    bootstrap: Vec<Bootstrap>,
    mcnemar: Vec<Pair>,
    calibration: Vec<Sure>,
    brier: Vec<Probabilities>,
}

#[derive(serde::Deserialize)]
struct Bootstrap {
    thirds: [usize; 4],
    level: f64,
    resamples: usize,
    scipy: [f64; 2],
    exact: [f64; 2],
}

#[derive(serde::Deserialize)]
struct Pair {
    only_first: u64,
    only_second: u64,
    exact: f64,
    binomtest: Option<f64>,
    statsmodels: f64,
}

#[derive(serde::Deserialize)]
struct Sure {
    name: String,
    confidence: Vec<f64>,
    correct: Vec<u8>,
    bins: Vec<(u64, f64, f64)>,
    expected: f64,
    maximum: f64,
}

#[derive(serde::Deserialize)]
struct Probabilities {
    classes: usize,
    label: Vec<u16>,
    probabilities: Vec<Vec<f32>>,
    numpy: f64,
    sklearn: f64,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../golden/statistics/cases.json")).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

/// Images by the number of three models that get them right.
fn correct(thirds: &[usize; 4]) -> Vec<f64> {
    (0u8..).zip(thirds).flat_map(|(right, &images)| vec![f64::from(right) / 3.0; images]).collect()
}

/// What a bound may differ by between two bootstraps of so many resamples.
///
/// The quantile q of B draws has the standard error sqrt(q (1 - q) / B) / density. For a normal distribution that is
/// at most 5 sigma / sqrt(B) for the levels tested (0.99 is the worst: 4.9), sigma being the standard error of the
/// mean. Four of these are allowed, and one step between the values that a mean of thirds can have.
fn tolerance(correct: &[f64], resamples: [f64; 2]) -> f64 {
    let images = correct.len() as f64;
    let mean = correct.iter().sum::<f64>() / images;
    let sigma = (correct.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / images / images).sqrt();
    4.0 * 5.0 * sigma * (1.0 / resamples[0] + 1.0 / resamples[1]).sqrt() + 1.0 / (3.0 * images) + 1e-12
}

fn agree(ours: Interval, [low, high]: [f64; 2], tolerance: f64) -> bool {
    (ours.low - low).abs() <= tolerance && (ours.high - high).abs() <= tolerance
}

#[test]
fn bootstrap_as_scipy_and_as_the_exact_distribution() {
    const RESAMPLES: usize = 100_000;
    for case in cases().bootstrap {
        let correct = correct(&case.thirds);
        let ours = bootstrap_accuracy(&correct, case.level, RESAMPLES, 7).unwrap();
        let to_scipy = tolerance(&correct, [RESAMPLES as f64, case.resamples as f64]);
        assert!(agree(ours, case.scipy, to_scipy), "{ours:?} {:?} ± {to_scipy}", case.scipy);
        let to_exact = tolerance(&correct, [RESAMPLES as f64, f64::INFINITY]);
        assert!(agree(ours, case.exact, to_exact), "{ours:?} {:?} ± {to_exact}", case.exact);
    }
}

#[test]
fn drawing_groups_is_drawing_images() {
    const RESAMPLES: usize = 20_000;
    let correct = correct(&[40, 15, 20, 225]);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let any = Uniform::new(0, correct.len()).unwrap();
    let mean = |_| correct.iter().map(|_| correct[any.sample(&mut random)]).sum::<f64>() / correct.len() as f64;
    let mut means: Vec<f64> = (0..RESAMPLES).map(mean).collect();
    means.sort_unstable_by(f64::total_cmp);
    for level in [0.5, 0.8, 0.9, 0.95, 0.99] {
        let at = |quantile: f64| means[(quantile * RESAMPLES as f64) as usize];
        let naive = [at((1.0 - level) / 2.0), at((1.0 + level) / 2.0)];
        let ours = bootstrap_accuracy(&correct, level, RESAMPLES, 2).unwrap();
        let tolerance = tolerance(&correct, [RESAMPLES as f64; 2]);
        assert!(agree(ours, naive, tolerance), "{level}: {ours:?} {naive:?} ± {tolerance}");
    }
}

#[test]
fn mcnemar_as_the_exact_sum_and_as_two_libraries() {
    let cases = cases().mcnemar;
    assert!(cases.iter().any(|case| case.exact < 1e-250 && case.exact > 0.0));
    for Pair { only_first, only_second, exact, binomtest, statsmodels } in cases {
        let first = std::iter::repeat_n((true, false), only_first as usize);
        let second = std::iter::repeat_n((false, true), only_second as usize);
        let test = McNemar::new(first.chain(second));
        assert_eq!((test.only_first, test.only_second), (only_first, only_second));
        // The libraries are themselves a little off.
        for (theirs, tolerance) in [(Some(exact), 1e-12), (binomtest, 1e-11), (Some(statsmodels), 1e-11)] {
            let theirs = theirs.unwrap_or(1.0);
            assert!((test.p_value - theirs).abs() <= tolerance * theirs, "{test:?}: {theirs}");
        }
    }
}

#[test]
fn calibration_as_numpy() {
    for case in cases().calibration {
        let images =
            case.confidence.iter().zip(&case.correct).map(|(&confidence, &correct)| (confidence, correct == 1));
        let ours = Calibration::new(case.bins.len(), images);
        assert_eq!(ours.bins.len(), case.bins.len());
        for (bin, (images, confidence, accuracy)) in ours.bins.iter().zip(case.bins) {
            assert_eq!(bin.images, images, "{}: {bin:?}", case.name);
            assert!(close(bin.confidence, confidence) && close(bin.accuracy, accuracy), "{}: {bin:?}", case.name);
        }
        assert!(close(ours.expected_calibration_error, case.expected), "{}", case.name);
        assert!(close(ours.maximum_calibration_error, case.maximum), "{}", case.name);
    }
}

#[test]
fn brier_as_numpy_and_scikit_learn() {
    for case in cases().brier {
        let row =
            |(&label, p): (&u16, &Vec<f32>)| Prediction { index: 0, label, predicted: 0, probabilities: p.clone() };
        let rows = case.label.iter().zip(&case.probabilities).map(row).collect();
        let ours = brier(&Predictions { classes: case.classes, rows });
        assert!(close(ours, case.numpy), "{ours} {}", case.numpy);
        assert!((ours - case.sklearn).abs() < 1e-6, "{ours} {}", case.sklearn);
    }
}

#[test]
fn json_is_read_back_to_the_bit() {
    let test = McNemar::new([(true, false); 3]);
    let calibration = Calibration::new(3, [(0.7, true), (0.1, false), (0.9, false)]);
    let interval = bootstrap_accuracy(&[0.0, 1.0 / 3.0, 1.0], 0.9, 99, 0).unwrap();
    let text = serde_json::to_string(&(test, &calibration, interval)).unwrap();
    assert_eq!(serde_json::from_str::<(McNemar, Calibration, Interval)>(&text).unwrap(), (test, calibration, interval));
}
