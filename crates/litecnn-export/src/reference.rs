use crate::model::{KERNEL, POOL};
use crate::{BranchWeights, Convolution, Dense, ExportError, HeadActivation, TrainedModel};

impl TrainedModel {
    /// Logits, one a class, of an image `[channels, height, width]` with values in `[0, 1]`: plain loops in double
    /// precision, what every artefact is held to.
    ///
    /// # Errors
    /// [`ExportError::Image`] if the image has another number of values than the model's input.
    pub fn forward_f64(&self, image: &[f32]) -> Result<Vec<f64>, ExportError> {
        let expected = self.input().iter().product();
        if image.len() != expected {
            return Err(ExportError::Image { expected, found: image.len() });
        }
        let image: Vec<f64> = image.iter().copied().map(f64::from).collect();
        Ok(self.forward(&image, &mut |_, _| {}))
    }

    /// Logits of an image of the right size. `seen` is shown what each layer hands to the next: for each branch the maps
    /// after pooling, then for a unified model the branches' outputs as the hidden layer sees them, and its own; of a folded
    /// network what each operation but the last one gives, if it adds something without that first; with each the number of
    /// channels, which lie one after the other.
    pub(crate) fn forward(&self, image: &[f64], seen: &mut dyn FnMut(&[f64], usize)) -> Vec<f64> {
        if let Some(folded) = &self.folded {
            return folded.forward(image, seen);
        }
        let shapes = self.shapes();
        let mut joined: Vec<f64> = self.branches.iter().flat_map(|b| branch(b, &shapes, image, seen)).collect();
        let Some(joint) = &self.joint else { return joined };
        if joint.head_activation == HeadActivation::Relu {
            relu(&mut joined);
        }
        seen(&joined, joined.len());
        let mut hidden = dense(&joint.hidden, &joined);
        relu(&mut hidden);
        seen(&hidden, hidden.len());
        dense(&joint.output, &hidden)
    }
}

fn branch(
    branch: &BranchWeights,
    shapes: &[[usize; 3]],
    image: &[f64],
    seen: &mut dyn FnMut(&[f64], usize),
) -> Vec<f64> {
    let mut map = image.to_vec();
    for (layer, shapes) in branch.convolutions.iter().zip(shapes.windows(2)) {
        map = convolved(layer, &map, shapes[0], shapes[1]);
        seen(&map, shapes[1][0]);
    }
    let [channels, height, width] = shapes[shapes.len() - 1];
    let pixels = height * width;
    let features: Vec<f64> = (0..pixels * channels).map(|i| map[i % channels * pixels + i / channels]).collect();
    dense(&branch.head, &features)
}

/// Convolution, pooling and ReLU of a map of shape `from`, `[channels, height, width]`, to one of shape `to`.
fn convolved(layer: &Convolution, map: &[f64], from: [usize; 3], to: [usize; 3]) -> Vec<f64> {
    let [channels, height, width] = from;
    let at = |filter: usize, y: usize, x: usize| {
        let mut sum = f64::from(layer.bias[filter]);
        for c in 0..channels {
            for dy in 0..KERNEL {
                for dx in 0..KERNEL {
                    let weight = layer.weight[((filter * channels + c) * KERNEL + dy) * KERNEL + dx];
                    sum += f64::from(weight) * map[(c * height + y + dy) * width + x + dx];
                }
            }
        }
        sum
    };
    let mut out = Vec::with_capacity(to.iter().product());
    for filter in 0..to[0] {
        for y in 0..to[1] {
            for x in 0..to[2] {
                let window = (0..POOL * POOL).map(|i| at(filter, y * POOL + i / POOL, x * POOL + i % POOL));
                out.push(window.fold(0.0, f64::max));
            }
        }
    }
    out
}

fn dense(layer: &Dense, values: &[f64]) -> Vec<f64> {
    let rows = layer.weight.chunks_exact(layer.inputs);
    let dot = |row: &[f32]| row.iter().zip(values).map(|(&w, v)| f64::from(w) * v).sum::<f64>();
    rows.zip(&layer.bias).map(|(row, &bias)| dot(row) + f64::from(bias)).collect()
}

fn relu(values: &mut [f64]) {
    for v in values {
        *v = v.max(0.0);
    }
}
