use litecnn_data::{Augmentation, DeviceImages, Stream};
use litecnn_model::Branch;
use tch::Tensor;

use crate::class_weights::Pass;
use crate::optimizer::Optimizer;
use crate::score::weighted_cross_entropy;
use crate::{Score, TrainError};

/// One epoch of one branch over images.
pub(crate) fn branch_epoch(
    branch: &mut Branch,
    optimizer: &mut Optimizer,
    images: &DeviceImages,
    Pass { order, size, weights }: Pass<'_, u32>,
    augment: &mut Option<(&Augmentation, Stream)>,
    tick: &(dyn Fn() + Sync),
) -> Result<Score, TrainError> {
    let batches = images.batches(order, size)?;
    let labels = batches.labels()?;
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
        let gradients = Tensor::f_run_backward(&[loss], branch.params().views(), false, false)?;
        let gradient = branch.params().gather(&gradients)?;
        optimizer.step(branch.params_mut().flat_mut(), &gradient)?;
        seen.push(logits.f_detach()?);
        tick();
    }
    Score::of(&Tensor::f_cat(&seen, 0)?, &labels)
}
