use litecnn_model::Joint;
use tch::Tensor;

use super::{Loss, check};
use crate::TrainError;
use crate::dropout::Dropout;
use crate::epoch::Lane;
use crate::goal::Shown;
use crate::optimizer::Optimizer;
use crate::pass::Pass;

/// One epoch of the dense layers on joined outputs `[images, 2 * classes]` and labels, of images at these places that were
/// shown so, batch by batch; empty if as they are.
#[allow(clippy::too_many_arguments, reason = "each of its own kind")]
pub(crate) fn joint_epoch<'a>(
    joint: &mut Joint,
    optimizer: &mut Optimizer,
    (joined, labels): &(Tensor, Tensor),
    Pass { order, size, goal }: Pass<'_, i64>,
    places: &[u32],
    shown: &[Shown],
    mut dropout: Dropout,
    mut lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    let device = labels.device();
    let loss = Loss::new(goal, device)?;
    lane.seek(0, &mut dropout.rng);
    let (order, plain) = (lane.left(order, size), Shown::default());
    let places: Vec<u32> = order.iter().map(|&i| places[i as usize]).collect();
    let order = Tensor::f_from_slice(order)?.f_to(device)?;
    let (joined, labels) = (joined.f_index_select(0, &order)?, labels.f_index_select(0, &order)?);
    let mut seen = Vec::new();
    let batches = joined.f_split(size as i64, 0)?.into_iter().zip(labels.f_split(size as i64, 0)?);
    for ((x, y), places) in batches.zip(places.chunks(size)) {
        lane.learning_rate = optimizer.learning_rate();
        let shown = shown.get(lane.way.batches).unwrap_or(&plain);
        let logits = joint.forward(&x, dropout.draw_tensor(y.numel(), device)?.as_ref())?;
        let loss = loss.of(&logits, &y, places, shown)?;
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
