use std::collections::HashMap;
use std::path::Path;

use litecnn_pictures::PictureForm;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{Branch, BranchSpec, HeadKind, ModelError, UnifiedModel, UnifiedSpec, read_tensors, write_tensors};

/// What a weight file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Always [`Card::FORMAT`].
    pub format: String,
    /// What the weights belong to.
    pub architecture: Architecture,
    /// Order in which features were flattened before the head: always `height,width,channel`.
    pub flatten: String,
    /// Class names, first to last.
    pub classes: Vec<String>,
    /// The data set the model was trained on.
    pub dataset: String,
    /// SHA-256 of the recipe, or empty.
    pub recipe: String,
    /// The step that wrote the file, such as `stage-1`.
    pub step: String,
    /// What pictures were made into the images that the model was trained on; none if they were images already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<PictureForm>,
}

/// What kind of model a weight file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Architecture {
    /// One branch.
    Branch {
        /// Its architecture.
        spec: BranchSpec,
        /// The kind of its head.
        head: HeadKind,
    },
    /// The unified model.
    Unified {
        /// Its architecture.
        spec: UnifiedSpec,
    },
}

impl Card {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-weights/1";

    /// A card for a model of `classes`; data set, recipe and step are filled in by the trainer.
    pub fn new(architecture: Architecture, classes: &[String]) -> Self {
        Self {
            format: Self::FORMAT.into(),
            architecture,
            flatten: "height,width,channel".into(),
            classes: classes.to_vec(),
            dataset: String::new(),
            recipe: String::new(),
            step: String::new(),
            pictures: None,
        }
    }
}

/// Any model a weight file can hold.
#[expect(clippy::large_enum_variant, reason = "a handful of them exist at once")]
#[derive(Debug)]
pub enum Model {
    /// One branch.
    Branch(Branch),
    /// The unified model.
    Unified(UnifiedModel),
}

impl Model {
    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` with values in `[0, 1]`.
    ///
    /// # Errors
    /// [`ModelError::Torch`] if the images have another shape or device than the model.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        match self {
            Self::Branch(branch) => branch.forward(images),
            Self::Unified(unified) => unified.forward(images),
        }
    }

    /// Names and weights, in order.
    pub fn named(&self) -> Vec<(String, &Tensor)> {
        match self {
            Self::Branch(branch) => branch.params().named().map(|(name, t)| (name.to_owned(), t)).collect(),
            Self::Unified(unified) => unified.named(),
        }
    }

    /// Number of parameters.
    pub fn parameters(&self) -> i64 {
        self.named().iter().map(|(_, t)| t.numel() as i64).sum()
    }

    /// Writes the weights as safetensors, whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::Run`] if the file cannot be written.
    pub fn save(&self, path: &Path, card: &Card) -> Result<(), ModelError> {
        write_tensors(path, card, &self.named())
    }

    /// Reads a weight file onto a device.
    ///
    /// # Errors
    /// [`ModelError::Run`] if it cannot be read; [`ModelError::File`] if it is damaged, foreign or of another
    /// version, or its weights are not those of the architecture it names.
    pub fn load(path: &Path, device: Device) -> Result<(Self, Card), ModelError> {
        let (card, mut tensors): (Card, _) = read_tensors(path)?;
        let unusable = |reason: String| ModelError::File { path: path.to_owned(), reason };
        if card.format != Card::FORMAT {
            return Err(unusable(format!("its format is `{}`, this version reads `{}`", card.format, Card::FORMAT)));
        }
        expect(&tensors, &card.architecture).map_err(|e| unusable(e.to_string()))?;
        let (model, classes) = match &card.architecture {
            Architecture::Branch { spec, head } => {
                let mut branch = Branch::zeros(spec, *head, device)?;
                fill(&mut tensors, "", &spec.weights(*head), |name, t| branch.params_mut().set(name, t))?;
                (Self::Branch(branch), spec.classes)
            }
            Architecture::Unified { spec } => {
                let mut unified = UnifiedModel::zeros(spec, device)?;
                for (i, branch) in unified.branches.iter_mut().enumerate() {
                    let weights = spec.branch.weights(HeadKind::Conv1x1);
                    let prefix = format!("branch-{}.", i + 1);
                    fill(&mut tensors, &prefix, &weights, |name, t| branch.params_mut().set(name, t))?;
                }
                fill(&mut tensors, "", &spec.dense_weights(), |name, t| unified.joint.params_mut().set(name, t))?;
                (Self::Unified(unified), spec.branch.classes)
            }
        };
        if let Some(layer) = tensors.into_keys().min() {
            return Err(unusable(ModelError::Surplus { layer }.to_string()));
        }
        if card.classes.len() as i64 != classes {
            return Err(unusable(format!("it names {} classes for {classes} outputs", card.classes.len())));
        }
        Ok((model, card))
    }
}

/// Compares names and shapes with those of an architecture before any model is made: one of any size is described in a
/// few bytes.
fn expect(tensors: &HashMap<String, Tensor>, architecture: &Architecture) -> Result<(), ModelError> {
    let mut wanted = Vec::new();
    match architecture {
        Architecture::Branch { spec, head } => {
            spec.validate()?;
            wanted.extend(spec.weights(*head));
        }
        Architecture::Unified { spec } => {
            spec.validate()?;
            for branch in ["branch-1.", "branch-2."] {
                let weights = spec.branch.weights(HeadKind::Conv1x1);
                wanted.extend(weights.into_iter().map(|(name, shape)| (format!("{branch}{name}"), shape)));
            }
            wanted.extend(spec.dense_weights());
        }
    }
    for (layer, expected) in wanted {
        let Some(tensor) = tensors.get(&layer) else { return Err(missing(layer, tensors)) };
        let found = tensor.size();
        if found != expected {
            return Err(ModelError::Shape { layer, expected, found });
        }
    }
    Ok(())
}

fn missing(layer: String, tensors: &HashMap<String, Tensor>) -> ModelError {
    let mut found: Vec<String> = tensors.keys().cloned().collect();
    found.sort();
    ModelError::Missing { layer, found }
}

/// Takes the named weights out of `tensors` and hands each to `set`.
fn fill(
    tensors: &mut HashMap<String, Tensor>,
    prefix: &str,
    weights: &[(String, Vec<i64>)],
    mut set: impl FnMut(&str, &Tensor) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    for (name, _) in weights {
        let full = format!("{prefix}{name}");
        let Some(tensor) = tensors.remove(&full) else { return Err(missing(full, tensors)) };
        set(name, &tensor)?;
    }
    Ok(())
}
