use serde::{Deserialize, Serialize};

use crate::ReportError;

/// How often each true class was taken for each class: rows are true classes, columns predicted ones.
///
/// In JSON it is the bare array of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u64>>", into = "Vec<Vec<u64>>")]
pub struct ConfusionMatrix {
    counts: Vec<Vec<u64>>,
}

impl ConfusionMatrix {
    /// Counts pairs of true and predicted class, as [`litecnn_run::Predictions::pairs`] gives them.
    ///
    /// # Errors
    /// [`ReportError::ClassOutOfRange`] if a pair names a class that is not below `classes`.
    pub fn from_pairs(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Result<Self, ReportError> {
        let mut counts = vec![vec![0; classes]; classes];
        for (label, predicted) in pairs {
            let class = label.max(predicted);
            let cell = counts.get_mut(label).and_then(|row| row.get_mut(predicted));
            *cell.ok_or(ReportError::ClassOutOfRange { class, classes })? += 1;
        }
        Ok(Self { counts })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// The rows, one a true class.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// Number of images.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Number of images whose class was predicted.
    pub fn correct(&self) -> u64 {
        (0..self.classes()).map(|class| self.hits(class)).sum()
    }

    /// Correct images as a fraction of all; 0 if there are none.
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct(), self.total())
    }

    /// Images of `class` that were predicted to be of it; 0 for a class that does not exist.
    pub fn hits(&self, class: usize) -> u64 {
        self.counts.get(class).and_then(|row| row.get(class)).copied().unwrap_or(0)
    }

    /// Images that truly are of `class`.
    pub fn support(&self, class: usize) -> u64 {
        self.counts.get(class).map_or(0, |row| row.iter().sum())
    }

    /// Images that were predicted to be of `class`.
    pub fn predicted(&self, class: usize) -> u64 {
        self.counts.iter().filter_map(|row| row.get(class)).sum()
    }

    /// The `n` most frequent mistakes, or as many as there are: true class, predicted class and number of images, the
    /// most frequent first. Equally frequent ones are in the order of their classes, the true one first.
    pub fn most_confused(&self, n: usize) -> Vec<(usize, usize, u64)> {
        let row = |(label, row): (usize, &Vec<u64>)| -> Vec<_> {
            row.iter().enumerate().map(|(predicted, &images)| (label, predicted, images)).collect()
        };
        let mut mistakes: Vec<_> = self.counts.iter().enumerate().flat_map(row).collect();
        mistakes.retain(|&(label, predicted, images)| label != predicted && images > 0);
        // Stable, so equals stay in the order of their classes.
        mistakes.sort_by_key(|&(_, _, images)| std::cmp::Reverse(images));
        mistakes.truncate(n);
        mistakes
    }
}

/// A quotient in which nothing divided by nothing is 0, as scikit-learn has it by default.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl From<ConfusionMatrix> for Vec<Vec<u64>> {
    fn from(matrix: ConfusionMatrix) -> Self {
        matrix.counts
    }
}

impl TryFrom<Vec<Vec<u64>>> for ConfusionMatrix {
    type Error = String;

    fn try_from(counts: Vec<Vec<u64>>) -> Result<Self, String> {
        let classes = counts.len();
        match counts.iter().find(|row| row.len() != classes) {
            Some(row) => Err(format!("a confusion matrix of {classes} rows has a row of {}", row.len())),
            None => Ok(Self { counts }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_true_classes() {
        let matrix = ConfusionMatrix::from_pairs(3, [(0, 0), (0, 2), (2, 2)]).unwrap();
        assert_eq!(matrix.rows(), [[1, 0, 1], [0, 0, 0], [0, 0, 1]]);
        assert_eq!((matrix.support(0), matrix.predicted(0)), (2, 1));
        assert_eq!((matrix.total(), matrix.correct()), (3, 2));
        let message = ConfusionMatrix::from_pairs(3, [(0, 3)]).unwrap_err().to_string();
        assert!(message.contains("class 3") && message.contains('3'), "{message}");
    }

    #[test]
    fn mistakes_by_frequency_then_by_class() {
        let matrix: ConfusionMatrix = vec![vec![9, 2, 1], vec![0, 9, 5], vec![2, 0, 0]].try_into().unwrap();
        assert_eq!(matrix.most_confused(3), [(1, 2, 5), (0, 1, 2), (2, 0, 2)]);
        assert_eq!(matrix.most_confused(9).len(), 4);
        assert_eq!(matrix.most_confused(0), []);
    }

    #[test]
    fn json_is_the_bare_square() {
        let matrix = ConfusionMatrix::from_pairs(2, [(0, 1)]).unwrap();
        assert_eq!(serde_json::to_string(&matrix).unwrap(), "[[0,1],[0,0]]");
        assert_eq!(serde_json::from_str::<ConfusionMatrix>("[[0,1],[0,0]]").unwrap(), matrix);
        assert!(serde_json::from_str::<ConfusionMatrix>("[[0,1],[0]]").is_err());
    }
}
