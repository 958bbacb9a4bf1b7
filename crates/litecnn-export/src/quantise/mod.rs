//! Models in integers, after training.

mod calibrate;
mod joined;
mod layers;
mod network;

use litecnn_pictures::PictureForm;
use litecnn_runtime::{
    AlignedBytes, Architecture, EncodeError, Model, Network, Quantised, QuantisedNetwork, encode_int8,
    encode_network_int8,
};

use self::calibrate::Calibration;
use crate::compact::{SCALING, architecture, told};
use crate::{ExportError, Folded, TrainedModel};

/// How a model is quantised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantiseSettings {
    /// Bits of a weight, 2 to 8. With fewer than 8 the file keeps its size: it tells what such weights would answer.
    pub weight_bits: u32,
    /// How to choose what a byte stands for; none tries all of [`ByteRange::ALL`] and keeps what is best on the images.
    pub range: Option<ByteRange>,
}

impl Default for QuantiseSettings {
    fn default() -> Self {
        Self { weight_bits: 8, range: None }
    }
}

/// Which values of a layer's outputs bytes reach: what is beyond becomes the largest or smallest byte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ByteRange {
    /// All that the calibration images give.
    Full,
    /// This share of them, above 0.5 and at most 1.
    Share(f64),
    /// What makes the mean squared error of the values smallest.
    LeastError,
}

impl ByteRange {
    /// What is tried.
    pub const ALL: [Self; 5] =
        [Self::Full, Self::Share(0.9999), Self::Share(0.999), Self::Share(0.99), Self::LeastError];
}

/// A model in integers, for `litecnn-runtime`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedModel {
    integers: Integers,
    classes: Vec<String>,
    pictures: Option<PictureForm>,
    range: ByteRange,
}

/// A model in integers, with its shape.
#[derive(Debug, Clone, PartialEq)]
enum Integers {
    Branches(Architecture, Quantised),
    Network(Network, QuantisedNetwork),
}

/// What is to be quantised.
enum Shape<'a> {
    Branches(Architecture),
    Network(&'a Folded),
}

impl QuantisedModel {
    /// The file that `litecnn-runtime` reads.
    ///
    /// # Errors
    /// [`ExportError::Compact`] if the format has no room for such a model, for example because a head sees so many
    /// features that a sum could leave 32 bits.
    pub fn litecnn(&self) -> Result<Vec<u8>, ExportError> {
        let failed = |e: EncodeError| ExportError::Compact { reason: e.to_string() };
        let file = match &self.integers {
            Integers::Branches(architecture, integers) => encode_int8(architecture, &self.classes, SCALING, integers),
            Integers::Network(network, integers) => encode_network_int8(network, &self.classes, SCALING, integers),
        };
        Ok(told(file.map_err(failed)?, self.pictures))
    }

    /// How its bytes' ranges were chosen.
    pub fn range(&self) -> ByteRange {
        self.range
    }
}

/// The model in 8-bit integers: weights from -127 to 127 with a scale for each output, what layers hand to each other as
/// bytes with a scale for each channel. The scales come from `images`, some hundred training images: `[height][width]
/// [channel]`, a byte a value, back to back.
///
/// Of the ways to choose ranges the one is kept whose probabilities for these images are closest to the model's own
/// (Kullback-Leibler divergence, mean). Labels are not needed. Equal models and images give equal integers.
///
/// # Errors
/// [`ExportError::Calibration`] if there are no images or part of one; [`ExportError::Compact`] as for
/// [`litecnn()`](crate::litecnn()) and [`QuantisedModel::litecnn`], and if a folded network multiplies a channel of the image
/// by zero or less, pads it with what no pixel can be, or adds to its logits or bounds them.
pub fn quantise(
    model: &TrainedModel,
    images: &[u8],
    settings: QuantiseSettings,
) -> Result<QuantisedModel, ExportError> {
    let pixels: usize = model.input().iter().product();
    if images.is_empty() || !images.len().is_multiple_of(pixels) {
        return Err(ExportError::Calibration { image: pixels, found: images.len() });
    }
    let shape = match model.folded() {
        Some(folded) => Shape::Network(network::checked(folded)?),
        None => Shape::Branches(architecture(model).map_err(|e| ExportError::Compact { reason: e.to_string() })?),
    };
    let calibration = Calibration::new(model, images);
    let candidates = match &settings.range {
        Some(range) => core::slice::from_ref(range),
        None => ByteRange::ALL.as_slice(),
    };
    let mut best: Option<(f64, QuantisedModel)> = None;
    for &range in candidates {
        let (image, seen, bits) = (calibration.image(), calibration.seen(range), settings.weight_bits);
        let integers = match shape {
            Shape::Network(folded) => {
                Integers::Network(folded.network.clone(), network::integers(folded, image, &seen, bits))
            }
            Shape::Branches(shape) => Integers::Branches(shape, joined::integers(model, image, &seen, bits)),
        };
        let candidate =
            QuantisedModel { integers, classes: model.classes().to_vec(), pictures: model.pictures(), range };
        let file = AlignedBytes::new(&candidate.litecnn()?);
        let unusable = |reason: String| ExportError::Compact { reason };
        let runs = Model::from_bytes(&file).map_err(|e| unusable(e.to_string()))?;
        let mut scratch = vec![0.0; runs.scratch_len()];
        let mut found = vec![0.0; calibration.logits.len()];
        let mut session = runs.session(&mut scratch).map_err(|e| unusable(e.to_string()))?;
        session.logits_batch(images, &mut found).map_err(|e| unusable(e.to_string()))?;
        let far = calibration.divergence(&found, model.classes().len());
        if best.as_ref().is_none_or(|(least, _)| far < *least) {
            best = Some((far, candidate));
        }
    }
    best.map(|(_, model)| model).ok_or(ExportError::Calibration { image: pixels, found: 0 })
}
