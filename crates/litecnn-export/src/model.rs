use litecnn_pictures::PictureForm;

use crate::card::pooled;
use crate::{ExportError, Folded, HeadActivation};

/// Side of every convolution's kernel; there is no padding.
pub(crate) const KERNEL: usize = 3;
/// Side and stride of every pooling window.
pub(crate) const POOL: usize = 2;
/// What a pixel's byte is divided by before the model sees it.
pub(crate) const PIXEL_SCALE: f32 = 255.0;

/// A trained classifier: one branch, two branches on one image joined by dense layers, or a folded network.
///
/// Made only by [`TrainedModel::read`], [`TrainedModel::from_bytes`] and [`TrainedModel::from_folded`], so every vector has
/// the length its architecture gives it and every weight is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    pub(crate) about: About,
    /// `[channels, height, width]`
    pub(crate) input: [usize; 3],
    /// Of a branch.
    pub(crate) filters: Vec<usize>,
    /// None of a folded network.
    pub(crate) branches: Vec<BranchWeights>,
    pub(crate) joint: Option<JointWeights>,
    pub(crate) folded: Option<Folded>,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct About {
    pub(crate) classes: Vec<String>,
    pub(crate) dataset: String,
    pub(crate) recipe: String,
    pub(crate) step: String,
    pub(crate) pictures: Option<PictureForm>,
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
    /// A folded network as a model.
    ///
    /// # Errors
    /// [`ExportError::Compact`] if `litecnn-runtime` could not run it.
    pub fn from_folded(folded: Folded) -> Result<Self, ExportError> {
        folded.architecture()?;
        Ok(Self::of_checked(folded))
    }

    pub(crate) fn of_checked(folded: Folded) -> Self {
        let about = About {
            classes: folded.classes.clone(),
            dataset: folded.dataset.clone(),
            recipe: folded.recipe.clone(),
            step: folded.step.clone(),
            pictures: folded.pictures,
        };
        let input = folded.network.input;
        Self { about, input, filters: vec![], branches: vec![], joint: None, folded: Some(folded) }
    }

    /// Shape of one image, `[channels, height, width]`.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// Filters of each convolution of a branch, first to last; none of a folded network.
    pub fn filters(&self) -> &[usize] {
        &self.filters
    }

    /// The operations and weights of a folded network; nothing if there are branches.
    pub fn folded(&self) -> Option<&Folded> {
        self.folded.as_ref()
    }

    /// Class names, by class.
    pub fn classes(&self) -> &[String] {
        &self.about.classes
    }

    /// One branch, or the two of a unified model; they are alike in everything but their values. None
    /// of a folded network.
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
        &self.about.dataset
    }

    /// What pictures were made into the images it was trained on, if its file tells.
    pub fn pictures(&self) -> Option<PictureForm> {
        self.about.pictures
    }

    /// SHA-256 of the recipe it was trained by, or empty.
    pub fn recipe(&self) -> &str {
        &self.about.recipe
    }

    /// The step that wrote its file, such as `stage-1`.
    pub fn step(&self) -> &str {
        &self.about.step
    }

    /// Number of weights; see [`Folded::unfolded`] for those of a folded network before.
    pub fn parameters(&self) -> usize {
        if let Some(folded) = &self.folded {
            return folded.weights.len();
        }
        let dense = |layer: &Dense| layer.weight.len() + layer.bias.len();
        let convolution = |layer: &Convolution| layer.weight.len() + layer.bias.len();
        let branch = |b: &BranchWeights| b.convolutions.iter().map(convolution).sum::<usize>() + dense(&b.head);
        let joint = self.joint.as_ref().map_or(0, |joint| dense(&joint.hidden) + dense(&joint.output));
        self.branches.iter().map(branch).sum::<usize>() + joint
    }

    /// What it is in words.
    pub(crate) fn kind(&self) -> String {
        match (&self.folded, &self.joint) {
            (Some(folded), _) => format!("a network of {} operations", folded.network.operations.len()),
            (None, Some(_)) => "two branches joined by dense layers".into(),
            (None, None) => "one branch".into(),
        }
    }

    /// Shapes `[channels, height, width]` of the image and of what follows each pooling of a branch.
    pub(crate) fn shapes(&self) -> Vec<[usize; 3]> {
        let mut shapes = vec![self.input];
        let [_, mut height, mut width] = self.input;
        for &filters in &self.filters {
            (height, width) = (pooled(height), pooled(width));
            shapes.push([filters, height, width]);
        }
        shapes
    }
}

impl Dense {
    /// `[inputs, outputs]`: the weights of one input beside each other.
    pub(crate) fn by_input(&self) -> Vec<f32> {
        let inputs = 0..self.inputs;
        inputs.flat_map(|i| self.weight.iter().skip(i).step_by(self.inputs).copied()).collect()
    }
}
