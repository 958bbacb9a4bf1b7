use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RunError, read_json, write_json};

/// `architecture.json`: what the models of a run are made of, as graphs, written by the program that built them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchitectureRecord {
    /// Always [`ArchitectureRecord::FORMAT`].
    pub format: String,
    /// The models in the order they come about: one branch, the dual model, the unified model.
    pub models: Vec<ModelGraph>,
}

/// One model as a graph of layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelGraph {
    /// `branch`, `dual` or `unified`.
    pub name: String,
    /// Layers, each after those it reads from.
    pub layers: Vec<GraphLayer>,
}

/// One layer of a [`ModelGraph`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphLayer {
    /// Unique in the model, as in the weight file: `branch-1.conv1`, `hidden` …
    pub name: String,
    /// Kind of layer, such as `Conv2d 3x3 + ReLU`.
    pub kind: String,
    /// Names of the layers it reads from; none for an input.
    pub inputs: Vec<String>,
    /// Output of one image: `[channels, height, width]` or `[units]`.
    pub output: Vec<u64>,
    /// Number of parameters.
    pub parameters: u64,
    /// Multiply-accumulate operations for one image.
    pub macs: u64,
    /// Steps in which the parameters are trained, of those this model goes through: `stage-1`, `stage-2-1`,
    /// `stage-2-2`, `folds`.
    pub trained_in: Vec<String>,
}

impl ArchitectureRecord {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-architecture/1";

    /// Reads `architecture.json`.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Damaged`] (also if a layer reads from one that does not stand before it) or
    /// [`RunError::Format`], naming the file.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let record: Self = read_json(path, Self::FORMAT)?;
        for model in &record.models {
            for (place, layer) in model.layers.iter().enumerate() {
                let before = &model.layers[..place];
                if let Some(input) = layer.inputs.iter().find(|i| before.iter().all(|l| l.name != **i)) {
                    let reason = format!(
                        "layer {} of {} reads from {input}, which does not stand before it",
                        layer.name, model.name
                    );
                    return Err(RunError::damaged(path, reason));
                }
            }
        }
        Ok(record)
    }

    /// Writes `architecture.json`, whole or not at all.
    ///
    /// # Errors
    /// [`RunError::Io`] naming the file.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_json(path, self)
    }
}

impl ModelGraph {
    /// All parameters.
    pub fn parameters(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.parameters))
    }

    /// Parameters that are trained in a step.
    pub fn trained(&self, step: &str) -> u64 {
        let trained = self.layers.iter().filter(|layer| layer.trained_in.iter().any(|s| s == step));
        trained.fold(0, |sum, layer| sum.saturating_add(layer.parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, inputs: &[&str], parameters: u64, trained_in: &[&str]) -> GraphLayer {
        let own = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect();
        GraphLayer {
            name: name.into(),
            kind: "Dense".into(),
            inputs: own(inputs),
            output: vec![2],
            parameters,
            macs: 0,
            trained_in: own(trained_in),
        }
    }

    #[test]
    fn read_back_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("architecture.json");
        let layers =
            vec![layer("x", &[], 0, &[]), layer("y", &["x"], 6, &["stage-1"]), layer("z", &["x", "y"], 4, &[])];
        let model = ModelGraph { name: "branch".into(), layers };
        assert_eq!((model.parameters(), model.trained("stage-1"), model.trained("folds")), (10, 6, 0));
        let mut record = ArchitectureRecord { format: ArchitectureRecord::FORMAT.into(), models: vec![model] };
        record.write(&path).unwrap();
        assert_eq!(ArchitectureRecord::read(&path).unwrap(), record);

        record.models[0].layers.swap(1, 2);
        record.write(&path).unwrap();
        let message = ArchitectureRecord::read(&path).unwrap_err().to_string();
        assert!(message.contains("layer z of branch reads from y"), "{message}");
    }
}
