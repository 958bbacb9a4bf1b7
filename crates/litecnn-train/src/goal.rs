use crate::class_weights::ClassWeights;
use crate::mixing::Blend;

/// What the outputs of a model are to come to: the labels, or targets made of them.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    pub(crate) classes: usize,
    /// How much classes count; none if all count the same.
    pub(crate) weights: Option<ClassWeights>,
    /// The part of each target that is shared out among all classes.
    pub(crate) smoothing: f64,
}

/// Targets of a batch that its labels alone do not say. The loss is `sum(share * sum(target * -log(softmax)))`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Targets {
    /// One row of `[classes]` an image, which adds up to 1.
    pub(crate) rows: Vec<f32>,
    /// What each image counts; they add up to 1.
    pub(crate) shares: Vec<f32>,
}

impl Goal {
    /// Targets of a batch with these labels, blended so; none if they are the labels.
    ///
    /// The target of an image is `own * [its label] + (1 - own) * [its partner's]`; of that, `smoothing` is shared out
    /// (Szegedy et al. 2016): `(1 - smoothing) * target + smoothing / classes`. An image counts as much as its classes do,
    /// in these shares, before smoothing.
    pub(crate) fn targets(&self, labels: &[i64], blend: Option<&Blend>) -> Option<Targets> {
        if self.smoothing == 0.0 && blend.is_none() {
            return None;
        }
        let own = blend.map_or(1.0, Blend::own);
        let weight = |label: i64| self.weights.as_ref().map_or(1.0, |w| f64::from(w.weights()[label as usize]));
        let mut rows = vec![0.0; labels.len() * self.classes];
        let mut counts = Vec::with_capacity(labels.len());
        for (row, (&label, &other)) in rows.chunks_exact_mut(self.classes).zip(labels.iter().zip(labels.iter().rev())) {
            let mut target = vec![self.smoothing / self.classes as f64; self.classes];
            target[label as usize] += (1.0 - self.smoothing) * own;
            target[other as usize] += (1.0 - self.smoothing) * (1.0 - own);
            for (to, from) in row.iter_mut().zip(target) {
                *to = from as f32;
            }
            counts.push(own * weight(label) + (1.0 - own) * weight(other));
        }
        let all: f64 = counts.iter().sum();
        Some(Targets { rows, shares: counts.into_iter().map(|count| (count / all) as f32).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f32], by_hand: &[f32]) {
        let same = found.len() == by_hand.len() && found.iter().zip(by_hand).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(same, "{found:?} {by_hand:?}");
    }

    #[test]
    fn targets_by_hand() {
        let goal = Goal { classes: 4, weights: None, smoothing: 0.2 };
        let smooth = goal.targets(&[1, 3], None).unwrap();
        near(&smooth.rows, &[0.05, 0.85, 0.05, 0.05, 0.05, 0.05, 0.05, 0.85]);
        near(&smooth.shares, &[0.5, 0.5]);
        let plain = Goal { smoothing: 0.0, ..goal };
        assert_eq!(plain.targets(&[1, 3], None), None);
        // The last image's partner is the first.
        let mixed = plain.targets(&[1, 0, 3], Some(&Blend::Mix { own: 0.75 })).unwrap();
        near(&mixed.rows, &[0.0, 0.75, 0.0, 0.25, 1.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.0, 0.75]);
        near(&mixed.shares, &[1.0 / 3.0; 3]);
        // Class 0 counts 2/3, class 1 counts 2.
        let weights = ClassWeights::balanced([0, 0, 0, 1], 2).unwrap();
        let weighted = Goal { classes: 2, weights: Some(weights), smoothing: 0.0 };
        let mixed = weighted.targets(&[0, 1], Some(&Blend::Mix { own: 0.75 })).unwrap();
        near(&mixed.shares, &[0.375, 0.625]);
    }
}
