use std::path::Path;

use litecnn_model::InputShape;
use serde::{Deserialize, Serialize};

use crate::builder::{Block, Builder, Value};
use crate::{Layer, ZooError};

/// A classifier as data: parts of layers after each other, for images of one shape and a number of classes.
///
/// ```
/// use litecnn_zoo::{Count, Network};
///
/// # fn main() -> Result<(), litecnn_zoo::ZooError> {
/// let mine = Network::parse(r#"
///     name = "mine"
///     input = { channels = 3, height = 32, width = 32 }
///     classes = 10
///
///     [[parts]]
///     name = "body"
///     layers = [
///         { conv = { kernel = 3, out = 16 } }, "batch-norm", "relu",
///         { ghost-bottleneck = { hidden = 32, out = 24, stride = 2, project = true } },
///         { repeat = { times = 3, layers = [{ ghost-bottleneck = { hidden = 48, out = 24 } }] } },
///     ]
///     [[parts]]
///     name = "head"
///     layers = [{ conv-head = { activation = "relu6" } }]
/// "#, "mine.toml".as_ref())?;
/// assert_eq!(Count::of(&mine.graph()?).parameters, 7_372);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name, for messages and files.
    pub name: String,
    /// The images it takes.
    pub input: InputShape,
    /// Number of classes.
    pub classes: i64,
    /// Of a network that was shrunk, the channels left of each group of channels that come and go together
    /// ([`crate::Model::shrink`]). Groups are in the order of the first operations that make them, where these are the
    /// same in that of the next ones. Without it, all are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Vec<i64>>,
    /// Its parts, first to last; the last gives one number a class.
    pub parts: Vec<Part>,
}

/// Networks that `litecnn search` found, of no more weights than the paper's models.
const FOUND: [(&str, &str); 3] = [
    ("compact-mnist", include_str!("../networks/compact-mnist.toml")),
    ("compact-fashion-mnist", include_str!("../networks/compact-fashion-mnist.toml")),
    ("compact-cifar10", include_str!("../networks/compact-cifar10.toml")),
];

/// Layers under a name. A weight is named after its part and its layer's place in it: `stage1.2.expand.weight`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Unique in the network, without dots.
    pub name: String,
    /// Its layers.
    pub layers: Vec<Layer>,
}

impl Part {
    pub(crate) fn new(name: &str, layers: Vec<Layer>) -> Self {
        Self { name: name.into(), layers }
    }
}

impl Network {
    /// A network from TOML text; `path` is for messages. Whether it can exist is told by [`Network::graph`].
    ///
    /// # Errors
    /// [`ZooError::Description`] with the line of the fault: a syntax error, an unknown layer or setting.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ZooError> {
        toml::from_str(text).map_err(|e| ZooError::Description {
            path: path.to_owned(),
            line: e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1),
            reason: litecnn_cli::with_nearest(e.message()).replace('\n', ": "),
        })
    }

    /// A network from a TOML file.
    ///
    /// # Errors
    /// [`ZooError::Description`] if the file cannot be read or has a fault.
    pub fn load(path: &Path) -> Result<Self, ZooError> {
        let text = std::fs::read_to_string(path).map_err(|e| ZooError::Description {
            path: path.to_owned(),
            line: None,
            reason: format!("cannot be read: {e}"),
        })?;
        Self::parse(&text, path)
    }

    /// A network that `litecnn search` found within the budget of the paper's model, by the data set it was searched for:
    /// `compact-mnist`, `compact-fashion-mnist`, `compact-cifar10`.
    pub fn found(name: &str) -> Option<Self> {
        let (_, text) = FOUND.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(text, Path::new(name)).expect("networks of this crate are good"))
    }

    /// The names that [`Network::found`] knows.
    pub fn found_names() -> impl Iterator<Item = &'static str> {
        FOUND.iter().map(|(name, _)| *name)
    }

    /// The description as TOML text, a line for each layer; parsing it gives the same network.
    pub fn to_toml(&self) -> String {
        let mut text = format!("name = {}\ninput = {}\n", inline(&self.name), inline(&self.input));
        text += &format!("classes = {}\n", self.classes);
        if let Some(kept) = &self.kept {
            text += &format!("kept = {}\n", inline(kept));
        }
        for Part { name, layers } in &self.parts {
            text += &format!("\n[[parts]]\nname = {}\nlayers = [\n", inline(name));
            text.extend(layers.iter().map(|layer| format!("    {},\n", inline(layer))));
            text += "]\n";
        }
        text
    }
}

/// A value as TOML on one line.
fn inline(value: &impl Serialize) -> String {
    let mut text = String::new();
    value.serialize(toml::ser::ValueSerializer::new(&mut text)).expect("a description is plain data");
    text
}

impl Block for Part {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        crate::layer::build_all(&self.layers, b, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Count;

    #[test]
    fn networks_that_were_found_are_within_their_budgets() {
        for name in Network::found_names() {
            let network = Network::found(name).unwrap();
            let budget = if network.input.channels == 3 { 19_622 } else { 14_862 };
            assert_eq!(network.name, name);
            assert!(Count::of(&network.graph().unwrap()).folded() <= budget, "{name}");
        }
        assert!(Network::found("compact").is_none());
    }
}
