use litecnn_pictures::{Fit, PictureForm};
use litecnn_runtime::{Architecture, ArchitectureError, EncodeError, Pictures, Scaling, encode, with_pictures};

use crate::model::{Dense, PIXEL_SCALE, TrainedModel};
use crate::{ExportError, HeadActivation};

/// What becomes of a pixel's byte.
pub(crate) const SCALING: Scaling = Scaling { scale: 1.0 / PIXEL_SCALE, shift: 0.0 };

/// The file that `litecnn-runtime` reads: weights as 32-bit floats, class names, the scaling of pixels that are bytes,
/// and how pictures become images if the model tells.
///
/// # Errors
/// [`ExportError::Compact`] if the runtime's format has no room for such a model: more than 15 convolutions, or a side
/// or number of channels or classes above 65,535.
pub fn litecnn(model: &TrainedModel) -> Result<Vec<u8>, ExportError> {
    if let Some(folded) = model.folded() {
        return Ok(told(folded.compact()?, model.pictures()));
    }
    let architecture = architecture(model).map_err(|e| ExportError::Compact { reason: e.to_string() })?;
    let failed = |e: EncodeError| ExportError::Compact { reason: e.to_string() };
    let file = encode(&architecture, model.classes(), SCALING, &weights(model)).map_err(failed)?;
    Ok(told(file, model.pictures()))
}

/// The file with how pictures become images, as far as it can be told.
pub(crate) fn told(file: Vec<u8>, form: Option<PictureForm>) -> Vec<u8> {
    let Some(PictureForm { fit, background, .. }) = form else { return file };
    let fit = match fit {
        Fit::Stretch => litecnn_runtime::Fit::Stretch,
        Fit::Letterbox => litecnn_runtime::Fit::Letterbox,
        Fit::Crop => litecnn_runtime::Fit::Crop,
        // One that the format has no number for.
        _ => return file,
    };
    with_pictures(file, Pictures { fit, background: background.0 })
}

pub(crate) fn architecture(model: &TrainedModel) -> Result<Architecture, ArchitectureError> {
    let ([channels, height, width], filters, classes) = (model.input(), model.filters(), model.classes().len());
    match model.joint() {
        None => Architecture::branch(channels, height, width, filters, classes),
        Some(joint) => {
            let (hidden, relu) = (joint.hidden.bias.len(), joint.head_activation == HeadActivation::Relu);
            Architecture::unified(channels, height, width, filters, classes, hidden, relu)
        }
    }
}

/// All of them in the order of [`encode`].
fn weights(model: &TrainedModel) -> Vec<f32> {
    let mut all = Vec::with_capacity(model.parameters());
    let dense = |layer: &Dense, all: &mut Vec<f32>| {
        all.extend(&layer.weight);
        all.extend(&layer.bias);
    };
    for branch in model.branches() {
        for convolution in &branch.convolutions {
            all.extend(&convolution.weight);
            all.extend(&convolution.bias);
        }
        dense(&branch.head, &mut all);
    }
    if let Some(joint) = model.joint() {
        dense(&joint.hidden, &mut all);
        dense(&joint.output, &mut all);
    }
    all
}
