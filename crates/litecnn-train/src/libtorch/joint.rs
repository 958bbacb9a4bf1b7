use litecnn_model::Joint;
use tch::Tensor;

use super::{Loss, check};
use crate::TrainError;
use crate::dropout::Dropout;
use crate::epoch::Lane;
use crate::mixing::Mixing;
use crate::optimizer::Optimizer;
use crate::pass::Pass;

/// One epoch of the dense layers on joined outputs `[images, 2 * classes]` and labels, of images that were blended so.
pub(crate) fn joint_epoch<'a>(
    joint: &mut Joint,
    optimizer: &mut Optimizer,
    (joined, labels): &(Tensor, Tensor),
    Pass { order, size, goal }: Pass<'_, i64>,
    mixing: Option<&Mixing>,
    mut dropout: Dropout,
    mut lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    let device = labels.device();
    let loss = Loss::new(goal, device)?;
    lane.seek(0, &mut dropout.rng);
    let order = Tensor::f_from_slice(lane.left(order, size))?.f_to(device)?;
    let (joined, labels) = (joined.f_index_select(0, &order)?, labels.f_index_select(0, &order)?);
    let mut seen = Vec::new();
    for (x, y) in joined.f_split(size as i64, 0)?.iter().zip(labels.f_split(size as i64, 0)?) {
        lane.learning_rate = optimizer.learning_rate();
        let blend = mixing.map(|mixing| mixing.draw(lane.way.batches));
        let logits = joint.forward(x, dropout.draw_tensor(y.numel(), device)?.as_ref())?;
        let loss = loss.of(&logits, &y, blend.as_ref())?;
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
