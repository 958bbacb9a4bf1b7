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

    #[test]
    fn impossible_parts_are_refused() {
        assert!(split(10, 10, 0).unwrap_err().to_string().contains("10 validation images cannot be cut from 10"));
        assert!(split(10, 0, 0).is_err() && split(0, 1, 0).is_err());
        assert!(folds(5, 6, 0).is_err() && folds(5, 1, 0).is_err() && folds(5, 0, 0).is_err());
    }

    #[test]
    fn another_seed_is_another_order() {
        assert_ne!(split(100, 10, 0).unwrap(), split(100, 10, 1).unwrap());
    }
}
