use litecnn_data::DeviceImages;
use litecnn_model::Branch;
use tch::Tensor;

use super::feed;
use crate::TrainError;
use crate::look::Look;

/// Images looked at together: few enough that a batch's intermediate values stay in the processor's cache.
const BATCH: usize = 128;

/// Logits `[places, classes]` of one branch for the images at `places`.
pub(crate) fn branch_logits(branch: &Branch, images: &DeviceImages, places: &[u32]) -> Result<Tensor, TrainError> {
    tch::no_grad(|| {
        let mut pieces = Vec::with_capacity(places.len().div_ceil(BATCH));
        for batch in images.batches(places, BATCH)? {
            pieces.push(branch.forward(&batch?.images)?);
        }
        Ok(Tensor::f_cat(&pieces, 0)?)
    })
}

/// Logits `[order, classes]` of one branch for the images of an epoch as they are shown, in batches of `size`.
pub(crate) fn shown_logits(
    branch: &Branch,
    images: &DeviceImages,
    order: &[u32],
    size: usize,
    mut look: Look<'_>,
) -> Result<Tensor, TrainError> {
    tch::no_grad(|| {
        let mut pieces = Vec::with_capacity(order.len().div_ceil(size));
        for (n, batch) in images.batches(order, size)?.enumerate() {
            let (shown, _) = feed::show(&mut look, n, batch?.images)?;
            pieces.push(branch.forward(&shown)?);
        }
        Ok(Tensor::f_cat(&pieces, 0)?)
    })
}
