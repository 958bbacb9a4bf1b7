use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};

use crate::card::{Architecture, BranchSpec, Card, FORMAT, HeadKind, UnifiedSpec, Version};
use crate::model::{About, KERNEL};
use crate::{BranchWeights, Convolution, Dense, ExportError, Folded, JointWeights, TrainedModel, folded};

/// The key of the safetensors metadata that holds the card.
pub(crate) const KEY: &str = "litecnn";
/// The format of networks whose batch norms are not folded yet; litecnn-zoo reads it.
const UNFOLDED: &str = "litecnn-zoo/1";

impl TrainedModel {
    /// Reads a weight file: a branch with either kind of head, a unified model, or a folded network.
    ///
    /// # Errors
    /// [`ExportError::Run`] if it cannot be read; [`ExportError::Format`] if it is of another version,
    /// [`ExportError::Unfolded`] if it is of a network with batch norms;
    /// [`ExportError::File`] if it is damaged, foreign, or its weights are not those of the architecture it names.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        Self::from_bytes(path, &litecnn_run::read(path)?)
    }

    /// The same of bytes already at hand; `path` only names them in errors.
    ///
    /// # Errors
    /// As [`TrainedModel::read`], but nothing is read.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ExportError> {
        let unusable = |reason: String| ExportError::File { path: path.to_owned(), reason };
        let (_, head) = SafeTensors::read_metadata(bytes).map_err(|e| unusable(e.to_string()))?;
        let text = head.metadata().as_ref().and_then(|m| m.get(KEY));
        let text = text.ok_or_else(|| unusable("it was not written by litecnn".into()))?;
        let version: Version = serde_json::from_str(text).map_err(|e| unusable(e.to_string()))?;
        if version.format == folded::FORMAT {
            return Ok(Self::of_checked(Folded::parse(text, bytes).map_err(unusable)?));
        }
        if version.format == UNFOLDED {
            return Err(ExportError::Unfolded { path: path.to_owned() });
        }
        if version.format != FORMAT {
            return Err(ExportError::Format { path: path.to_owned(), found: version.format, expected: FORMAT });
        }
        let card: Card = serde_json::from_str(text).map_err(|e| unusable(e.to_string()))?;
        if let Some(fault) = card.fault() {
            return Err(unusable(fault));
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| unusable(e.to_string()))?;
        let mut tensors = Tensors { file, taken: 0 };
        let (branches, joint) = match &card.architecture {
            Architecture::Branch { spec, head } => (vec![branch(&mut tensors, "", spec, *head)], None),
            Architecture::Unified { spec } => {
                let branches = ["branch-1.", "branch-2."];
                let branches = branches.map(|prefix| branch(&mut tensors, prefix, &spec.branch, HeadKind::Conv1x1));
                (branches.into(), Some(joint(&mut tensors, spec)))
            }
        };
        let branches = branches.into_iter().collect::<Result<_, _>>().map_err(unusable)?;
        let joint = joint.transpose().map_err(unusable)?;
        if tensors.file.len() != tensors.taken {
            let surplus = tensors.file.len() - tensors.taken;
            return Err(unusable(format!("{surplus} of its weights have no place in the architecture it names")));
        }
        let Card { architecture, classes, dataset, recipe, step, pictures, .. } = card;
        let spec = match architecture {
            Architecture::Branch { spec, .. } => spec,
            Architecture::Unified { spec } => spec.branch,
        };
        let about = About { classes, dataset, recipe, step, pictures };
        let input = [spec.input.channels, spec.input.height, spec.input.width];
        Ok(Self { about, input, filters: spec.filters, branches, joint, folded: None })
    }
}

fn branch(file: &mut Tensors<'_>, prefix: &str, spec: &BranchSpec, head: HeadKind) -> Result<BranchWeights, String> {
    let mut convolutions = Vec::new();
    let mut channels = spec.input.channels;
    for (i, &filters) in spec.filters.iter().enumerate() {
        let name = format!("{prefix}conv{}", i + 1);
        let weight = file.take(&format!("{name}.weight"), &[filters, channels, KERNEL, KERNEL])?;
        let bias = file.take(&format!("{name}.bias"), &[filters])?;
        convolutions.push(Convolution { channels, weight, bias });
        channels = filters;
    }
    let further: &[usize] = match head {
        HeadKind::Dense => &[],
        HeadKind::Conv1x1 => &[1, 1],
    };
    Ok(BranchWeights {
        convolutions,
        head: dense(file, &format!("{prefix}head"), spec.features(), spec.classes, further)?,
    })
}

fn joint(file: &mut Tensors<'_>, spec: &UnifiedSpec) -> Result<JointWeights, String> {
    let classes = spec.branch.classes;
    Ok(JointWeights {
        head_activation: spec.head_activation,
        hidden: dense(file, "hidden", 2 * classes, spec.hidden, &[])?,
        output: dense(file, "output", spec.hidden, classes, &[])?,
    })
}

fn dense(
    file: &mut Tensors<'_>,
    name: &str,
    inputs: usize,
    outputs: usize,
    further: &[usize],
) -> Result<Dense, String> {
    let weight = file.take(&format!("{name}.weight"), &[&[outputs, inputs], further].concat())?;
    Ok(Dense { inputs, weight, bias: file.take(&format!("{name}.bias"), &[outputs])? })
}

struct Tensors<'a> {
    file: SafeTensors<'a>,
    taken: usize,
}

impl Tensors<'_> {
    /// A tensor's values, the last index fastest; or why it is not as wanted.
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let Ok(tensor) = self.file.tensor(name) else {
            let mut names = self.file.names();
            names.sort_unstable();
            return Err(format!("no weight `{name}`; there are: {}", names.join(", ")));
        };
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("`{name}` is {:?}, not 32-bit float", tensor.dtype()));
        }
        if tensor.shape() != shape {
            return Err(format!("`{name}` has shape {:?}, its architecture gives it {shape:?}", tensor.shape()));
        }
        let bytes = tensor.data().chunks_exact(4);
        let values: Vec<f32> = bytes.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
            return Err(format!("value {bad} of `{name}` is not a finite number"));
        }
        self.taken += 1;
        Ok(values)
    }
}
