use litecnn_run::Predictions;

/// The least probability a logarithm is taken of.
const LEAST: f64 = 1e-7;

/// Mean cross-entropy in nats: minus the logarithm of the probability given to the true class, averaged over the
/// images; 0 if there are none.
///
/// Probabilities below 1e-7 count as 1e-7, as in Keras, so one image costs at most 16.12 nats. Keras also lowers
/// those above 1 - 1e-7; here a certain and correct prediction costs nothing.
pub fn mean_cross_entropy(predictions: &Predictions) -> f64 {
    if predictions.rows.is_empty() {
        return 0.0;
    }
    let cost = predictions.rows.iter().map(|row| {
        // A row without the true class's probability says nothing in its favour.
        let p = row.probabilities.get(usize::from(row.label)).copied().unwrap_or(0.0);
        let p = f64::from(p);
        // Written so that a NaN, as diverged training leaves it, costs the most too.
        -(if p >= LEAST { p.min(1.0) } else { LEAST }).ln()
    });
    // The sum starts at +0: of certain predictions only, `-ln 1` would leave a negative zero in the file.
    cost.fold(0.0, |sum, c| sum + c) / predictions.rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_run::Prediction;

    fn predictions(of_true_class: &[f32]) -> Predictions {
        let row = |p: &f32| Prediction { index: 0, label: 1, predicted: 1, probabilities: vec![1.0 - p, *p] };
        Predictions { classes: 2, rows: of_true_class.iter().map(row).collect() }
    }

    #[test]
    fn mean_of_the_logarithms_clipped() {
        let loss = |p: &[f32]| mean_cross_entropy(&predictions(p));
        assert_eq!(loss(&[1.0, 1.0]).to_bits(), 0f64.to_bits());
        assert!((loss(&[0.5, 0.25]) - 1.5 * 2f64.ln()).abs() < 1e-12);
        assert!((loss(&[0.0]) - 16.118_095_650_958_32).abs() < 1e-9);
        assert_eq!(loss(&[f32::NAN]), loss(&[0.0]));
        assert_eq!(loss(&[]), 0.0);
    }
}
