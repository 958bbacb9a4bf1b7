use std::path::Path;

use crate::{RunError, atomic};

/// Which class every model of a seed gives every test image: `predictions-models-test.csv`.
///
/// Columns: `index`, `label`, then one a model, named after the step that left it: `branch-1`, `branch-2`,
/// `stage-2-1`, `stage-2-2`, `fold-1` …, and `ensemble` for the mean of the folds' probabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Names of the models.
    pub models: Vec<String>,
    /// One row an image.
    pub rows: Vec<Answer>,
}

/// The answers to one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Place of the image in its source.
    pub index: u32,
    /// True class.
    pub label: u16,
    /// Class given by each model.
    pub predicted: Vec<u16>,
}

impl Answers {
    /// Whether a model is right, image by image; none if the model is not among them.
    pub fn right(&self, model: &str) -> Option<Vec<bool>> {
        let place = self.models.iter().position(|m| m == model)?;
        Some(self.rows.iter().map(|row| row.predicted.get(place) == Some(&row.label)).collect())
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
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(["index", "label"].into_iter().chain(self.models.iter().map(String::as_str)))?;
            for row in &self.rows {
                let numbers = [row.index, row.label.into()].into_iter().chain(row.predicted.iter().map(|&p| p.into()));
                csv.write_record(numbers.map(|n| n.to_string()))?;
            }
            csv.flush()
        })
    }

    /// Reads a file written by [`Answers::write`].
    ///
    /// # Errors
    /// [`RunError::Io`] if it cannot be read; [`RunError::Damaged`] if two columns are of the same model, or naming the
    /// line if a row is malformed. Which classes there are is not known here.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let bytes = atomic::read(path)?;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let head = reader.headers().map_err(|e| RunError::damaged(path, e))?;
        if head.len() < 3 || head.iter().take(2).ne(["index", "label"]) {
            return Err(RunError::damaged(path, "the first line is not `index,label,` and names of models"));
        }
        let models: Vec<String> = head.iter().skip(2).map(str::to_owned).collect();
        if let Some(twice) = models.iter().enumerate().find(|(place, m)| models[..*place].contains(m)) {
            return Err(RunError::damaged(path, format!("two columns are called `{}`", twice.1)));
        }
        let rows: Result<Vec<(u32, u16, Vec<u16>)>, _> = reader.deserialize().collect();
        let rows = rows.map_err(|e| RunError::damaged(path, e))?;
        let rows = rows.into_iter().map(|(index, label, predicted)| Answer { index, label, predicted });
        Ok(Self { models, rows: rows.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_and_looked_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let row = |index, label, predicted: [u16; 2]| Answer { index, label, predicted: predicted.to_vec() };
        let models = vec!["branch-1".to_owned(), "fold-1".to_owned()];
        let all = Answers { models, rows: vec![row(7, 1, [1, 0]), row(9, 300, [2, 300])] };
        all.write(&path).unwrap();
        assert_eq!(Answers::read(&path).unwrap(), all);
        assert_eq!(all.right("fold-1"), Some(vec![false, true]));
        assert_eq!(all.right("fold-2"), None);
    }

    #[test]
    fn bad_rows_are_refused_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        for (text, expected) in [
            ("", "first line"),
            ("index,label\n", "first line"),
            ("index,label,a,b,a\n0,1,1,1,1\n", "two columns are called `a`"),
            ("index,label,a\n0,1,x\n", "line: 2"),
            ("index,label,a\n0,1,2\n1,1\n", "line"),
            ("index,label,a\n0,1,-2\n", "line: 2"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Answers::read(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
