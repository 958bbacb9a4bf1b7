use plotters::style::Color;

use super::axes::Axis;
use super::canvas::{Canvas, Drawn, letters, shortened, text_width};
use super::legend::Legend;
use super::panel::{Panel, WIDTH};
use super::style::{DEVIATION, GRID, MUTED, TEST};
use crate::numbers::{spread_percent, whole_percent};
use crate::{ReportError, Spread};

/// Where the legend begins.
const LEGEND: f64 = 19.0;
/// Height of a row.
const ROW: f64 = 20.0;
/// Most that a label may take.
const LABEL: f64 = 110.0;
/// Size of labels and figures.
const SIZE: f64 = 11.0;

/// How good the models are that the steps leave, one below the other: a dot for each seed, their mean and deviation.
pub(crate) struct StepsPanel<'a> {
    pub(crate) title: &'a str,
    /// What a model is called, and its accuracy on the test images, as fractions.
    pub(crate) rows: Vec<(String, Spread)>,
    /// The paper's accuracy, as a fraction.
    pub(crate) paper: Option<f64>,
}

impl StepsPanel<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let figures: Vec<String> =
            self.rows.iter().map(|(label, spread)| format!("{label} {}", spread_percent(spread))).collect();
        let paper = self.paper.map_or(String::new(), |p| format!(", paper {}", whole_percent(p)));
        let alt = format!("{}: test accuracy in percent, {}{paper}", self.title, figures.join(", "));
        Panel::draw(self.top() + ROW * self.rows.len() as f64 + 36.0, alt, |canvas| self.draw(canvas))
    }

    /// Where the rows begin.
    fn top(&self) -> f64 {
        LEGEND + self.legend().height() + 4.0
    }

    fn legend(&self) -> Legend<'_> {
        let several = self.rows.iter().any(|(_, spread)| spread.values.len() > 1);
        let mut legend = Legend::default();
        if several {
            legend = legend.entry(4.0, "one seed", |canvas, (x, y)| seed(canvas, (x + 2.0, y)));
        }
        legend = legend.entry(
            if several { 16.0 } else { 7.0 },
            if several { "mean ± standard deviation" } else { "one seed" },
            move |canvas, (x, y)| match several {
                true => mean(canvas, (x + 8.0, y), Some(8.0)),
                false => mean(canvas, (x + 3.5, y), None),
            },
        );
        if let Some(paper) = self.paper {
            legend = legend.entry(2.0, &format!("paper {} %", whole_percent(paper)), |canvas, (x, y)| {
                canvas.dots((x + 1.0, y - 7.0), (x + 1.0, y + 7.0), MUTED, 1.4)
            });
        }
        legend
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        self.legend().draw(canvas, LEGEND)?;
        let top = self.top();
        let bottom = top + ROW * self.rows.len() as f64;
        let labels: Vec<String> = self.rows.iter().map(|(label, _)| shortened(label, SIZE, LABEL)).collect();
        let figures: Vec<String> = self.rows.iter().map(|(_, spread)| spread_percent(spread)).collect();
        let widest = |texts: &[String]| texts.iter().map(|t| text_width(t, SIZE)).fold(0.0, f64::max);
        let ends = widest(&labels) + 8.0..WIDTH - widest(&figures) - 8.0;
        let axis = self.axis();
        let x = |fraction: f64| axis.place(100.0 * fraction, &ends);
        for i in 0..self.rows.len() {
            let y = top + i as f64 * ROW;
            canvas.line((0.0, y), (WIDTH, y), GRID, 1.0)?;
        }
        if let Some(paper) = self.paper {
            canvas.dots((x(paper), top), (x(paper), bottom), MUTED, 1.4)?;
        }
        for (i, (_, spread)) in self.rows.iter().enumerate() {
            let middle = top + (i as f64 + 0.5) * ROW;
            canvas.text((0.0, middle), letters(SIZE), &labels[i])?;
            canvas.text((WIDTH, middle), letters(SIZE).ending(), &figures[i])?;
            match spread.values.as_slice() {
                [] => {}
                [one] => mean(canvas, (x(*one), middle), None)?,
                seeds => {
                    // Beside the mean, which would hide them: seeds are seldom far from it.
                    seeds.iter().try_for_each(|value| seed(canvas, (x(*value), middle + 5.5)))?;
                    let deviation = x(spread.mean + spread.std) - x(spread.mean);
                    mean(canvas, (x(spread.mean), middle - 2.0), Some(deviation))?;
                }
            }
        }
        axis.below(canvas, &ends, bottom)
    }

    /// Fits everything drawn, with no number above 100 % or below 0.
    fn axis(&self) -> Axis {
        let of = |spread: &Spread| {
            let ends = if spread.values.is_empty() { [f64::NAN; 2] } else { [-1.0, 1.0] };
            let ends = ends.map(|sign| spread.mean + sign * spread.std);
            spread.values.iter().copied().chain(ends).collect::<Vec<f64>>()
        };
        let all = self.rows.iter().flat_map(|(_, spread)| of(spread)).chain(self.paper);
        let mut axis = Axis::fitting("test accuracy (%)", all.map(|fraction| 100.0 * fraction), 5);
        axis.ticks.retain(|tick| (0.0..=100.0).contains(tick));
        axis
    }
}

fn seed(canvas: &Canvas<'_>, at: (f64, f64)) -> Drawn {
    canvas.disc(at, 2.2, TEST.mix(0.7))
}

/// A mean, and a bar of so many pixels either way.
fn mean(canvas: &Canvas<'_>, (x, y): (f64, f64), deviation: Option<f64>) -> Drawn {
    if let Some(deviation) = deviation {
        canvas.line((x - deviation, y), (x + deviation, y), DEVIATION, 1.4)?;
        for end in [x - deviation, x + deviation] {
            // Higher than the dot, so that a small deviation is seen as well.
            canvas.line((end, y - 5.0), (end, y + 5.0), DEVIATION, 1.4)?;
        }
    }
    canvas.disc((x, y), 3.5, TEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    /// Without the style sheet.
    fn drawn(rows: &[(&str, &[f64])], paper: Option<f64>) -> String {
        let rows = rows.iter().map(|(label, values)| ((*label).to_owned(), Spread::new(values.to_vec()))).collect();
        let panel = StepsPanel { title: "MNIST", rows, paper }.panel().unwrap();
        let figure = Figure { name: "steps".into(), caption: String::new(), panels: vec![panel], columns: 1 };
        figure.svg().split_once("</style>").unwrap().1.to_owned()
    }

    #[test]
    fn figures_and_the_papers() {
        let svg = drawn(&[("branch 1", &[0.98, 0.99]), ("ensemble", &[0.99, 0.992])], Some(0.99));
        for text in ["98.50 ± 0.71", "99.10 ± 0.14", "paper 99 %", "mean ± standard deviation", "test accuracy (%)"]
        {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
        }
        assert!(svg.contains("branch 1 98.50 ± 0.71, ensemble 99.10 ± 0.14, paper 99\""), "{svg}");
    }

    #[test]
    fn one_seed_has_no_deviation_and_none_no_dot() {
        let svg = drawn(&[("branch 1", &[0.98]), ("branch 2", &[])], None);
        assert!(!svg.contains("#D1242F") && !svg.contains("paper"), "{svg}");
        assert!(svg.contains(">98.00</text>") && svg.contains(">–</text>"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2, "one of the legend and one of the plot");
        assert!(!drawn(&[], None).contains("NaN"));
    }

    #[test]
    fn equal_values_and_the_best_possible() {
        let svg = drawn(&[("branch 1", &[1.0, 1.0, 1.0])], Some(1.0));
        assert!(svg.contains(">100.00 ± 0.00</text>") && !svg.contains("NaN"), "{svg}");
        assert!(!svg.contains(">100.02</text>") && !svg.contains(">100.05</text>"), "{svg}");
    }

    #[test]
    fn long_names_are_shortened() {
        let svg = drawn(&[("a branch with a very long name", &[0.5])], None);
        assert!(svg.contains(">a branch with a ve…</text>"), "{svg}");
    }
}
