use litecnn_run::Predictions;
use serde::{Deserialize, Serialize};

/// Whether a model is as often right as it is sure: of images it is 80 % sure of, it should get 80 % right.
///
/// The reliability diagram and the calibration errors of Guo et al. 2017, *On Calibration of Modern Neural Networks*.
/// All figures are fractions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Bins of equal width from 0 to 1, ascending.
    pub bins: Vec<CalibrationBin>,
    /// Distance of confidence and accuracy, averaged over the bins by their images; 0 of none.
    pub expected_calibration_error: f64,
    /// The greatest distance in any bin that has images, however few; 0 if none has.
    pub maximum_calibration_error: f64,
}

/// The images whose confidence is above `low` and not above `high`. Those of confidence 0, which the paper puts
/// nowhere, are in the first bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Lower edge, excluded.
    pub low: f64,
    /// Upper edge, included.
    pub high: f64,
    /// Number of images.
    pub images: u64,
    /// Their mean confidence; 0 if there are none.
    pub confidence: f64,
    /// Correct images as a fraction of them; 0 if there are none.
    pub accuracy: f64,
}

impl Calibration {
    /// Number of bins in the paper.
    pub const BINS: usize = 15;

    /// Sorts images into `bins` bins (one if it is 0). Of each image: the probability given to the predicted class,
    /// and whether that class is right.
    ///
    /// A confidence beyond 0..=1 counts as the end it is beyond, and NaN, as diverged training leaves it, as 0.
    pub fn new(bins: usize, images: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let count = bins.max(1);
        let edge = |bin: usize| bin as f64 / count as f64;
        // While images come in, bins hold sums in place of means.
        let empty =
            |bin| CalibrationBin { low: edge(bin), high: edge(bin + 1), images: 0, confidence: 0.0, accuracy: 0.0 };
        let mut bins: Vec<CalibrationBin> = (0..count).map(empty).collect();
        for (confidence, correct) in images {
            let confidence = if confidence > 0.0 { confidence.min(1.0) } else { 0.0 };
            // The edges decide: a product with the number of bins may round to the wrong side of one.
            let place = bins.partition_point(|bin| bin.high < confidence);
            if let Some(bin) = bins.get_mut(place) {
                bin.images += 1;
                bin.confidence += confidence;
                bin.accuracy += f64::from(correct);
            }
        }
        let (mut total, mut sum, mut maximum) = (0, 0.0, 0.0);
        for bin in bins.iter_mut().filter(|bin| bin.images > 0) {
            let images = bin.images as f64;
            bin.confidence /= images;
            bin.accuracy /= images;
            let distance = (bin.accuracy - bin.confidence).abs();
            total += bin.images;
            sum += images * distance;
            maximum = distance.max(maximum);
        }
        let expected_calibration_error = if total == 0 { 0.0 } else { sum / total as f64 };
        Self { bins, expected_calibration_error, maximum_calibration_error: maximum }
    }

    /// The same of predictions. A row without the predicted class's probability has confidence 0.
    pub fn from_predictions(bins: usize, predictions: &Predictions) -> Self {
        let images = predictions.rows.iter().map(|row| {
            let confidence = row.probabilities.get(usize::from(row.predicted)).copied().map_or(0.0, f64::from);
            (confidence, row.predicted == row.label)
        });
        Self::new(bins, images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_run::Prediction;

    #[test]
    fn an_image_on_an_edge_is_below_it() {
        let images = |bins, confidence| {
            let bins = Calibration::new(bins, [(confidence, true)]).bins;
            bins.iter().position(|bin| bin.images == 1).unwrap()
        };
        assert_eq!([0.0, 0.25, 0.250_001, 0.5, 1.0].map(|c| images(4, c)), [0, 0, 1, 1, 3]);
        for edge in 1..=15 {
            assert_eq!(images(15, f64::from(edge) / 15.0), edge as usize - 1);
        }
        assert_eq!([-1.0, f64::NAN, 2.0, f64::INFINITY].map(|c| images(4, c)), [0, 0, 3, 3]);
        assert_eq!(images(0, 0.7), 0);
    }

    #[test]
    fn distances_weighted_by_images_and_the_greatest() {
        let Calibration { bins, expected_calibration_error, maximum_calibration_error } =
            Calibration::new(2, [(0.25, false), (0.75, true), (1.0, true), (1.0, false), (0.75, true)]);
        assert_eq!((bins[1].images, bins[1].confidence, bins[1].accuracy), (4, 0.875, 0.75));
        assert_eq!((expected_calibration_error, maximum_calibration_error), ((0.25 + 4.0 * 0.125) / 5.0, 0.25));
        let none = Calibration::new(Calibration::BINS, []);
        assert_eq!((none.bins.len(), none.expected_calibration_error, none.maximum_calibration_error), (15, 0.0, 0.0));
    }

    #[test]
    fn confidence_is_the_probability_of_the_predicted_class() {
        let row = |label, probabilities| Prediction { index: 0, label, predicted: 1, probabilities };
        let predictions = Predictions { classes: 2, rows: vec![row(1, vec![0.25, 0.75]), row(0, vec![])] };
        let expected = Calibration::new(15, [(0.75, true), (0.0, false)]);
        assert_eq!(Calibration::from_predictions(15, &predictions), expected);
    }
}
