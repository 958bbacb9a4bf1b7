use litecnn_pictures::PictureForm;

use crate::HeadActivation;
use crate::card::{Architecture, BranchSpec, Card};

/// Side of every convolution's kernel; there is no padding.
pub(crate) const KERNEL: usize = 3;
/// Side and stride of every pooling window.
pub(crate) const POOL: usize = 2;
/// What a pixel's byte is divided by before the model sees it.
pub(crate) const PIXEL_SCALE: f32 = 255.0;

/// A trained classifier: one branch, or two branches on one image joined by dense layers.
///
/// Made only by [`TrainedModel::read`] and [`TrainedModel::from_bytes`], so every vector has the length its
/// architecture gives it and every weight is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    pub(crate) card: Card,
    pub(crate) branches: Vec<BranchWeights>,
    pub(crate) joint: Option<JointWeights>,
}

/// Weights of one branch: convolutions, each followed by 2x2 pooling (maximum) and ReLU, then a head.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchWeights {
    /// First to last.
    pub convolutions: Vec<Convolution>,
    /// One output a class; its inputs are the last pooled map flattened in the order height, width, channel. The same
    /// layer whether the file has it as a dense layer or as a 1x1 convolution.
    pub head: Dense,
}

/// A 3x3 convolution without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Channels of its input.
    pub channels: usize,
    /// `[filters, channels, 3, 3]`, the last index fastest.
    pub weight: Vec<f32>,
    /// `[filters]`.
    pub bias: Vec<f32>,
}

/// A dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Number of values it sees.
    pub inputs: usize,
    /// `[outputs, inputs]`, the last index fastest.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// The dense layers that join two branches.
#[derive(Debug, Clone, PartialEq)]
pub struct JointWeights {
    /// What follows the branches' heads.
    pub head_activation: HeadActivation,
    /// Of the branches' outputs, first branch first; ReLU follows.
    pub hidden: Dense,
    /// One output a class.
    pub output: Dense,
}

impl TrainedModel {
    /// Shape of one image, `[channels, height, width]`.
    pub fn input(&self) -> [usize; 3] {
        let input = &self.spec().input;
        [input.channels, input.height, input.width]
    }

    /// Filters of each convolution of a branch, first to last.
    pub fn filters(&self) -> &[usize] {
        &self.spec().filters
    }

    /// Class names, by class.
    pub fn classes(&self) -> &[String] {
        &self.card.classes
    }

    /// One branch, or the two of a unified model; they are alike in everything but their values.
    pub fn branches(&self) -> &[BranchWeights] {
        &self.branches
    }

    /// What joins two branches; nothing if there is one.
    pub fn joint(&self) -> Option<&JointWeights> {
        self.joint.as_ref()
    }

    /// What a pixel's byte is divided by before the model sees it: 255.
    pub fn pixel_scale(&self) -> f32 {
        PIXEL_SCALE
    }

    /// The data set it was trained on.
    pub fn dataset(&self) -> &str {
        &self.card.dataset
    }

    /// What pictures were made into the images it was trained on, if its file tells.
    pub fn pictures(&self) -> Option<PictureForm> {
        self.card.pictures
    }

    /// SHA-256 of the recipe it was trained by, or empty.
    pub fn recipe(&self) -> &str {
        &self.card.recipe
    }

    /// The step that wrote its file, such as `stage-1`.
    pub fn step(&self) -> &str {
        &self.card.step
    }

    /// Number of trained values.
    pub fn parameters(&self) -> usize {
        let dense = |layer: &Dense| layer.weight.len() + layer.bias.len();
        let convolution = |layer: &Convolution| layer.weight.len() + layer.bias.len();
        let branch = |b: &BranchWeights| b.convolutions.iter().map(convolution).sum::<usize>() + dense(&b.head);
        let joint = self.joint.as_ref().map_or(0, |joint| dense(&joint.hidden) + dense(&joint.output));
        self.branches.iter().map(branch).sum::<usize>() + joint
    }

    /// Shapes `[channels, height, width]` of the image and of what follows each pooling.
    pub(crate) fn shapes(&self) -> Vec<[usize; 3]> {
        self.spec().shapes()
    }

    pub(crate) fn spec(&self) -> &BranchSpec {
        match &self.card.architecture {
            Architecture::Branch { spec, .. } => spec,
            Architecture::Unified { spec } => &spec.branch,
        }
    }
}

impl Dense {
    /// `[inputs, outputs]`: the weights of one input beside each other.
    pub(crate) fn by_input(&self) -> Vec<f32> {
        let inputs = 0..self.inputs;
        inputs.flat_map(|i| self.weight.iter().skip(i).step_by(self.inputs).copied()).collect()
    }
}
