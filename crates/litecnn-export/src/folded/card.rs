//! The weight file of a folded network: a card, and one tensor `weights` of 32-bit floats.

use std::collections::HashMap;

use litecnn_pictures::PictureForm;
use litecnn_runtime::{Activation, Network, Operation, OperationKind};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::Folded;
use crate::ExportError;
use crate::card::InputShape;
use crate::weights::KEY;

/// The version of the format that is read and written.
pub(crate) const FORMAT: &str = "litecnn-folded/1";
const TENSOR: &str = "weights";

/// What a file says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FoldedCard {
    format: String,
    name: String,
    input: InputShape,
    /// Pixels from 0 to 1 are multiplied by these, one a channel, ...
    factors: Vec<f32>,
    /// ... and these are added.
    summands: Vec<f32>,
    operations: Vec<Step>,
    /// Weights before batch norms were folded.
    unfolded: usize,
    classes: Vec<String>,
    dataset: String,
    recipe: String,
    step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pictures: Option<PictureForm>,
}

/// [`Operation`] as the card has it; what is left out has its usual value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    kind: Kind,
    from: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    added: Option<u16>,
    #[serde(default, skip_serializing_if = "is_none")]
    activation: Bounds,
    outputs: u16,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    groups: u16,
    #[serde(default = "ones", skip_serializing_if = "are_ones")]
    kernel: [u8; 2],
    #[serde(default = "ones", skip_serializing_if = "are_ones")]
    stride: [u8; 2],
    #[serde(default, skip_serializing_if = "are_zeros")]
    padding: [u8; 2],
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Conv,
    MaxPool,
    AveragePool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Bounds {
    #[default]
    None,
    Relu,
    Relu6,
}

impl Folded {
    /// The weight file.
    ///
    /// # Errors
    /// [`ExportError::Compact`] if `litecnn-runtime` could not run it.
    pub fn bytes(&self) -> Result<Vec<u8>, ExportError> {
        self.architecture()?;
        let failed = |e: String| ExportError::Compact { reason: e };
        let Network { input: [channels, height, width], operations, factors, summands } = &self.network;
        let card = FoldedCard {
            format: FORMAT.into(),
            name: self.name.clone(),
            input: InputShape { channels: *channels, height: *height, width: *width },
            factors: factors.clone(),
            summands: summands.clone(),
            operations: operations.iter().map(Step::from).collect(),
            unfolded: self.unfolded,
            classes: self.classes.clone(),
            dataset: self.dataset.clone(),
            recipe: self.recipe.clone(),
            step: self.step.clone(),
            pictures: self.pictures,
        };
        let card = serde_json::to_string(&card).map_err(|e| failed(e.to_string()))?;
        let values: Vec<u8> = self.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![self.weights.len()], &values).map_err(|e| failed(e.to_string()))?;
        let metadata = HashMap::from([(KEY.to_owned(), card)]);
        safetensors::serialize([(TENSOR, view)], Some(metadata)).map_err(|e| failed(e.to_string()))
    }

    /// Of a file whose card is `card`; or why it is not usable.
    pub(crate) fn parse(card: &str, bytes: &[u8]) -> Result<Self, String> {
        let card: FoldedCard = serde_json::from_str(card).map_err(|e| e.to_string())?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let tensor = file.tensor(TENSOR).map_err(|_| format!("it has no tensor `{TENSOR}`"))?;
        if file.len() > 1 {
            return Err(format!("it holds other tensors than `{TENSOR}`"));
        }
        if tensor.dtype() != Dtype::F32 || tensor.shape().len() != 1 {
            return Err(format!(
                "`{TENSOR}` is {:?} {:?}, not a list of 32-bit floats",
                tensor.dtype(),
                tensor.shape()
            ));
        }
        let InputShape { channels, height, width } = card.input;
        if let Some(PictureForm { channels: c, height: h, width: w, .. }) = card.pictures
            && [c, h, w] != [channels, height, width]
        {
            return Err(format!("pictures are made into {c}x{h}x{w}, which the model does not see"));
        }
        let bytes = tensor.data().chunks_exact(4);
        let folded = Self {
            name: card.name,
            network: Network {
                input: [channels, height, width],
                operations: card.operations.iter().map(Operation::from).collect(),
                factors: card.factors,
                summands: card.summands,
            },
            weights: bytes.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            unfolded: card.unfolded,
            classes: card.classes,
            dataset: card.dataset,
            recipe: card.recipe,
            step: card.step,
            pictures: card.pictures,
        };
        match folded.architecture() {
            Ok(_) => Ok(folded),
            Err(ExportError::Compact { reason }) => Err(reason),
            Err(e) => Err(e.to_string()),
        }
    }
}

impl From<&Operation> for Step {
    fn from(of: &Operation) -> Self {
        let kind = match of.kind {
            OperationKind::Convolution => Kind::Conv,
            OperationKind::MaxPool => Kind::MaxPool,
            OperationKind::AveragePool => Kind::AveragePool,
        };
        let activation = match of.activation {
            Activation::None => Bounds::None,
            Activation::Relu => Bounds::Relu,
            Activation::Relu6 => Bounds::Relu6,
        };
        let Operation { from, added, outputs, groups, kernel, stride, padding, .. } = *of;
        Self { kind, from, added, activation, outputs, groups, kernel, stride, padding }
    }
}

impl From<&Step> for Operation {
    fn from(of: &Step) -> Self {
        let kind = match of.kind {
            Kind::Conv => OperationKind::Convolution,
            Kind::MaxPool => OperationKind::MaxPool,
            Kind::AveragePool => OperationKind::AveragePool,
        };
        let activation = match of.activation {
            Bounds::None => Activation::None,
            Bounds::Relu => Activation::Relu,
            Bounds::Relu6 => Activation::Relu6,
        };
        let Step { from, added, outputs, groups, kernel, stride, padding, .. } = *of;
        Self { kind, from, added, activation, outputs, groups, kernel, stride, padding }
    }
}

fn one() -> u16 {
    1
}

fn ones() -> [u8; 2] {
    [1; 2]
}

fn is_one(n: &u16) -> bool {
    *n == 1
}

fn are_ones(pair: &[u8; 2]) -> bool {
    *pair == [1; 2]
}

fn are_zeros(pair: &[u8; 2]) -> bool {
    *pair == [0; 2]
}

fn is_none(bounds: &Bounds) -> bool {
    *bounds == Bounds::None
}
