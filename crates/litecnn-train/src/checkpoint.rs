use std::collections::BTreeMap;

use litecnn_model::{read_tensors, write_tensors};
use litecnn_run::EpochRecord;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::TrainError;
use crate::early_stopping::EarlyStopping;
use crate::epoch::{Headway, Place};
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
    /// The epoch after those done, if it was halted.
    pub(crate) halted: Option<Halted>,
}

/// An epoch that was left after a batch.
#[derive(Debug)]
pub(crate) struct Halted {
    /// By output.
    pub(crate) ways: Vec<Headway>,
    /// Spent on it.
    pub(crate) seconds: f64,
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
            halted: None,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    halted: Option<Left>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Left {
    seconds: f64,
    /// By output.
    places: Vec<Place>,
}

const FORMAT: &str = "litecnn-state/1";

/// Saves everything that the next batch depends on, in one file, whole or not at all.
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
    let halted = state.halted.as_ref();
    for (output, way) in halted.iter().flat_map(|halted| halted.ways.iter().enumerate()) {
        tensors.push((seen(output), Tensor::f_from_slice(&way.logits)?));
    }
    let place = |way: &Headway| Place { batches: way.batches, words: way.words.clone() };
    let description = Description {
        format: FORMAT.into(),
        fingerprint: to.fingerprint.clone(),
        epoch: state.epoch,
        seconds: state.seconds,
        early_stopping: state.early_stopping.clone(),
        outputs: state.outputs.clone(),
        counters,
        history: state.history.clone(),
        halted: halted.map(|h| Left { seconds: h.seconds, places: h.ways.iter().map(place).collect() }),
    };
    let named: Vec<(String, &Tensor)> = tensors.iter().map(|(name, t)| (name.clone(), t)).collect();
    Ok(write_tensors(&to.path, &description, &named)?)
}

/// Under this name the logits of a halted epoch are saved.
fn seen(output: usize) -> String {
    format!("output-{}/seen", output + 1)
}

/// The name of a part that holds, or whose optimiser holds, a number that is not finite. A state with such a number
/// would not be read again.
pub(crate) fn not_finite(parts: Vec<Part<'_>>) -> Result<Option<&'static str>, TrainError> {
    for part in parts {
        let state = part.optimizer.iter().flat_map(|optimizer| optimizer.tensors()).map(|(_, tensor)| tensor);
        for tensor in std::iter::once(&*part.buffer).chain(state) {
            if tensor.f_detach()?.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Ok(Some(part.name));
            }
        }
    }
    Ok(None)
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
    let mut way = |(output, Place { batches, words }): (usize, Place)| {
        let tensor = tensors.remove(&seen(output));
        let tensor =
            tensor.ok_or_else(|| TrainError::State(format!("no `{}` in {}", seen(output), from.path.display())))?;
        Ok::<_, TrainError>(Headway { batches, words, logits: Vec::try_from(tensor)? })
    };
    let halted = description.halted.map(|Left { seconds, places }| {
        let ways = places.into_iter().enumerate().map(&mut way).collect::<Result<_, _>>()?;
        Ok::<_, TrainError>(Halted { ways, seconds })
    });
    Ok(Some(State {
        halted: halted.transpose()?,
        epoch: description.epoch,
        seconds: description.seconds,
        early_stopping: description.early_stopping,
        outputs: description.outputs,
        history: description.history,
        kept,
    }))
}
