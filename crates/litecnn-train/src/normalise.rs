//! Weights for normalised images and for images as they are.
//!
//! The first convolution has no padding, so `conv(w, (x - mean) / deviation) + b` is `conv(w', x) + b'` with
//! `w' = w / deviation` and `b' = b - sum(w' * mean)`, everywhere and exactly, rounding apart.

use litecnn_data::{Images, Normalisation};
use litecnn_model::{Branch, UnifiedModel};
use tch::{Kind, Tensor};

use crate::TrainError;

const KERNEL: &str = "conv1.weight";
const BIAS: &str = "conv1.bias";

/// Figures of images whose bytes are divided by `scale`.
pub(crate) fn figures(images: &Images, scale: f64) -> Normalisation {
    let Normalisation { mean, deviation } = Normalisation::measured(images);
    let scaled = |values: Vec<f64>| values.into_iter().map(|value| value * 255.0 / scale).collect();
    Normalisation { mean: scaled(mean), deviation: scaled(deviation) }
}

/// Makes a branch for normalised images one for images as they are.
pub(crate) fn fold(branch: &mut Branch, figures: &Normalisation) -> Result<(), TrainError> {
    let [kernel, bias, mean, deviation] = parts(branch, figures)?;
    let kernel = kernel.f_div(&deviation)?;
    put(branch, &kernel, &bias.f_sub(&of_mean(&kernel, &mean)?)?)
}

/// Makes a branch for images as they are one for normalised images.
pub(crate) fn unfold(branch: &mut Branch, figures: &Normalisation) -> Result<(), TrainError> {
    let [kernel, bias, mean, deviation] = parts(branch, figures)?;
    let bias = bias.f_add(&of_mean(&kernel, &mean)?)?;
    put(branch, &kernel.f_mul(&deviation)?, &bias)
}

/// A copy of a branch for normalised images that takes images as they are.
pub(crate) fn folded(branch: &Branch, figures: &Normalisation) -> Result<Branch, TrainError> {
    let mut copy = Branch::zeros(branch.spec(), branch.head(), branch.params().flat().device())?;
    copy.params_mut().restore(branch.params().flat())?;
    fold(&mut copy, figures)?;
    Ok(copy)
}

/// The same for a whole model.
pub(crate) fn folded_model(model: &UnifiedModel, figures: &Normalisation) -> Result<UnifiedModel, TrainError> {
    let mut copy = model.duplicate()?;
    copy.branches.iter_mut().try_for_each(|branch| fold(branch, figures))?;
    Ok(copy)
}

/// Kernel and bias of the first convolution, mean and deviation, in double precision.
fn parts(branch: &Branch, figures: &Normalisation) -> Result<[Tensor; 4], TrainError> {
    let params = branch.params();
    let weight = |name| Ok::<_, TrainError>(params.get(name)?.f_detach()?.f_to_kind(Kind::Double)?);
    let device = params.flat().device();
    let column = |values: &[f64]| Tensor::f_from_slice(values)?.f_view([1, -1, 1, 1])?.f_to(device);
    Ok([weight(KERNEL)?, weight(BIAS)?, column(&figures.mean)?, column(&figures.deviation)?])
}

/// What a kernel makes of the mean, `[filters]`.
fn of_mean(kernel: &Tensor, mean: &Tensor) -> Result<Tensor, TrainError> {
    Ok(kernel.f_mul(mean)?.f_sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Double)?)
}

fn put(branch: &mut Branch, kernel: &Tensor, bias: &Tensor) -> Result<(), TrainError> {
    branch.params_mut().set(KERNEL, &kernel.f_to_kind(Kind::Float)?)?;
    Ok(branch.params_mut().set(BIAS, &bias.f_to_kind(Kind::Float)?)?)
}

#[cfg(test)]
mod tests {
    use litecnn_data::stream;
    use litecnn_model::BranchSpec;
    use tch::Device;

    use super::*;

    #[test]
    fn folded_weights_make_of_images_what_the_others_make_of_normalised_ones() {
        let figures = Normalisation { mean: vec![0.5, 0.4, 0.3], deviation: vec![0.25, 0.2, 0.3] };
        let mut branch = Branch::new(&BranchSpec::paper(3, 32, 32, 10), Device::Cpu, &mut stream(0, "test")).unwrap();
        branch.params_mut().set(BIAS, &Tensor::linspace(-0.1, 0.1, 10, (Kind::Float, Device::Cpu))).unwrap();
        let images = Tensor::rand([5, 3, 32, 32], (Kind::Float, Device::Cpu));
        let expected = branch.forward(&figures.apply(&images).unwrap()).unwrap();
        let mut other = folded(&branch, &figures).unwrap();
        let off = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        assert!(off(&other.forward(&images).unwrap(), &expected) < 1e-5);
        unfold(&mut other, &figures).unwrap();
        assert!(off(other.params().flat(), branch.params().flat()) < 1e-6);
    }
}
