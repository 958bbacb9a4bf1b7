use plotters::prelude::*;

use super::axes::{Axis, chart, place};
use super::canvas::{Canvas, Drawn, extent};
use super::decades::decades;
use super::legend::Legend;
use super::panel::Panel;
use super::series::{SAMPLE, look};
use crate::ReportError;

/// Accuracy as something grows, on a logarithmic axis: single outcomes, and a curve through them.
pub(crate) struct GrownPanel<'a> {
    pub(crate) title: &'a str,
    /// What grows.
    pub(crate) axis: &'a str,
    /// How it is written.
    pub(crate) label: fn(f64) -> String,
    pub(crate) lines: Vec<GrownLine>,
}

/// One thing that grows.
pub(crate) struct GrownLine {
    pub(crate) name: String,
    /// Size, above 0, and accuracy in percent.
    pub(crate) points: Vec<(f64, f64)>,
    /// Accuracy in percent by size.
    pub(crate) curve: Option<Box<dyn Fn(f64) -> f64>>,
}

/// Places at which a curve is computed.
const STEPS: usize = 80;

impl GrownPanel<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let told = self.lines.iter().map(|line| {
            let points =
                line.points.iter().map(|(size, accuracy)| format!("{accuracy:.2} % at {}", (self.label)(*size)));
            format!("{}: {}", line.name, points.collect::<Vec<_>>().join(", "))
        });
        let alt = format!("{}; {}", self.title, told.collect::<Vec<_>>().join("; "));
        Panel::draw(258.0 + self.legend().height(), alt, |canvas| self.draw(canvas))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        let top = self.legend().draw(canvas, 19.0)? + 6.0;
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let chart = &mut chart(
            canvas,
            top,
            &decades(self.axis, points().map(|(size, _)| *size), self.label),
            &Axis::fitting("accuracy (%)", points().map(|(_, accuracy)| *accuracy), 6),
        )?;
        for (i, line) in self.lines.iter().enumerate() {
            let sizes = line.points.iter().map(|(size, _)| size.log10());
            let (low, high) = sizes.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
            if let Some(curve) = line.curve.as_ref().filter(|_| low < high) {
                let at = |step: usize| low + (high - low) * step as f64 / STEPS as f64;
                let along = (0..=STEPS).map(|step| (at(step), curve(10f64.powf(at(step)))));
                chart.draw_series(LineSeries::new(along, look(i).colour.stroke_width(extent(1.4))))?;
            }
            for (size, accuracy) in &line.points {
                look(i).marker(canvas, place(chart, (size.log10(), *accuracy)))?;
            }
        }
        Ok(())
    }

    fn legend(&self) -> Legend<'_> {
        self.lines.iter().enumerate().fold(Legend::default(), |legend, (i, line)| {
            legend.entry(SAMPLE, &line.name, move |canvas, at| look(i).sample(canvas, at))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn drawn(points: &[(f64, f64)]) -> String {
        let line = GrownLine {
            name: "a model".into(),
            points: points.to_vec(),
            curve: Some(Box::new(|size| 100.0 - 4000.0 / size)),
        };
        let label = |size: f64| format!("{size:.0}");
        let panel = GrownPanel { title: "Accuracy by size", axis: "weights", label, lines: vec![line] }.panel();
        Figure { name: "s".into(), caption: String::new(), panels: vec![panel.unwrap()], columns: 1 }.svg()
    }

    #[test]
    fn points_and_curve_are_drawn() {
        let svg = drawn(&[(500.0, 91.0), (1000.0, 96.5), (10_000.0, 99.5)]);
        for text in ["a model", "1000", "weights", "accuracy (%)"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
        }
        assert!(svg.contains("a model: 91.00 % at 500, 96.50 % at 1000") && svg.contains("polyline"), "{svg}");
    }

    #[test]
    fn none_and_equal_points_do_no_harm() {
        for points in [&[][..], &[(500.0, 50.0)], &[(500.0, 50.0), (500.0, 50.0)]] {
            let svg = drawn(points);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
