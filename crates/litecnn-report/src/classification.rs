use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ReportError;
use crate::confusion::{ConfusionMatrix, ratio};

/// Precision, recall and F1 of every class, and their averages: scikit-learn's `classification_report`.
///
/// [`ClassificationReport::to_text`] gives its text character by character; serde gives the same figures unrounded.
/// A quotient of nothing by nothing (the precision of a class that was never predicted) is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassificationReport {
    /// One entry a class, in the order asked for.
    pub classes: Vec<ClassScores>,
    /// `accuracy` or `micro`.
    #[serde(flatten)]
    pub overall: Overall,
    /// Plain mean over the classes; its support is the sum.
    pub macro_average: Scores,
    /// Mean over the classes weighted by support; its support is the sum.
    pub weighted_average: Scores,
}

/// Scores of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Number of the class.
    pub label: usize,
    /// The scores.
    #[serde(flatten)]
    pub scores: Scores,
}

/// Precision, recall and F1, as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Of the images predicted to be of the class, the fraction that is.
    pub precision: f64,
    /// Of the images of the class, the fraction that was found.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Number of images of the class.
    pub support: u64,
}

/// The line between the classes and the averages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// The report covers every class that occurs: correct images as a fraction of all.
    Accuracy(f64),
    /// It leaves out classes that occur: scores of the pooled counts of those it lists, which are no accuracy.
    Micro(Scores),
}

impl ClassificationReport {
    /// The report on all classes.
    pub fn new(matrix: &ConfusionMatrix) -> Self {
        Self::of(matrix, &(0..matrix.classes()).collect::<Vec<_>>())
    }

    /// The report on some classes, in the order given. If a class that is left out occurs, as truth or as
    /// prediction, the overall line is a micro average.
    ///
    /// # Errors
    /// [`ReportError::ClassOutOfRange`] if a label is not below the number of classes.
    pub fn for_labels(matrix: &ConfusionMatrix, labels: &[usize]) -> Result<Self, ReportError> {
        let classes = matrix.classes();
        match labels.iter().find(|&&label| label >= classes) {
            Some(&class) => Err(ReportError::ClassOutOfRange { class, classes }),
            None => Ok(Self::of(matrix, labels)),
        }
    }

    fn of(matrix: &ConfusionMatrix, labels: &[usize]) -> Self {
        let score = |hits, predicted, support| Scores {
            precision: ratio(hits, predicted),
            recall: ratio(hits, support),
            f1: ratio(2 * hits, support + predicted),
            support,
        };
        let classes: Vec<ClassScores> = labels
            .iter()
            .map(|&label| {
                let scores = score(matrix.hits(label), matrix.predicted(label), matrix.support(label));
                ClassScores { label, scores }
            })
            .collect();
        let pooled = |count: &dyn Fn(usize) -> u64| labels.iter().map(|&label| count(label)).sum();
        let support = pooled(&|label| matrix.support(label));
        let micro = score(pooled(&|label| matrix.hits(label)), pooled(&|label| matrix.predicted(label)), support);
        let left_out = |class: &usize| !labels.contains(class);
        let occurs = |class: usize| matrix.support(class) + matrix.predicted(class) > 0;
        let partial = (0..matrix.classes()).filter(left_out).any(occurs);
        Self {
            overall: if partial { Overall::Micro(micro) } else { Overall::Accuracy(matrix.accuracy()) },
            macro_average: average(&classes, support, |_| 1.0),
            // Without any support scikit-learn falls back to equal weights.
            weighted_average: average(&classes, support, |s| if support == 0 { 1.0 } else { s.support as f64 }),
            classes,
        }
    }

    /// The text scikit-learn prints, with its column widths and its final line break. `class_names` are the names
    /// of all classes, by number; a class without a name is called by its number. Scores have `digits` decimals.
    ///
    /// One accident is not copied: where no image at all is right, scikit-learn prints supports as `5.0`, here `5`.
    pub fn to_text(&self, class_names: &[String], digits: usize) -> String {
        let names = self.names(class_names);
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let width = longest.max("weighted avg".len()).max(digits);
        let row = |name: &str, s: &Scores| {
            let (p, r, f) = (s.precision, s.recall, s.f1);
            format!("{name:>width$}  {p:>9.digits$} {r:>9.digits$} {f:>9.digits$} {:>9}\n", s.support)
        };
        let mut text =
            format!("{:>width$}  {:>9} {:>9} {:>9} {:>9}\n\n", "", "precision", "recall", "f1-score", "support");
        for (name, class) in names.iter().zip(&self.classes) {
            text.push_str(&row(name, &class.scores));
        }
        text.push('\n');
        text.push_str(&match &self.overall {
            Overall::Accuracy(accuracy) => {
                let support = self.macro_average.support;
                format!("{:>width$}  {:>9} {:>9} {accuracy:>9.digits$} {support:>9}\n", "accuracy", "", "")
            }
            Overall::Micro(scores) => row("micro avg", scores),
        });
        text.push_str(&row("macro avg", &self.macro_average));
        text.push_str(&row("weighted avg", &self.weighted_average));
        text
    }

    /// The dictionary scikit-learn gives with `output_dict=True`: scores by class name, then `accuracy` (or
    /// `micro avg`), `macro avg` and `weighted avg`, in this order. Supports are written as `5.0`, as there.
    ///
    /// Classes are named as in [`ClassificationReport::to_text`]. As there is one entry a name, the last of equally
    /// named classes is told, and none that is called like one of the averages.
    pub fn to_json(&self, class_names: &[String]) -> Value {
        let scores = |s: &Scores| {
            let Scores { precision, recall, f1, support } = *s;
            json!({ "precision": precision, "recall": recall, "f1-score": f1, "support": support as f64 })
        };
        let mut entries = Map::new();
        for (name, class) in self.names(class_names).into_iter().zip(&self.classes) {
            entries.insert(name, scores(&class.scores));
        }
        let (name, overall) = match &self.overall {
            Overall::Accuracy(accuracy) => ("accuracy", json!(accuracy)),
            Overall::Micro(pooled) => ("micro avg", scores(pooled)),
        };
        entries.insert(name.into(), overall);
        entries.insert("macro avg".into(), scores(&self.macro_average));
        entries.insert("weighted avg".into(), scores(&self.weighted_average));
        entries.into()
    }

    /// What the classes are called.
    fn names(&self, class_names: &[String]) -> Vec<String> {
        let name = |c: &ClassScores| class_names.get(c.label).cloned().unwrap_or_else(|| c.label.to_string());
        self.classes.iter().map(name).collect()
    }
}

/// The text with two decimals and classes called by their numbers.
impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(&[], 2))
    }
}

fn average(classes: &[ClassScores], support: u64, weight: impl Fn(&Scores) -> f64) -> Scores {
    let weights: Vec<f64> = classes.iter().map(|c| weight(&c.scores)).collect();
    let whole = pairwise_sum(&weights);
    let mean = |value: fn(&Scores) -> f64| {
        let weighted: Vec<f64> = classes.iter().zip(&weights).map(|(c, w)| value(&c.scores) * w).collect();
        if whole == 0.0 { 0.0 } else { pairwise_sum(&weighted) / whole }
    };
    Scores { precision: mean(|s| s.precision), recall: mean(|s| s.recall), f1: mean(|s| s.f1), support }
}

/// A sum in the order NumPy adds in. The averages of balanced classes are often exact ties in the last printed
/// digit, so the last bit of the sum decides what is printed.
fn pairwise_sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().sum();
    }
    if n > 128 {
        let (left, right) = values.split_at(n / 2 - (n / 2) % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let mut lanes = [0.0; 8];
    let eights = values.chunks_exact(8);
    let rest = eights.remainder();
    for eight in eights {
        for (lane, value) in lanes.iter_mut().zip(eight) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}
