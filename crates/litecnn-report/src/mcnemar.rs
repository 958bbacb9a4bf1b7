use serde::{Deserialize, Serialize};

/// Whether two models differ in accuracy on the same images: McNemar's test, exact and two-sided.
///
/// Only images that one of them alone gets right tell the models apart. If both are equally good, each such image
/// falls to either like a toss of a coin, so the counts follow a binomial distribution (McNemar 1947; recommended for
/// models trained once by Dietterich 1998). As `mcnemar(exact=True)` of statsmodels and `binomtest` of SciPy have it.
///
/// It compares two trained models, not two ways of training: other seeds make other pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Number of images that only the first model gets right.
    pub only_first: u64,
    /// Number of images that only the second model gets right.
    pub only_second: u64,
    /// How probable a split at least as uneven is between equally good models, in 0..=1; 1 if they never differ.
    /// Relative error below 1e-10 up to a million differing images; 0 where it is less than about 1e-323.
    pub p_value: f64,
}

impl McNemar {
    /// Compares two models, of which each pair says whether they are right on an image: the first, the second.
    pub fn new(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let (mut only_first, mut only_second) = (0, 0);
        for (first, second) in pairs {
            only_first += u64::from(first && !second);
            only_second += u64::from(second && !first);
        }
        Self::of_counts(only_first, only_second)
    }

    /// Compares two models by how many images only one of them gets right.
    pub fn of_counts(only_first: u64, only_second: u64) -> Self {
        let (few, many) = (only_first.min(only_second), only_first.max(only_second));
        Self { only_first, only_second, p_value: two_sided(few, many) }
    }
}

/// Twice the probability of at most `few` heads in `few + many` tosses, but no more than 1.
fn two_sided(few: u64, many: u64) -> f64 {
    // At least half of all outcomes, which the sum below would miss by its last digit.
    if many - few <= 1 {
        return 1.0;
    }
    // C(n, few) / 2^n, factor by factor. It is halved whenever it passes 1, so it never overflows, and never needs
    // more halvings than there are: a binomial coefficient is at most 2^n.
    let (mut exactly, mut halvings) = (1.0, few + many);
    for i in 1..=few {
        exactly *= (many + i) as f64 / i as f64;
        while exactly > 1.0 {
            exactly *= 0.5;
            halvings -= 1;
        }
    }
    // Fewer heads, as multiples of that; they get smaller and smaller.
    let (mut multiple, mut at_most) = (1.0, 1.0);
    for fewer in 0..few {
        multiple *= (few - fewer) as f64 / (many + 1 + fewer) as f64;
        at_most += multiple;
    }
    // The halvings left come last and in two parts, so that a result too small for all its digits is rounded only
    // once. Past 2000 of them nothing is left.
    let halved = |times: u64| 0.5_f64.powi(times as i32);
    let left = halvings.min(2000);
    (2.0 * exactly * at_most * halved(left / 2) * halved(left - left / 2)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_that_tell_the_models_apart_count() {
        let test = McNemar::new([(true, true), (true, false), (false, false), (true, false), (false, true)]);
        assert_eq!(test, McNemar { only_first: 2, only_second: 1, p_value: 1.0 });
        assert_eq!(McNemar::new([(true, true)]).p_value, 1.0);
        assert_eq!(McNemar::new([(false, true); 5]).p_value, 0.0625);
    }

    #[test]
    fn very_small_values_lose_nothing_until_they_are_zero() {
        assert_eq!(two_sided(0, 1000), 2.0 * 0.5f64.powi(1000));
        assert_eq!(two_sided(0, 1075), f64::from_bits(1));
        assert_eq!(two_sided(0, 1077), 0.0);
        assert_eq!(two_sided(100, 1_000_000), 0.0);
    }
}
