use litecnn_runtime::{Activation, Operation, OperationKind};

use super::Folded;

impl Folded {
    /// Logits of an image `[channels, height, width]` of the right size, each sum as it is defined, in double precision.
    pub(crate) fn forward(&self, image: &[f64]) -> Vec<f64> {
        let (shapes, network) = (self.shapes(), &self.network);
        let area = shapes[0][1] * shapes[0][2];
        let affine = |(i, &pixel): (usize, &f64)| {
            pixel * f64::from(network.factors[i / area]) + f64::from(network.summands[i / area])
        };
        let mut values: Vec<Vec<f64>> = vec![image.iter().enumerate().map(affine).collect()];
        for ((operation, layer), &shape) in network.operations.iter().zip(self.layers()).zip(&shapes[1..]) {
            let from = usize::from(operation.from);
            let mut value = outcome(operation, layer, shapes[from], &values[from], shape);
            if let Some(added) = operation.added {
                value.iter_mut().zip(&values[usize::from(added)]).for_each(|(value, added)| *value += added);
            }
            for value in &mut value {
                *value = match operation.activation {
                    Activation::None => *value,
                    Activation::Relu => value.max(0.0),
                    Activation::Relu6 => value.clamp(0.0, 6.0),
                };
            }
            values.push(value);
        }
        values.pop().unwrap_or_default()
    }
}

/// What an operation makes of `map`, of shape `from`, before sum and rectifier: a map of shape `to`.
fn outcome(
    operation: &Operation,
    [kernel, bias]: [&[f32]; 2],
    from: [usize; 3],
    map: &[f64],
    [outputs, height, width]: [usize; 3],
) -> Vec<f64> {
    let [channels, rows, columns] = from;
    let [sides, stride, padding] =
        [operation.kernel, operation.stride, operation.padding].map(|pair| pair.map(usize::from));
    let taps = sides[0] * sides[1];
    let groups = usize::from(operation.groups);
    let mut to = Vec::with_capacity(outputs * height * width);
    for o in 0..outputs {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            // Places of the window within the map, each with its number.
            let places = (0..taps).filter_map(|tap| {
                let row = (y * stride[0] + tap / sides[1]).checked_sub(padding[0]).filter(|&row| row < rows)?;
                let column = (x * stride[1] + tap % sides[1]).checked_sub(padding[1]).filter(|&c| c < columns)?;
                Some((tap, row * columns + column))
            });
            let plane = &map[o * rows * columns % map.len()..];
            to.push(match operation.kind {
                OperationKind::MaxPool => places.fold(f64::NEG_INFINITY, |most, (_, at)| most.max(plane[at])),
                OperationKind::AveragePool => places.map(|(_, at)| plane[at]).sum::<f64>() / taps as f64,
                OperationKind::Convolution => {
                    let inputs = channels / groups;
                    let first = o / (outputs / groups) * inputs;
                    let mut sum = f64::from(bias[o]);
                    for (tap, at) in places {
                        for c in 0..inputs {
                            let weight = f64::from(kernel[(o * inputs + c) * taps + tap]);
                            sum += weight * map[(first + c) * rows * columns + at];
                        }
                    }
                    sum
                }
            });
        }
    }
    to
}
