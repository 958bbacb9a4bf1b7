use crate::dense;
use crate::simd::{LANES, Level};

/// Two dense layers with ReLU and dropout between them: what joins the branches.
#[derive(Debug)]
pub struct JointKernel {
    level: Level,
    inputs: usize,
    hidden: usize,
    classes: usize,
    /// `[hidden][input]`, `[hidden]`, `[class][hidden]`, `[class]`
    weights: Vec<f32>,
    sums: Vec<f32>,
    /// Of the last forward pass: hidden units before and after dropout, and the logits.
    active: Vec<f32>,
    kept: Vec<f32>,
    logits: Vec<f32>,
    by_hidden: Vec<f32>,
}

impl JointKernel {
    /// Layers of zeros.
    ///
    /// # Panics
    /// If a number is zero.
    pub fn new(inputs: usize, hidden: usize, classes: usize, level: Level) -> Self {
        assert!(inputs > 0 && hidden > 0 && classes > 0, "a layer of nothing");
        let parameters = hidden * (inputs + 1) + classes * (hidden + 1);
        Self {
            level,
            inputs,
            hidden,
            classes,
            weights: vec![0.0; parameters],
            sums: vec![0.0; parameters * LANES],
            active: vec![0.0; hidden * LANES],
            kept: vec![0.0; hidden * LANES],
            logits: vec![0.0; classes * LANES],
            by_hidden: vec![0.0; hidden * LANES],
        }
    }

    /// Takes over weights, `[parameters]`: hidden kernel and bias, output kernel and bias.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn set_weights(&mut self, weights: &[f32]) {
        self.weights.copy_from_slice(weights);
    }

    /// Logits `[class][16]` of the branches' outputs, `[input][16]`. `dropout` is the factor of every hidden unit,
    /// `[hidden][16]`; none drops nothing.
    ///
    /// # Panics
    /// If a shape does not fit.
    pub fn forward(&mut self, joined: &[f32], dropout: Option<&[f32]>) -> &[f32] {
        let (hidden, output) = self.weights.split_at(self.hidden * (self.inputs + 1));
        let (kernel, bias) = hidden.split_at(self.hidden * self.inputs);
        dense::forward(self.level, kernel, bias, joined, &mut self.active);
        for x in &mut self.active {
            *x = if 0.0 > *x { 0.0 } else { *x };
        }
        self.kept.copy_from_slice(&self.active);
        if let Some(factors) = dropout {
            assert_eq!(factors.len(), self.kept.len(), "dropout factors of another shape");
            for (x, factor) in self.kept.iter_mut().zip(factors) {
                *x *= factor;
            }
        }
        let (kernel, bias) = output.split_at(self.classes * self.hidden);
        dense::forward(self.level, kernel, bias, &self.kept, &mut self.logits);
        &self.logits
    }

    /// Adds to the sums of the weights' gradients what the last forward pass's images say, and writes the gradients
    /// of the branches' outputs to `by_joined` `[input][16]`. `by_logits` `[class][16]` must be zero for lanes without
    /// an image.
    ///
    /// # Panics
    /// If a shape does not fit.
    pub fn backward(&mut self, joined: &[f32], dropout: Option<&[f32]>, by_logits: &[f32], by_joined: &mut [f32]) {
        let (hidden, output) = self.weights.split_at(self.hidden * (self.inputs + 1));
        let (hidden_sums, output_sums) = self.sums.split_at_mut(self.hidden * (self.inputs + 1) * LANES);
        let (kernel_sums, bias_sums) = output_sums.split_at_mut(self.classes * self.hidden * LANES);
        dense::weight_gradients(self.level, &self.kept, by_logits, kernel_sums);
        dense::bias_gradients(by_logits, bias_sums);
        dense::input_gradients(self.level, &output[..self.classes * self.hidden], by_logits, &mut self.by_hidden);
        for (i, g) in self.by_hidden.iter_mut().enumerate() {
            let factor = dropout.map_or(1.0, |factors| factors[i]);
            *g = if self.active[i] > 0.0 { *g * factor } else { 0.0 };
        }
        let (kernel_sums, bias_sums) = hidden_sums.split_at_mut(self.hidden * self.inputs * LANES);
        dense::weight_gradients(self.level, joined, &self.by_hidden, kernel_sums);
        dense::bias_gradients(&self.by_hidden, bias_sums);
        dense::input_gradients(self.level, &hidden[..self.hidden * self.inputs], &self.by_hidden, by_joined);
    }

    /// Writes the gradients summed since the last call to `gradient`, `[parameters]`, and starts from zero again.
    ///
    /// # Panics
    /// If there is not room for as many.
    pub fn take_gradient(&mut self, gradient: &mut [f32]) {
        assert_eq!(gradient.len(), self.weights.len(), "gradients of another shape");
        gradient.fill(0.0);
        dense::reduce(&mut self.sums, gradient);
    }
}
