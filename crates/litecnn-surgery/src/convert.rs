use litecnn_model::{Branch, HeadKind, UnifiedModel};
use rand::Rng;
use tch::Tensor;

use crate::SurgeryError;

/// The same branch with its dense head turned into a 1x1 convolution.
///
/// # Errors
/// [`SurgeryError::Layer`] naming the head if it is a convolution already or its weights do not fit.
pub fn convert_head(branch: &Branch) -> Result<Branch, SurgeryError> {
    if branch.head() != HeadKind::Dense {
        return Err(SurgeryError::layer("head", "is a 1x1 convolution already; only a dense head can be converted"));
    }
    let device = branch.params().flat().device();
    let mut converted = Branch::zeros(branch.spec(), HeadKind::Conv1x1, device)?;
    for (name, weight) in branch.params().named() {
        if !name.starts_with("head.") {
            converted.params_mut().set(name, weight)?;
        }
    }
    let (weight, bias) = (branch.params().get("head.weight")?, branch.params().get("head.bias")?);
    let (kernel, bias) = dense_to_conv("head", weight, bias)?;
    converted.params_mut().set("head.weight", &kernel)?;
    converted.params_mut().set("head.bias", &bias)?;
    Ok(converted)
}

/// Draws the heads of both branches anew from `rng`, as the dense head of a fresh branch is: the control of carrying the
/// trained ones over.
///
/// # Errors
/// [`SurgeryError::Model`].
pub fn redraw_heads(model: &mut UnifiedModel, rng: &mut impl Rng) -> Result<(), SurgeryError> {
    for branch in &mut model.branches {
        let fresh = Branch::new(branch.spec(), branch.params().flat().device(), rng)?;
        let fresh = convert_head(&fresh)?;
        for name in ["head.weight", "head.bias"] {
            branch.params_mut().set(name, fresh.params().get(name)?)?;
        }
    }
    Ok(())
}

/// A dense layer's weights as those of a 1x1 convolution: kernel `[units, features, 1, 1]` and bias `[units]` from
/// weight `[units, features]` and bias `[units]`. Convolving a `[batch, features, 1, 1]` image with them gives
/// what the dense layer gives for `[batch, features]`.
///
/// # Errors
/// [`SurgeryError::Layer`] naming `layer` and the shape that is wrong.
pub fn dense_to_conv(layer: &str, weight: &Tensor, bias: &Tensor) -> Result<(Tensor, Tensor), SurgeryError> {
    let [units, features] = weight.size()[..] else {
        let reason = format!("a dense weight is [units, features], this one is {:?}", weight.size());
        return Err(SurgeryError::layer(&format!("{layer}.weight"), reason));
    };
    if bias.size() != [units] {
        let reason = format!("{units} units want a bias of shape [{units}], got {:?}", bias.size());
        return Err(SurgeryError::layer(&format!("{layer}.bias"), reason));
    }
    Ok((weight.f_detach()?.f_reshape([units, features, 1, 1])?, bias.f_detach()?))
}
