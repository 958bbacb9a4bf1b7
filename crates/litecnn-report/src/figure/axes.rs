use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::canvas::{Canvas, Drawn, extent, letters, pixels};
use super::style::{GRID, INK, MUTED};

/// One axis of a chart.
pub(crate) struct Axis {
    /// What is measured, and its unit.
    pub(crate) title: String,
    /// From one end to the other.
    pub(crate) range: Range<f64>,
    /// Where numbers stand.
    pub(crate) ticks: Vec<f64>,
    /// How they are written.
    pub(crate) label: Box<dyn Fn(f64) -> String>,
}

impl Axis {
    /// Fits values, with about as many ticks, at round numbers.
    pub(crate) fn fitting(title: &str, values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        let (low, high) = values
            .into_iter()
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let span = if high > low { high - low } else { high.abs().max(1.0) * 0.01 };
        let (low, high) = (low - 0.04 * span, high + 0.06 * span);
        Self::over(title, low..high, ticks)
    }

    /// From one number to another, with about as many ticks at round numbers.
    pub(crate) fn over(title: &str, range: Range<f64>, ticks: usize) -> Self {
        let step = round_step((range.end - range.start) / ticks.max(1) as f64);
        let (first, last) = ((range.start / step).ceil() as i64, (range.end / step).floor() as i64);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        Self {
            title: title.to_owned(),
            range,
            ticks: (first..=last).map(|n| n as f64 * step).collect(),
            label: Box::new(move |value| format!("{:.decimals$}", if value == 0.0 { 0.0 } else { value })),
        }
    }

    /// Where a value stands between two places, in pixels.
    pub(crate) fn place(&self, value: f64, ends: &Range<f64>) -> f64 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        ends.start + share * (ends.end - ends.start)
    }

    /// Draws the axis below what is drawn without a chart, 30 pixels high.
    pub(crate) fn below(&self, canvas: &Canvas<'_>, ends: &Range<f64>, y: f64) -> Drawn {
        canvas.line((ends.start, y), (ends.end, y), MUTED, 1.0)?;
        for tick in &self.ticks {
            let x = self.place(*tick, ends);
            canvas.line((x, y), (x, y + 3.0), MUTED, 1.0)?;
            canvas.text((x, y + 10.5), letters(10.5).centred(), &(self.label)(*tick))?;
        }
        let middle = (ends.start + ends.end) / 2.0;
        canvas.text((middle, y + 26.0), letters(11.0).colour(MUTED).centred(), &self.title)
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below a step.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|s| *s >= step * (1.0 - 1e-9)).unwrap_or(step)
}

/// A chart under construction.
pub(crate) type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Ticks, Ticks>>;

/// Draws axes and grid, leaving some pixels at the top for headings.
pub(crate) fn chart<'a>(canvas: &Canvas<'a>, top: f64, x: &Axis, y: &Axis) -> Drawn<Chart<'a>> {
    let longest = y.ticks.iter().map(|t| (y.label)(*t).chars().count()).max().unwrap_or(1);
    let mut chart = ChartBuilder::on(canvas.area())
        .margin_top(extent(top))
        .margin_right(extent(10.0))
        .x_label_area_size(extent(36.0))
        .y_label_area_size(extent(26.0 + 6.2 * longest as f64))
        .build_cartesian_2d(Ticks::of(x), Ticks::of(y))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID.stroke_width(extent(1.0)))
        .light_line_style(TRANSPARENT)
        .axis_style(MUTED.stroke_width(extent(1.0)))
        .set_all_tick_mark_size(extent(3.0))
        .x_desc(&x.title)
        .y_desc(&y.title)
        .axis_desc_style(letters(11.0).colour(MUTED).style())
        .label_style(letters(10.5).colour(INK).style())
        .x_label_formatter(&|value| (x.label)(*value))
        .y_label_formatter(&|value| (y.label)(*value))
        .draw()?;
    Ok(chart)
}

/// Where a point of a chart stands on the canvas, in pixels.
pub(crate) fn place(chart: &Chart<'_>, point: (f64, f64)) -> (f64, f64) {
    let (x, y) = chart.plotting_area().map_coordinate(&point);
    (pixels(x), pixels(y))
}

/// An axis with ticks at chosen places.
pub(crate) struct Ticks {
    range: Range<f64>,
    at: Vec<f64>,
}

impl Ticks {
    fn of(axis: &Axis) -> Self {
        Self { range: axis.range.clone(), at: axis.ticks.clone() }
    }
}

impl Ranged for Ticks {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.at.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let axis = Axis::fitting("accuracy (%)", [97.03, 99.12], 5);
        assert_eq!(axis.ticks, [97.0, 97.5, 98.0, 98.5, 99.0]);
        assert_eq!((axis.label)(98.5), "98.5");
        assert_eq!(Axis::over("", 0.0..20.0, 5).ticks, [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert!(Axis::fitting("", [], 5).ticks.len() > 1);
        let one = Axis::fitting("", [3.0, f64::NAN], 5);
        assert!(one.range.contains(&3.0) && !one.ticks.is_empty());
    }
}
