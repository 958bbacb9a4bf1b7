use super::axes::{Axis, chart, place};
use super::canvas::{Canvas, Drawn, letters, shortened, text_width};
use super::legend::Legend;
use super::panel::{Panel, WIDTH};
use super::series::{SAMPLE, look};
use super::style::{DEVIATION, MUTED};
use crate::ReportError;
use crate::numbers::grouped;

/// Images per second against batch size.
pub(crate) struct ThroughputPanel<'a> {
    pub(crate) title: &'a str,
    /// Name of what it was measured on.
    pub(crate) machine: &'a str,
    pub(crate) lines: Vec<SpeedLine>,
}

/// One way of computing, such as with one thread.
pub(crate) struct SpeedLine {
    pub(crate) name: String,
    /// By batch size, ascending.
    pub(crate) points: Vec<SpeedPoint>,
}

/// Images per second at one batch size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpeedPoint {
    pub(crate) batch: u64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
}

impl SpeedPoint {
    /// Where it stands on the axis of batch sizes.
    fn exponent(&self) -> f64 {
        (self.batch.max(1) as f64).log2()
    }
}

impl ThroughputPanel<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let whole = |x: f64| grouped(x.round() as u64);
        let lines: Vec<String> = self
            .lines
            .iter()
            .filter_map(|line| {
                let (first, last) = (line.points.first()?, line.points.last()?);
                let best = line.points.iter().max_by(|a, b| a.mean.total_cmp(&b.mean))?;
                let at = |p: &SpeedPoint| format!("{} at {}", whole(p.mean), grouped(p.batch));
                Some(format!("{}: {}, {}, at most {}", line.name, at(first), at(last), at(best)))
            })
            .collect();
        let alt = format!("{}: images per second by batch size; {}", self.title, lines.join("; "));
        Panel::draw(262.0, alt, |canvas| self.draw(canvas))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        canvas.text((0.0, 25.0), letters(11.0).colour(MUTED), &shortened(self.machine, 11.0, WIDTH))?;
        let top = self.legend().draw(canvas, 33.0)? + 6.0;
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let scale = if points().any(|p| p.mean >= 1e6) { 1e-3 } else { 1.0 };
        let most = points().map(|p| scale * (p.mean + p.std)).fold(0.0, f64::max);
        let (first, last) =
            points().map(SpeedPoint::exponent).fold((f64::INFINITY, 0.0f64), |(l, h), e| (l.min(e), h.max(e)));
        let chart = &mut chart(canvas, top, &batches(first.min(last), last), &speeds(most, scale))?;
        for (i, line) in self.lines.iter().enumerate() {
            for point in &line.points {
                let end = |sign: f64| (point.exponent(), scale * (point.mean + sign * point.std).max(0.0));
                deviation(canvas, place(chart, end(-1.0)), place(chart, end(1.0)))?;
            }
            let points: Vec<(f64, f64)> = line.points.iter().map(|p| (p.exponent(), scale * p.mean)).collect();
            look(i).line(canvas, chart, &points)?;
        }
        Ok(())
    }

    fn legend(&self) -> Legend<'_> {
        let lines = self.lines.iter().enumerate().fold(Legend::default(), |legend, (i, line)| {
            legend.entry(SAMPLE, &line.name, move |canvas, at| look(i).sample(canvas, at))
        });
        lines.entry(6.0, "± standard deviation", |canvas, (x, y)| {
            deviation(canvas, (x + 3.0, y + 5.5), (x + 3.0, y - 5.5))
        })
    }
}

/// Batch sizes as powers of two, with as many numbers as there is room for.
fn batches(first: f64, last: f64) -> Axis {
    let range = first - 0.4..last + 0.5;
    let label = |exponent: f64| grouped(exponent.exp2().round() as u64);
    // The plot is at least this wide; a number and some air around it have to fit between two ticks.
    let doubling = (WIDTH - 79.0) / (range.end - range.start);
    let room = text_width(&label(last), 10.5) + 3.0;
    let every = ((room / doubling).ceil() as usize).max(1);
    Axis {
        title: "batch size (images)".to_owned(),
        ticks: (first.ceil() as u32..=last as u32).step_by(every).map(f64::from).collect(),
        range,
        label: Box::new(label),
    }
}

/// From 0 to a little above the most.
fn speeds(most: f64, scale: f64) -> Axis {
    let title = if scale < 1.0 { "thousand images per second" } else { "images per second" };
    let axis = Axis::over(title, 0.0..if most > 0.0 { 1.06 * most } else { 1.0 }, 6);
    match axis.ticks.iter().all(|tick| tick.fract() == 0.0) {
        true => Axis { label: Box::new(|speed| grouped(speed.round() as u64)), ..axis },
        false => axis,
    }
}

/// From one standard deviation below to one above, as in the paper; nothing where there is none.
fn deviation(canvas: &Canvas<'_>, low: (f64, f64), high: (f64, f64)) -> Drawn {
    if low.1 - high.1 < 0.1 {
        return Ok(());
    }
    for end in [low, high] {
        canvas.line((end.0 - 3.0, end.1), (end.0 + 3.0, end.1), DEVIATION, 1.1)?;
    }
    canvas.line(low, high, DEVIATION, 1.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn drawn(points: &[(u64, f64)]) -> String {
        let points = points.iter().map(|&(batch, mean)| SpeedPoint { batch, mean, std: 0.1 * mean }).collect();
        let lines = vec![SpeedLine { name: "1 thread".into(), points }];
        let panel = ThroughputPanel { title: "MNIST, CPU", machine: "Example", lines }.panel().unwrap();
        Figure { name: "t".into(), caption: String::new(), panels: vec![panel], columns: 1 }.svg()
    }

    #[test]
    fn numbers_of_the_axes() {
        let label = |axis: &Axis| axis.ticks.iter().map(|t| (axis.label)(*t)).collect::<Vec<_>>();
        assert_eq!(label(&batches(0.0, 4.0)), ["1", "2", "4", "8", "16"]);
        assert_eq!(label(&batches(0.0, 14.0)), ["1", "4", "16", "64", "256", "1,024", "4,096", "16,384"]);
        assert_eq!(label(&batches(5.0, 5.0)), ["32"]);
        assert_eq!(label(&speeds(56_000.0, 1.0)), ["0", "10,000", "20,000", "30,000", "40,000", "50,000"]);
        assert_eq!(label(&speeds(1.0, 1.0)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn one_batch_size_and_none() {
        let svg = drawn(&[(32, 1000.0)]);
        assert!(svg.contains(">32</text>") && svg.contains("1 thread: 1,000 at 32") && !svg.contains("NaN"), "{svg}");
        assert!(!drawn(&[]).contains("NaN"));
    }

    #[test]
    fn millions_are_thousands_of_thousands() {
        let svg = drawn(&[(1, 20_000.0), (4096, 1_500_000.0)]);
        assert!(svg.contains(">thousand images per second</text>") && svg.contains(">1,500</text>"), "{svg}");
    }
}
