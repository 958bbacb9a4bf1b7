use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use crate::{Dataset, Images};

/// Mean and standard deviation of each channel's values in `[0, 1]`; images are shifted and divided by them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Normalisation {
    /// A number a channel.
    pub mean: Vec<f64>,
    /// A number above 0 a channel.
    pub deviation: Vec<f64>,
}

impl Normalisation {
    /// The figures in common use for CIFAR-10 and CIFAR-100; for other sets those of the training images.
    pub fn of(dataset: &Dataset) -> Self {
        let known = |mean: [f64; 3], deviation: [f64; 3]| Self { mean: mean.into(), deviation: deviation.into() };
        match dataset.name.as_str() {
            "cifar10" => known([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
            "cifar100" => known([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]),
            _ => Self::measured(&dataset.train),
        }
    }

    /// The figures of some images. A channel with one value everywhere is only shifted.
    pub fn measured(images: &Images) -> Self {
        let channels = images.pixels.dim().3;
        let (mut mean, mut deviation) = (Vec::new(), Vec::new());
        for channel in 0..channels {
            let mut counts = [0u64; 256];
            for &value in images.pixels.slice(ndarray::s![.., .., .., channel]) {
                counts[usize::from(value)] += 1;
            }
            let all = counts.iter().sum::<u64>().max(1) as f64;
            let moment = |of: &dyn Fn(f64) -> f64| {
                let terms = counts.iter().enumerate().map(|(byte, &n)| n as f64 * of(byte as f64 / 255.0));
                terms.sum::<f64>() / all
            };
            let middle = moment(&|x| x);
            let spread = moment(&|x| (x - middle).powi(2)).sqrt();
            mean.push(middle);
            deviation.push(if spread > 0.0 { spread } else { 1.0 });
        }
        Self { mean, deviation }
    }

    /// What is wrong with it for images of so many channels, if anything.
    pub fn fault(&self, channels: usize) -> Option<String> {
        let Self { mean, deviation } = self;
        if mean.len() != channels || deviation.len() != channels {
            let (means, deviations) = (mean.len(), deviation.len());
            return Some(format!("{means} means and {deviations} deviations for images of {channels} channels"));
        }
        let bad = mean.iter().find(|m| !m.is_finite()).or(deviation.iter().find(|d| !(d.is_finite() && **d > 0.0)));
        bad.map(|bad| format!("{bad} is impossible here: means are numbers, deviations numbers above 0"))
    }

    /// The images `[batch, channels, height, width]`, values in `[0, 1]`, normalised.
    ///
    /// # Errors
    /// A libtorch error, also if there are not as many channels.
    pub fn apply(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let column = |values: &[f64], device: Device| {
            Tensor::f_from_slice(values)?.f_to_kind(Kind::Float)?.f_view([1, -1, 1, 1])?.f_to(device)
        };
        let device = images.device();
        let channels = images.size().get(1).copied().unwrap_or(0);
        if let Some(fault) = self.fault(channels as usize) {
            return Err(TchError::Shape(fault));
        }
        images.f_sub(&column(&self.mean, device)?)?.f_div_(&column(&self.deviation, device)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    fn images() -> Images {
        let pixels = Array4::from_shape_fn((5, 3, 4, 2), |(n, h, w, c)| (n * 37 + h * 11 + w * 5 + c * 90) as u8);
        Images { pixels, labels: vec![0; 5] }
    }

    #[test]
    fn normalised_images_have_mean_zero_and_deviation_one() {
        let images = images();
        let normalisation = Normalisation::measured(&images);
        let values: Vec<f32> = images.pixels.iter().map(|&v| f32::from(v) / 255.0).collect();
        let batch = Tensor::from_slice(&values).view([5, 3, 4, 2]).permute([0, 3, 1, 2]);
        let normal = normalisation.apply(&batch).unwrap();
        for channel in 0..2 {
            let values = normal.select(1, channel).to_kind(Kind::Double);
            assert!(values.mean(Kind::Double).double_value(&[]).abs() < 1e-6);
            assert!((values.std(false).double_value(&[]) - 1.0).abs() < 1e-6);
            // One of them by hand.
            let [mean, deviation] = [&normalisation.mean, &normalisation.deviation].map(|v| v[channel as usize]);
            let by_hand = (batch.double_value(&[3, channel, 1, 2]) - mean) / deviation;
            assert!((normal.double_value(&[3, channel, 1, 2]) - by_hand).abs() < 1e-5);
        }
    }

    #[test]
    fn one_value_everywhere_is_only_shifted() {
        let flat = Images { pixels: Array4::from_elem((2, 2, 2, 1), 51), labels: vec![0; 2] };
        assert_eq!(Normalisation::measured(&flat).deviation, [1.0]);
    }

    #[test]
    fn impossible_figures_are_told() {
        let good = Normalisation { mean: vec![0.5; 3], deviation: vec![0.2; 3] };
        assert_eq!(good.fault(3), None);
        assert!(good.fault(1).unwrap().contains("3 means and 3 deviations for images of 1 channels"));
        let flat = Normalisation { deviation: vec![0.2, 0.0, 0.2], ..good.clone() };
        assert!(flat.fault(3).unwrap().contains("0 is impossible"));
        let images = Tensor::zeros([2, 1, 4, 4], (Kind::Float, Device::Cpu));
        assert!(good.apply(&images).is_err());
    }
}
