use litecnn_run::Predictions;

/// Brier score: the squared distance of the probabilities from the truth (1 for the true class, 0 for the others),
/// summed over the classes and averaged over the images; 0 if there are none.
///
/// From 0 (certain and right) to 2 (certain and wrong), as Brier 1950 has it and scikit-learn's `brier_score_loss`
/// for more than two classes; for two, divide it by 2 to compare. A probability that is missing counts as 0, and what
/// is none, as the NaN of diverged training, is as far from the truth as can be.
pub fn brier(predictions: &Predictions) -> f64 {
    if predictions.rows.is_empty() {
        return 0.0;
    }
    let cost = predictions.rows.iter().map(|row| {
        let squares = (0..predictions.classes).map(|class| {
            let truth = f64::from(class == usize::from(row.label));
            let distance = (row.probabilities.get(class).copied().map_or(0.0, f64::from) - truth).abs();
            // Written so that a NaN is far too.
            if distance <= 1.0 { distance * distance } else { 1.0 }
        });
        squares.sum::<f64>().min(2.0)
    });
    cost.sum::<f64>() / predictions.rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_run::Prediction;

    #[test]
    fn squares_summed_over_classes_and_averaged_over_images() {
        let row = |p: &[f32]| Prediction { index: 0, label: 1, predicted: 1, probabilities: p.to_vec() };
        let score = |rows: &[&[f32]]| brier(&Predictions { classes: 3, rows: rows.iter().map(|p| row(p)).collect() });
        assert_eq!(score(&[&[0.25, 0.5, 0.25]]), 0.375);
        assert_eq!(score(&[&[0.0, 1.0, 0.0], &[1.0, 0.0, 0.0]]), 1.0);
        assert_eq!((score(&[]), score(&[&[]]), score(&[&[f32::NAN; 3]])), (0.0, 1.0, 2.0));
    }
}
