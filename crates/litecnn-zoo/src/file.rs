use std::path::Path;

use litecnn_data::{Normalisation, PictureForm};
use litecnn_model::{ModelError, read_tensors, write_tensors};
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::{Graph, Model, Network, Shape, ZooError};

/// What a weight file says of itself.
///
/// A file holds two tensors, `weights` and `statistics`, as [`crate::State`] lays them out: hundreds of named tensors
/// would need more room for their names than a few percent of a small network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Always [`Card::FORMAT`].
    pub format: String,
    /// The network the weights belong to.
    pub network: Network,
    /// SHA-256 of names and shapes of all variables in their order: whoever reads the file must agree on them.
    pub layout: String,
    /// Class names, first to last; may be empty.
    pub classes: Vec<String>,
    /// The data set the model was trained on, or empty.
    pub dataset: String,
    /// SHA-256 of the recipe, or empty.
    pub recipe: String,
    /// The step that wrote the file, or empty.
    pub step: String,
    /// What images are shifted and divided by before the network sees them; without it, values in `[0, 1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// What pictures were made into the images that the model was trained on; none if they were images already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<PictureForm>,
}

impl Card {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-zoo/1";

    /// A card for weights of a network; data set, recipe and step are filled in by the trainer.
    ///
    /// # Errors
    /// [`ZooError::Network`] if the network cannot exist.
    pub fn new(network: &Network, classes: &[String]) -> Result<Self, ZooError> {
        Ok(Self {
            format: Self::FORMAT.into(),
            layout: layout(&network.graph()?),
            network: network.clone(),
            classes: classes.to_vec(),
            dataset: String::new(),
            recipe: String::new(),
            step: String::new(),
            normalisation: None,
            pictures: None,
        })
    }
}

impl Model {
    /// Writes weights and running statistics as safetensors, whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::File`] if the card is of another network, [`ModelError::Run`] if the file cannot be written.
    pub fn save(&self, path: &Path, card: &Card) -> Result<(), ZooError> {
        if card.layout != layout(self.graph()) {
            return Err(other(path, &card.network, &format!("`{}`", self.graph().name)));
        }
        let state = self.state();
        let tensors = [("weights".to_owned(), state.weights()), ("statistics".to_owned(), state.statistics())];
        Ok(write_tensors(path, card, &tensors)?)
    }

    /// Reads a weight file onto a device.
    ///
    /// # Errors
    /// [`ModelError::Run`] if it cannot be read; [`ModelError::File`] if it is damaged, foreign or of another version, or
    /// does not hold what its network needs.
    pub fn load(path: &Path, device: Device) -> Result<(Self, Card), ZooError> {
        let unusable = |reason: String| ModelError::File { path: path.to_owned(), reason };
        let (card, mut tensors): (Card, _) = read_tensors(path)?;
        if card.format != Card::FORMAT {
            let reason = format!("its format is `{}`, this version reads `{}`", card.format, Card::FORMAT);
            return Err(unusable(reason).into());
        }
        let graph = card.network.graph().map_err(|e| unusable(e.to_string()))?;
        if card.layout != layout(&graph) {
            return Err(unusable("its weights are named or shaped otherwise than this version does".into()).into());
        }
        if !card.classes.is_empty() && card.classes.len() as i64 != card.network.classes {
            let (names, classes) = (card.classes.len(), card.network.classes);
            return Err(unusable(format!("it names {names} classes for {classes} outputs")).into());
        }
        let mut take = |name: &str| {
            tensors.remove(name).ok_or_else(|| {
                let mut found: Vec<String> = tensors.keys().cloned().collect();
                found.sort();
                unusable(ModelError::Missing { layer: name.into(), found }.to_string())
            })
        };
        let (weights, statistics) = (take("weights")?, take("statistics")?);
        if let Some(layer) = tensors.into_keys().min() {
            return Err(unusable(ModelError::Surplus { layer }.to_string()).into());
        }
        // Compared before anything is made: a network of any size is described in a few bytes.
        let [values, others] = crate::state::sizes(&graph);
        for (name, tensor, expected) in [("weights", &weights, values), ("statistics", &statistics, others)] {
            if tensor.size() != [expected] {
                let (expected, found) = (vec![expected], tensor.size());
                return Err(unusable(ModelError::Shape { layer: name.into(), expected, found }.to_string()).into());
            }
        }
        let mut model = Self::zeros(graph, device)?;
        model.state_mut().set(&weights, &statistics)?;
        Ok((model, card))
    }

    /// Reads a weight file that must be of a given network.
    ///
    /// # Errors
    /// As [`Model::load`]; [`ModelError::File`] if the file is of another network.
    pub fn load_as(path: &Path, network: &Network, device: Device) -> Result<(Self, Card), ZooError> {
        let (model, card) = Self::load(path, device)?;
        if card.network == *network {
            return Ok((model, card));
        }
        let found = &card.network;
        let wanted = format!("`{}` for {} classes", network.name, network.classes);
        if (&found.name, found.classes) != (&network.name, network.classes) {
            return Err(other(path, found, &wanted));
        }
        if found.input != network.input {
            let [found, wanted] = [found.input, network.input].map(Shape::Map);
            let reason = format!("it is for images of {found}, not of {wanted}");
            return Err(ModelError::File { path: path.to_owned(), reason }.into());
        }
        Err(other(path, found, &format!("{wanted} of another description")))
    }
}

fn other(path: &Path, found: &Network, wanted: &str) -> ZooError {
    let reason = format!("it is for `{}` with {} classes, not {wanted}", found.name, found.classes);
    ModelError::File { path: path.to_owned(), reason }.into()
}

/// SHA-256 of the variables' names and shapes.
pub(crate) fn layout(graph: &Graph) -> String {
    let lines: Vec<String> = graph.variables.iter().map(|v| format!("{} {:?}\n", v.name, v.shape)).collect();
    litecnn_run::sha256(lines.concat().as_bytes())
}
