use plotters::prelude::*;

use super::axes::{Axis, chart};
use super::canvas::{Canvas, Drawn, extent, text_width};
use super::legend::Legend;
use super::panel::{Panel, WIDTH};
use super::series::{SAMPLE, look};
use crate::ReportError;
use crate::numbers::grouped;

/// Training time of an image as one thing grows, beside what it would be if it grew with the multiply-adds.
pub(crate) struct GrowthPanel<'a> {
    pub(crate) title: &'a str,
    /// What grows, and its unit.
    pub(crate) axis: &'a str,
    /// Its values, as they are written at the axis.
    pub(crate) values: Vec<String>,
    pub(crate) lines: Vec<GrowthLine>,
}

/// One step of training: microseconds an image by the place of a value.
pub(crate) struct GrowthLine {
    pub(crate) name: String,
    pub(crate) measured: Vec<(usize, f64)>,
    /// If time were proportional to multiply-adds.
    pub(crate) linear: Vec<(usize, f64)>,
}

impl GrowthPanel<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| {
                let points = line.measured.iter().filter_map(|(at, us)| Some((self.values.get(*at)?, us)));
                let points: Vec<String> = points.map(|(value, us)| format!("{us:.0} at {value}")).collect();
                format!("{}: {}", line.name, points.join(", "))
            })
            .collect();
        let alt = format!("{}, in microseconds an image; {}", self.title, lines.join("; "));
        Panel::draw(258.0, alt, |canvas| self.draw(canvas))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        let top = self.legend().draw(canvas, 19.0)? + 6.0;
        let times = self.lines.iter().flat_map(|line| line.measured.iter().chain(&line.linear)).map(|(_, us)| *us);
        let most = times.fold(0.0, f64::max);
        let mut y = Axis::over("µs an image", 0.0..if most > 0.0 { 1.06 * most } else { 1.0 }, 6);
        if y.ticks.iter().all(|tick| tick.fract() == 0.0) {
            y.label = Box::new(|us| grouped(us.round() as u64));
        }
        let chart = &mut chart(canvas, top, &self.values(), &y)?;
        for (i, line) in self.lines.iter().enumerate() {
            let linear = line.linear.iter().map(|&(at, us)| (at as f64, us));
            let style = look(i).colour.stroke_width(extent(1.2));
            chart.draw_series(DashedLineSeries::new(linear, extent(5.0), extent(4.0), style))?;
        }
        for (i, line) in self.lines.iter().enumerate() {
            let points: Vec<(f64, f64)> = line.measured.iter().map(|&(at, us)| (at as f64, us)).collect();
            look(i).line(canvas, chart, &points)?;
        }
        Ok(())
    }

    fn legend(&self) -> Legend<'_> {
        let lines = self.lines.iter().enumerate().fold(Legend::default(), |legend, (i, line)| {
            legend.entry(SAMPLE, &line.name, move |canvas, at| look(i).sample(canvas, at))
        });
        lines.entry(SAMPLE, "if linear in multiply-adds", |canvas, (x, y)| {
            [0.0, 9.0, 18.0].iter().try_for_each(|at| canvas.line((x + at, y), (x + at + 5.0, y), look(0).colour, 1.2))
        })
    }

    /// One place for each value, whatever the distance between them.
    fn values(&self) -> Axis {
        let last = self.values.len().saturating_sub(1) as f64;
        let widest = self.values.iter().map(|v| text_width(v, 10.5)).fold(0.0, f64::max) + 8.0;
        let room = (WIDTH - 80.0) / (last + 0.6);
        let every = ((widest / room).ceil() as usize).max(1);
        let values = self.values.clone();
        Axis {
            title: self.axis.to_owned(),
            range: -0.3..last + 0.3,
            ticks: (0..values.len()).step_by(every).map(|at| at as f64).collect(),
            label: Box::new(move |at| values.get(at.round() as usize).cloned().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn drawn(values: &[&str], measured: &[(usize, f64)]) -> String {
        let line = GrowthLine { name: "stage one".into(), measured: measured.to_vec(), linear: measured.to_vec() };
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        let panel =
            GrowthPanel { title: "Training time: side", axis: "side (pixels)", values, lines: vec![line] }.panel();
        Figure { name: "g".into(), caption: String::new(), panels: vec![panel.unwrap()], columns: 1 }.svg()
    }

    #[test]
    fn values_stand_at_the_axis() {
        let svg = drawn(&["28", "56"], &[(0, 100.0), (1, 450.0)]);
        for text in ["28", "56", "400", "µs an image", "side (pixels)", "stage one", "if linear in multiply-adds"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
        }
        assert!(svg.contains("stage one: 100 at 28, 450 at 56"), "{svg}");
    }

    #[test]
    fn one_value_and_none() {
        assert!(!drawn(&["28"], &[(0, 100.0)]).contains("NaN"));
        assert!(!drawn(&[], &[]).contains("NaN"));
    }
}
