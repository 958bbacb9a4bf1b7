//! Random lists of operations, and a plain evaluation of them in double precision.

use litecnn_runtime::{Activation, Network, Operation, OperationKind};

use super::Rng;

/// A list of operations of all kinds that ends with `classes` numbers.
pub(crate) fn random_network(rng: &mut Rng, side: usize, channels: usize, classes: usize) -> Network {
    let input = [[1, 3, 1 + rng.below(5)][rng.below(3)], 1 + rng.below(side), 1 + rng.below(side)];
    let mut network = Network {
        input,
        operations: vec![],
        factors: (0..input[0]).map(|_| 1.0 + rng.signed()).collect(),
        summands: (0..input[0]).map(|_| rng.signed()).collect(),
    };
    let count = 1 + rng.below(7);
    while network.operations.len() < count {
        let shapes = network.shapes().unwrap();
        // Mostly the last value.
        let from = if rng.below(4) == 0 { rng.below(shapes.len()) } else { shapes.len() - 1 };
        let [inputs, height, width] = shapes[from];
        let outputs = 1 + rng.below(channels);
        let mut operation = Operation { from: from as u16, ..plain(OperationKind::Convolution, outputs) };
        let kernel = |rng: &mut Rng, side: usize| {
            let most = [1, 3, 3, 5][rng.below(4)].min(side + 2);
            (1 + rng.below(most)) as u8
        };
        operation.kernel = [kernel(rng, height), kernel(rng, width)];
        match rng.below(6) {
            0 => operation.kernel = [1, 1],
            1 | 2 => (operation.outputs, operation.groups) = (inputs as u16, inputs as u16),
            3 => {
                let groups = (1..=inputs).filter(|n| inputs.is_multiple_of(*n)).nth(rng.below(2)).unwrap_or(1);
                (operation.outputs, operation.groups) = ((groups * (1 + rng.below(5))) as u16, groups as u16);
            }
            4 => {
                operation.kind = [OperationKind::MaxPool, OperationKind::AveragePool][rng.below(2)];
                (operation.outputs, operation.groups) = (inputs as u16, 1);
            }
            _ => {}
        }
        operation.stride = [1 + rng.below(3) as u8, 1 + rng.below(3) as u8];
        if rng.below(2) == 0 {
            operation.stride = [1, 1];
        }
        operation.padding =
            operation.kernel.map(|side| [(side - 1) / 2, rng.below(usize::from(side)) as u8][rng.below(2)]);
        if rng.below(12) == 0 {
            // A large window with a long step.
            operation.kernel = [height, width].map(|side| (1 + rng.below((side + 4).min(12))) as u8);
            operation.stride = [4 + rng.below(5) as u8, 4 + rng.below(5) as u8];
            operation.padding = operation.kernel.map(|side| rng.below(usize::from(side)) as u8);
        }
        operation.activation = [Activation::None, Activation::Relu, Activation::Relu6][rng.below(3)];
        let Some(sides) = operation.sides([height, width]) else { continue };
        let shape = [usize::from(operation.outputs), sides[0], sides[1]];
        let alike: Vec<usize> = (0..shapes.len()).filter(|&value| shapes[value] == shape).collect();
        if !alike.is_empty() && rng.below(4) > 0 {
            operation.added = Some(alike[rng.below(alike.len())] as u16);
        }
        network.operations.push(operation);
    }
    let (last, [_, height, width]) = (count as u16, *network.shapes().unwrap().last().unwrap());
    let whole = [height as u8, width as u8];
    network.operations.push(Operation { from: last, kernel: whole, ..plain(OperationKind::Convolution, classes) });
    network
}

/// One that keeps the size, without anything beside.
pub(crate) fn plain(kind: OperationKind, outputs: usize) -> Operation {
    Operation {
        kind,
        from: 0,
        added: None,
        activation: Activation::None,
        outputs: outputs as u16,
        groups: 1,
        kernel: [1; 2],
        stride: [1; 2],
        padding: [0; 2],
    }
}

/// Weights that keep values near one, in libtorch's order.
pub(crate) fn network_weights(network: &Network, rng: &mut Rng) -> Vec<f32> {
    let shapes = network.shapes().unwrap();
    let mut weights = Vec::new();
    for operation in network.operations.iter().filter(|o| o.kind == OperationKind::Convolution) {
        let inputs = shapes[usize::from(operation.from)][0] / usize::from(operation.groups);
        let seen = inputs * usize::from(operation.kernel[0]) * usize::from(operation.kernel[1]);
        let bound = (3.0 / seen as f32).sqrt();
        weights.extend((0..usize::from(operation.outputs) * seen).map(|_| rng.signed() * bound));
        weights.extend((0..operation.outputs).map(|_| rng.signed() * 0.3));
    }
    weights
}

/// Logits of an image `[channel][height][width]` from 0 to 1, each sum as it is defined.
pub(crate) fn network_reference(network: &Network, weights: &[f32], image: &[f32]) -> Vec<f64> {
    let shapes = network.shapes().unwrap();
    let area = shapes[0][1] * shapes[0][2];
    let affine = |(i, &pixel): (usize, &f32)| {
        f64::from(pixel) * f64::from(network.factors[i / area]) + f64::from(network.summands[i / area])
    };
    let mut values: Vec<Vec<f64>> = vec![image.iter().enumerate().map(affine).collect()];
    let mut weights = weights.iter().map(|&w| f64::from(w));
    for (operation, &[outputs, height, width]) in network.operations.iter().zip(&shapes[1..]) {
        let [inputs, rows, columns] = shapes[usize::from(operation.from)];
        let [kernel, stride, padding] =
            [operation.kernel, operation.stride, operation.padding].map(|pair| pair.map(isize::from));
        let from = &values[usize::from(operation.from)];
        let groups = usize::from(operation.groups);
        let taps = (kernel[0] * kernel[1]) as usize;
        let convolution = operation.kind == OperationKind::Convolution;
        let mut take = |count: usize| weights.by_ref().take(count).collect::<Vec<f64>>();
        let of_each = if convolution { inputs / groups * taps } else { 0 };
        let (factors, bias) = (take(outputs * of_each), take(if convolution { outputs } else { 0 }));
        let mut to = Vec::new();
        for (o, y, x) in (0..outputs)
            .flat_map(|o| (0..height).flat_map(move |y| (0..width).map(move |x| (o, y as isize, x as isize))))
        {
            let seen = if convolution {
                o / (outputs / groups) * (inputs / groups)..(o / (outputs / groups) + 1) * (inputs / groups)
            } else {
                o..o + 1
            };
            let mut value = match operation.kind {
                OperationKind::Convolution => bias[o],
                OperationKind::MaxPool => f64::NEG_INFINITY,
                OperationKind::AveragePool => 0.0,
            };
            for (k, c) in seen.enumerate() {
                for tap in 0..taps as isize {
                    let (py, px) =
                        (y * stride[0] - padding[0] + tap / kernel[1], x * stride[1] - padding[1] + tap % kernel[1]);
                    if py < 0 || px < 0 || py >= rows as isize || px >= columns as isize {
                        continue;
                    }
                    let pixel = from[(c * rows + py as usize) * columns + px as usize];
                    match operation.kind {
                        OperationKind::Convolution => value += pixel * factors[o * of_each + k * taps + tap as usize],
                        OperationKind::MaxPool => value = value.max(pixel),
                        OperationKind::AveragePool => value += pixel / taps as f64,
                    }
                }
            }
            if let Some(added) = operation.added {
                value += values[usize::from(added)][to.len()];
            }
            to.push(match operation.activation {
                Activation::None => value,
                Activation::Relu => value.max(0.0),
                Activation::Relu6 => value.clamp(0.0, 6.0),
            });
        }
        values.push(to);
    }
    values.pop().unwrap()
}
