//! Writing models that are lists of operations.

use alloc::vec;
use alloc::vec::Vec;

use super::form::normalisation;
use super::record::{Operation, OperationKind};
use super::{LINE, MAX_OPERATIONS, plan};
use crate::encode::{EncodeError, Records, file_of_list};
use crate::error::LoadError;
use crate::format::F32;
use crate::{AlignedBytes, ArchitectureError, Model, Scaling};

/// A model as a list of operations, see [`Operation`].
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// `[channels, height, width]` of an image.
    pub input: [usize; 3],
    /// First to last; the last one gives one number a class.
    pub operations: Vec<Operation>,
    /// An image's values, from 0 to 1, are multiplied by these, one a channel, ...
    pub factors: Vec<f32>,
    /// ... and these are added.
    pub summands: Vec<f32>,
}

impl Network {
    /// Shape `[channels, height, width]` of each value, the image's first.
    ///
    /// # Errors
    /// [`LoadError::Operation`] names the first operation that does not fit what it reads.
    pub fn shapes(&self) -> Result<Vec<[usize; 3]>, LoadError> {
        let mut shapes = vec![self.input];
        for (operation, index) in self.operations.iter().zip(1..) {
            let wrong = LoadError::Operation { index };
            let [_, height, width] = *shapes.get(usize::from(operation.from)).ok_or(wrong)?;
            let [height, width] = operation.sides([height, width]).ok_or(wrong)?;
            let shape = [usize::from(operation.outputs), height, width];
            if operation.added.is_some_and(|added| shapes.get(usize::from(added)) != Some(&shape)) {
                return Err(wrong);
            }
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// Number of weights and biases.
    ///
    /// # Errors
    /// As [`Network::shapes`].
    pub fn parameters(&self) -> Result<usize, LoadError> {
        Ok(self.weights(&self.shapes()?)?.iter().sum())
    }

    /// The shapes, if a file can hold such a list.
    pub(crate) fn checked(&self, classes: usize) -> Result<Vec<[usize; 3]>, EncodeError> {
        let [channels, height, width] = self.input;
        let sides = [height, width].iter().all(|side| (1..=0xffff).contains(side));
        let refused = |error: ArchitectureError| Err(EncodeError::Operations(error.into()));
        if !(1..=4096).contains(&channels) || !sides {
            return refused(ArchitectureError::Image);
        }
        if !(1..=MAX_OPERATIONS).contains(&self.operations.len()) {
            return refused(ArchitectureError::Operations);
        }
        let shapes = self.shapes().map_err(EncodeError::Operations)?;
        self.weights(&shapes).map_err(EncodeError::Operations)?;
        if shapes.last().is_some_and(|[outputs, ..]| *outputs != classes) {
            return Err(EncodeError::ClassNames);
        }
        Ok(shapes)
    }

    /// Weights and biases of each operation.
    fn weights(&self, shapes: &[[usize; 3]]) -> Result<Vec<usize>, LoadError> {
        let of = |(operation, index): (&Operation, usize)| {
            let channels = shapes[usize::from(operation.from)][0];
            let (groups, outputs) = (usize::from(operation.groups), usize::from(operation.outputs));
            let divided =
                groups > 0 && outputs > 0 && channels.is_multiple_of(groups) && outputs.is_multiple_of(groups);
            if divided { Ok(operation.weights(channels) as usize) } else { Err(LoadError::Operation { index }) }
        };
        self.operations.iter().zip(1..).map(of).collect()
    }
}

/// A model file of a list of operations. `weights` are those of the convolutions in their order, each in libtorch's:
/// `[output][input of the group][row][column]`, then biases `[output]`.
///
/// # Errors
/// [`EncodeError`] if numbers of weights or names do not fit, a number is not finite, or the operations cannot be run.
pub fn encode_network<N: AsRef<str>>(
    network: &Network,
    class_names: &[N],
    scaling: Scaling,
    weights: &[f32],
) -> Result<Vec<u8>, EncodeError> {
    let shapes = network.checked(class_names.len())?;
    let counts = network.weights(&shapes).map_err(EncodeError::Operations)?;
    let channels = network.input[0];
    let expected = counts.iter().sum();
    if weights.len() != expected {
        return Err(EncodeError::Weights { expected, found: weights.len() });
    }
    if network.factors.len() != channels || network.summands.len() != channels {
        return Err(EncodeError::Operations(LoadError::Operation { index: 0 }));
    }
    let mut all = [&network.factors[..], &network.summands].concat();
    if !all.iter().chain(weights).all(|w| w.is_finite()) {
        return Err(EncodeError::NotFinite);
    }
    all.resize(normalisation(channels) as usize, 0.0);
    let mut left = weights;
    for (operation, count) in network.operations.iter().zip(counts) {
        let (of_this, rest) = left.split_at(count);
        left = rest;
        arrange(operation, shapes[usize::from(operation.from)][0], of_this, &mut all);
        all.resize(all.len().next_multiple_of(LINE), 0.0);
    }

    let lengths: Vec<usize> = shapes.iter().map(|shape| shape.iter().product()).collect();
    let places = plan(&lengths, &network.operations).places;
    let list = Records::new(network, &shapes, &places, F32);
    let bytes: Vec<u8> = all.iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let file = file_of_list(&list, class_names, scaling, &bytes)?;
    match Model::from_bytes(&AlignedBytes::new(&file)) {
        Ok(_) => Ok(file),
        Err(e) => Err(EncodeError::Operations(e)),
    }
}

/// Adds an operation's weights in the order that kernels read in: `[group][row][column][input][output]`, then biases.
fn arrange(operation: &Operation, channels: usize, weights: &[f32], to: &mut Vec<f32>) {
    if operation.kind != OperationKind::Convolution {
        return;
    }
    let groups = usize::from(operation.groups);
    let taps = usize::from(operation.kernel[0]) * usize::from(operation.kernel[1]);
    let [inputs, all] = [channels / groups, usize::from(operation.outputs)];
    let (kernel, bias) = weights.split_at(weights.len() - all);
    if operation.is_depthwise(channels) {
        to.extend((0..taps).flat_map(|tap| kernel[tap..].iter().step_by(taps)));
    } else {
        for group in kernel.chunks_exact(kernel.len() / groups) {
            for (tap, input) in (0..taps).flat_map(|tap| (0..inputs).map(move |input| (tap, input))) {
                to.extend(group[input * taps + tap..].iter().step_by(inputs * taps));
            }
        }
    }
    to.extend(bias);
}
