//! Folded networks as integers.

use litecnn_runtime::{Activation, Network, OperationKind, QuantisedLayer, QuantisedNetwork, QuantisedOperation};

use super::calibrate::{Seen, means};
use super::layers::{Added, Between, Bytes, Floats, Grid, Pooling};
use crate::compact::SCALING;
use crate::{ExportError, Folded};

/// The network, if it can be quantised.
///
/// # Errors
/// [`ExportError::Compact`] if a channel of the image is multiplied by zero or less, logits are added to or bounded, or there is
/// no pixel like those that the image is padded with.
pub(super) fn checked(folded: &Folded) -> Result<&Folded, ExportError> {
    let network = &folded.network;
    let refused = |reason: &str| Err(ExportError::Compact { reason: format!("in 8-bit integers {reason}") });
    if network.factors.iter().any(|&factor| factor <= 0.0) {
        return refused("every channel of the image must be multiplied by more than 0");
    }
    if network.operations.last().is_some_and(|last| last.added.is_some() || last.activation != Activation::None) {
        return refused("the last operation must neither add nor bound anything");
    }
    let padded = network.operations.iter().any(|operation| {
        operation.from == 0 && operation.padding != [0, 0] && operation.kind != OperationKind::MaxPool
    });
    if padded && pixels(folded, None).any(|pixel| !(-0.5..=255.5).contains(&pixel.zero)) {
        return refused("zero, which the image is padded with, must be a value that a pixel can have");
    }
    Ok(folded)
}

/// What a pixel's bytes stand for, by channel; `image` is the mean of each value of an image.
fn pixels<'a>(folded: &'a Folded, image: Option<&'a [f64]>) -> impl Iterator<Item = Bytes> + 'a {
    let Network { input, factors, summands, .. } = &folded.network;
    let of_channels: Vec<f64> = image.map_or_else(|| vec![0.0; input[0]], |image| means(image, input[0]).collect());
    factors.iter().zip(summands).zip(of_channels).map(|((&factor, &summand), mean)| {
        let (factor, summand) = (f64::from(factor), f64::from(summand));
        let (scale, shift) = (factor * f64::from(SCALING.scale), factor * f64::from(SCALING.shift) + summand);
        Bytes { scale, zero: -shift / scale, mean: factor * mean + summand }
    })
}

/// A network that was [`checked`] in integers. `image` and `seen` are what the calibration images and the operations' outcomes
/// are like, in the order of [`TrainedModel::forward`](crate::TrainedModel).
pub(super) fn integers(folded: &Folded, image: &[f64], seen: &[Seen], weight_bits: u32) -> QuantisedNetwork {
    let network = &folded.network;
    let grid = Grid::of(weight_bits);
    let pixels: Vec<Bytes> = pixels(folded, Some(image)).collect();
    let mut seen = seen.iter();
    let mut values: Vec<Vec<Bytes>> = vec![pixels];
    let mut operations = vec![];
    for (index, (operation, [weights, biases])) in network.operations.iter().zip(folded.layers()).enumerate() {
        let from = &values[usize::from(operation.from)];
        let last = index + 1 == network.operations.len();
        let added = operation.added.map(|added| values[usize::from(added)].as_slice());
        let added = added.and_then(|bytes| Some(Added { bytes, to: &seen.next()?.ranges }));
        let places = operation.kernel.map(usize::from).iter().product();
        let groups = usize::from(operation.groups);
        let floats = Floats { weights, biases, seen: from, taps: places, groups, grid };
        let pooling = Pooling { seen: from, places: if operation.kind == OperationKind::MaxPool { 1 } else { places } };
        let convolution = operation.kind == OperationKind::Convolution;
        let Some(seen) = seen.next().filter(|_| !last) else {
            let layer = if convolution { floats.logits() } else { pooling.logits() };
            let (zeros, added, most) = (vec![], vec![], vec![]);
            let QuantisedLayer { weights, biases, outputs } = layer;
            operations.push(QuantisedOperation { weights, biases, outputs, zeros, added, most });
            break;
        };
        let next = seen.ranges.iter().zip(means(&seen.means, seen.ranges.len()));
        let next = next.map(|(&range, mean)| Bytes::of(range, mean)).collect();
        let between = if convolution { floats.bytes(next, added) } else { pooling.bytes(next, added) };
        let Between { layer, bytes, added: factors } = between;
        let of_added = added.map_or(&[][..], |added| added.bytes).iter().map(Bytes::zero_byte);
        let (added, zeros) =
            (factors.into_iter().zip(of_added).collect(), bytes.iter().map(Bytes::zero_byte).collect());
        let bounded = operation.activation == Activation::Relu6;
        let most = bytes.iter().filter(|_| bounded).map(|of| of.byte(6.0)).collect();
        let QuantisedLayer { weights, biases, outputs } = layer;
        operations.push(QuantisedOperation { weights, biases, outputs, zeros, added, most });
        values.push(bytes);
    }
    QuantisedNetwork { zeros: values[0].iter().map(Bytes::zero_byte).collect(), operations }
}
