//! Where values lie in the working memory.

use alloc::vec;
use alloc::vec::Vec;

use super::{LINE, Operation};

/// Where the values of a list of operations lie, in floats or other words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where each value starts, the image first: multiples of 16.
    pub places: Vec<usize>,
    /// Number of words.
    pub len: usize,
}

/// A place for each value such that none is overwritten before its last use, but for what is added to, which the sum may
/// replace. `lengths` are the values' numbers of words, the image's first; operations are taken to be well formed.
///
/// Values are placed from the longest to the shortest, each as low as it can be: a heuristic that is close to the least
/// memory for chains with shortcuts.
pub fn plan(lengths: &[usize], operations: &[Operation]) -> Plan {
    let count = lengths.len();
    // The last operation that reads each value; the result is read at the end.
    let mut last: Vec<usize> = (0..count).collect();
    for (operation, index) in operations.iter().zip(1..) {
        for read in [Some(operation.from), operation.added].into_iter().flatten() {
            last[usize::from(read)] = index;
        }
    }
    if let Some(result) = last.last_mut() {
        *result = count;
    }
    // Values that lie where what they are added to lay: one place for all of them.
    let mut group: Vec<usize> = (0..count).collect();
    for (operation, index) in operations.iter().zip(1..) {
        if let Some(added) = operation.added.map(usize::from)
            && added != usize::from(operation.from)
            && last[added] == index
            && lengths[added] == lengths[index]
        {
            group[index] = group[added];
        }
    }
    let (mut first, mut until) = ((0..count).collect::<Vec<usize>>(), last);
    for value in 0..count {
        let of = group[value];
        first[of] = first[of].min(value);
        until[of] = until[of].max(until[value]);
    }
    let mut order: Vec<usize> = (0..count).filter(|&value| group[value] == value).collect();
    order.sort_by_key(|&value| core::cmp::Reverse(lengths[value]));
    let (mut places, mut len) = (vec![0; count], 0);
    let mut placed: Vec<usize> = Vec::new();
    for value in order {
        let length = lengths[value].next_multiple_of(LINE);
        let meets = |other: &&usize| first[**other] <= until[value] && first[value] <= until[**other];
        let mut taken: Vec<[usize; 2]> = placed
            .iter()
            .filter(meets)
            .map(|&other| [places[other], places[other] + lengths[other].next_multiple_of(LINE)])
            .collect();
        taken.sort_unstable();
        let mut place = 0;
        for [start, end] in taken {
            if place + length <= start {
                break;
            }
            place = place.max(end);
        }
        places[value] = place;
        len = len.max(place + length);
        placed.push(value);
    }
    for value in 0..count {
        places[value] = places[group[value]];
    }
    Plan { places, len }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{Activation, OperationKind};

    fn step(from: u16, added: Option<u16>) -> Operation {
        Operation {
            kind: OperationKind::Convolution,
            from,
            added,
            activation: Activation::None,
            outputs: 1,
            groups: 1,
            kernel: [1; 2],
            stride: [1; 2],
            padding: [0; 2],
        }
    }

    #[test]
    fn a_chain_takes_two_places_and_a_sum_no_third() {
        let chain = plan(&[64, 160, 96, 16], &[step(0, None), step(1, None), step(2, None)]);
        assert_eq!((chain.places, chain.len), (vec![160, 0, 160, 0], 256));
        // 1 is kept for the sum, which takes its place.
        let sum = plan(&[16, 32, 32, 32, 3], &[step(0, None), step(1, None), step(2, Some(1)), step(3, None)]);
        assert_eq!((sum.places[1], sum.len), (sum.places[3], 64));
        // Needed once more, it stays.
        let kept = plan(&[16, 32, 32, 32, 32], &[step(0, None), step(1, None), step(2, Some(1)), step(3, Some(1))]);
        assert_eq!(kept.len, 96);
    }
}
