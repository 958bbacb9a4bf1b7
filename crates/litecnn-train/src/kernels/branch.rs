use litecnn_data::DeviceImages;
use litecnn_kernels::{LANES, from_lanes};
use litecnn_model::Branch;

use super::feed::Feed;
use super::{Loss, Weights, kernel_of};
use crate::TrainError;
use crate::epoch::Lane;
use crate::goal::Lesson;
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
    let mut kernel = kernel_of(branch)?;
    let mut feed = Feed::new(images, &kernel, look, size)?;
    let mut weights = Weights::take(branch.params(), optimizer)?;
    let order = lane.left(order, size);
    let labels = feed.labels(order)?;
    let classes = kernel.shape().classes;
    let (mut activations, mut workspace) = (kernel.activations(true), kernel.workspace());
    let mut by_logits = vec![0.0; classes * LANES];
    let mut logits = vec![0.0; order.len() * classes];
    let batches = order.chunks(size).zip(labels.chunks(size)).zip(logits.chunks_mut(size * classes));
    let mut seen = 0;
    for ((batch, labels), logits) in batches {
        lane.learning_rate = weights.optimizer.learning_rate();
        let shown = feed.show(lane.way.batches, batch)?;
        let loss = Loss::of(goal, Lesson { places: batch, labels, shown: &shown });
        let groups = feed.groups().iter().zip(labels.chunks(LANES)).zip(logits.chunks_mut(LANES * classes));
        for (g, ((lanes, labels), logits)) in groups.enumerate() {
            kernel.forward(lanes, &mut activations);
            loss.gradient(g, activations.logits(), labels, &mut by_logits);
            kernel.backward(lanes, &activations, &by_logits, &mut workspace);
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
    lane.note(&feed.look().stream().into_iter().collect::<Vec<_>>());
    Ok(lane)
}
