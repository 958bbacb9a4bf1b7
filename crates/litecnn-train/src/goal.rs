use std::sync::Arc;

use crate::answers::Teacher;
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
    /// Whose answers count beside the targets, if anybody's.
    pub(crate) teacher: Option<Arc<Teacher>>,
}

/// The images of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lesson<'a> {
    pub(crate) places: &'a [u32],
    pub(crate) labels: &'a [i64],
    pub(crate) shown: &'a Shown,
}

/// How the images of a batch were shown, as far as it bears on what is to be made of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) blend: Option<Blend>,
    /// Which of them were mirrored; empty if none was.
    pub(crate) mirrored: Vec<bool>,
}

/// Targets of a batch that its labels alone do not say. The loss is `sum(share * sum(target * -log(softmax)))`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Targets {
    /// One row of `[classes]` an image, which adds up to 1.
    pub(crate) rows: Vec<f32>,
    /// What each image counts; they add up to 1.
    pub(crate) shares: Vec<f32>,
    pub(crate) hints: Option<Hints>,
}

/// What a teacher says of a batch. The loss is `(1 - weight)` of that of the targets, and
/// `weight * temperature^2 * sum(share * sum(row * -log(softmax(logits / temperature))))`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hints {
    /// One row of `[classes]` an image, which adds up to 1.
    pub(crate) rows: Vec<f32>,
    pub(crate) weight: f64,
    pub(crate) temperature: f64,
}

impl Goal {
    /// Whether the labels say it all.
    pub(crate) fn is_labels(&self, shown: &Shown) -> bool {
        self.smoothing == 0.0 && shown.blend.is_none() && self.teacher.is_none()
    }

    /// Targets of a batch; none if they are the labels.
    ///
    /// The target of an image is `own * [its label] + (1 - own) * [its partner's]`; of that, `smoothing` is shared out
    /// (Szegedy et al. 2016): `(1 - smoothing) * target + smoothing / classes`. An image counts as much as its classes do,
    /// in these shares, before smoothing.
    pub(crate) fn targets(&self, Lesson { places, labels, shown }: Lesson<'_>) -> Option<Targets> {
        if self.is_labels(shown) {
            return None;
        }
        let own = shown.blend.as_ref().map_or(1.0, Blend::own);
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
        let hints = self.teacher.as_ref().map(|teacher| Hints {
            rows: teacher.hints(places, &shown.mirrored),
            weight: teacher.weight,
            temperature: teacher.temperature,
        });
        Some(Targets { rows, shares: counts.into_iter().map(|count| (count / all) as f32).collect(), hints })
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
        let mixed = Shown { blend: Some(Blend::Mix { own: 0.75 }), ..Shown::default() };
        let plain_shown = Shown::default();
        let lesson = |labels, shown| Lesson { places: &[], labels, shown };
        let goal = Goal { classes: 4, weights: None, smoothing: 0.2, teacher: None };
        let smooth = goal.targets(lesson(&[1, 3], &plain_shown)).unwrap();
        near(&smooth.rows, &[0.05, 0.85, 0.05, 0.05, 0.05, 0.05, 0.05, 0.85]);
        near(&smooth.shares, &[0.5, 0.5]);
        let plain = Goal { smoothing: 0.0, ..goal };
        assert_eq!(plain.targets(lesson(&[1, 3], &plain_shown)), None);
        // The last image's partner is the first.
        let targets = plain.targets(lesson(&[1, 0, 3], &mixed)).unwrap();
        near(&targets.rows, &[0.0, 0.75, 0.0, 0.25, 1.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.0, 0.75]);
        near(&targets.shares, &[1.0 / 3.0; 3]);
        // Class 0 counts 2/3, class 1 counts 2.
        let weights = ClassWeights::balanced([0, 0, 0, 1], 2).unwrap();
        let weighted = Goal { classes: 2, weights: Some(weights), smoothing: 0.0, teacher: None };
        let targets = weighted.targets(lesson(&[0, 1], &mixed)).unwrap();
        near(&targets.shares, &[0.375, 0.625]);
    }
}
