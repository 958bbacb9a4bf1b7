use litecnn_data::{Augmentation, DeviceImages, Stream};
use litecnn_kernels::{LANES, from_lanes};
use litecnn_model::Branch;

use super::{Loss, Weights, host, kernel_of};
use crate::TrainError;
use crate::class_weights::Pass;
use crate::epoch::Lane;
use crate::optimizer::Optimizer;

/// One epoch of one branch over images.
pub(crate) fn branch_epoch<'a>(
    branch: &mut Branch,
    optimizer: &mut Optimizer,
    images: &DeviceImages,
    Pass { order, size, weights: class_weights }: Pass<'_, u32>,
    augment: &mut Option<(&Augmentation, Stream)>,
    mut lane: Lane<'a>,
) -> Result<Lane<'a>, TrainError> {
    if let Some((_, rng)) = augment {
        lane.seek(0, rng);
    }
    let mut kernel = kernel_of(branch)?;
    let host = host(images, &kernel)?;
    let mut weights = Weights::take(branch.params(), optimizer)?;
    let order = lane.left(order, size);
    let labels = order.iter().map(|&place| host.label(place)).collect::<Result<Vec<_>, _>>()?;
    let classes = kernel.shape().classes;
    let (mut activations, mut workspace) = (kernel.activations(true), kernel.workspace());
    let mut lanes = vec![0.0; host.image_size() * LANES];
    let mut by_logits = vec![0.0; classes * LANES];
    let mut logits = vec![0.0; order.len() * classes];
    let mut resampler = augment.as_ref().map(|(augmentation, _)| host.resampler(augmentation));
    let batches = order.chunks(size).zip(labels.chunks(size)).zip(logits.chunks_mut(size * classes));
    let mut seen = 0;
    for ((batch, labels), logits) in batches {
        let loss = Loss::of(class_weights, labels);
        let changes = augment.as_mut().map(|(augmentation, rng)| augmentation.draw(batch.len(), rng));
        let groups = batch.chunks(LANES).zip(labels.chunks(LANES)).zip(logits.chunks_mut(LANES * classes));
        for (g, ((places, labels), logits)) in groups.enumerate() {
            match (&changes, &mut resampler) {
                (Some(changes), Some(resampler)) => {
                    host.fill_changed(places, &changes[g * LANES..][..places.len()], resampler, &mut lanes)?;
                }
                _ => host.fill(places, &mut lanes)?,
            }
            kernel.forward(&lanes, &mut activations);
            loss.gradient(g, activations.logits(), labels, &mut by_logits);
            kernel.backward(&lanes, &activations, &by_logits, &mut workspace);
            from_lanes(activations.logits(), logits);
        }
        lane.check_logits(logits, labels)?;
        kernel.take_gradient(&mut weights.gradient);
        weights.step();
        kernel.set_weights(&weights.values);
        seen += logits.len();
        if !lane.batch_done() {
            break;
        }
    }
    weights.put_back(branch.params_mut(), optimizer)?;
    lane.way.logits.extend_from_slice(&logits[..seen]);
    if let Some((_, rng)) = augment {
        lane.note(&[rng]);
    }
    Ok(lane)
}
