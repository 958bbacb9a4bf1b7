use litecnn_run::Outcome;

use crate::Spread;
use crate::document::Page;
use crate::interval::of_mean;
use crate::numbers::{NONE, grouped, points, spread_percent};

/// Ways of training the same thing as a table: each beside the first of them, seed by seed, with the 95 % interval of the
/// mean difference by Student's t. `order` is theirs; what is not in it comes last.
pub fn contrast(outcomes: &[Outcome], order: &[String]) -> String {
    let (header, rows) = contrast_rows(outcomes, order);
    let mut page = Page::default();
    page.table(&header, &rows);
    page.to_markdown()
}

/// Its header and rows.
pub(crate) fn contrast_rows(outcomes: &[Outcome], order: &[String]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut arms: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !arms.contains(&outcome.arm.as_str()) {
            arms.push(&outcome.arm);
        }
    }
    arms.sort_by_key(|arm| order.iter().position(|known| known == arm).unwrap_or(order.len()));
    let of = |arm: &str| -> Vec<&Outcome> {
        let mut all: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.arm == arm).collect();
        all.sort_by_key(|outcome| outcome.seed);
        all
    };
    let first = arms.first().map(|arm| of(arm)).unwrap_or_default();
    let reference = arms.first().copied().unwrap_or_default();
    let header =
        ["", "weights", "epochs", "seeds", "held out, %", "test, %", &format!("against {reference}, points"), "95 %"];
    let rows = arms.iter().map(|&arm| {
        let all = of(arm);
        let spread = |figure: fn(&Outcome) -> f64| {
            spread_percent(&Spread::new(all.iter().map(|outcome| figure(outcome)).collect()))
        };
        let beside = |outcome: &&Outcome| {
            let same = first.iter().find(|other| other.seed == outcome.seed)?;
            Some(outcome.test_accuracy - same.test_accuracy)
        };
        let differences: Vec<f64> = all.iter().filter_map(beside).collect();
        let (difference, interval) = match differences.as_slice() {
            _ if arm == reference => (NONE.to_owned(), NONE.to_owned()),
            [] => (NONE.to_owned(), NONE.to_owned()),
            some => (
                points(some.iter().sum::<f64>() / some.len() as f64),
                of_mean(some).map_or(NONE.to_owned(), |i| format!("{} to {}", points(i.low), points(i.high))),
            ),
        };
        let epochs = all.iter().map(|outcome| outcome.epochs).max().unwrap_or_default();
        vec![
            arm.to_owned(),
            grouped(all.first().map_or(0, |outcome| outcome.parameters.unsigned_abs())),
            epochs.to_string(),
            all.len().to_string(),
            spread(|outcome| outcome.validation_accuracy),
            spread(|outcome| outcome.test_accuracy),
            difference,
            interval,
        ]
    });
    (header.map(str::to_owned).to_vec(), rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(arm: &str, seed: u64, test_accuracy: f64) -> Outcome {
        let (arm, validation_accuracy) = (arm.to_owned(), test_accuracy + 0.01);
        Outcome { arm, seed, parameters: 14_862, epochs: 30, validation_accuracy, test_accuracy, seconds: 1.0 }
    }

    #[test]
    fn arms_stand_beside_the_first_seed_by_seed() {
        let rows = [
            outcome("scratch", 1, 0.92),
            outcome("method", 0, 0.90),
            outcome("method", 1, 0.91),
            outcome("scratch", 0, 0.93),
            outcome("other", 7, 0.5),
        ];
        let table = contrast(&rows, &["method".to_owned(), "scratch".to_owned()]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[2].starts_with("| method | 14,862 | 30 | 2 | 91.50 ± 0.71 | 90.50 ± 0.71 |"), "{table}");
        // 3 and 1 points: the mean is 2, its interval 2 -+ 12.706 * sqrt(2 / 2).
        assert!(lines[3].starts_with("| scratch ") && lines[3].contains("| +2.00 | -10.71 to +14.71 |"), "{table}");
        assert!(lines[4].starts_with("| other ") && lines[4].contains(" 50.00 |"), "no seed in common: {table}");
    }
}
