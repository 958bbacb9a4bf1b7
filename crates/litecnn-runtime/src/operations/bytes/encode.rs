//! Writing lists of operations on bytes.

use alloc::vec;
use alloc::vec::Vec;

use super::planes::Planes;
use super::weights::{Kernel, is_bounded};
use crate::encode::{EncodeError, Records, file_of_list};
use crate::format::INT8;
use crate::int8::word;
use crate::operations::record::{Operation, OperationKind, Value};
use crate::operations::{Network, plan};
use crate::{AlignedBytes, LoadError, Model, Requantisation, Scaling};

/// A list of operations in integers, which belongs to a [`Network`].
///
/// The numbers are worked out by whoever quantises: the crate's documentation says what becomes of a sum. The scaling of
/// pixels, [`Network::factors`] and [`Network::summands`], the zero points of what an operation reads and its activation
/// belong into its scales and biases.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedNetwork {
    /// For each channel of the image the byte that stands for zero there, which is what convolutions see around it.
    pub zeros: Vec<u8>,
    /// One for each of the network's operations.
    pub operations: Vec<QuantisedOperation>,
}

/// An operation of a [`QuantisedNetwork`].
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedOperation {
    /// Of a convolution, in libtorch's order: `[output][input of the group][row][column]`. None of a pooling: of the
    /// largest byte comes 127 times as much, of bytes to average 127 times their sum.
    pub weights: Vec<i8>,
    /// What each output's sum starts with.
    pub biases: Vec<i32>,
    /// What becomes of the sums: logits of the last operation, bytes of the others.
    pub outputs: Requantisation,
    /// For each output the byte that stands for zero; none if they are logits.
    pub zeros: Vec<u8>,
    /// If something is added, for each output what the difference of its byte and the byte that stands for zero there is
    /// multiplied by, in parts of 2^14 (1 to 32,767), and that byte.
    pub added: Vec<(u16, u8)>,
    /// If [`Activation::Relu6`](crate::Activation::Relu6) follows, for each output the byte that stands for 6, or 255 if it
    /// stands for less.
    pub most: Vec<u8>,
}

/// A model file of a list of operations in integers. Answers differ from those of
/// [`encode_network`](crate::encode_network) by what the integers are off.
///
/// # Errors
/// [`EncodeError`] if numbers of operations, weights or names do not fit the network, or numbers are not possible: what
/// reading the file would refuse, such as weights with which a sum could leave 32 bits.
pub fn encode_network_int8<N: AsRef<str>>(
    network: &Network,
    class_names: &[N],
    scaling: Scaling,
    integers: &QuantisedNetwork,
) -> Result<Vec<u8>, EncodeError> {
    if !scaling.is_invertible() {
        return Err(EncodeError::Scale);
    }
    let shapes = network.checked(class_names.len())?;
    let (expected, found) = (network.operations.len(), integers.operations.len());
    if found != expected {
        return Err(EncodeError::Layers { expected, found });
    }
    if integers.zeros.len() != network.input[0] {
        return Err(EncodeError::Operations(LoadError::Operation { index: 0 }));
    }
    let mut words: Vec<u32> = integers.zeros.chunks(4).map(word).collect();
    for (index, (operation, integers)) in network.operations.iter().zip(&integers.operations).enumerate() {
        let channels = shapes[usize::from(operation.from)][0];
        let rows = rows(operation, channels, integers, index + 1 == expected);
        words.extend(rows.ok_or(EncodeError::Layer { index })?);
    }
    let planes = Planes::padded(network.operations.iter().copied());
    let value = |&[channels, height, width]: &[usize; 3]| Value { channels, height, width, place: 0 };
    let length = |shape| usize::try_from(planes.len(&value(shape))).unwrap_or(usize::MAX / 512);
    let lengths: Vec<usize> = shapes.iter().map(length).collect();
    let places = plan(&lengths, &network.operations).places;
    let list = Records::new(network, &shapes, &places, INT8);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let file = file_of_list(&list, class_names, scaling, &bytes)?;
    match Model::from_bytes(&AlignedBytes::new(&file)) {
        Ok(_) => Ok(file),
        Err(e) => Err(EncodeError::Integers(e)),
    }
}

/// An operation's words, none if vectors have other lengths than they must have.
fn rows(operation: &Operation, channels: usize, integers: &QuantisedOperation, last: bool) -> Option<Vec<u32>> {
    let QuantisedOperation { weights, biases, outputs, zeros, added, most } = integers;
    let count = usize::from(operation.outputs);
    let expected = match operation.kind {
        OperationKind::Convolution => operation.weights(channels) - count as u64,
        _ => 0,
    };
    let bounded = if is_bounded(operation, last) { count } else { 0 };
    if weights.len() as u64 != expected || biases.len() != count || most.len() != bounded {
        return None;
    }
    let mut rows: Vec<Vec<u32>> = vec![biases.iter().map(|&bias| bias as u32).collect()];
    match outputs {
        Requantisation::Logits(scales) if last && scales.len() == count && zeros.is_empty() && added.is_empty() => {
            rows.push(scales.iter().map(|scale| scale.to_bits()).collect());
        }
        Requantisation::Bytes { multipliers, shifts } if !last => {
            let of_added = if operation.added.is_some() { count } else { 0 };
            if [multipliers.len(), shifts.len(), zeros.len(), added.len()] != [count, count, count, of_added] {
                return None;
            }
            let scales = multipliers.iter().zip(shifts).zip(zeros);
            let scale = |((&multiplier, &shift), &zero): ((&u16, &u8), &u8)| {
                u32::from(multiplier) | u32::from(shift) << 16 | u32::from(zero) << 24
            };
            rows.push(scales.map(scale).collect());
            rows.push(added.iter().map(|&(factor, zero)| u32::from(factor) | u32::from(zero) << 16).collect());
        }
        _ => return None,
    }
    for row in &mut rows {
        row.resize(row.len().next_multiple_of(4), 0);
    }
    let mut words = rows.concat();
    words.extend(most.chunks(4).map(word));
    let [groups, taps] = [usize::from(operation.groups), operation.kernel.map(usize::from).iter().product()];
    let (inputs, of_group) = (channels / groups, count / groups);
    for block in 0..count.div_ceil(4) {
        let kernel = Kernel::new(operation, channels, block);
        let bytes: Vec<u8> = kernel
            .bytes()
            .map(|(output, channel, tap)| {
                let o = 4 * block + output;
                let input = channel.and_then(|channel| channel.checked_sub(o / of_group * inputs));
                match input.filter(|&input| o < count && input < inputs) {
                    Some(input) => weights[(o * inputs + input) * taps + tap] as u8,
                    None => 0,
                }
            })
            .collect();
        words.extend(bytes.chunks(4).map(word));
    }
    Some(words)
}
