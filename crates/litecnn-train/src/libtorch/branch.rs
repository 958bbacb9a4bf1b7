use litecnn_data::{Augmentation, DeviceImages, Stream};
use litecnn_model::Branch;
use tch::Tensor;

use super::check;
use crate::TrainError;
use crate::class_weights::Pass;
use crate::epoch::Lane;
use crate::optimizer::Optimizer;
use crate::score::weighted_cross_entropy;

/// One epoch of one branch over images.
pub(crate) fn branch_epoch<'a>(
    branch: &mut Branch,
    optimizer: &mut Optimizer,
    images: &DeviceImages,
    Pass { order, size, weights }: Pass<'_, u32>,
    augment: &mut Option<(&Augmentation, Stream)>,
    mut lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    if let Some((_, rng)) = augment {
        lane.seek(0, rng);
    }
    let batches = images.batches(lane.left(order, size), size)?;
    let weights = weights.map(|weights| weights.tensor(images.device())).transpose()?;
    let mut seen = Vec::with_capacity(batches.len());
    for batch in batches {
        let batch = batch?;
        let input = match augment {
            Some((augmentation, rng)) => augmentation.apply(&batch.images, &augmentation.draw(batch.len(), rng))?,
            None => batch.images,
        };
        let logits = branch.forward(&input)?;
        let loss = weighted_cross_entropy(&logits, &batch.labels, weights.as_ref())?;
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
