use crate::spec::{KERNEL, POOL};
use crate::{BranchSpec, InputShape, ModelError, UnifiedSpec};

/// Longest side of the last feature map: convolutions are added until it is reached.
const LAST_SIDE: i64 = 7;
/// Filters of the paper's last convolution.
const PAPER_FILTERS: i64 = 20;
/// Most filters of a convolution.
const MOST_FILTERS: i64 = 4096;
/// Hidden units are at least as many as the classes, up to so many.
const FEWEST_HIDDEN: i64 = 16;

/// The largest joined model of the paper's kind that has at most so many `parameters`, for images of this shape and a
/// number of classes.
///
/// - As many convolutions as it takes until no side of the feature map is longer than 7 pixels: 2 for sides of 28 and
///   32, 3 for 48 and 64, 4 for 96.
/// - The last convolution has `m` filters, the one before it half as many (rounded up), and so on.
/// - The hidden layer has `8 m / 5` units (rounded up), and not fewer than there are classes or 16, whichever is less.
/// - `m` is the largest number that keeps the budget. So a larger budget never gives a smaller layer.
///
/// With exactly as many parameters as the paper's models have, it gives the paper's models:
///
/// ```
/// use litecnn_model::{BranchSpec, InputShape, UnifiedSpec, fit_budget};
///
/// # fn main() -> Result<(), litecnn_model::ModelError> {
/// let grey = InputShape { channels: 1, height: 28, width: 28 };
/// assert_eq!(fit_budget(grey, 10, 14_862)?, UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10)));
/// let larger = fit_budget(InputShape { channels: 3, height: 64, width: 64 }, 5, 30_000)?;
/// assert_eq!((&larger.branch.filters[..], larger.hidden), (&[9, 18, 36][..], 58));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ModelError::Budget`] if even the smallest such model has more parameters, saying how many;
/// [`ModelError::Architecture`] if there is none for such images or classes.
pub fn fit_budget(input: InputShape, classes: i64, parameters: i64) -> Result<UnifiedSpec, ModelError> {
    let depth = convolutions(input);
    let smallest = of_width(input, classes, depth, 1);
    smallest.validate()?;
    if smallest.parameters() > parameters {
        return Err(ModelError::Budget { parameters, smallest: smallest.parameters(), input, classes });
    }
    let fits = |&width: &i64| of_width(input, classes, depth, width).parameters() <= parameters;
    let width = (1..=MOST_FILTERS).take_while(fits).last().unwrap_or(1);
    Ok(of_width(input, classes, depth, width))
}

/// The paper's model for images of other sides: as [`fit_budget`], with 20 filters of the last convolution (so for 28 and
/// 32 pixels a side the paper's model itself), whatever number of parameters that makes.
///
/// # Errors
/// [`ModelError::Architecture`] if there is none for such images or classes.
pub fn fit_images(input: InputShape, classes: i64) -> Result<UnifiedSpec, ModelError> {
    let spec = of_width(input, classes, convolutions(input), PAPER_FILTERS);
    spec.validate()?;
    Ok(spec)
}

/// The paper's model with so many filters in the first of its convolutions, and in all that follows in proportion, as for
/// [`fit_budget`]: with 10 for 28 and 32 pixels a side the paper's model itself.
///
/// # Errors
/// [`ModelError::Architecture`] if there is none for such images or classes.
pub fn of_first_filters(input: InputShape, classes: i64, filters: i64) -> Result<UnifiedSpec, ModelError> {
    let depth = convolutions(input);
    let spec = of_width(input, classes, depth, filters << (depth - 1));
    spec.validate()?;
    Ok(spec)
}

/// The largest branch alone that has at most so many `parameters`, with as many convolutions and filters in the same
/// proportion as those of [`fit_budget`].
///
/// # Errors
/// As [`fit_budget`].
pub fn fit_branch(input: InputShape, classes: i64, parameters: i64) -> Result<BranchSpec, ModelError> {
    let depth = convolutions(input);
    let of_width = |width| of_width(input, classes, depth, width).branch;
    let smallest = of_width(1);
    smallest.validate()?;
    if smallest.parameters() > parameters {
        return Err(ModelError::Budget { parameters, smallest: smallest.parameters(), input, classes });
    }
    let fits = |&width: &i64| of_width(width).parameters() <= parameters;
    Ok(of_width((1..=MOST_FILTERS).take_while(fits).last().unwrap_or(1)))
}

/// How many convolutions images of this shape are given.
fn convolutions(input: InputShape) -> usize {
    let (mut height, mut width) = (input.height, input.width);
    let mut count = 0;
    while count == 0 || height.max(width) > LAST_SIDE && height.min(width) > KERNEL {
        (height, width) = ((height - KERNEL + 1) / POOL, (width - KERNEL + 1) / POOL);
        count += 1;
    }
    count
}

/// The model whose last convolutions have `width` filters.
fn of_width(input: InputShape, classes: i64, depth: usize, width: i64) -> UnifiedSpec {
    let halved = |times: usize| (width + (1 << times) - 1) >> times;
    let filters = (0..depth).rev().map(halved).collect();
    let hidden = ((8 * width + 4) / 5).max(classes.min(FEWEST_HIDDEN));
    UnifiedSpec { hidden, ..UnifiedSpec::paper(BranchSpec { input, filters, classes }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(channels: i64, side: i64) -> InputShape {
        InputShape { channels, height: side, width: side }
    }

    #[test]
    fn the_papers_models_are_those_of_their_sizes() {
        for (channels, side, parameters) in [(1, 28, 14_862), (3, 32, 19_622)] {
            let paper = UnifiedSpec::paper(BranchSpec::paper(channels, side, side, 10));
            for budget in [parameters, parameters + 1, parameters + 300] {
                assert_eq!(fit_budget(square(channels, side), 10, budget).unwrap(), paper);
            }
            assert_eq!(fit_images(square(channels, side), 10).unwrap(), paper);
            let less = fit_budget(square(channels, side), 10, parameters - 1).unwrap();
            assert!(less.branch.filters[1] == 19 && less.parameters() < parameters);
        }
        // The round figures one would ask for.
        assert_eq!(fit_budget(square(3, 32), 10, 20_000).unwrap().branch.filters, [10, 20]);
        assert_eq!(fit_budget(square(1, 28), 10, 15_000).unwrap().branch.filters, [10, 20]);
    }

    #[test]
    fn filters_of_the_first_convolution_decide_the_rest() {
        for (first, filters, hidden) in [(10, [10, 20], 32), (2, [2, 4], 10), (32, [32, 64], 103)] {
            let spec = of_first_filters(square(1, 28), 10, first).unwrap();
            assert_eq!((&spec.branch.filters[..], spec.hidden), (&filters[..], hidden));
        }
        assert_eq!(of_first_filters(square(3, 64), 10, 3).unwrap().branch.filters, [3, 6, 12]);
    }

    #[test]
    fn a_branch_alone_uses_the_budget_of_two() {
        let grey = fit_branch(square(1, 28), 10, 14_862).unwrap();
        assert_eq!((&grey.filters[..], grey.parameters()), (&[18, 35][..], 14_645));
        let colour = fit_branch(square(3, 32), 10, 19_622).unwrap();
        assert_eq!(
            (&colour.filters[..], colour.parameters() > 19_000),
            (&[18, 36][..], true),
            "{}",
            colour.parameters()
        );
        assert!(matches!(fit_branch(square(3, 32), 10, 100), Err(ModelError::Budget { .. })));
    }

    #[test]
    fn the_last_map_has_4_to_7_pixels_a_side() {
        for (side, depth, last) in [(28, 2, 5), (32, 2, 6), (48, 3, 4), (64, 3, 6), (96, 4, 4), (16, 1, 7), (8, 1, 3)] {
            let spec = fit_budget(square(3, side), 4, 200_000).unwrap();
            assert_eq!((spec.branch.filters.len(), spec.branch.feature_shape()[1]), (depth, last), "{side}");
        }
        let wide = fit_budget(InputShape { channels: 1, height: 12, width: 200 }, 3, 50_000).unwrap();
        wide.validate().unwrap();
        assert_eq!(wide.branch.filters.len(), 2, "the short side ends it");
    }

    #[test]
    fn a_larger_budget_never_gives_a_smaller_layer() {
        for (channels, side, classes) in [(1, 28, 2), (3, 32, 10), (3, 48, 100), (1, 64, 256), (3, 96, 7)] {
            let mut before = fit_budget(square(channels, side), classes, i64::MAX).unwrap();
            assert_eq!(before.branch.filters.last(), Some(&4096));
            for budget in [2_000_000, 300_000, 70_000, 64_000, 40_000, 20_000, 19_999, 10_000, 3_000, 500, 0] {
                match fit_budget(square(channels, side), classes, budget) {
                    Ok(spec) => {
                        spec.validate().unwrap();
                        assert!(spec.parameters() <= budget && spec.hidden <= before.hidden);
                        let pairs = spec.branch.filters.iter().zip(&before.branch.filters);
                        assert!(pairs.into_iter().all(|(now, before)| now <= before));
                        before = spec;
                    }
                    Err(ModelError::Budget { smallest, .. }) => assert!(smallest > budget),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_says_what_could() {
        let error = fit_budget(square(3, 32), 10, 1000).unwrap_err().to_string();
        let smallest = fit_budget(square(3, 32), 10, i64::MAX).map(|_| of_width(square(3, 32), 10, 2, 1).parameters());
        assert!(error.contains(&format!("{} parameters", smallest.unwrap())) && error.contains("3x32x32"), "{error}");
        assert!(matches!(fit_budget(square(3, 3), 10, 1000), Err(ModelError::Architecture(_))));
        assert!(matches!(fit_budget(square(0, 32), 10, 1000), Err(ModelError::Architecture(_))));
        assert!(matches!(fit_budget(square(1, 28), 1, 1000), Err(ModelError::Architecture(_))));
    }
}
