use litecnn_data::DeviceImages;
use litecnn_model::{Branch, UnifiedModel, activate};
use tch::Tensor;

use crate::engine::Engine;
use crate::look::Look;
use crate::threads::{both, single_threaded_operations};
use crate::{TrainError, kernels, libtorch};

/// Logits `[places, classes]` of one branch for the images at `places`.
///
/// # Errors
/// [`TrainError::Torch`] if images and model do not fit or the device has no room.
pub fn branch_logits(
    branch: &Branch,
    images: &DeviceImages,
    places: &[u32],
    engine: Engine,
) -> Result<Tensor, TrainError> {
    single_threaded_operations();
    match engine {
        Engine::Kernels => kernels::branch_logits(branch, images, places),
        Engine::Libtorch => libtorch::branch_logits(branch, images, places),
    }
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
    engine: Engine,
    workers: usize,
) -> Result<Tensor, TrainError> {
    let activation = model.spec().head_activation;
    let (branch, shared) = (model.branches[1].share(), images.share());
    let (second, first) = both(
        workers,
        move || Ok(activate(branch_logits(&branch, &shared, places, engine)?, activation)?),
        || Ok(activate(branch_logits(&model.branches[0], images, places, engine)?, activation)?),
    )?;
    Ok(Tensor::f_cat(&[first, second], 1)?)
}

/// As [`joined_outputs`], `[order, 2 * classes]`, for the images of an epoch as they are shown, in batches of `size`.
pub(crate) fn shown_outputs(
    model: &UnifiedModel,
    images: &DeviceImages,
    (order, size): (&[u32], usize),
    look: &Look<'_>,
    engine: Engine,
    workers: usize,
) -> Result<Tensor, TrainError> {
    let activation = model.spec().head_activation;
    let logits = match engine {
        Engine::Kernels => kernels::shown_logits,
        Engine::Libtorch => libtorch::shown_logits,
    };
    let (branch, shared) = (model.branches[1].share(), images.share());
    let (second, first) = both(
        workers,
        move || Ok(activate(logits(&branch, &shared, order, size, look.clone())?, activation)?),
        || Ok(activate(logits(&model.branches[0], images, order, size, look.clone())?, activation)?),
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
    engine: Engine,
    workers: usize,
) -> Result<Tensor, TrainError> {
    let joined = joined_outputs(model, images, places, engine, workers)?;
    tch::no_grad(|| Ok(model.joint.forward(&joined, None)?))
}
