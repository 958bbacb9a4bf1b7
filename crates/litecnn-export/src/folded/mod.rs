//! Networks of which nothing is left but convolutions, poolings, sums and rectifiers.

mod card;
mod forward;

use std::path::Path;

use litecnn_pictures::PictureForm;
use litecnn_runtime::{AlignedBytes, Architecture, Model, Network, OperationKind, encode_network};

use crate::ExportError;
use crate::compact::SCALING;

pub(crate) use card::FORMAT;

/// A network whose batch norms are part of its convolutions: what `litecnn-zoo` makes of one, and what every artefact is
/// made of. A file of one is read by [`TrainedModel::read`](crate::TrainedModel::read), like other weight files.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// The network's name.
    pub name: String,
    /// Its operations, and what becomes of pixels from 0 to 1 before.
    pub network: Network,
    /// Of the convolutions in their order: `[output][input of the group][row][column]`, then biases `[output]`.
    pub weights: Vec<f32>,
    /// Number of weights before batch norms were folded.
    pub unfolded: usize,
    /// Class names, by class.
    pub classes: Vec<String>,
    /// The data set it was trained on, or empty.
    pub dataset: String,
    /// SHA-256 of the recipe it was trained by, or empty.
    pub recipe: String,
    /// The step that wrote the weights, or empty.
    pub step: String,
    /// What pictures were made into the images it was trained on, if it is known.
    pub pictures: Option<PictureForm>,
}

impl Folded {
    /// Writes it as a weight file, whole or not at all.
    ///
    /// # Errors
    /// [`ExportError::Compact`] if `litecnn-runtime` could not run it, [`ExportError::Run`] if the file cannot be
    /// written.
    pub fn write(&self, path: &Path) -> Result<(), ExportError> {
        Ok(litecnn_run::write_atomic(path, &self.bytes()?)?)
    }

    /// Multiplications with an addition that an image takes.
    ///
    /// # Errors
    /// [`ExportError::Compact`] if `litecnn-runtime` could not run it.
    pub fn multiply_adds(&self) -> Result<usize, ExportError> {
        Ok(self.architecture()?.multiply_adds())
    }

    /// The bytes that `litecnn-runtime` reads.
    pub(crate) fn compact(&self) -> Result<Vec<u8>, ExportError> {
        encode_network(&self.network, &self.classes, SCALING, &self.weights)
            .map_err(|e| ExportError::Compact { reason: e.to_string() })
    }

    /// Its shape as the runtime has it; whatever passes here can be run and exported.
    pub(crate) fn architecture(&self) -> Result<Architecture, ExportError> {
        let file = AlignedBytes::new(&self.compact()?);
        let model = Model::from_bytes(&file).map_err(|e| ExportError::Compact { reason: e.to_string() })?;
        Ok(*model.architecture())
    }

    /// `[channels, height, width]` of each value, the image's first. Of a network that passed only.
    pub(crate) fn shapes(&self) -> Vec<[usize; 3]> {
        self.network.shapes().unwrap_or_default()
    }

    /// Kernel and biases of each operation, empty for poolings. Of a network that passed only.
    pub(crate) fn layers(&self) -> Vec<[&[f32]; 2]> {
        let (shapes, mut left) = (self.shapes(), &self.weights[..]);
        let mut layers = Vec::with_capacity(self.network.operations.len());
        for operation in &self.network.operations {
            let (mut kernel, mut bias) = (0, 0);
            if operation.kind == OperationKind::Convolution {
                bias = usize::from(operation.outputs);
                let inputs = shapes[usize::from(operation.from)][0] / usize::from(operation.groups);
                kernel = bias * inputs * usize::from(operation.kernel[0]) * usize::from(operation.kernel[1]);
            }
            let (of_this, rest) = left.split_at(kernel + bias);
            layers.push(of_this.split_at(kernel).into());
            left = rest;
        }
        layers
    }
}
