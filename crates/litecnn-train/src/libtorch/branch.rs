use litecnn_data::{Augmentation, DeviceImages, Stream};
use litecnn_model::Branch;
use tch::Tensor;

use super::check;
use crate::TrainError;
use crate::epoch::Lane;
use crate::optimizer::Optimizer;
use crate::score::cross_entropy;

/// One epoch of one branch over the images at the places in `order`, in batches of `size`.
pub(crate) fn branch_epoch<'a>(
    branch: &mut Branch,
    optimizer: &mut Optimizer,
    images: &DeviceImages,
    (order, size): (&[u32], usize),
    augment: &mut Option<(&Augmentation, Stream)>,
    mut lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    if let Some((_, rng)) = augment {
        lane.seek(0, rng);
    }
    let batches = images.batches(lane.left(order, size), size)?;
    let mut seen = Vec::with_capacity(batches.len());
    for batch in batches {
        let batch = batch?;
        let input = match augment {
            Some((augmentation, rng)) => augmentation.apply(&batch.images, &augmentation.draw(batch.len(), rng))?,
            None => batch.images,
        };
        let logits = branch.forward(&input)?;
        let loss = cross_entropy(&logits, &batch.labels)?;
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
    if let Some((_, rng)) = augment {
        lane.note(&[rng]);
    }
    Ok(lane)
}
