use litecnn_runtime::{Activation, Operation, OperationKind};

use super::Folded;

impl Folded {
    /// Logits of an image `[channels, height, width]` of the right size, each sum as it is defined, in double precision.
    /// `seen` is shown what each operation but the last one gives, and its number of channels; before that, if it adds
    /// something, what it gives without.
    pub(crate) fn forward(&self, image: &[f64], seen: &mut dyn FnMut(&[f64], usize)) -> Vec<f64> {
        let (shapes, network) = (self.shapes(), &self.network);
        let area = shapes[0][1] * shapes[0][2];
        let affine = |(i, &pixel): (usize, &f64)| {
            pixel * f64::from(network.factors[i / area]) + f64::from(network.summands[i / area])
        };
        let mut values: Vec<Vec<f64>> = vec![image.iter().enumerate().map(affine).collect()];
        for ((operation, layer), &shape) in network.operations.iter().zip(self.layers()).zip(&shapes[1..]) {
            let last = values.len() == network.operations.len();
            let from = usize::from(operation.from);
            let mut value = outcome(operation, layer, shapes[from], &values[from], shape);
            if let Some(added) = operation.added {
                if !last {
                    seen(&value, shape[0]);
                }
                value.iter_mut().zip(&values[usize::from(added)]).for_each(|(value, added)| *value += added);
            }
            for value in &mut value {
                *value = match operation.activation {
                    Activation::None => *value,
                    Activation::Relu => value.max(0.0),
                    Activation::Relu6 => value.clamp(0.0, 6.0),
                };
            }
            if !last {
                seen(&value, shape[0]);
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
    let inputs = channels / usize::from(operation.groups);
    let planes: Vec<&[f64]> = map.chunks_exact(rows * columns).collect();
    let mut to = Vec::with_capacity(outputs * height * width);
    for o in 0..outputs {
        let (seen, start) = match operation.kind {
            OperationKind::Convolution => {
                let group = o / (outputs / usize::from(operation.groups));
                (group * inputs..(group + 1) * inputs, f64::from(bias[o]))
            }
            OperationKind::MaxPool => (o..o + 1, f64::NEG_INFINITY),
            OperationKind::AveragePool => (o..o + 1, 0.0),
        };
        let mut sums = vec![start; height * width];
        for (k, plane) in planes[seen].iter().enumerate() {
            for tap in 0..taps {
                // Outcomes whose window has this place within the map.
                let within = |axis: usize, at: usize, side: usize, count: usize| {
                    let first = padding[axis].saturating_sub(at).div_ceil(stride[axis]);
                    let end = (side + padding[axis]).saturating_sub(at).div_ceil(stride[axis]);
                    first..end.min(count)
                };
                let (ky, kx) = (tap / sides[1], tap % sides[1]);
                let (ys, xs) = (within(0, ky, rows, height), within(1, kx, columns, width));
                for y in ys {
                    let row = &plane[(y * stride[0] + ky - padding[0]) * columns..][..columns];
                    let pixels = row.iter().skip((xs.start * stride[1] + kx).saturating_sub(padding[1]));
                    let pixels = pixels.step_by(stride[1]);
                    let sums = sums[y * width..][..width].get_mut(xs.clone()).unwrap_or_default();
                    match operation.kind {
                        OperationKind::Convolution => {
                            let weight = f64::from(kernel[(o * inputs + k) * taps + tap]);
                            sums.iter_mut().zip(pixels).for_each(|(sum, pixel)| *sum += weight * pixel);
                        }
                        OperationKind::MaxPool => {
                            sums.iter_mut().zip(pixels).for_each(|(most, pixel)| *most = most.max(*pixel));
                        }
                        OperationKind::AveragePool => {
                            sums.iter_mut().zip(pixels).for_each(|(sum, pixel)| *sum += pixel / taps as f64);
                        }
                    }
                }
            }
        }
        to.extend(sums);
    }
    to
}
