use litecnn_model::Joint;
use tch::Tensor;

use super::check;
use crate::TrainError;
use crate::class_weights::Pass;
use crate::dropout::Dropout;
use crate::epoch::Lane;
use crate::optimizer::Optimizer;
use crate::score::weighted_cross_entropy;

/// One epoch of the dense layers on joined outputs `[images, 2 * classes]` and labels.
pub(crate) fn joint_epoch<'a>(
    joint: &mut Joint,
    optimizer: &mut Optimizer,
    (joined, labels): &(Tensor, Tensor),
    Pass { order, size, weights }: Pass<'_, i64>,
    mut dropout: Dropout,
    mut lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    let device = labels.device();
    let weights = weights.map(|weights| weights.tensor(device)).transpose()?;
    lane.seek(0, &mut dropout.rng);
    let order = Tensor::f_from_slice(lane.left(order, size))?.f_to(device)?;
    let (joined, labels) = (joined.f_index_select(0, &order)?, labels.f_index_select(0, &order)?);
    let mut seen = Vec::new();
    for (x, y) in joined.f_split(size as i64, 0)?.iter().zip(labels.f_split(size as i64, 0)?) {
        let logits = joint.forward(x, dropout.draw_tensor(y.numel(), device)?.as_ref())?;
        let loss = weighted_cross_entropy(&logits, &y, weights.as_ref())?;
        check(&lane, &loss)?;
        let gradients = Tensor::f_run_backward(&[loss], joint.params().views(), false, false)?;
        let gradient = joint.params().gather(&gradients)?;
        optimizer.step(joint.params_mut().flat_mut(), &gradient)?;
        seen.push(logits.f_detach()?);
        if !lane.batch_done() {
            break;
        }
    }
    lane.add(&seen)?;
    lane.note(&[&dropout.rng]);
    Ok(lane)
}
