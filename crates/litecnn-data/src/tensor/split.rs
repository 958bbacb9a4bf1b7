use rand::seq::SliceRandom;

use super::stream::{Stream, stream};

/// Which images train and which validate: places in the official training part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Images trained on.
    pub train: Vec<u32>,
    /// Images that are only looked at.
    pub validation: Vec<u32>,
}

/// A split that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Too few images for the validation part.
    #[error(
        "{validation} validation images cannot be cut from {images} training images: at least one must be left to train on, and one to validate"
    )]
    Validation {
        /// Images there are.
        images: usize,
        /// Images asked for.
        validation: usize,
    },
    /// Too few images for the folds.
    #[error("{images} images cannot be parted into {folds} folds: at least 2 folds with an image each")]
    Folds {
        /// Images there are.
        images: usize,
        /// Folds asked for.
        folds: usize,
    },
}

/// Shuffles `images` places and cuts the last `validation` off.
///
/// # Errors
/// [`SplitError::Validation`] if one of the parts would be empty.
pub fn split(images: usize, validation: usize, seed: u64) -> Result<Split, SplitError> {
    if validation == 0 || validation >= images {
        return Err(SplitError::Validation { images, validation });
    }
    let mut train = shuffled(images, &mut stream(seed, "split"));
    let validation = train.split_off(images - validation);
    Ok(Split { train, validation })
}

/// As [`split`], every class with its share of the validation images: the counts nearest to it that add up (largest
/// remainders, the first of equal ones). A class keeps at least one image to train on.
///
/// `labels` are those of all images, in order.
///
/// # Errors
/// [`SplitError::Validation`] if one of the parts would be empty.
pub fn stratified_split(labels: &[u8], validation: usize, seed: u64) -> Result<Split, SplitError> {
    let images = labels.len();
    if validation == 0 || validation >= images {
        return Err(SplitError::Validation { images, validation });
    }
    let mut of_class = [0usize; 256];
    for &label in labels {
        of_class[usize::from(label)] += 1;
    }
    let mut quota = of_class.map(|n| (n * validation / images).min(n.saturating_sub(1)));
    let mut order: Vec<usize> = (0..256).filter(|&class| of_class[class] > 0).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(of_class[class] * validation % images));
    let mut missing = validation - quota.iter().sum::<usize>();
    // In the second round one image of a class need not be left: there are too few others.
    for left in [1, 0] {
        while missing > 0 {
            let before = missing;
            for &class in &order {
                if missing > 0 && quota[class] + left < of_class[class] {
                    quota[class] += 1;
                    missing -= 1;
                }
            }
            if missing == before {
                break;
            }
        }
    }
    let (mut train, mut chosen) = (Vec::new(), Vec::new());
    for place in shuffled(images, &mut stream(seed, "split")) {
        let quota = &mut quota[usize::from(labels[place as usize])];
        if *quota > 0 {
            *quota -= 1;
            chosen.push(place);
        } else {
            train.push(place);
        }
    }
    Ok(Split { train, validation: chosen })
}

/// As [`folds`], every class spread over the folds so that its counts differ by one at most, and so do the folds' sizes.
///
/// # Errors
/// [`SplitError::Folds`] if there are fewer than 2 folds or fewer images than folds.
pub fn stratified_folds(labels: &[u8], count: usize, seed: u64) -> Result<Vec<Split>, SplitError> {
    let images = labels.len();
    if count < 2 || count > images {
        return Err(SplitError::Folds { images, folds: count });
    }
    let mut order = shuffled(images, &mut stream(seed, "folds"));
    // Dealt out class by class, the images of one class fall to folds in turn.
    order.sort_by_key(|&place| labels[place as usize]);
    let mut parts = vec![Split { train: Vec::new(), validation: Vec::new() }; count];
    for (at, place) in order.into_iter().enumerate() {
        for (k, part) in parts.iter_mut().enumerate() {
            if at % count == k { part.validation.push(place) } else { part.train.push(place) }
        }
    }
    Ok(parts)
}

/// Shuffles `images` places and parts them into `count` folds whose sizes differ by one at most; each is the
/// validation part of one split.
///
/// # Errors
/// [`SplitError::Folds`] if there are fewer than 2 folds or fewer images than folds.
pub fn folds(images: usize, count: usize, seed: u64) -> Result<Vec<Split>, SplitError> {
    if count < 2 || count > images {
        return Err(SplitError::Folds { images, folds: count });
    }
    let order = shuffled(images, &mut stream(seed, "folds"));
    Ok((0..count)
        .map(|k| {
            let (start, end) = (k * images / count, (k + 1) * images / count);
            let train = [&order[..start], &order[end..]].concat();
            Split { train, validation: order[start..end].to_vec() }
        })
        .collect())
}

fn shuffled(images: usize, rng: &mut Stream) -> Vec<u32> {
    let mut order: Vec<u32> = (0..images as u32).collect();
    order.shuffle(rng);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(parts: [&[u32]; 2]) -> Vec<u32> {
        let mut all = parts.concat();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn every_image_is_in_one_part(images in 2usize..500, part in 0.0f64..1.0, seed: u64) {
            let validation = 1 + ((images - 2) as f64 * part) as usize;
            let s = split(images, validation, seed).unwrap();
            prop_assert_eq!(s.validation.len(), validation);
            prop_assert_eq!(sorted([&s.train, &s.validation]), (0..images as u32).collect::<Vec<_>>());
            prop_assert_eq!(split(images, validation, seed).unwrap(), s);
        }

        #[test]
        fn every_image_validates_once(images in 2usize..500, part in 0.0f64..1.0, seed: u64) {
            let count = 2 + ((images - 2) as f64 * part * 0.2) as usize;
            let all = folds(images, count, seed).unwrap();
            let sizes: Vec<usize> = all.iter().map(|f| f.validation.len()).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            let mut seen: Vec<u32> = all.iter().flat_map(|f| f.validation.clone()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..images as u32).collect::<Vec<_>>());
            for fold in &all {
                prop_assert_eq!(sorted([&fold.train, &fold.validation]), (0..images as u32).collect::<Vec<_>>());
            }
        }
    }

    proptest! {
        #[test]
        fn strata_keep_their_shares(counts in proptest::collection::vec(0usize..40, 1..7), part in 0.0f64..1.0, seed: u64) {
            let labels: Vec<u8> = counts.iter().enumerate().flat_map(|(k, &n)| vec![k as u8; n]).collect();
            let images = labels.len();
            prop_assume!(images >= 2);
            let validation = 1 + ((images - 2) as f64 * part) as usize;
            let s = stratified_split(&labels, validation, seed).unwrap();
            prop_assert_eq!(s.validation.len(), validation);
            prop_assert_eq!(sorted([&s.train, &s.validation]), (0..images as u32).collect::<Vec<_>>());
            let of = |places: &[u32], k: usize| places.iter().filter(|&&p| usize::from(labels[p as usize]) == k).count();
            let classes = counts.iter().filter(|&&n| n > 0).count();
            let spare = counts.iter().any(|&n| n > 0 && (n * validation) as f64 / images as f64 + 1.0 > (n - 1) as f64);
            for (k, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                let (share, given) = ((n * validation) as f64 / images as f64, of(&s.validation, k));
                if !spare {
                    prop_assert!((given as f64 - share).abs() < 1.0, "{} of {} for {}", given, n, share);
                }
                prop_assert!(validation + classes > images || given < n, "one is left");
            }
            let count = 2 + validation % 3;
            if count <= images {
                let all = stratified_folds(&labels, count, seed).unwrap();
                let spread = |values: Vec<usize>| values.iter().max().unwrap() - values.iter().min().unwrap();
                prop_assert!(spread(all.iter().map(|f| f.validation.len()).collect()) <= 1);
                for k in 0..counts.len() {
                    prop_assert!(spread(all.iter().map(|f| of(&f.validation, k)).collect()) <= 1);
                }
                for fold in &all {
                    prop_assert_eq!(sorted([&fold.train, &fold.validation]), (0..images as u32).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn impossible_parts_are_refused() {
        assert!(split(10, 10, 0).unwrap_err().to_string().contains("10 validation images cannot be cut from 10"));
        assert!(split(10, 0, 0).is_err() && split(0, 1, 0).is_err());
        assert!(stratified_split(&[0; 10], 10, 0).is_err() && stratified_split(&[], 1, 0).is_err());
        assert!(stratified_folds(&[0; 5], 6, 0).is_err() && stratified_folds(&[0; 5], 1, 0).is_err());
        assert!(folds(5, 6, 0).is_err() && folds(5, 1, 0).is_err() && folds(5, 0, 0).is_err());
    }

    #[test]
    fn another_seed_is_another_order() {
        assert_ne!(split(100, 10, 0).unwrap(), split(100, 10, 1).unwrap());
    }
}
