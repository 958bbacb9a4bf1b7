use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution};
use serde::{Deserialize, Serialize};

/// Bounds that a figure lies between.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower one.
    pub low: f64,
    /// The upper one, never below the lower.
    pub high: f64,
}

/// Percentile bootstrap interval of the mean accuracy over the test images (Efron and Tibshirani 1993, chapter 13).
///
/// `correct` holds, image by image, the fraction of the seeds' models that get it right: 0 or 1 for one seed; 0, 1/3,
/// 2/3 or 1 for three. The images are drawn anew with replacement, as many as there are, `resamples` times; of the
/// means, the quantiles that enclose the fraction `level` of them (0.95, say) are the bounds, as fractions. They are
/// interpolated as NumPy does it. The same seed gives the same interval, whatever the order of the images.
///
/// It covers that the test images are finite: how far the mean accuracy of *these* models could lie from what was
/// measured, had other images of the same kind been drawn. It does not cover that other seeds train other models;
/// that is what [`Spread`](crate::Spread) tells. Where every image is equally right it has no width and says nothing.
///
/// Images of equal value are drawn together, so 10,000 resamples of 10,000 images take milliseconds: time grows with
/// the number of distinct values, not of images.
///
/// `None` if there is no image or no resample, or if `level` or a value is outside 0..=1.
pub fn bootstrap_accuracy(correct: &[f64], level: f64, resamples: usize, seed: u64) -> Option<Interval> {
    let fraction = |value: &f64| (0.0..=1.0).contains(value);
    if correct.is_empty() || !fraction(&level) || !correct.iter().all(fraction) {
        return None;
    }
    let groups = groups(correct);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let means: Option<Vec<f64>> = (0..resamples).map(|_| resampled_mean(&groups, &mut random)).collect();
    let mut means = means?;
    means.sort_unstable_by(f64::total_cmp);
    let outside = (1.0 - level) / 2.0;
    Some(Interval { low: quantile(&means, outside)?, high: quantile(&means, 1.0 - outside)? })
}

/// The distinct values, ascending, and how many images have each.
fn groups(values: &[f64]) -> Vec<(f64, u64)> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len() as u64))).collect()
}

/// Mean of as many images as there are, drawn with replacement.
///
/// How many come from each group is multinomial: binomial from the first, and from every further one binomial among
/// the draws that are left. The last takes the rest, its probability being exactly 1.
fn resampled_mean(groups: &[(f64, u64)], random: &mut ChaCha8Rng) -> Option<f64> {
    let images: u64 = groups.iter().map(|(_, size)| size).sum();
    let (mut draws, mut among, mut sum) = (images, images, 0.0);
    for &(value, size) in groups {
        let drawn = Binomial::new(draws, size as f64 / among as f64).ok()?.sample(random);
        sum += value * drawn as f64;
        draws -= drawn;
        among -= size;
    }
    Some(sum / images as f64)
}

/// The value below which the fraction `at` lies, linear between two neighbours; of nothing, none.
pub(crate) fn quantile(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at * sorted.len().checked_sub(1)? as f64;
    let below = *sorted.get(place as usize)?;
    let above = sorted.get(place as usize + 1).copied().unwrap_or(below);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8], at)
        for (at, expected) in [(0.0, 1.0), (0.025, 1.075), (0.4, 2.4), (0.5, 3.0), (0.975, 7.7), (1.0, 8.0)] {
            let ours = quantile(&[1.0, 2.0, 4.0, 8.0], at).unwrap();
            assert!((ours - expected).abs() < 1e-12, "{at}: {ours}");
        }
        assert_eq!((quantile(&[3.0], 0.7), quantile(&[], 0.5)), (Some(3.0), None));
    }

    #[test]
    fn equal_images_are_one_group() {
        assert_eq!(groups(&[1.0, 0.0, 0.5, 1.0, -0.0]), [(-0.0, 2), (0.5, 1), (1.0, 2)]);
    }

    #[test]
    fn nothing_to_resample_has_no_interval() {
        let bad = [(vec![], 0.95, 9), (vec![1.0], 0.95, 0), (vec![1.0], 1.5, 9), (vec![f64::NAN], 0.95, 9)];
        for (correct, level, resamples) in bad {
            assert_eq!(bootstrap_accuracy(&correct, level, resamples, 0), None, "{correct:?} {level} {resamples}");
        }
        assert_eq!(bootstrap_accuracy(&[1.0; 5], 0.95, 9, 0), Some(Interval { low: 1.0, high: 1.0 }));
    }
}
