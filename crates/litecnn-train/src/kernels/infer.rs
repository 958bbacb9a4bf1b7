use litecnn_data::DeviceImages;
use litecnn_kernels::{LANES, from_lanes};
use litecnn_model::Branch;
use tch::Tensor;

use super::feed::Feed;
use super::{host, kernel_of};
use crate::TrainError;
use crate::look::Look;

/// Logits `[places, classes]` of one branch for the images at `places`.
pub(crate) fn branch_logits(branch: &Branch, images: &DeviceImages, places: &[u32]) -> Result<Tensor, TrainError> {
    let kernel = kernel_of(branch)?;
    let host = host(images, &kernel)?;
    let classes = kernel.shape().classes;
    let mut activations = kernel.activations(false);
    let mut lanes = vec![0.0; host.image_size() * LANES];
    let mut logits = vec![0.0; places.len() * classes];
    for (places, logits) in places.chunks(LANES).zip(logits.chunks_mut(LANES * classes)) {
        host.fill(places, &mut lanes)?;
        kernel.forward(&lanes, &mut activations);
        from_lanes(activations.logits(), logits);
    }
    Ok(Tensor::f_from_slice(&logits)?.f_view([places.len() as i64, classes as i64])?)
}

/// Logits `[order, classes]` of one branch for the images of an epoch as they are shown, in batches of `size`.
pub(crate) fn shown_logits(
    branch: &Branch,
    images: &DeviceImages,
    order: &[u32],
    size: usize,
    look: Look<'_>,
) -> Result<Tensor, TrainError> {
    let kernel = kernel_of(branch)?;
    let mut feed = Feed::new(images, &kernel, look, size)?;
    let classes = kernel.shape().classes;
    let mut activations = kernel.activations(false);
    let mut logits = vec![0.0; order.len() * classes];
    for (n, (batch, logits)) in order.chunks(size).zip(logits.chunks_mut(size * classes)).enumerate() {
        feed.show(n, batch)?;
        for (lanes, logits) in feed.groups().iter().zip(logits.chunks_mut(LANES * classes)) {
            kernel.forward(lanes, &mut activations);
            from_lanes(activations.logits(), logits);
        }
    }
    Ok(Tensor::f_from_slice(&logits)?.f_view([order.len() as i64, classes as i64])?)
}
