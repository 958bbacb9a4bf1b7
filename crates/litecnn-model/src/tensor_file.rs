use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Tensor;

use crate::ModelError;

/// The one key of the safetensors metadata. A single one keeps the bytes of equal files equal: the format's
/// metadata is an unordered map.
const KEY: &str = "litecnn";

/// Writes 32-bit float tensors and one value that describes them as a safetensors file, whole or not at all.
///
/// Equal tensors and descriptions give equal bytes.
///
/// # Errors
/// [`ModelError::Run`] if the file cannot be written, [`ModelError::Torch`] if a tensor cannot be read.
pub fn write_tensors(
    path: &Path,
    description: &impl Serialize,
    tensors: &[(String, &Tensor)],
) -> Result<(), ModelError> {
    let unusable = |reason: String| ModelError::File { path: path.to_owned(), reason };
    let mut pieces = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let values: Vec<f32> = Vec::try_from(tensor.f_detach()?.f_reshape([-1])?)?;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let shape: Vec<usize> = tensor.size().iter().map(|&n| n as usize).collect();
        pieces.push((name.as_str(), shape, bytes));
    }
    let views = pieces
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| unusable(e.to_string()))?;
    let description = serde_json::to_string(description).map_err(|e| unusable(e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), description)]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| unusable(e.to_string()))?;
    Ok(litecnn_run::write_atomic(path, &bytes)?)
}

/// Reads a file written by [`write_tensors`]: its description and its tensors by name, on the CPU.
///
/// # Errors
/// [`ModelError::Run`] if it cannot be read; [`ModelError::File`] if it is truncated, foreign, holds other than
/// 32-bit floats or numbers that are not finite.
pub fn read_tensors<D: DeserializeOwned>(path: &Path) -> Result<(D, HashMap<String, Tensor>), ModelError> {
    let unusable = |reason: String| ModelError::File { path: path.to_owned(), reason };
    let bytes = litecnn_run::read(path)?;
    let (_, head) = SafeTensors::read_metadata(&bytes).map_err(|e| unusable(e.to_string()))?;
    let description = head.metadata().as_ref().and_then(|m| m.get(KEY));
    let description = description.ok_or_else(|| unusable("it was not written by litecnn".into()))?;
    let description = serde_json::from_str(description).map_err(|e| unusable(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| unusable(e.to_string()))?;
    let mut tensors = HashMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(unusable(format!("`{name}` is {:?}, not 32-bit float", view.dtype())));
        }
        let values: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
            return Err(unusable(format!("value {bad} of `{name}` is not a finite number")));
        }
        let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
        tensors.insert(name, Tensor::f_from_slice(&values)?.f_view(shape.as_slice())?);
    }
    Ok((description, tensors))
}
