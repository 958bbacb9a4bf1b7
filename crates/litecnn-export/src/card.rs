//! What a weight file says of itself: `litecnn_model::Card`, read without libtorch.

use litecnn_pictures::PictureForm;
use serde::{Deserialize, Serialize};

use crate::model::{KERNEL, POOL};

/// The version of the format that is read.
pub(crate) const FORMAT: &str = "litecnn-weights/1";
/// The only order of a head's inputs that there is.
const FLATTEN: &str = "height,width,channel";
/// Far above what a CPU trains, far below what overflows a product of three.
const LARGEST: usize = 1 << 15;

/// Read on its own before the rest, so that a file of another version is named as such.
#[derive(Deserialize)]
pub(crate) struct Version {
    pub(crate) format: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    #[serde(rename = "format")]
    _format: String,
    pub(crate) architecture: Architecture,
    flatten: String,
    pub(crate) classes: Vec<String>,
    pub(crate) dataset: String,
    pub(crate) recipe: String,
    pub(crate) step: String,
    #[serde(default)]
    pub(crate) pictures: Option<PictureForm>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Architecture {
    Branch { spec: BranchSpec, head: HeadKind },
    Unified { spec: UnifiedSpec },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BranchSpec {
    pub(crate) input: InputShape,
    pub(crate) filters: Vec<usize>,
    pub(crate) classes: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputShape {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HeadKind {
    Dense,
    Conv1x1,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnifiedSpec {
    pub(crate) branch: BranchSpec,
    pub(crate) hidden: usize,
    /// Matters in training only.
    #[serde(rename = "dropout")]
    _dropout: f64,
    #[serde(default)]
    pub(crate) head_activation: HeadActivation,
}

/// What follows a branch's head in the unified model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadActivation {
    /// The logits go on as they are.
    #[default]
    None,
    /// Negative logits become zero.
    Relu,
}

impl Card {
    /// What is impossible about it, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.flatten != FLATTEN {
            return Some(format!("its features are flattened as `{}`, not `{FLATTEN}`", self.flatten));
        }
        let spec = match &self.architecture {
            Architecture::Branch { spec, .. } => spec,
            Architecture::Unified { spec } if !(1..=LARGEST).contains(&spec.hidden) => {
                return Some(format!("a hidden layer of {} units", spec.hidden));
            }
            Architecture::Unified { spec } => &spec.branch,
        };
        if self.classes.len() != spec.classes {
            return Some(format!("it names {} classes for {} outputs", self.classes.len(), spec.classes));
        }
        if let Some(PictureForm { channels, height, width, .. }) = self.pictures
            && spec.input != (InputShape { channels, height, width })
        {
            return Some(format!("pictures are made into {channels}x{height}x{width}, which the model does not see"));
        }
        spec.fault()
    }
}

impl BranchSpec {
    fn fault(&self) -> Option<String> {
        let InputShape { channels, height, width } = self.input;
        if [channels, height, width].iter().any(|n| !(1..=LARGEST).contains(n)) {
            return Some(format!("an image of {channels} channels, {height}x{width} pixels"));
        }
        if !(2..=LARGEST).contains(&self.classes) {
            return Some(format!("{} classes", self.classes));
        }
        if self.filters.is_empty() || self.filters.iter().any(|f| !(1..=4096).contains(f)) {
            return Some(format!("convolutions with {:?} filters", self.filters));
        }
        let (mut h, mut w) = (height, width);
        for _ in &self.filters {
            if h.min(w) < KERNEL - 1 + POOL {
                let convolutions = self.filters.len();
                return Some(format!(
                    "an image of {height}x{width} pixels for {convolutions} convolutions with pooling"
                ));
            }
            (h, w) = (pooled(h), pooled(w));
        }
        None
    }

    /// Number of values the head sees.
    pub(crate) fn features(&self) -> usize {
        let sides = [self.input.height, self.input.width];
        let [height, width] = sides.map(|side| self.filters.iter().fold(side, |side, _| pooled(side)));
        self.filters.last().unwrap_or(&self.input.channels) * height * width
    }
}

/// What a convolution and its pooling leave of a side; an odd last row or column is dropped.
pub(crate) fn pooled(side: usize) -> usize {
    (side - (KERNEL - 1)) / POOL
}
