use std::collections::BTreeMap;

use litecnn_run::Outcome;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::bootstrap::quantile;
use crate::document::Page;
use crate::numbers::{grouped, interval_percent, percent, spread_percent};
use crate::{Interval, Spread};

/// A doubling of the weights is worth its price while it takes at least this part of the errors away.
pub const WORTH: f64 = 0.05;
/// Curves fitted to outcomes drawn anew.
const RESAMPLES: usize = 400;
/// Beyond so many weights nothing is said.
const FARTHEST: f64 = 1e9;

/// How the share of errors falls with the number of weights: `floor + factor * weights^-exponent`, the form of Hestness et
/// al. (2017) with the error that stays of Rosenfeld et al. (2020).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// The share of errors that no number of weights takes away, a fraction.
    pub floor: f64,
    /// See the formula.
    pub factor: f64,
    /// See the formula.
    pub exponent: f64,
}

/// A curve with what is known of how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Through all outcomes, each counting the same, by least squares of relative differences.
    pub curve: Curve,
    /// 95 % intervals by a bootstrap of these differences (Efron & Tibshirani 1993, chapter 9).
    pub floor: Interval,
    /// As `floor`.
    pub exponent: Interval,
    /// Number of weights from which on a doubling takes less than [`WORTH`] of the errors away; none within reason if it
    /// always takes more.
    pub enough: Option<f64>,
    /// As `floor`; an upper bound of infinity means that some resamples have none.
    pub enough_interval: Interval,
    /// Weights of the largest model that the curve goes through; what it says of larger ones was not tried.
    pub largest: f64,
}

impl Curve {
    /// The share of errors with so many weights.
    pub fn at(&self, weights: f64) -> f64 {
        self.floor + self.factor * weights.powf(-self.exponent)
    }

    /// See [`Scaling::enough`].
    fn enough(&self) -> Option<f64> {
        let worth = |weights: f64| 1.0 - self.at(2.0 * weights) / self.at(weights) >= WORTH;
        let (mut low, mut high) = (0.0, FARTHEST.ln());
        if worth(FARTHEST) {
            return None;
        }
        // What a doubling takes away falls steadily with a floor, and is the same everywhere without one.
        while high - low > 1e-6 {
            let middle = f64::midpoint(low, high);
            if worth(middle.exp()) { low = middle } else { high = middle }
        }
        Some(high.exp())
    }

    /// By least squares of relative differences; with a floor and an exponent given, the best factor follows from a
    /// formula, so only these two are looked for, on a grid that closes in on the best.
    fn through(points: &[(f64, f64)]) -> Self {
        let least = points.iter().map(|(_, error)| *error).fold(f64::INFINITY, f64::min);
        let (mut floors, mut exponents) = ((0.0, least), (0.02f64.ln(), 4f64.ln()));
        let mut best = (f64::INFINITY, Self { floor: 0.0, factor: least, exponent: 0.0 });
        for _ in 0..6 {
            const STEPS: usize = 24;
            let at = |(low, high): (f64, f64), i: usize| low + (high - low) * i as f64 / STEPS as f64;
            for i in 0..=STEPS {
                for j in 0..=STEPS {
                    let (floor, exponent) = (at(floors, i), at(exponents, j).exp());
                    let fitted = Self::with(floor, exponent, points);
                    let misfit =
                        points.iter().map(|&(weights, error)| (fitted.at(weights) / error - 1.0).powi(2)).sum();
                    if misfit < best.0 {
                        best = (misfit, fitted);
                    }
                }
            }
            let near = |(low, high): (f64, f64), x: f64, (least, most): (f64, f64)| {
                let half = (high - low) / 6.0;
                ((x - half).max(least), (x + half).min(most))
            };
            floors = near(floors, best.1.floor, (0.0, least));
            exponents = near(exponents, best.1.exponent.ln(), (0.02f64.ln(), 4f64.ln()));
        }
        best.1
    }

    fn with(floor: f64, exponent: f64, points: &[(f64, f64)]) -> Self {
        let (mut products, mut squares) = (0.0, 0.0);
        for &(weights, error) in points {
            let x = weights.powf(-exponent) / error;
            products += x * (1.0 - floor / error);
            squares += x * x;
        }
        Self { floor, factor: (products / squares).max(0.0), exponent }
    }
}

impl Scaling {
    /// Through outcomes of several sizes; none of fewer than four sizes, or if one makes no errors at all.
    pub fn fit(outcomes: &[Outcome]) -> Option<Self> {
        let points: Vec<(f64, f64)> =
            outcomes.iter().map(|outcome| (outcome.parameters as f64, 1.0 - outcome.test_accuracy)).collect();
        let mut sizes: Vec<i64> = outcomes.iter().map(|outcome| outcome.parameters).collect();
        sizes.sort_unstable();
        sizes.dedup();
        if sizes.len() < 4 || points.iter().any(|&(weights, error)| weights <= 0.0 || error <= 0.0) {
            return None;
        }
        let curve = Curve::through(&points);
        let residuals: Vec<f64> = points.iter().map(|&(weights, error)| error / curve.at(weights)).collect();
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let resamples: Vec<Curve> = (0..RESAMPLES)
            .map(|_| {
                let drawn = points.iter().map(|&(weights, _)| {
                    let place = random.next_u64() as usize % residuals.len();
                    (weights, curve.at(weights) * residuals.get(place).copied().unwrap_or(1.0))
                });
                Curve::through(&drawn.collect::<Vec<_>>())
            })
            .collect();
        let interval = |figure: &dyn Fn(&Curve) -> f64| {
            let mut values: Vec<f64> = resamples.iter().map(figure).collect();
            values.sort_unstable_by(f64::total_cmp);
            let at = |share| quantile(&values, share).unwrap_or(f64::NAN);
            Interval { low: at(0.025), high: at(0.975) }
        };
        // Ranks, not means of two: between a number and none there is nothing.
        let mut enough: Vec<f64> = resamples.iter().map(|curve| curve.enough().unwrap_or(f64::INFINITY)).collect();
        enough.sort_unstable_by(f64::total_cmp);
        let rank = |share: f64| enough.get((share * (RESAMPLES - 1) as f64).round() as usize).copied();
        Some(Self {
            curve,
            floor: interval(&|curve| curve.floor),
            exponent: interval(&|curve| curve.exponent),
            enough: curve.enough(),
            enough_interval: Interval {
                low: rank(0.025).unwrap_or(f64::NAN),
                high: rank(0.975).unwrap_or(f64::INFINITY),
            },
            largest: points.iter().map(|(weights, _)| *weights).fold(0.0, f64::max),
        })
    }

    /// What follows from it, in words.
    pub fn verdict(&self) -> String {
        let weights = |x: f64| match x.is_finite() {
            true => grouped((x / 100.0).round() as u64 * 100),
            false => "more than can be told".to_owned(),
        };
        let Interval { low, high } = self.enough_interval;
        let (sure, worth) = (format!("95 % interval {} to {}", weights(low), weights(high)), 100.0 * WORTH);
        let enough = match self.enough {
            Some(enough) if enough <= self.largest => format!(
                "From {} weights on ({sure}) a doubling takes less than {worth:.0} % of the errors away.",
                weights(enough)
            ),
            beyond => {
                let tried = grouped(self.largest as u64);
                let end =
                    beyond.map_or_else(|| "however many there are".to_owned(), |e| format!("up to {}", weights(e)));
                format!(
                    "Up to {tried} weights, the most tried, a doubling takes at least {worth:.0} % of the errors away; the \
                     curve, followed beyond them, says so {end} ({sure})."
                )
            }
        };
        format!(
            "Errors are {} % + {:.3} · weights^-{:.2}, as a fraction (95 % intervals: {} % and {:.2} to {:.2}). {enough}",
            percent(self.curve.floor),
            self.curve.factor,
            self.curve.exponent,
            interval_percent(self.floor),
            self.exponent.low,
            self.exponent.high,
        )
    }
}

/// Sizes and what they reach as a table, and what follows.
pub fn scaling_table(outcomes: &[Outcome], scaling: Option<&Scaling>) -> String {
    let (header, rows) = scaling_rows(outcomes, scaling);
    let mut page = Page::default();
    page.table(&header, &rows);
    if let Some(scaling) = scaling {
        page.paragraph(&scaling.verdict());
    }
    page.to_markdown()
}

/// Header and rows of the table.
pub(crate) fn scaling_rows(outcomes: &[Outcome], scaling: Option<&Scaling>) -> (Vec<String>, Vec<Vec<String>>) {
    let mut sizes: BTreeMap<i64, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        sizes.entry(outcome.parameters).or_default().push(outcome);
    }
    let rows = sizes.iter().map(|(&parameters, of)| {
        let mut of = of.clone();
        of.sort_by_key(|outcome| outcome.seed);
        let spread = |figure: fn(&Outcome) -> f64| {
            spread_percent(&Spread::new(of.iter().map(|outcome| figure(outcome)).collect()))
        };
        vec![
            of.first().map_or_else(String::new, |outcome| outcome.arm.clone()),
            grouped(parameters.unsigned_abs()),
            of.len().to_string(),
            spread(|outcome| outcome.validation_accuracy),
            spread(|outcome| outcome.test_accuracy),
            scaling.map_or_else(String::new, |s| percent(1.0 - s.curve.at(parameters as f64))),
        ]
    });
    let header = ["filters", "weights", "seeds", "held out, %", "test, %", "curve, %"].map(str::to_owned);
    (header.to_vec(), rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(of: impl Fn(f64, u64) -> f64) -> Vec<Outcome> {
        let sizes = [600, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000];
        let each = sizes.iter().flat_map(|&parameters| (0..3).map(move |seed| (parameters, seed)));
        each.map(|(parameters, seed)| Outcome {
            arm: (parameters / 100).to_string(),
            seed,
            parameters,
            epochs: 10,
            validation_accuracy: 0.5,
            test_accuracy: 1.0 - of(parameters as f64, seed),
            seconds: 1.0,
        })
        .collect()
    }

    #[test]
    fn a_known_curve_is_found() {
        let truth = Curve { floor: 0.08, factor: 9.0, exponent: 0.6 };
        let exact = Scaling::fit(&outcomes(|weights, _| truth.at(weights))).unwrap();
        assert!((exact.curve.floor - 0.08).abs() < 1e-3 && (exact.curve.exponent - 0.6).abs() < 0.01, "{exact:?}");
        let noisy = outcomes(|weights, seed| truth.at(weights) * (1.0 + 0.02 * (seed as f64 - 1.0)));
        let noisy = Scaling::fit(&noisy).unwrap();
        assert!(noisy.floor.low <= 0.08 && 0.08 <= noisy.floor.high, "{noisy:?}");
        assert!(noisy.exponent.low <= 0.6 && 0.6 <= noisy.exponent.high, "{noisy:?}");
        let enough = noisy.enough.unwrap();
        assert!(noisy.enough_interval.low <= enough && enough <= noisy.enough_interval.high);
        // A doubling there takes just so much.
        let taken = 1.0 - noisy.curve.at(2.0 * enough) / noisy.curve.at(enough);
        assert!((taken - WORTH).abs() < 1e-4, "{taken}");
        assert!(noisy.verdict().contains("a doubling takes less than 5 % of the errors away"), "{}", noisy.verdict());
    }

    #[test]
    fn without_a_floor_more_always_pays() {
        let scaling = Scaling::fit(&outcomes(|weights, _| 3.0 * weights.powf(-0.4))).unwrap();
        assert!(scaling.curve.floor < 1e-3, "{scaling:?}");
        assert!(scaling.enough.is_none_or(|enough| enough > 1e6), "{scaling:?}");
        // What was not tried is told apart.
        let verdict = scaling.verdict();
        assert!(verdict.contains("Up to 60,000 weights, the most tried, a doubling takes at least 5 %"), "{verdict}");
    }

    #[test]
    fn too_little_is_no_curve() {
        assert_eq!(Scaling::fit(&[]), None);
        assert_eq!(Scaling::fit(&outcomes(|_, _| 0.1)[..9]), None);
        assert_eq!(Scaling::fit(&outcomes(|_, _| 0.0)), None);
        let table = scaling_table(&outcomes(|_, _| 0.1), None);
        assert!(table.contains("| 150 | 15,000 | 3 | 50.00 ± 0.00 | 90.00 ± 0.00 |"), "{table}");
    }
}
