use litecnn_train::Fit;
use tch::Kind;

use super::{Means, Recipe, Task, TrainingData};
use crate::{Model, ZooError};

/// When pruning ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After so many rounds.
    Rounds(u32),
    /// When at most so many weights of the whole network are not zero, all that is not pruned counted in full. The
    /// last round removes just as many as that takes.
    NonZero(i64),
}

/// How many weights of convolutions each round leaves: every round removes a `share`, rounded, of those left.
///
/// # Errors
/// [`ZooError::Share`] if the share is not between 0 and 1, [`ZooError::Target`] if more weights than wanted are not of
/// convolutions, [`ZooError::Torch`].
pub fn pruning_plan(model: &Model, share: f64, until: Until) -> Result<Vec<i64>, ZooError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(ZooError::Share(share));
    }
    let mut left = model.non_zero_kernels()?;
    let removed = |left: i64| (share * left as f64).round() as i64;
    let mut plan = Vec::new();
    match until {
        Until::Rounds(rounds) => {
            for _ in 0..rounds {
                left -= removed(left);
                plan.push(left);
            }
        }
        Until::NonZero(wanted) => {
            let others = model.state().weights().numel() as i64 - model.state().kernels();
            let target = wanted - others;
            if target < 0 {
                return Err(ZooError::Target { wanted, others });
            }
            while left > target {
                // A few weights may be too few for a share of them to be one.
                left = (left - removed(left).max(1)).max(target);
                plan.push(left);
            }
        }
    }
    Ok(plan)
}

/// One round: sets the smallest weights of all convolutions to zero, ranked over all layers together, so that `left` are
/// left, then trains the others. A weight of a convolution that is zero stays zero.
///
/// # Errors
/// As [`super::train`].
pub fn prune_and_tune(
    mut model: Model,
    left: i64,
    data: &TrainingData,
    recipe: &Recipe,
    round: u32,
    seed: u64,
    means: &Means<'_>,
) -> Result<(Model, Fit), ZooError> {
    model.prune_to(left)?;
    let kernels = model.state().weights().f_narrow(0, 0, model.state().kernels())?;
    let mask = kernels.f_ne(0.0)?.f_to_kind(Kind::Float)?;
    let step = format!("round-{round}");
    Task { step: &step, data, recipe, seed }.run(model, Some(mask), means)
}
