use std::ops::Range;

use plotters::style::Color;

use super::axes::Axis;
use super::canvas::{Canvas, Drawn, letters, shortened, text_width};
use super::legend::Legend;
use super::panel::{Panel, WIDTH};
use super::style::{DEVIATION, GRID, INK, MUTED, TEST};
use crate::numbers::percent;
use crate::{CalibrationBin, ReportError};

/// Images a bin needs for its accuracy to say much.
const FEW: u64 = 30;
/// How strong faint marks are, and bars.
const FAINT: f64 = 0.4;
const BAR: f64 = 0.7;
/// Height of the line below the legend.
const NOTE: f64 = 16.0;
/// Where the legend begins.
const LEGEND: f64 = 19.0;
/// Left and right end of the plot.
const ENDS: Range<f64> = 46.0..WIDTH - 10.0;
/// Height of the diagram.
const DIAGRAM: f64 = 180.0;
/// Height of the bars below it that say how many images there are.
const STRIP: f64 = 40.0;

/// Whether answers are right as often as the model is sure of them.
pub(crate) struct Reliability<'a> {
    pub(crate) title: &'a str,
    pub(crate) bins: &'a [CalibrationBin],
    /// The expected calibration error, as it is to be written.
    pub(crate) error: String,
}

impl Reliability<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let bins: Vec<String> = self
            .filled()
            .map(|b| {
                format!("{} sure and {} right of {} answers", percent(b.confidence), percent(b.accuracy), b.images)
            })
            .collect();
        let told = if bins.is_empty() { "no images".to_owned() } else { format!("in percent, {}", bins.join(", ")) };
        let alt = format!("{}: expected calibration error {}; by confidence, {told}", self.title, self.error);
        let height = LEGEND + Self::legend().height() + NOTE + 8.0 + DIAGRAM + 18.0 + STRIP + 33.0;
        Panel::draw(height, alt, |canvas| self.draw(canvas))
    }

    /// The bins that have images.
    fn filled(&self) -> impl Iterator<Item = &CalibrationBin> {
        self.bins.iter().filter(|b| b.images > 0 && b.confidence.is_finite() && b.accuracy.is_finite())
    }

    fn legend() -> Legend<'static> {
        Legend::default()
            .entry(10.0, "accuracy", |canvas, (x, y)| bar(canvas, (x, y - 5.0), (x + 10.0, y + 5.0), 1.0))
            .entry(10.0, "gap to the confidence", |canvas, (x, y)| gap(canvas, (x, y - 5.0), (x + 10.0, y + 5.0), 1.0))
            .entry(16.0, "no gap", |canvas, (x, y)| canvas.dots((x, y + 5.0), (x + 16.0, y - 5.0), INK, 1.4))
    }

    /// What stands below the legend.
    fn note(&self) -> String {
        let few = match self.filled().any(|b| b.images < FEW) {
            true => format!("; faint: < {FEW} answers"),
            false => String::new(),
        };
        shortened(&format!("expected calibration error {}{few}", self.error), 11.0, WIDTH)
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        let note = Self::legend().draw(canvas, LEGEND)? + NOTE / 2.0;
        canvas.text((0.0, note), letters(11.0), &self.note())?;
        let top = note + NOTE / 2.0 + 8.0;
        self.diagram(canvas, top..top + DIAGRAM)?;
        let top = top + DIAGRAM + 18.0;
        self.strip(canvas, top..top + STRIP)
    }

    fn diagram(&self, canvas: &Canvas<'_>, rows: Range<f64>) -> Drawn {
        let x = |fraction: f64| ENDS.start + fraction * (ENDS.end - ENDS.start);
        let y = |fraction: f64| rows.end - fraction * (rows.end - rows.start);
        for percent in [0, 20, 40, 60, 80, 100] {
            let at = y(f64::from(percent) / 100.0);
            canvas.line((ENDS.start, at), (ENDS.end, at), GRID, 1.0)?;
            canvas.text((ENDS.start - 6.0, at), letters(10.5).ending(), &percent.to_string())?;
        }
        let upwards = letters(11.0).colour(MUTED).centred().upwards();
        canvas.text((9.0, (rows.start + rows.end) / 2.0), upwards, "accuracy (%)")?;
        for bin in self.filled() {
            let strength = if bin.images < FEW { FAINT } else { 1.0 };
            let (left, right) = (x(bin.low) + 1.0, x(bin.high) - 1.0);
            let (accuracy, confidence) = (y(bin.accuracy), y(bin.confidence));
            // Of too sure a bin the gap lies above the bar, of too careful a one it is the bar's upper end.
            let (upper, lower) = (accuracy.min(confidence), accuracy.max(confidence));
            canvas.fill((left, lower), (right, rows.end), TEST.mix(BAR * strength))?;
            gap(canvas, (left, upper), (right, lower), strength)?;
            canvas.line((left, accuracy), (right, accuracy), TEST.mix(strength), 2.0)?;
        }
        canvas.dots((x(0.0), y(0.0)), (x(1.0), y(1.0)), INK, 1.4)?;
        canvas.line((ENDS.start, rows.start), (ENDS.start, rows.end), MUTED, 1.0)?;
        canvas.line((ENDS.start, rows.end), (ENDS.end, rows.end), MUTED, 1.0)
    }

    /// What share of the images is in each bin.
    fn strip(&self, canvas: &Canvas<'_>, rows: Range<f64>) -> Drawn {
        let axis = Axis::over("confidence (%)", 0.0..100.0, 5);
        let all = self.bins.iter().map(|b| b.images).sum::<u64>().max(1) as f64;
        let share = |bin: &CalibrationBin| bin.images as f64 / all;
        let most = self.bins.iter().map(share).fold(0.0, f64::max);
        let most = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0].into_iter().find(|round| *round >= most).unwrap_or(1.0);
        let y = |share: f64| rows.end - share / most * (rows.end - rows.start);
        for share in [0.0, most] {
            canvas.line((ENDS.start, y(share)), (ENDS.end, y(share)), GRID, 1.0)?;
            canvas.text((ENDS.start - 6.0, y(share)), letters(10.5).ending(), &format!("{:.0}", 100.0 * share))?;
        }
        let upwards = letters(11.0).colour(MUTED).centred().upwards();
        canvas.text((9.0, (rows.start + rows.end) / 2.0), upwards, "answers (%)")?;
        for bin in self.filled() {
            let (left, right) = (axis.place(100.0 * bin.low, &ENDS) + 1.0, axis.place(100.0 * bin.high, &ENDS) - 1.0);
            canvas.fill((left, y(share(bin)).min(rows.end - 0.8)), (right, rows.end), MUTED)?;
            let figure = short(100.0 * share(bin));
            if text_width(&figure, 9.5) <= right - left {
                canvas.text(((left + right) / 2.0, y(share(bin)) - 6.5), letters(9.5).centred(), &figure)?;
            }
        }
        canvas.line((ENDS.start, rows.start), (ENDS.start, rows.end), MUTED, 1.0)?;
        axis.below(canvas, &ENDS, rows.end)
    }
}

/// A bar that ends in the accuracy.
fn bar(canvas: &Canvas<'_>, from: (f64, f64), to: (f64, f64), strength: f64) -> Drawn {
    canvas.fill(from, to, TEST.mix(BAR * strength))?;
    canvas.line(from, (to.0, from.1), TEST.mix(strength), 2.0)
}

fn gap(canvas: &Canvas<'_>, from: (f64, f64), to: (f64, f64), strength: f64) -> Drawn {
    canvas.fill(from, to, DEVIATION.mix(0.25 * strength))?;
    canvas.frame(from, to, DEVIATION.mix(0.9 * strength), 0.8)
}

/// A share in percent with about two digits.
fn short(percent: f64) -> String {
    match percent {
        p if p >= 9.95 => format!("{p:.0}"),
        p if p >= 0.095 => format!("{p:.1}"),
        p => format!("{p:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn bin(low: f64, images: u64, confidence: f64, accuracy: f64) -> CalibrationBin {
        CalibrationBin { low, high: low + 0.1, images, confidence, accuracy }
    }

    fn drawn(bins: &[CalibrationBin]) -> String {
        let panel = Reliability { title: "MNIST", bins, error: "0.34 %".into() }.panel().unwrap();
        Figure { name: "r".into(), caption: String::new(), panels: vec![panel], columns: 1 }.svg()
    }

    #[test]
    fn bins_with_images_are_drawn_and_told() {
        let svg = drawn(&[bin(0.0, 0, f64::NAN, f64::NAN), bin(0.5, 20, 0.55, 0.5), bin(0.9, 980, 0.99, 0.97)]);
        for text in ["98", "2.0", "expected calibration error 0.34 %; faint: &lt; 30 answers", "confidence (%)"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
        }
        assert!(svg.contains("55.00 sure and 50.00 right of 20 answers, 99.00 sure"), "{svg}");
        assert!(!svg.contains("NaN"), "{svg}");
        assert!(!drawn(&[bin(0.9, 980, 0.99, 0.97)]).contains("faint"));
    }

    #[test]
    fn no_images_at_all() {
        for bins in [&[][..], &[bin(0.0, 0, 0.0, 0.0)]] {
            let svg = drawn(bins);
            assert!(svg.contains("no images") && !svg.contains("NaN"), "{svg}");
        }
    }

    #[test]
    fn shares_are_short() {
        assert_eq!([100.0, 9.96, 2.04, 0.1, 0.02].map(short), ["100", "10", "2.0", "0.1", "0.02"]);
    }
}
