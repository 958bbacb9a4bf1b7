use litecnn_data::DeviceImages;
use litecnn_model::{Branch, UnifiedModel, activate};
use tch::Tensor;

use crate::TrainError;
use crate::threads::both;

/// Images looked at together: few enough that a batch's intermediate values stay in the processor's cache.
const BATCH: usize = 128;

/// Logits `[places, classes]` of one branch for the images at `places`.
///
/// # Errors
/// [`TrainError::Torch`] if images and model do not fit or the device has no room.
pub fn branch_logits(branch: &Branch, images: &DeviceImages, places: &[u32]) -> Result<Tensor, TrainError> {
    tch::no_grad(|| {
        let mut pieces = Vec::with_capacity(places.len().div_ceil(BATCH));
        for batch in images.batches(places, BATCH)? {
            pieces.push(branch.forward(&batch?.images)?);
        }
        Ok(Tensor::f_cat(&pieces, 0)?)
    })
}

/// What the dense layers of the unified model see, `[places, 2 * classes]`, for the images at `places`; one branch
/// a worker.
///
/// # Errors
/// As [`branch_logits`].
pub fn joined_outputs(
    model: &UnifiedModel,
    images: &DeviceImages,
    places: &[u32],
    workers: usize,
) -> Result<Tensor, TrainError> {
    let activation = model.spec().head_activation;
    let (branch, shared) = (model.branches[1].share(), images.share());
    let (second, first) = both(
        workers,
        move || Ok(activate(branch_logits(&branch, &shared, places)?, activation)?),
        || Ok(activate(branch_logits(&model.branches[0], images, places)?, activation)?),
    )?;
    Ok(Tensor::f_cat(&[first, second], 1)?)
}

/// Logits `[places, classes]` of the unified model for the images at `places`.
///
/// # Errors
/// As [`branch_logits`].
pub fn unified_logits(
    model: &UnifiedModel,
    images: &DeviceImages,
    places: &[u32],
    workers: usize,
) -> Result<Tensor, TrainError> {
    let joined = joined_outputs(model, images, places, workers)?;
    tch::no_grad(|| Ok(model.joint.forward(&joined, None)?))
}
