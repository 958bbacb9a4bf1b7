use litecnn_data::DeviceImages;
use litecnn_model::Branch;
use tch::Tensor;

use super::{Loss, check, feed};
use crate::TrainError;
use crate::epoch::Lane;
use crate::look::Look;
use crate::optimizer::Optimizer;
use crate::pass::Pass;

/// One epoch of one branch over images.
pub(crate) fn branch_epoch<'a>(
    branch: &mut Branch,
    optimizer: &mut Optimizer,
    images: &DeviceImages,
    Pass { order, size, goal }: Pass<'_, u32>,
    mut look: Look<'_>,
    mut lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    if let Some(rng) = look.stream_mut() {
        lane.seek(0, rng);
    }
    let order = lane.left(order, size);
    let batches = images.batches(order, size)?;
    let loss = Loss::new(goal, images.device())?;
    let mut seen = Vec::with_capacity(batches.len());
    for (places, batch) in order.chunks(size).zip(batches) {
        let batch = batch?;
        lane.learning_rate = optimizer.learning_rate();
        let (input, shown) = feed::show(&mut look, lane.way.batches, batch.images)?;
        let logits = branch.forward(&input)?;
        let loss = loss.of(&logits, &batch.labels, places, &shown)?;
        check(&lane, &loss)?;
        let gradients = Tensor::f_run_backward(&[loss], branch.params().views(), false, false)?;
        let gradient = branch.params().gather(&gradients)?;
        optimizer.step(branch.params_mut().flat_mut(), &gradient)?;
        seen.push(logits.f_detach()?);
        if !lane.batch_done() {
            break;
        }
    }
    lane.add(&seen)?;
    lane.note(&look.stream().into_iter().collect::<Vec<_>>());
    Ok(lane)
}
