use litecnn_model::Joint;
use tch::Tensor;

use crate::class_weights::Pass;
use crate::dropout::Dropout;
use crate::optimizer::Optimizer;
use crate::score::weighted_cross_entropy;
use crate::{Score, TrainError};

/// One epoch of the dense layers on joined outputs `[images, 2 * classes]` and labels.
pub(crate) fn joint_epoch(
    joint: &mut Joint,
    optimizer: &mut Optimizer,
    (joined, labels): &(Tensor, Tensor),
    Pass { order, size, weights }: Pass<'_, i64>,
    mut dropout: Dropout,
    tick: &(dyn Fn() + Sync),
) -> Result<Score, TrainError> {
    let device = labels.device();
    let weights = weights.map(|weights| weights.tensor(device)).transpose()?;
    let order = Tensor::f_from_slice(order)?.f_to(device)?;
    let (joined, labels) = (joined.f_index_select(0, &order)?, labels.f_index_select(0, &order)?);
    let mut seen = Vec::new();
    for (x, y) in joined.f_split(size as i64, 0)?.iter().zip(labels.f_split(size as i64, 0)?) {
        let logits = joint.forward(x, dropout.draw_tensor(y.numel(), device)?.as_ref())?;
        let loss = weighted_cross_entropy(&logits, &y, weights.as_ref())?;
        let gradients = Tensor::f_run_backward(&[loss], joint.params().views(), false, false)?;
        let gradient = joint.params().gather(&gradients)?;
        optimizer.step(joint.params_mut().flat_mut(), &gradient)?;
        seen.push(logits.f_detach()?);
        tick();
    }
    Score::of(&Tensor::f_cat(&seen, 0)?, &labels)
}
