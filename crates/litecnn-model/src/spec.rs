use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Shape of one image, `[channels, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputShape {
    /// 1 for grey, 3 for colour.
    pub channels: i64,
    /// Pixels.
    pub height: i64,
    /// Pixels.
    pub width: i64,
}

/// Architecture of one branch (Isong 2025, "Dual-input-output model"): for every entry of `filters` a 3x3
/// convolution without padding and a 2x2 max-pooling, then a head with one output a class.
///
/// ```
/// use litecnn_model::BranchSpec;
///
/// let mnist = BranchSpec::paper(1, 28, 28, 10);
/// assert_eq!((mnist.features(), mnist.parameters()), (500, 6_930));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchSpec {
    /// What the branch looks at.
    pub input: InputShape,
    /// Filters of each convolution, first to last.
    pub filters: Vec<i64>,
    /// Number of classes.
    pub classes: i64,
}

/// Side of every convolution's kernel.
pub(crate) const KERNEL: i64 = 3;
/// Side and stride of every pooling window.
pub(crate) const POOL: i64 = 2;

/// Most channels, pixels a side and classes: far above what can be trained, far below what overflows a product.
const LARGEST: i64 = 1 << 15;

impl BranchSpec {
    /// The paper's branch (10 and 20 filters) for a given image shape and number of classes.
    pub fn paper(channels: i64, height: i64, width: i64, classes: i64) -> Self {
        Self { input: InputShape { channels, height, width }, filters: vec![10, 20], classes }
    }

    /// Whether such a branch can exist.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] saying which number is impossible and why.
    pub fn validate(&self) -> Result<(), ModelError> {
        let fail = |reason: String| Err(ModelError::Architecture(reason));
        let InputShape { channels, height, width } = self.input;
        if [channels, height, width].iter().any(|n| !(1..=LARGEST).contains(n)) {
            return fail(format!(
                "an image of {channels} channels, {height}x{width} pixels; each at least 1, at most {LARGEST}"
            ));
        }
        if !(2..=LARGEST).contains(&self.classes) {
            return fail(format!("{} classes; a classifier needs at least 2, at most {LARGEST}", self.classes));
        }
        if self.filters.is_empty() {
            return fail("no convolutions; give at least one number of filters".into());
        }
        let (mut h, mut w) = (height, width);
        for (i, &filters) in self.filters.iter().enumerate() {
            if !(1..=4096).contains(&filters) {
                return fail(format!("convolution {} with {filters} filters; 1 to 4096 are possible", i + 1));
            }
            (h, w) = ((h - KERNEL + 1) / POOL, (w - KERNEL + 1) / POOL);
            if h < 1 || w < 1 {
                return fail(format!(
                    "an image of {height}x{width} pixels is too small for {} convolutions with pooling",
                    self.filters.len()
                ));
            }
        }
        Ok(())
    }

    /// Output of the last pooling, `[channels, height, width]`.
    pub fn feature_shape(&self) -> [i64; 3] {
        let mut shape = [self.input.channels, self.input.height, self.input.width];
        for &filters in &self.filters {
            shape = [filters, (shape[1] - KERNEL + 1) / POOL, (shape[2] - KERNEL + 1) / POOL];
        }
        shape
    }

    /// Number of values the head sees.
    pub fn features(&self) -> i64 {
        self.feature_shape().iter().product()
    }

    /// Trainable parameters of the branch, the same before and after surgery.
    pub fn parameters(&self) -> i64 {
        self.weights(HeadKind::Dense).iter().map(|(_, shape)| shape.iter().product::<i64>()).sum()
    }

    /// Names and shapes of the weights, in order.
    pub fn weights(&self, head: HeadKind) -> Vec<(String, Vec<i64>)> {
        let mut weights = Vec::new();
        let mut channels = self.input.channels;
        for (i, &filters) in self.filters.iter().enumerate() {
            weights.push((format!("conv{}.weight", i + 1), vec![filters, channels, KERNEL, KERNEL]));
            weights.push((format!("conv{}.bias", i + 1), vec![filters]));
            channels = filters;
        }
        let mut kernel = vec![self.classes, self.features()];
        if head == HeadKind::Conv1x1 {
            kernel.extend([1, 1]);
        }
        weights.push(("head.weight".into(), kernel));
        weights.push(("head.bias".into(), vec![self.classes]));
        weights
    }
}

/// What turns a branch's features into one number a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKind {
    /// A dense layer, `[classes, features]`: the branch as it is trained in stage one.
    Dense,
    /// A 1x1 convolution on the features seen as a 1x1 image, `[classes, features, 1, 1]`: after surgery.
    Conv1x1,
}

/// What follows a branch's 1x1 convolution in the unified model. The paper names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadActivation {
    /// The logits go on as they are.
    #[default]
    None,
    /// Negative logits become zero.
    Relu,
}

/// Architecture of the unified model (Isong 2025, "Surgery"): two branches with 1x1 convolutions as heads, their
/// outputs joined, a hidden dense layer with ReLU and dropout, and a dense output layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnifiedSpec {
    /// Both branches are alike.
    pub branch: BranchSpec,
    /// Units of the hidden dense layer.
    pub hidden: i64,
    /// Fraction of hidden units dropped in training, in `[0, 1)`.
    pub dropout: f64,
    /// What follows the branches' heads.
    #[serde(default)]
    pub head_activation: HeadActivation,
}

impl UnifiedSpec {
    /// The paper's joined model on a given branch: 32 hidden units, dropout 0.5.
    pub fn paper(branch: BranchSpec) -> Self {
        Self { branch, hidden: 32, dropout: 0.5, head_activation: HeadActivation::None }
    }

    /// Whether such a model can exist.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] saying which number is impossible and why.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.branch.validate()?;
        if !(1..=1 << 16).contains(&self.hidden) {
            return Err(ModelError::Architecture(format!("a hidden layer of {} units", self.hidden)));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ModelError::Architecture(format!("dropout of {}; at least 0, below 1", self.dropout)));
        }
        Ok(())
    }

    /// Number of values the branches hand to the dense layers.
    pub fn joined(&self) -> i64 {
        2 * self.branch.classes
    }

    /// Trainable parameters.
    pub fn parameters(&self) -> i64 {
        let dense: i64 = self.dense_weights().iter().map(|(_, shape)| shape.iter().product::<i64>()).sum();
        2 * self.branch.parameters() + dense
    }

    /// Names and shapes of the weights of the two dense layers, in order.
    pub fn dense_weights(&self) -> Vec<(String, Vec<i64>)> {
        vec![
            ("hidden.weight".into(), vec![self.hidden, self.joined()]),
            ("hidden.bias".into(), vec![self.hidden]),
            ("output.weight".into(), vec![self.branch.classes, self.hidden]),
            ("output.bias".into(), vec![self.branch.classes]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_counts() {
        for (channels, side, features, branch, unified) in [(1, 28, 500, 6_930, 14_862), (3, 32, 720, 9_310, 19_622)] {
            let spec = BranchSpec::paper(channels, side, side, 10);
            spec.validate().unwrap();
            assert_eq!((spec.features(), spec.parameters()), (features, branch));
            let joined = UnifiedSpec::paper(spec);
            joined.validate().unwrap();
            assert_eq!(joined.parameters(), unified);
        }
    }

    #[test]
    fn impossible_architectures_say_why() {
        let good = BranchSpec::paper(1, 28, 28, 10);
        let message = |change: fn(&mut BranchSpec)| {
            let mut spec = good.clone();
            change(&mut spec);
            spec.validate().unwrap_err().to_string()
        };
        assert!(message(|s| s.input.height = 9).contains("9x28 pixels is too small for 2"));
        assert!(message(|s| s.filters = vec![]).contains("no convolutions"));
        assert!(message(|s| s.filters[1] = 0).contains("convolution 2 with 0 filters"));
        assert!(message(|s| s.classes = 1).contains("1 classes"));
        assert!(message(|s| s.input.channels = 0).contains("0 channels"));
        let mut unified = UnifiedSpec::paper(good);
        unified.dropout = 1.0;
        assert!(unified.validate().unwrap_err().to_string().contains("dropout of 1"));
        unified.dropout = f64::NAN;
        assert!(unified.validate().is_err());
    }
}
