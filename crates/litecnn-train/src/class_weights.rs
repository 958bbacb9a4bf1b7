use tch::{Device, TchError, Tensor};

use crate::recipe::ClassWeighting;

/// How much an image of each class counts in the loss of training: the weighted mean of a batch,
/// `sum(w[y] * loss) / sum(w[y])`, as PyTorch's `CrossEntropyLoss(weight=w)` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassWeights {
    weights: Vec<f32>,
}

impl ClassWeights {
    /// Weights with which every class counts the same: `n / (K * n_k)` for `n` labels, `n_k` of them of a class, one of
    /// `K`. A class without labels gets 0; it never counts.
    ///
    /// # Errors
    /// A libtorch error if a label is not below the number of classes.
    pub fn balanced(labels: impl IntoIterator<Item = u8>, classes: usize) -> Result<Self, TchError> {
        let (mut counts, mut all) = (vec![0u64; classes], 0u64);
        for label in labels {
            let wrong = || TchError::Shape(format!("label {label} of {classes} classes"));
            *counts.get_mut(usize::from(label)).ok_or_else(wrong)? += 1;
            all += 1;
        }
        let weight = |&count: &u64| match count {
            0 => 0.0,
            _ => (all as f64 / (classes as f64 * count as f64)) as f32,
        };
        Ok(Self { weights: counts.iter().map(weight).collect() })
    }

    /// What a recipe asks for when the images at `places` of those with these `labels` train; none if all count the same.
    pub(crate) fn of(
        weighting: ClassWeighting,
        labels: &[u8],
        places: &[u32],
        classes: usize,
    ) -> Result<Option<Self>, TchError> {
        match weighting {
            ClassWeighting::None => Ok(None),
            ClassWeighting::Balanced => {
                Self::balanced(places.iter().map(|&place| labels[place as usize]), classes).map(Some)
            }
        }
    }

    /// `[classes]`.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// `f32 [classes]`, on a device.
    pub(crate) fn tensor(&self, device: Device) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(&self.weights)?.f_to(device)
    }

    /// What each image of a batch counts in its mean; they add up to 1.
    pub(crate) fn shares(&self, labels: &[i64]) -> Vec<f32> {
        let weight = |&label: &i64| self.weights[label as usize];
        let sum: f64 = labels.iter().map(|label| f64::from(weight(label))).sum();
        labels.iter().map(|label| (f64::from(weight(label)) / sum) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 2, 2])`
    #[test]
    fn balanced_as_scikit_learn_has_it() {
        let weights = ClassWeights::balanced([0, 2, 0, 1, 2, 0], 3).unwrap();
        assert_eq!(weights.weights(), [2.0 / 3.0, 2.0, 1.0].map(|w: f64| w as f32));
        let shares = weights.shares(&[1, 0, 0]);
        assert!(
            shares.iter().zip([0.6, 0.2, 0.2]).all(|(share, by_hand)| (share - by_hand).abs() < 1e-7),
            "{shares:?}"
        );
        assert_eq!(ClassWeights::balanced([0, 2], 3).unwrap().weights()[1], 0.0);
        assert!(ClassWeights::balanced([3], 3).is_err());
    }
}
