//! Folded networks as integers.

use litecnn_runtime::{Activation, OperationKind, QuantisedLayer, QuantisedNetwork, QuantisedOperation};

use super::calibrate::{Seen, means};
use super::layers::{Between, Bytes, Floats, Grid, Pooling};
use crate::compact::SCALING;
use crate::{ExportError, Folded};

/// The network in integers. `image` and `seen` are what the calibration images and the operations' outcomes are like, but
/// for the last one's.
///
/// # Errors
/// [`ExportError::Compact`] if a channel of the image is multiplied by zero or less, or logits are added to or bounded.
pub(super) fn integers(
    folded: &Folded,
    image: &[f64],
    seen: &[Seen],
    weight_bits: u32,
) -> Result<QuantisedNetwork, ExportError> {
    let network = &folded.network;
    let grid = Grid::of(weight_bits);
    let refused = |reason: &str| Err(ExportError::Compact { reason: format!("in 8-bit integers {reason}") });
    if network.factors.iter().any(|&factor| factor <= 0.0) {
        return refused("every channel of the image must be multiplied by more than 0");
    }
    if network.operations.last().is_some_and(|last| last.added.is_some() || last.activation != Activation::None) {
        return refused("the last operation must neither add nor bound anything");
    }
    let affine = network.factors.iter().zip(&network.summands).zip(means(image, network.input[0]));
    let pixels = affine.map(|((&factor, &summand), mean)| {
        let (factor, summand) = (f64::from(factor), f64::from(summand));
        let (scale, shift) = (factor * f64::from(SCALING.scale), factor * f64::from(SCALING.shift) + summand);
        Bytes { scale, zero: -shift / scale, mean: factor * mean + summand }
    });
    let mut values: Vec<Vec<Bytes>> = vec![pixels.collect()];
    let mut operations = vec![];
    for (index, (operation, [weights, biases])) in network.operations.iter().zip(folded.layers()).enumerate() {
        let from = &values[usize::from(operation.from)];
        let added = operation.added.map(|added| values[usize::from(added)].as_slice());
        let places = operation.kernel.map(usize::from).iter().product();
        let groups = usize::from(operation.groups);
        let floats = Floats { weights, biases, seen: from, taps: places, groups, grid };
        let pooling = Pooling { seen: from, places: if operation.kind == OperationKind::MaxPool { 1 } else { places } };
        let convolution = operation.kind == OperationKind::Convolution;
        let Some(seen) = seen.get(index) else {
            let layer = if convolution { floats.logits() } else { pooling.logits() };
            let (zeros, added) = (vec![], vec![]);
            let QuantisedLayer { weights, biases, outputs } = layer;
            operations.push(QuantisedOperation { weights, biases, outputs, zeros, added });
            break;
        };
        let next = seen.ranges.iter().zip(means(&seen.means, seen.ranges.len()));
        let next = next.map(|(&range, mean)| Bytes::of(range, mean)).collect();
        let between = if convolution { floats.bytes(next, added) } else { pooling.bytes(next, added) };
        let Between { layer, bytes, added: factors } = between;
        let added = factors.into_iter().zip(added.unwrap_or_default()).map(|(factor, of)| (factor, of.zero_byte()));
        let (added, zeros) = (added.collect(), bytes.iter().map(Bytes::zero_byte).collect());
        let QuantisedLayer { weights, biases, outputs } = layer;
        operations.push(QuantisedOperation { weights, biases, outputs, zeros, added });
        values.push(bytes);
    }
    Ok(QuantisedNetwork { zeros: values[0].iter().map(Bytes::zero_byte).collect(), operations })
}
