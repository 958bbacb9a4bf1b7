use litecnn_data::DeviceImages;
use litecnn_model::Branch;
use tch::Tensor;

use crate::TrainError;

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
