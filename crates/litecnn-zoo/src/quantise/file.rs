use std::collections::HashMap;
use std::path::Path;

use litecnn_model::ModelError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::model::Stored;
use super::{Kernel, Params, Quantised, Scales, is_observed};
use crate::{Card, Role, ZooError};

/// What a file of a quantised network says of itself.
///
/// A file holds, each in the order of [`crate::Graph::variables`] or [`crate::Graph::nodes`], the tensors `weights`
/// (`i8`: convolutions and dense layers), `weight-scales`, `floats` (biases, batch norms and their statistics), and
/// `scales` and `zero-points` (`u8`) of values. Weights that reach nothing are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantisedCard {
    /// Always [`QuantisedCard::FORMAT`].
    pub format: String,
    /// How many scales the weights of a layer have.
    pub scales: Scales,
    /// The images of the calibration in words, such as `train, 10000 images`, or empty.
    pub calibration: String,
    /// That of the weights that were quantised.
    pub card: Card,
}

/// The key of the file's metadata, as in all weight files of litecnn.
const KEY: &str = "litecnn";

impl QuantisedCard {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-zoo-int8/1";

    /// A card for a quantised network, from that of its weights.
    pub fn new(card: &Card, scales: Scales, calibration: &str) -> Self {
        Self { format: Self::FORMAT.into(), scales, calibration: calibration.into(), card: card.clone() }
    }
}

impl Quantised {
    /// Writes the network as safetensors, whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::File`] if the card is of another network or other scales, [`ModelError::Run`] if the file cannot
    /// be written.
    pub fn save(&self, path: &Path, card: &QuantisedCard) -> Result<(), ZooError> {
        let unusable = |reason: String| ModelError::File { path: path.to_owned(), reason };
        if card.card.layout != crate::file::layout(self.graph()) || card.scales != self.scales() {
            let name = &self.graph().name;
            return Err(unusable(format!("its card is not that of `{name}` with these scales")).into());
        }
        let (mut weights, mut weight_scales, mut floats) = (Vec::new(), Vec::new(), Vec::new());
        for stored in self.variables() {
            match stored {
                Stored::Kernel(kernel) => {
                    let integers = Vec::<i8>::try_from(kernel.integers.f_reshape([-1])?)?;
                    weights.extend(integers.into_iter().map(i8::cast_unsigned));
                    weight_scales.extend(Vec::<f32>::try_from(&kernel.scales)?);
                }
                Stored::Floats(values) => floats.extend(Vec::<f32>::try_from(values.f_reshape([-1])?)?),
                Stored::Nothing => {}
            }
        }
        let scales = self.own_params().map(|params| params.scale).collect();
        let zero_points: Vec<u8> = self.own_params().map(|params| params.zero_point).collect();
        let bytes = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        let tensors = [
            ("weights", Dtype::I8, 1, weights),
            ("weight-scales", Dtype::F32, 4, bytes(weight_scales)),
            ("floats", Dtype::F32, 4, bytes(floats)),
            ("scales", Dtype::F32, 4, bytes(scales)),
            ("zero-points", Dtype::U8, 1, zero_points),
        ];
        let views = tensors
            .iter()
            .map(|(name, kind, size, bytes)| Ok((*name, TensorView::new(*kind, vec![bytes.len() / size], bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| unusable(e.to_string()))?;
        let text = serde_json::to_string(card).map_err(|e| unusable(e.to_string()))?;
        let metadata = HashMap::from([(KEY.to_owned(), text)]);
        let file = safetensors::serialize(views, Some(metadata)).map_err(|e| unusable(e.to_string()))?;
        Ok(litecnn_run::write_atomic(path, &file).map_err(ModelError::from)?)
    }

    /// Reads a file of a quantised network.
    ///
    /// # Errors
    /// [`ModelError::Run`] if it cannot be read; [`ModelError::File`] if it is damaged, foreign or of another version,
    /// or holds other than its network needs.
    pub fn load(path: &Path) -> Result<(Self, QuantisedCard), ZooError> {
        let unusable = |reason: String| ModelError::File { path: path.to_owned(), reason };
        let bytes = litecnn_run::read(path).map_err(ModelError::from)?;
        let (_, head) = SafeTensors::read_metadata(&bytes).map_err(|e| unusable(e.to_string()))?;
        let text = head.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let text = text.ok_or_else(|| unusable("it was not written by litecnn".into()))?;
        // A card of another kind of file has other fields: its format says more than they do.
        #[derive(Deserialize)]
        struct Format {
            format: String,
        }
        let Format { format } = serde_json::from_str(text).map_err(|e| unusable(e.to_string()))?;
        if format != QuantisedCard::FORMAT {
            let expected = QuantisedCard::FORMAT;
            return Err(unusable(format!("its format is `{format}`, here `{expected}` is wanted")).into());
        }
        let card: QuantisedCard = serde_json::from_str(text).map_err(|e| unusable(e.to_string()))?;
        let graph = card.card.network.graph().map_err(|e| unusable(e.to_string()))?;
        if card.card.layout != crate::file::layout(&graph) {
            return Err(unusable("its weights are named or shaped otherwise than this version does".into()).into());
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|e| unusable(e.to_string()))?;
        let part = |name: &'static str, kind| Part::open(&file, name, kind).map_err(unusable);
        let mut weights = part("weights", Dtype::I8)?;
        let mut weight_scales = part("weight-scales", Dtype::F32)?;
        let mut floats = part("floats", Dtype::F32)?;
        let mut scales = part("scales", Dtype::F32)?;
        let mut zero_points = part("zero-points", Dtype::U8)?;
        let mut variables = Vec::with_capacity(graph.variables.len());
        for variable in &graph.variables {
            let (shape, values) = (variable.shape.as_slice(), variable.values() as usize);
            variables.push(match variable.role {
                _ if !variable.used => Stored::Nothing,
                Role::ConvWeight | Role::LinearWeight => {
                    let count = if card.scales == Scales::PerTensor { 1 } else { shape[0] as usize };
                    let integers = weights.take(values).map_err(unusable)?;
                    let integers = Tensor::f_from_data_size(integers, shape, Kind::Int8)?;
                    let of_weights = positive(weight_scales.floats(count).map_err(unusable)?).map_err(unusable)?;
                    Stored::Kernel(Kernel::new(integers, Tensor::f_from_slice(&of_weights)?)?)
                }
                role => {
                    let values = floats.floats(values).map_err(unusable)?;
                    if role == Role::Variance && values.iter().any(|&v| v < 0.0) {
                        return Err(unusable(format!("`{}` is negative", variable.name)).into());
                    }
                    Stored::Floats(Tensor::f_from_slice(&values)?.f_view(shape)?)
                }
            });
        }
        let mut own = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            own.push(if is_observed(&node.op) {
                let scale = positive(scales.floats(1).map_err(unusable)?).map_err(unusable)?[0];
                Some(Params { scale, zero_point: zero_points.take(1).map_err(unusable)?[0] })
            } else {
                None
            });
        }
        for part in [weights, weight_scales, floats, scales, zero_points] {
            part.finish().map_err(unusable)?;
        }
        if let Some(name) = file.names().into_iter().find(|name| !PARTS.contains(name)) {
            return Err(unusable(format!("it holds a tensor `{name}` besides")).into());
        }
        Ok((Self::new(graph, card.scales, &own, variables)?, card))
    }
}

const PARTS: [&str; 5] = ["weights", "weight-scales", "floats", "scales", "zero-points"];

/// A tensor of a file that is read piece by piece.
struct Part<'a> {
    name: &'static str,
    left: &'a [u8],
}

impl<'a> Part<'a> {
    fn open(file: &SafeTensors<'a>, name: &'static str, kind: Dtype) -> Result<Self, String> {
        let view = file.tensor(name).map_err(|_| format!("it has no tensor `{name}`"))?;
        if view.dtype() != kind {
            return Err(format!("`{name}` is {:?}, not {kind:?}", view.dtype()));
        }
        Ok(Self { name, left: view.data() })
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let (taken, left) = self.left.split_at_checked(bytes).ok_or_else(|| format!("`{}` is too short", self.name))?;
        self.left = left;
        Ok(taken)
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, String> {
        let bytes = self.take(4 * count)?;
        let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(values),
            false => Err(format!("a value of `{}` is not a finite number", self.name)),
        }
    }

    fn finish(self) -> Result<(), String> {
        if self.left.is_empty() { Ok(()) } else { Err(format!("`{}` is too long", self.name)) }
    }
}

fn positive(scales: Vec<f32>) -> Result<Vec<f32>, String> {
    if scales.iter().all(|&scale| scale > 0.0) { Ok(scales) } else { Err("a scale is not positive".into()) }
}
