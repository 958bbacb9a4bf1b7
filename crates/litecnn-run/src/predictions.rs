use std::path::Path;

use crate::{RunError, atomic};

/// What a model says of every image of a split: `predictions-<split>.csv`.
///
/// Columns: `index` (of the image in its source: the official training or test part), `label`, `predicted`, and
/// one probability a class, named `p0`, `p1`, …
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// Number of classes; every row has as many probabilities.
    pub classes: usize,
    /// One row an image.
    pub rows: Vec<Prediction>,
}

/// What a model says of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Place of the image in its source.
    pub index: u32,
    /// True class.
    pub label: u16,
    /// Most probable class (the first of equals).
    pub predicted: u16,
    /// Softmax output, `[classes]`.
    pub probabilities: Vec<f32>,
}

impl Predictions {
    /// True and predicted classes, image by image.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.rows.iter().map(|r| (usize::from(r.label), usize::from(r.predicted)))
    }

    /// Whether the model is right, image by image.
    pub fn right(&self) -> Vec<bool> {
        self.rows.iter().map(|row| row.predicted == row.label).collect()
    }

    /// Whether both are of the same images in the same order, so that they can be compared row by row.
    pub fn same_images(&self, other: &Self) -> bool {
        self.images().eq(other.images())
    }

    /// Index and label of each image.
    pub fn images(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.rows.iter().map(|row| (row.index, row.label))
    }

    /// Writes the file whole.
    ///
    /// # Errors
    /// [`RunError::Io`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        atomic::write_atomic_with(path, |out| {
            let mut line = String::from("index,label,predicted");
            for class in 0..self.classes {
                line.push_str(&format!(",p{class}"));
            }
            line.push('\n');
            for row in &self.rows {
                line.push_str(&format!("{},{},{}", row.index, row.label, row.predicted));
                for &p in &row.probabilities {
                    // Small ones would spell out all their zeros; both forms read back to the same bits.
                    line.push_str(&if p < 1e-3 { format!(",{p:e}") } else { format!(",{p}") });
                }
                line.push('\n');
                if line.len() > 1 << 16 {
                    out.write_all(line.as_bytes())?;
                    line.clear();
                }
            }
            out.write_all(line.as_bytes())
        })
    }

    /// Reads a file written by [`Predictions::write`].
    ///
    /// # Errors
    /// [`RunError::Io`] if it cannot be read; [`RunError::Damaged`] naming the line if a row is malformed, names a
    /// class that does not exist, has probabilities outside 0..=1 or that do not sum to 1, or if the class predicted
    /// is not the most probable one.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let bytes = atomic::read(path)?;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let head = reader.headers().map_err(|e| RunError::damaged(path, e))?;
        let classes = head.len().saturating_sub(3);
        if classes == 0 || head.iter().take(3).ne(["index", "label", "predicted"]) {
            return Err(RunError::damaged(path, "the first line is not `index,label,predicted,p0,…`"));
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| RunError::damaged(path, e))?;
            let line = record.position().map_or(0, csv::Position::line);
            let row = parse(&record, classes).map_err(|e| RunError::damaged(path, format!("line {line}: {e}")))?;
            rows.push(row);
        }
        Ok(Self { classes, rows })
    }
}

/// How far the sum of a row may be from 1: far more than rounding makes of it.
const SUM_TOLERANCE: f64 = 1e-3;

fn parse(record: &csv::StringRecord, classes: usize) -> Result<Prediction, String> {
    fn number<T: std::str::FromStr>(text: Option<&str>) -> Result<T, String> {
        let text = text.unwrap_or_default();
        text.parse().map_err(|_| format!("`{text}` is not a number of the kind expected"))
    }
    let class = |text| {
        let class: u16 = number(text)?;
        if usize::from(class) < classes { Ok(class) } else { Err(format!("class {class} of {classes}")) }
    };
    let probabilities: Vec<f32> = record.iter().skip(3).map(|t| number(Some(t))).collect::<Result<_, _>>()?;
    if let Some(bad) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(format!("{bad} is not a probability"));
    }
    let (index, label, predicted) = (number(record.get(0))?, class(record.get(1))?, class(record.get(2))?);
    let sum: f64 = probabilities.iter().copied().map(f64::from).sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(format!("the probabilities sum to {sum:.4} and not to 1"));
    }
    let given = probabilities.get(usize::from(predicted)).copied().unwrap_or(0.0);
    if probabilities.iter().any(|p| *p > given) {
        return Err(format!("class {predicted} is predicted, but another one is more probable"));
    }
    Ok(Prediction { index, label, predicted, probabilities })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn written_and_read_back_to_the_bit(
            rows in prop::collection::vec((any::<u32>(), 0u16..4, prop::collection::vec(1e-30f32..=1.0, 4)), 0..20)
        ) {
            let rows = rows.into_iter().map(|(index, label, weights)| {
                let sum: f32 = weights.iter().sum();
                let probabilities: Vec<f32> = weights.iter().map(|w| w / sum).collect();
                let predicted = (0..4).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b])).unwrap() as u16;
                Prediction { index, label, predicted, probabilities }
            });
            let all = Predictions { classes: 4, rows: rows.collect() };
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("predictions-test.csv");
            all.write(&path).unwrap();
            prop_assert_eq!(Predictions::read(&path).unwrap(), all);
        }
    }

    #[test]
    fn of_equally_probable_classes_any_may_be_predicted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.csv");
        let row = |index, predicted| Prediction { index, label: 1, predicted, probabilities: vec![0.5, 0.5] };
        let all = Predictions { classes: 2, rows: vec![row(0, 0), row(4, 1)] };
        all.write(&path).unwrap();
        let read = Predictions::read(&path).unwrap();
        assert_eq!((read.right(), read.same_images(&all)), (vec![false, true], true));
        let mut others = all.clone();
        others.rows.swap(0, 1);
        assert!(!others.same_images(&all));
    }

    #[test]
    fn bad_rows_are_refused_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.csv");
        for (text, expected) in [
            ("", "first line"),
            ("index,label,predicted,p0\n0,1,0,0.5\n", "line 2: class 1 of 1"),
            ("index,label,predicted,p0\n0,0,0,1.5\n", "line 2: 1.5 is not a probability"),
            ("index,label,predicted,p0\n0,0,0,NaN\n", "line 2: NaN is not a probability"),
            ("index,label,predicted,p0\n0,0,0,1\n0,0\n", "line"),
            ("index,label,predicted,p0,p1\n0,0,0,0.5,0.5\n1,0,0,0.5,0.4\n", "line 3: the probabilities sum to 0.9"),
            ("index,label,predicted,p0,p1\n0,0,1,0.6,0.4\n", "line 2: class 1 is predicted, but another one"),
            ("index,label,predicted,p0\nx,0,0,0.5\n", "line 2: `x` is not a number"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Predictions::read(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
