//! Figures as SVG. Text is set by the viewer's own sans-serif font; nothing of the system's is read.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::bench::{Bench, Growth, Metric, OURS, Row};
use super::page::{axes, axis_words, copying, distinct, linear, lines, models, step_words, threads};
use crate::numbers::grouped;
use crate::verdict::title;
use crate::{Published, ReportError};

/// File name of the figure of growth.
pub(crate) const GROWTH: &str = "growth.svg";

/// Colours of lines, told apart also by those who cannot tell red from green.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 90, 181), RGBColor(0, 128, 96), RGBColor(148, 85, 0), RGBColor(110, 60, 140)];
/// Standard deviations, as in the paper.
const DEVIATION: RGBColor = RGBColor(214, 30, 30);
const GRID: RGBColor = RGBColor(225, 225, 225);
const INK: RGBColor = RGBColor(40, 40, 40);

/// One figure.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Its file name.
    pub(crate) name: String,
    /// Its content.
    pub(crate) svg: String,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Every figure there are figures for.
pub(crate) fn all(bench: &Bench, published: &Published) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    let measured = |row: &&Row| row.program == OURS && row.metric == Metric::Throughput;
    let rows: Vec<&Row> = bench.rows.iter().filter(measured).collect();
    for model in models(rows.iter().map(|r| r.model.as_str())) {
        for device in distinct(rows.iter().filter(|r| r.model == model).map(|r| r.device.as_str())) {
            let of: Vec<&Row> = rows.iter().copied().filter(|r| r.model == model && r.device == device).collect();
            let name = format!("throughput-{}-{}.svg", file_part(model), file_part(device));
            let heading = match device {
                "cpu" => format!("{}: throughput on the CPU ({})", title(model, published), bench.machine.cpu),
                other => format!("{}: throughput on {other} ({})", title(model, published), bench.machine.device),
            };
            figures.push(figure(&name, (900, 540), |area| throughput(area, &heading, &of))?);
        }
    }
    if !bench.growth.is_empty() {
        figures.push(figure(GROWTH, (1100, 800), |area| growth(area, &bench.growth))?);
    }
    Ok(figures)
}

/// `cuda:0` as part of a file name.
pub(crate) fn file_part(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn figure(name: &str, size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<Figure, ReportError> {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&area)).and_then(|()| Ok(area.present()?))
    };
    drawn.map_err(|e| ReportError::Figure { figure: name.to_owned(), reason: e.to_string() })?;
    Ok(Figure { name: name.to_owned(), svg })
}

/// Images per second against batch size, a line for each number of threads and way of copying.
fn throughput(area: &Area<'_>, heading: &str, rows: &[&Row]) -> Drawn {
    let exponent = |r: &Row| (r.batch as f64).log2();
    let last = rows.iter().map(|r| exponent(r)).fold(1.0, f64::max).ceil();
    let top = rows.iter().map(|r| r.mean + r.std).fold(1.0, f64::max) * 1.12;
    let mut chart = ChartBuilder::on(area)
        .caption(heading, ("sans-serif", 19).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(48)
        .y_label_area_size(92)
        .build_cartesian_2d(Ticks { range: -0.4..last + 0.4, at: steps(last) }, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .x_desc("batch size (images, powers of two)")
        .y_desc("images per second")
        .axis_desc_style(("sans-serif", 16).into_font().color(&INK))
        .label_style(("sans-serif", 14).into_font().color(&INK))
        .x_label_formatter(&|x| grouped(x.exp2().round() as u64))
        .y_label_formatter(&|y| grouped(y.round() as u64))
        .y_labels(8)
        .draw()?;
    let spread = lines(rows.iter().copied());
    for (i, &(n, copy)) in spread.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let mut of: Vec<&&Row> = rows.iter().filter(|r| (r.threads, r.copy) == (n, copy)).collect();
        of.sort_by_key(|r| r.batch);
        let label = copy.map_or_else(|| threads(n), |copy| copying(copy).to_owned());
        chart
            .draw_series(LineSeries::new(of.iter().map(|r| (exponent(r), r.mean)), colour.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(2)));
        chart.draw_series(of.iter().map(|r| {
            let (low, high) = ((r.mean - r.std).max(0.0), r.mean + r.std);
            ErrorBar::new_vertical(exponent(r), low, r.mean, high, DEVIATION.stroke_width(1), 8)
        }))?;
        chart.draw_series(of.iter().map(|r| Circle::new((exponent(r), r.mean), 3, colour.filled())))?;
    }
    // An entry of the legend without a line of its own: nothing is drawn for it.
    chart
        .draw_series(std::iter::empty::<Circle<(f64, f64), i32>>())?
        .label("± standard deviation")
        .legend(|(x, y)| PathElement::new([(x + 11, y - 6), (x + 11, y + 6)], DEVIATION.stroke_width(1)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(16)
        .legend_area_size(30)
        .label_font(("sans-serif", 15).into_font().color(&INK))
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()?;
    Ok(())
}

/// Exponents to write at the axis: all, or every second one where there are many.
fn steps(last: f64) -> Vec<f64> {
    let last = last as u32;
    (0..=last).step_by(if last > 9 { 2 } else { 1 }).map(f64::from).collect()
}

/// Microseconds an image, a panel for each thing that grows.
fn growth(area: &Area<'_>, rows: &[Growth]) -> Drawn {
    let area = area
        .margin(8, 4, 0, 0)
        .titled("Training time of one image as the work grows", ("sans-serif", 21).into_font().color(&INK))?;
    let axes = axes(rows);
    let panels = area.split_evenly((axes.len().div_ceil(2), 2.min(axes.len())));
    for (axis, panel) in axes.into_iter().zip(&panels) {
        let of: Vec<&Growth> = rows.iter().filter(|g| g.axis == axis).collect();
        growth_panel(panel, axis, &of, rows)?;
    }
    Ok(())
}

fn growth_panel(panel: &Area<'_>, axis: &str, of: &[&Growth], all: &[Growth]) -> Drawn {
    let mut values: Vec<&str> = Vec::new();
    for g in of {
        if !values.contains(&g.value.as_str()) {
            values.push(&g.value);
        }
    }
    let place = |g: &Growth| values.iter().position(|v| *v == g.value).unwrap_or(0) as f64;
    let last = values.len().saturating_sub(1) as f64;
    let top = of.iter().map(|g| g.us_per_image.max(linear(all, g).unwrap_or(0.0))).fold(1.0, f64::max) * 1.15;
    let (name, unit) = axis_words(axis);
    let desc = if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") };
    let keys: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .x_label_area_size(46)
        .y_label_area_size(74)
        .build_cartesian_2d(Ticks { range: -0.3..last + 0.3, at: keys }, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .x_desc(desc)
        .y_desc("µs an image")
        .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .x_label_formatter(&|x| values.get(x.round() as usize).map_or(String::new(), |v| in_groups(v)))
        .y_label_formatter(&|y| grouped(y.round() as u64))
        .y_labels(6)
        .draw()?;
    let mut steps: Vec<&str> = Vec::new();
    for g in of {
        if !steps.contains(&g.step.as_str()) {
            steps.push(&g.step);
        }
    }
    for (i, step) in steps.into_iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let line: Vec<&&Growth> = of.iter().filter(|g| g.step == step).collect();
        let ideal = line.iter().filter_map(|g| Some((place(g), linear(all, g)?)));
        chart
            .draw_series(DashedLineSeries::new(ideal, 6, 5, colour.mix(0.55).stroke_width(1)))?
            .label(format!("{}, if linear in multiply-adds", step_words(step)))
            .legend(move |(x, y)| {
                let dash = |from: i32| PathElement::new([(x + from, y), (x + from + 5, y)], colour.mix(0.55));
                EmptyElement::at((0, 0)) + dash(0) + dash(9) + dash(18)
            });
        chart
            .draw_series(LineSeries::new(line.iter().map(|g| (place(g), g.us_per_image)), colour.stroke_width(2)))?
            .label(step_words(step))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(2)));
        chart.draw_series(line.iter().map(|g| Circle::new((place(g), g.us_per_image), 3, colour.filled())))?;
    }
    // Cost that rises leaves the upper left free, cost that falls or stays the lower left.
    let rises = of.last().zip(of.first()).is_some_and(|(last, first)| last.us_per_image > 2.0 * first.us_per_image);
    let position = if rises { SeriesLabelPosition::UpperLeft } else { SeriesLabelPosition::LowerLeft };
    chart
        .configure_series_labels()
        .position(position)
        .margin(12)
        .legend_area_size(28)
        .label_font(("sans-serif", 13).into_font().color(&INK))
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()?;
    Ok(())
}

/// An axis with ticks at chosen places.
struct Ticks {
    range: Range<f64>,
    at: Vec<f64>,
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

/// A whole number with its thousands set apart; anything else as it is.
pub(crate) fn in_groups(value: &str) -> String {
    value.parse().map_or_else(|_| value.to_owned(), grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_steps() {
        assert_eq!(file_part("cuda:0"), "cuda-0");
        assert_eq!(steps(4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(steps(14.0).len(), 8);
        assert_eq!([in_groups("20000"), in_groups("10/20")], ["20,000", "10/20"]);
    }
}
