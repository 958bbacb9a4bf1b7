use tch::{Kind, Reduction, Tensor};

use crate::TrainError;

/// How good logits are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean cross-entropy in nats (sparse categorical cross-entropy of the softmax).
    pub loss: f64,
    /// Fraction of images whose largest logit is the label's.
    pub accuracy: f64,
}

impl Score {
    /// Scores `logits` `[images, classes]` against `labels` `i64 [images]`, in double precision.
    ///
    /// # Errors
    /// [`TrainError::Torch`] if the shapes do not fit.
    pub fn of(logits: &Tensor, labels: &Tensor) -> Result<Self, TrainError> {
        let logits = logits.f_detach()?.f_to_kind(Kind::Double)?;
        let loss = cross_entropy(&logits, labels)?.f_double_value(&[])?;
        let hits = logits.f_argmax(1, false)?.f_eq_tensor(labels)?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        Ok(Self { loss, accuracy: hits as f64 / labels.numel().max(1) as f64 })
    }
}

/// Mean cross-entropy of the softmax of `logits` `[batch, classes]` against `labels` `i64 [batch]`.
///
/// # Errors
/// [`TrainError::Torch`] if the shapes do not fit.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor, TrainError> {
    weighted_cross_entropy(logits, labels, None)
}

/// As [`cross_entropy`], the mean weighted by the images' classes, `[classes]`.
pub(crate) fn weighted_cross_entropy(
    logits: &Tensor,
    labels: &Tensor,
    weights: Option<&Tensor>,
) -> Result<Tensor, TrainError> {
    Ok(logits.f_cross_entropy_loss(labels, weights, Reduction::Mean, -100, 0.0)?)
}

/// Cross-entropy of the softmax of `logits` `[batch, classes]` against targets `[batch, classes]`, summed over the batch with
/// `shares` `[batch]`.
pub(crate) fn soft_cross_entropy(logits: &Tensor, targets: &Tensor, shares: &Tensor) -> Result<Tensor, TrainError> {
    let by_class = logits.f_log_softmax(1, Kind::Float)?.f_mul(targets)?;
    let losses = by_class.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
    Ok(losses.f_dot(shares)?.f_neg()?)
}

/// Mean cross-entropy of a batch, in double precision, from logits, one row an image; not a number if a logit is none.
pub(crate) fn batch_loss(logits: &[f32], labels: &[i64]) -> f64 {
    if labels.is_empty() || logits.iter().any(|logit| !logit.is_finite()) {
        return f64::NAN;
    }
    let rows = logits.chunks_exact(logits.len() / labels.len()).zip(labels);
    let losses = rows.map(|(row, &label)| {
        let largest = row.iter().fold(f64::NEG_INFINITY, |largest, &x| largest.max(x.into()));
        let sum: f64 = row.iter().map(|&x| (f64::from(x) - largest).exp()).sum();
        largest + sum.ln() - row.get(label as usize).map_or(f64::NAN, |&x| x.into())
    });
    losses.sum::<f64>() / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let logits = Tensor::from_slice(&[2.0f32, 0.0, 0.0, 0.0, 1.0, 0.0]).view([2, 3]);
        let score = Score::of(&logits, &Tensor::from_slice(&[0i64, 2])).unwrap();
        let e = std::f64::consts::E;
        let expected = (((e * e + 2.0) / (e * e)).ln() + (e + 2.0).ln()) / 2.0;
        assert!((score.loss - expected).abs() < 1e-12, "{} {expected}", score.loss);
        assert_eq!(score.accuracy, 0.5);
        let loss = batch_loss(&[2.0, 0.0, 0.0, 0.0, 1.0, 0.0], &[0, 2]);
        assert!((loss - expected).abs() < 1e-12, "{loss} {expected}");
        assert_eq!(batch_loss(&[1e30, 0.0], &[1]), f64::from(1e30f32));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(batch_loss(&[bad, 0.0], &[1]).is_nan());
        }
    }

    #[test]
    fn impossible_labels_are_errors() {
        let logits = Tensor::from_slice(&[2.0f32, 0.0, 0.0]).view([1, 3]);
        assert!(Score::of(&logits, &Tensor::from_slice(&[3i64])).is_err());
    }
}
