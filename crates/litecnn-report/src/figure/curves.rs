use plotters::prelude::*;

use super::axes::{Axis, chart};
use super::canvas::{Canvas, Drawn, extent, letters, px, text_width};
use super::panel::Panel;
use super::style::{MUTED, TRAIN, VALIDATION};
use crate::ReportError;
use crate::numbers::percent;

/// What is drawn against the epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    Accuracy,
    Loss,
}

/// Values of one training, epoch by epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Course {
    pub(crate) train: Vec<f64>,
    pub(crate) validation: Vec<f64>,
    /// The epoch whose weights went on, counted from 1; it is marked.
    pub(crate) kept: Option<usize>,
}

impl Course {
    /// Where the mark stands: epoch and validation value.
    fn mark(&self) -> Option<(usize, f64)> {
        let epoch = self.kept?;
        Some((epoch, *self.validation.get(epoch.checked_sub(1)?)?))
    }
}

/// Curves of several trainings of the same thing, thin, and their mean, thick.
pub(crate) struct Curves<'a> {
    pub(crate) title: &'a str,
    pub(crate) quantity: Quantity,
    /// A training each.
    pub(crate) courses: Vec<Course>,
}

impl Curves<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let what = match self.quantity {
            Quantity::Accuracy => "accuracy",
            Quantity::Loss => "loss",
        };
        let marked = self.marked().map_or(String::new(), |told| format!(", {told}"));
        let alt = format!("{}: {what} of training and validation by epoch{marked}", self.title);
        Panel::draw(246.0, alt, |canvas| self.draw(canvas))
    }

    /// The marked epochs, and the validation value there or its mean.
    fn marked(&self) -> Option<String> {
        let marks: Vec<(usize, f64)> = self.courses.iter().filter_map(Course::mark).collect();
        let value = marks.iter().map(|m| m.1).sum::<f64>() / marks.len() as f64;
        let value = match self.quantity {
            Quantity::Accuracy => format!("{} %", percent(value)),
            Quantity::Loss => format!("{value:.4}"),
        };
        let epochs: Vec<String> = marks.iter().map(|m| m.0.to_string()).collect();
        match marks.len() {
            0 => None,
            1 => Some(format!("best epoch {}: {value}", epochs[0])),
            2..=4 => Some(format!("best at {}: mean {value}", epochs.join(", "))),
            _ => Some(format!("best epochs: mean {value}")),
        }
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        self.legend(canvas)?;
        let scale = if self.quantity == Quantity::Accuracy { 100.0 } else { 1.0 };
        let all = self.courses.iter().flat_map(|c| c.train.iter().chain(&c.validation)).map(|v| v * scale);
        let y = match self.quantity {
            Quantity::Accuracy => Axis::fitting("accuracy (%)", all, 6),
            Quantity::Loss => Axis::fitting("cross-entropy (nats)", all, 6),
        };
        let epochs = self.courses.iter().map(|c| c.train.len()).max().unwrap_or(1).max(2) as f64;
        let mut x = Axis::over("epoch", 1.0..epochs, 6);
        x.ticks.retain(|t| t.fract() == 0.0);
        if x.ticks.first() != Some(&1.0) {
            x.ticks.insert(0, 1.0);
        }
        x.range = 1.0 - 0.03 * epochs..epochs + 0.03 * epochs;
        x.label = Box::new(|epoch| format!("{epoch:.0}"));
        let (low, high) = (y.range.start, y.range.end);
        let mut chart = chart(canvas, 40.0, &x, &y)?;
        let mut marked: Vec<usize> = self.courses.iter().filter_map(|c| Some(c.mark()?.0)).collect();
        marked.sort_unstable();
        marked.dedup();
        for at in marked {
            let dash = (high - low) / 60.0;
            for i in 0..30 {
                let from = low + 2.0 * f64::from(i) * dash;
                let ends = [(at as f64, from), (at as f64, from + dash)];
                chart.draw_series(LineSeries::new(ends, MUTED.stroke_width(extent(1.2))))?;
            }
        }
        type Pick = fn(&Course) -> &[f64];
        let kinds: [(RGBColor, Pick); 2] = [(TRAIN, |c| &c.train), (VALIDATION, |c| &c.validation)];
        let points = |values: &[f64]| -> Vec<(f64, f64)> {
            values.iter().enumerate().map(|(i, v)| ((i + 1) as f64, v * scale)).collect()
        };
        for (colour, pick) in kinds {
            if self.courses.len() > 1 {
                let thin = colour.mix(if self.courses.len() > 6 { 0.25 } else { 0.45 }).stroke_width(extent(0.9));
                for course in &self.courses {
                    chart.draw_series(LineSeries::new(points(pick(course)), thin))?;
                }
            }
            let mean = points(&mean(self.courses.iter().map(pick)));
            // A line of one epoch would not be seen.
            chart.draw_series(
                mean.iter()
                    .take(if mean.len() == 1 { 1 } else { 0 })
                    .map(|p| Circle::new(*p, px(3.0), colour.filled())),
            )?;
            chart.draw_series(LineSeries::new(mean, colour.stroke_width(extent(2.2))))?;
        }
        let marks = self.courses.iter().filter_map(Course::mark);
        let radius = if self.courses.len() == 1 { 3.4 } else { 2.6 };
        let marks = marks.map(|(epoch, v)| Circle::new((epoch as f64, v * scale), px(radius), VALIDATION.filled()));
        chart.draw_series(marks)?;
        Ok(())
    }

    fn legend(&self, canvas: &Canvas<'_>) -> Drawn {
        let (y, size) = (27.0, 11.0);
        let mut x = 0.0;
        for (colour, name) in [(TRAIN, "train"), (VALIDATION, "validation")] {
            canvas.line((x, y), (x + 16.0, y), colour, 2.2)?;
            canvas.text((x + 21.0, y), letters(size), name)?;
            x += 21.0 + text_width(name, size) + 12.0;
        }
        if let Some(told) = self.marked() {
            canvas.dots((x + 4.0, y - 7.0), (x + 4.0, y + 7.0), MUTED, 1.2)?;
            canvas.disc((x + 4.0, y), 3.4, VALIDATION)?;
            canvas.text((x + 13.0, y), letters(size), &told)?;
        }
        Ok(())
    }
}

/// The mean of several lines as far as all of them go.
fn mean<'a>(lines: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
    let lines: Vec<&[f64]> = lines.filter(|l| !l.is_empty()).collect();
    let common = lines.iter().map(|l| l.len()).min().unwrap_or(0);
    (0..common).map(|i| lines.iter().map(|l| l[i]).sum::<f64>() / lines.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_goes_as_far_as_all_do() {
        let lines: [&[f64]; 3] = [&[1.0, 2.0, 3.0], &[3.0, 4.0], &[]];
        assert_eq!(mean(lines.into_iter()), [2.0, 3.0]);
        assert_eq!(mean(std::iter::empty()), [0.0; 0]);
    }
}
