use std::collections::BTreeMap;

use litecnn_model::{read_tensors, write_tensors};
use litecnn_run::EpochRecord;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::TrainError;
use crate::early_stopping::EarlyStopping;
use crate::fit::{Checkpointer, Part};
use crate::optimizer::Counters;

/// Everything about a training step that its model and optimisers do not hold themselves.
#[derive(Debug)]
pub(crate) struct State {
    /// Epochs done.
    pub(crate) epoch: u32,
    /// Spent on them.
    pub(crate) seconds: f64,
    pub(crate) early_stopping: EarlyStopping,
    pub(crate) outputs: Vec<OutputState>,
    pub(crate) history: Vec<EpochRecord>,
    /// Kept weights by the name of their part.
    pub(crate) kept: BTreeMap<String, Tensor>,
}

/// Whose weights of an output are kept; epoch 0 is none yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputState {
    pub(crate) kept_epoch: u32,
    pub(crate) kept_accuracy: f64,
}

impl State {
    pub(crate) fn fresh(outputs: usize) -> Self {
        let outputs = vec![OutputState { kept_epoch: 0, kept_accuracy: 0.0 }; outputs];
        Self {
            epoch: 0,
            seconds: 0.0,
            early_stopping: EarlyStopping::new(),
            outputs,
            history: Vec::new(),
            kept: BTreeMap::new(),
        }
    }
}

/// What the state file says beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    format: String,
    fingerprint: String,
    epoch: u32,
    seconds: f64,
    early_stopping: EarlyStopping,
    outputs: Vec<OutputState>,
    counters: BTreeMap<String, Counters>,
    history: Vec<EpochRecord>,
}

const FORMAT: &str = "litecnn-state/1";

/// Saves everything that the next epoch depends on, in one file, whole or not at all.
pub(crate) fn save(to: &Checkpointer, state: &State, parts: Vec<Part<'_>>) -> Result<(), TrainError> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let mut counters = BTreeMap::new();
    for part in parts {
        tensors.push((format!("{}/weights", part.name), part.buffer.shallow_clone()));
        let Some(optimizer) = part.optimizer else { continue };
        for (name, tensor) in optimizer.tensors() {
            tensors.push((format!("{}/optimizer/{name}", part.name), tensor.shallow_clone()));
        }
        counters.insert(part.name.to_owned(), optimizer.counters());
    }
    tensors.extend(state.kept.iter().map(|(name, t)| (format!("{name}/kept"), t.shallow_clone())));
    let description = Description {
        format: FORMAT.into(),
        fingerprint: to.fingerprint.clone(),
        epoch: state.epoch,
        seconds: state.seconds,
        early_stopping: state.early_stopping.clone(),
        outputs: state.outputs.clone(),
        counters,
        history: state.history.clone(),
    };
    let named: Vec<(String, &Tensor)> = tensors.iter().map(|(name, t)| (name.clone(), t)).collect();
    Ok(write_tensors(&to.path, &description, &named)?)
}

/// Takes up a saved state: puts weights and optimisers where they were and returns the rest. None if there is
/// none, or it is of another recipe, other inputs or another version of the format, or contradicts itself.
pub(crate) fn load(from: &Checkpointer, parts: Vec<Part<'_>>) -> Result<Option<State>, TrainError> {
    if !from.path.exists() {
        return Ok(None);
    }
    let (description, mut tensors) = match read_tensors::<Description>(&from.path) {
        Ok(read) => read,
        // A state that cannot be read is only time lost, never work: the step starts again.
        Err(litecnn_model::ModelError::File { .. }) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    if description.format != FORMAT || description.fingerprint != from.fingerprint {
        return Ok(None);
    }
    let outputs = parts.iter().map(|part| part.output + 1).max().unwrap_or(0);
    if description.outputs.len() != outputs || description.history.len() != outputs * description.epoch as usize {
        return Ok(None);
    }
    let mut kept = BTreeMap::new();
    for mut part in parts {
        let name = part.name;
        let missing = |what: &str| TrainError::State(format!("no `{name}/{what}` in {}", from.path.display()));
        let weights = tensors.remove(&format!("{}/weights", part.name)).ok_or_else(|| missing("weights"))?;
        part.restore(&weights)?;
        if let Some(optimizer) = part.optimizer {
            let counters = description.counters.get(part.name).ok_or_else(|| missing("counters"))?;
            optimizer.restore(*counters, &mut |name| tensors.remove(&format!("{}/optimizer/{name}", part.name)))?;
        }
        if let Some(tensor) = tensors.remove(&format!("{}/kept", part.name)) {
            kept.insert(part.name.to_owned(), tensor.f_to(part.buffer.device())?);
        }
    }
    Ok(Some(State {
        epoch: description.epoch,
        seconds: description.seconds,
        early_stopping: description.early_stopping,
        outputs: description.outputs,
        history: description.history,
        kept,
    }))
}
