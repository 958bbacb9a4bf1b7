use crate::conv::{self, Choice, Conv};
use crate::dense;
use crate::shape::BranchShape;
use crate::simd::{LANES, Level};

/// A branch's weights, arranged for the kernels, and the sums of their gradients.
#[derive(Debug)]
pub struct BranchKernel {
    level: Level,
    shape: BranchShape,
    convolutions: Vec<Layer>,
    head: Vec<f32>,
    head_bias: Vec<f32>,
    head_sums: Vec<f32>,
    head_bias_sums: Vec<f32>,
}

#[derive(Debug)]
struct Layer {
    conv: Conv,
    forward: Vec<f32>,
    biases: Vec<f32>,
    /// Empty for the first convolution: nobody asks for the images' gradients.
    backward: Vec<f32>,
    weight_sums: Vec<f32>,
    bias_sums: Vec<f32>,
}

/// What is computed for 16 images: on the way forward the pooled outputs and logits, on the way back the gradients.
#[derive(Debug)]
pub struct Activations {
    shape: BranchShape,
    /// Pooled outputs of each convolution, `[pooled height][pooled width][filter][16]`.
    outputs: Vec<Vec<f32>>,
    choices: Vec<Vec<Choice>>,
    logits: Vec<f32>,
}

impl Activations {
    /// Logits `[class][16]`.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }
}

/// Room for the way back, used for one group of 16 images after the other.
#[derive(Debug)]
pub struct Workspace {
    shape: BranchShape,
    /// Gradients of each convolution's pooled output.
    by_output: Vec<Vec<f32>>,
    spread: Vec<Vec<f32>>,
}

impl BranchKernel {
    /// A branch of zeros; none if no such branch is possible.
    pub fn new(shape: &BranchShape, level: Level) -> Option<Self> {
        if !shape.is_possible() {
            return None;
        }
        let layer = |(i, conv): (usize, Conv)| {
            let (weights, mut layer) = (vec![0.0; conv.weights()], Layer::zeros(conv));
            layer.pack(&weights, &vec![0.0; conv.filters], i > 0);
            layer
        };
        let head = shape.features() * shape.classes;
        Some(Self {
            level,
            shape: shape.clone(),
            convolutions: shape.convolutions().into_iter().enumerate().map(layer).collect(),
            head: vec![0.0; head],
            head_bias: vec![0.0; shape.classes],
            head_sums: vec![0.0; head * LANES],
            head_bias_sums: vec![0.0; shape.classes * LANES],
        })
    }

    /// Its shape.
    pub fn shape(&self) -> &BranchShape {
        &self.shape
    }

    /// Takes over weights, `[parameters]` in the order of [`BranchShape::parameters`].
    ///
    /// # Panics
    /// If there are not as many.
    pub fn set_weights(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.shape.parameters(), "weights of another shape");
        let mut rest = weights;
        for (i, layer) in self.convolutions.iter_mut().enumerate() {
            let (kernel, after) = rest.split_at(layer.conv.weights());
            let (bias, after) = after.split_at(layer.conv.filters);
            layer.pack(kernel, bias, i > 0);
            rest = after;
        }
        let (head, bias) = rest.split_at(self.head.len());
        self.head.copy_from_slice(head);
        self.head_bias.copy_from_slice(bias);
    }

    /// Room for what is computed for 16 images; for training also for what the way back needs.
    pub fn activations(&self, training: bool) -> Activations {
        let choices = |conv: &Conv| if training { conv.outputs() } else { 0 };
        Activations {
            shape: self.shape.clone(),
            outputs: self.convolutions.iter().map(|l| vec![0.0; l.conv.outputs() * LANES]).collect(),
            choices: self.convolutions.iter().map(|l| vec![[0; 4]; choices(&l.conv)]).collect(),
            logits: vec![0.0; self.shape.classes * LANES],
        }
    }

    /// Room for the way back.
    pub fn workspace(&self) -> Workspace {
        let spread = |(i, l): (usize, &Layer)| vec![0.0; l.conv.spread(i > 0)];
        Workspace {
            shape: self.shape.clone(),
            by_output: self.convolutions.iter().map(|l| vec![0.0; l.conv.outputs() * LANES]).collect(),
            spread: self.convolutions.iter().enumerate().map(spread).collect(),
        }
    }

    /// Computes the logits of 16 images `[height][width][channel][16]`.
    ///
    /// # Panics
    /// If the images or the activations are of another shape.
    pub fn forward(&self, images: &[f32], activations: &mut Activations) {
        assert_eq!(activations.shape, self.shape, "activations of another branch");
        let mut input = images;
        let rooms = activations.outputs.iter_mut().zip(&mut activations.choices);
        for (layer, (output, choices)) in self.convolutions.iter().zip(rooms) {
            conv::forward(self.level, &layer.conv, input, &layer.forward, &layer.biases, output, choices);
            input = output;
        }
        dense::forward(self.level, &self.head, &self.head_bias, input, &mut activations.logits);
    }

    /// Adds what the 16 images say to the sums of the weights' gradients. `by_logits` `[class][16]` are the loss's
    /// gradients by the logits; zero for lanes without an image.
    ///
    /// # Panics
    /// If a shape does not fit, or the activations are not for training.
    pub fn backward(
        &mut self,
        images: &[f32],
        activations: &Activations,
        by_logits: &[f32],
        workspace: &mut Workspace,
    ) {
        assert!(activations.shape == self.shape && workspace.shape == self.shape, "room of another branch");
        let Workspace { by_output, spread, .. } = workspace;
        let last = self.convolutions.len() - 1;
        let features = &activations.outputs[last];
        dense::weight_gradients(self.level, features, by_logits, &mut self.head_sums);
        dense::bias_gradients(by_logits, &mut self.head_bias_sums);
        dense::input_gradients(self.level, &self.head, by_logits, &mut by_output[last]);
        for i in (0..=last).rev() {
            let Layer { conv, backward, weight_sums, bias_sums, .. } = &mut self.convolutions[i];
            let input = if i == 0 { images } else { &activations.outputs[i - 1] };
            let choices = &activations.choices[i];
            let spread = &mut spread[i];
            conv::weight_gradients(self.level, conv, input, choices, &by_output[i], spread, weight_sums, bias_sums);
            if i > 0 {
                conv::input_gradients(self.level, conv, backward, spread, &mut by_output[i - 1]);
            }
        }
    }

    /// Writes the gradients summed since the last call to `gradient`, `[parameters]`, and starts from zero again.
    ///
    /// # Panics
    /// If there is not room for as many.
    pub fn take_gradient(&mut self, gradient: &mut [f32]) {
        assert_eq!(gradient.len(), self.shape.parameters(), "gradients of another shape");
        gradient.fill(0.0);
        let mut rest = gradient;
        for layer in &mut self.convolutions {
            let (kernel, after) = rest.split_at_mut(layer.conv.weights());
            let (bias, after) = after.split_at_mut(layer.conv.filters);
            layer.conv.reduce(&mut layer.weight_sums, kernel);
            dense::reduce(&mut layer.bias_sums, bias);
            rest = after;
        }
        let (head, bias) = rest.split_at_mut(self.head.len());
        dense::reduce(&mut self.head_sums, head);
        dense::reduce(&mut self.head_bias_sums, bias);
    }
}

impl Layer {
    fn zeros(conv: Conv) -> Self {
        let (forward, biases, backward) = (Vec::new(), Vec::new(), Vec::new());
        let (weight_sums, bias_sums) = (vec![0.0; conv.weight_sums()], vec![0.0; conv.bias_sums()]);
        Self { conv, forward, biases, backward, weight_sums, bias_sums }
    }

    fn pack(&mut self, weights: &[f32], bias: &[f32], backward: bool) {
        self.conv.pack_forward(weights, bias, &mut self.forward, &mut self.biases);
        if backward {
            self.conv.pack_backward(weights, &mut self.backward);
        }
    }
}
