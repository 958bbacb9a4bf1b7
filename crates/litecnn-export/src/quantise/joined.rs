//! One or two branches as integers.

use litecnn_runtime::{Quantised, QuantisedLayer, Requantisation};

use super::calibrate::{Seen, means};
use super::layers::{Bytes, Floats, Grid};
use crate::TrainedModel;
use crate::compact::SCALING;
use crate::model::{Dense, KERNEL};

/// The model in integers. `image` and `seen` are what the calibration images and the layers' outputs are like, these in
/// the order of [`TrainedModel::forward`].
pub(super) fn integers(model: &TrainedModel, image: &[f64], seen: &[Seen], weight_bits: u32) -> Quantised {
    let grid = Grid::of(weight_bits);
    let mut between = seen.iter();
    let (scale, zero) = (f64::from(SCALING.scale), -f64::from(SCALING.shift / SCALING.scale));
    let image: Vec<Bytes> = means(image, model.input()[0]).map(|mean| Bytes { scale, zero, mean }).collect();
    let (mut layers, mut heads) = (vec![], vec![]);
    for branch in model.branches() {
        let (mut inputs, mut features) = (image.clone(), vec![]);
        for convolution in &branch.convolutions {
            let Some(after) = between.next() else { break };
            let channels = after.ranges.len();
            let bytes = after.ranges.iter().zip(means(&after.means, channels));
            let bytes = bytes.map(|(&range, mean)| Bytes::of(range, mean)).collect();
            let (weights, biases) = (&convolution.weight, &convolution.bias);
            let floats = Floats { weights, biases, seen: &inputs, taps: KERNEL * KERNEL, groups: 1, grid };
            let after_all = floats.bytes(bytes, None);
            layers.push(after_all.layer);
            inputs = after_all.bytes;
            let area = after.means.len() / channels;
            let mean = |i: usize| after.means[i % channels * area + i / channels];
            features = (0..after.means.len()).map(|i| Bytes { mean: mean(i), ..inputs[i % channels] }).collect();
        }
        heads.push((layers.len(), &branch.head, features));
        layers.push(QuantisedLayer { weights: vec![], biases: vec![], outputs: Requantisation::Logits(vec![]) });
    }
    let Some(joint) = model.joint() else {
        for (place, head, features) in heads {
            layers[place] = dense(head, &features, grid).logits();
        }
        return Quantised { layers };
    };
    let bytes = |seen: Option<&Seen>| -> Vec<Bytes> {
        let seen = seen.into_iter().flat_map(|seen| seen.ranges.iter().zip(&seen.means));
        seen.map(|(&range, &mean)| Bytes::of(range, mean)).collect()
    };
    let joined = bytes(between.next());
    let mut seen = vec![];
    for ((place, head, features), joined) in heads.into_iter().zip(joined.chunks_exact(model.classes().len())) {
        let after = dense(head, &features, grid).bytes(joined.to_vec(), None);
        layers[place] = after.layer;
        seen.extend(after.bytes);
    }
    let hidden = dense(&joint.hidden, &seen, grid).bytes(bytes(between.next()), None);
    layers.push(hidden.layer);
    layers.push(dense(&joint.output, &hidden.bytes, grid).logits());
    Quantised { layers }
}

fn dense<'a>(layer: &'a Dense, seen: &'a [Bytes], grid: Grid) -> Floats<'a> {
    Floats { weights: &layer.weight, biases: &layer.bias, seen, taps: 1, groups: 1, grid }
}
