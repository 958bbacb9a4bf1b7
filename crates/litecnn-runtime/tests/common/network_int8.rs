//! Random lists of operations in integers, and a plain evaluation of them: 64 bits, loops as operations are defined.

use litecnn_runtime::{Activation, Network, OperationKind, QuantisedNetwork, QuantisedOperation, Requantisation};

use super::Rng;

/// Bytes that use most of their range; some saturate.
pub(crate) fn quantised_network(network: &Network, rng: &mut Rng) -> QuantisedNetwork {
    let shapes = network.shapes().unwrap();
    let zeros = (0..network.input[0]).map(|_| rng.next() as u8).collect();
    let mut operations = vec![];
    for (index, operation) in network.operations.iter().enumerate() {
        let outputs = usize::from(operation.outputs);
        let taps = usize::from(operation.kernel[0]) * usize::from(operation.kernel[1]);
        let (mut weights, usual) = (vec![], 127.0 * 128.0 * taps as f32);
        let (mut usual, mut mean) = (usual.max(16_000.0), usual);
        if operation.kind == OperationKind::Convolution {
            let seen = taps * shapes[usize::from(operation.from)][0] / usize::from(operation.groups);
            weights = (0..outputs * seen).map(|_| (rng.below(255) as i32 - 127) as i8).collect();
            (usual, mean) = ((seen as f32).sqrt() * 12_000.0, 0.0);
        } else if operation.kind == OperationKind::MaxPool {
            (usual, mean) = (16_000.0, 16_000.0);
        }
        let biases = (0..outputs).map(|_| (rng.signed() * usual - mean) as i32).collect();
        if index + 1 == network.operations.len() {
            let scales = (0..outputs).map(|_| (rng.signed() + 1.1) * 4.0 / usual).collect();
            let outputs = Requantisation::Logits(scales);
            operations.push(QuantisedOperation {
                weights,
                biases,
                outputs,
                zeros: vec![],
                added: vec![],
                most: vec![],
            });
            continue;
        }
        let (mut multipliers, mut shifts) = (vec![], vec![]);
        for _ in 0..outputs {
            let factor = (200.0 + 200.0 * rng.signed()).max(1.0) / (2.0 * usual);
            let mut shift = 0;
            while factor * (1 << 21) as f32 * ((1u32 << shift) as f32) < 16_384.0 && shift < 14 {
                shift += 1;
            }
            multipliers.push((factor * (1 << 21) as f32 * (1u32 << shift) as f32).clamp(1.0, 32_767.0) as u16);
            shifts.push(shift);
        }
        let zeros = (0..outputs).map(|_| rng.next() as u8).collect();
        let count = if operation.added.is_some() { outputs } else { 0 };
        let added = (0..count).map(|_| (1 + rng.below(32_767) as u16, rng.next() as u8)).collect();
        let count = if operation.activation == Activation::Relu6 { outputs } else { 0 };
        let most = (0..count).map(|_| 100 + rng.below(156) as u8).collect();
        let outputs = Requantisation::Bytes { multipliers, shifts };
        operations.push(QuantisedOperation { weights, biases, outputs, zeros, added, most });
    }
    QuantisedNetwork { zeros, operations }
}

/// Logits of an image `[channel][height][width]`.
pub(crate) fn network_int8_reference(network: &Network, integers: &QuantisedNetwork, image: &[u8]) -> Vec<f32> {
    let shapes = network.shapes().unwrap();
    let bytes = |bytes: &[u8]| bytes.iter().map(|&byte| i64::from(byte)).collect::<Vec<i64>>();
    let (mut values, mut zeros) = (vec![bytes(image)], vec![bytes(&integers.zeros)]);
    let mut logits = vec![];
    for ((operation, given), &[outputs, height, width]) in
        network.operations.iter().zip(&integers.operations).zip(&shapes[1..])
    {
        let from = usize::from(operation.from);
        let [channels, rows, columns] = shapes[from];
        let [kernel, stride, padding] =
            [operation.kernel, operation.stride, operation.padding].map(|pair| pair.map(isize::from));
        let (groups, taps) = (usize::from(operation.groups), kernel[0] * kernel[1]);
        let of_each = channels / groups * taps as usize;
        let mut to = vec![];
        for (o, y, x) in (0..outputs)
            .flat_map(|o| (0..height).flat_map(move |y| (0..width).map(move |x| (o, y as isize, x as isize))))
        {
            let pixel = |c: usize, tap: isize| {
                let (py, px) =
                    (y * stride[0] - padding[0] + tap / kernel[1], x * stride[1] - padding[1] + tap % kernel[1]);
                let within = (0..rows as isize).contains(&py) && (0..columns as isize).contains(&px);
                within.then(|| values[from][(c * rows + py as usize) * columns + px as usize])
            };
            let mut sum = i64::from(given.biases[o]);
            match operation.kind {
                OperationKind::Convolution => {
                    let first = o / (outputs / groups) * (channels / groups);
                    for (c, tap) in (0..channels / groups).flat_map(|c| (0..taps).map(move |tap| (c, tap))) {
                        let weight = i64::from(given.weights[o * of_each + c * taps as usize + tap as usize]);
                        sum += weight * pixel(first + c, tap).unwrap_or(zeros[from][first + c]);
                    }
                }
                OperationKind::MaxPool => sum += 127 * (0..taps).filter_map(|tap| pixel(o, tap)).max().unwrap(),
                OperationKind::AveragePool => {
                    sum += 127 * (0..taps).map(|tap| pixel(o, tap).unwrap_or(zeros[from][o])).sum::<i64>();
                }
            }
            match &given.outputs {
                Requantisation::Logits(scales) => logits.push(sum as f32 * scales[o]),
                Requantisation::Bytes { multipliers, shifts } => {
                    let short = sum.div_euclid(1 << shifts[o]).clamp(-32_768, 32_767);
                    let mut scaled = (short * i64::from(multipliers[o]) + 16_384).div_euclid(32_768);
                    if let Some(added) = operation.added {
                        let (factor, zero) = given.added[o];
                        let off = values[usize::from(added)][to.len()] - i64::from(zero);
                        scaled += (off * 128 * i64::from(factor) + 16_384).div_euclid(32_768);
                    }
                    let most = given.most.get(o).map_or(255, |&most| i64::from(most));
                    to.push((scaled.clamp(-32_768, 32_767) + 32).div_euclid(64).clamp(0, most));
                }
            }
        }
        values.push(to);
        zeros.push(bytes(&given.zeros));
    }
    logits
}
