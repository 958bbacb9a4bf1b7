//! How lines look that are neither training nor test: several ways of doing one thing, told apart by their markers.

use plotters::prelude::*;

use super::axes::{Chart, place};
use super::canvas::{Canvas, Drawn, extent};
use super::style::{INK, MUTED, PAPER};

/// Width of a line's sample in a legend.
pub(crate) const SAMPLE: f64 = 22.0;

/// Width of a marker in a legend.
pub(crate) const SPOT: f64 = 8.0;

/// The look of one line of several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) colour: RGBColor,
    square: bool,
    hollow: bool,
}

/// The look of the line of this number, counted from 0.
pub(crate) fn look(number: usize) -> Look {
    let hollow = number % 2 == 1;
    Look { colour: if hollow { MUTED } else { INK }, square: number / 2 % 2 == 1, hollow }
}

impl Look {
    /// Draws a line through points, with a marker at each.
    pub(crate) fn line(self, canvas: &Canvas<'_>, chart: &mut Chart<'_>, points: &[(f64, f64)]) -> Drawn {
        chart.draw_series(LineSeries::new(points.iter().copied(), self.colour.stroke_width(extent(1.6))))?;
        points.iter().try_for_each(|point| self.marker(canvas, place(chart, *point)))
    }

    /// The line and its marker in a legend.
    pub(crate) fn sample(self, canvas: &Canvas<'_>, (x, y): (f64, f64)) -> Drawn {
        canvas.line((x, y), (x + SAMPLE, y), self.colour, 1.6)?;
        self.marker(canvas, (x + SAMPLE / 2.0, y))
    }

    /// The marker alone.
    pub(crate) fn marker(self, canvas: &Canvas<'_>, at: (f64, f64)) -> Drawn {
        let shape = |half: f64, colour: RGBColor| match self.square {
            // As much ink as a disc.
            true => canvas.fill((at.0 - 0.9 * half, at.1 - 0.9 * half), (at.0 + 0.9 * half, at.1 + 0.9 * half), colour),
            false => canvas.disc(at, half, colour),
        };
        shape(3.2, self.colour)?;
        if self.hollow { shape(1.8, PAPER) } else { Ok(()) }
    }
}
