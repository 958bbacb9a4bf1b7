use litecnn_model::{Branch, Joint, ModelError, UnifiedModel, UnifiedSpec};
use rand::Rng;

use crate::{SurgeryError, convert_head};

/// Joins two trained branches with dense heads under fresh dense layers, drawn from `rng`.
///
/// # Errors
/// [`SurgeryError::Layer`] naming the branch and layer that does not fit: another architecture than `spec` wants, a
/// head that is no dense layer, weights that are not finite numbers.
pub fn join(
    first: &Branch,
    second: &Branch,
    spec: &UnifiedSpec,
    rng: &mut impl Rng,
) -> Result<UnifiedModel, SurgeryError> {
    let converted = [(first, "branch-1"), (second, "branch-2")].map(|(branch, name)| check(branch, name, spec));
    let [first, second] = converted;
    let (first, second) = (first?, second?);
    let device = first.params().flat().device();
    if second.params().flat().device() != device {
        return Err(SurgeryError::layer("branch-2", "is on another device than branch-1"));
    }
    Ok(UnifiedModel::new(spec, [first, second], Joint::new(spec, device, rng)?)?)
}

fn check(branch: &Branch, name: &str, spec: &UnifiedSpec) -> Result<Branch, SurgeryError> {
    let wanted = spec.branch.weights(branch.head());
    for (layer, shape) in &wanted {
        let full = format!("{name}.{layer}");
        let weight = match branch.params().get(layer) {
            Err(ModelError::Missing { .. }) => {
                return Err(SurgeryError::layer(&full, "is missing: the branch has fewer convolutions than wanted"));
            }
            other => other?,
        };
        if weight.size() != *shape {
            let reason = format!("has shape {:?}, the joined model wants {shape:?}", weight.size());
            return Err(SurgeryError::layer(&full, reason));
        }
        if weight.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(SurgeryError::layer(&full, "holds numbers that are not finite"));
        }
    }
    if branch.spec() != &spec.branch {
        return Err(SurgeryError::layer(name, format!("is {:?}, wanted is {:?}", branch.spec(), spec.branch)));
    }
    convert_head(branch).map_err(|e| match e {
        SurgeryError::Layer { layer, reason } => SurgeryError::Layer { layer: format!("{name}.{layer}"), reason },
        other => other,
    })
}
