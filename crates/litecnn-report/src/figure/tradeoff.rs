use super::axes::{Axis, chart, place};
use super::canvas::{Canvas, Drawn, letters};
use super::decades::decades;
use super::labels::beside;
use super::legend::Legend;
use super::panel::Panel;
use super::series::{SPOT, look};
use crate::ReportError;

/// Accuracy against what it costs, on a logarithmic axis: one numbered point for each of several things.
pub(crate) struct TradeoffPanel<'a> {
    pub(crate) title: &'a str,
    /// What it costs.
    pub(crate) cost: &'a str,
    /// How a cost is written.
    pub(crate) label: fn(f64) -> String,
    pub(crate) points: Vec<TradeoffPoint>,
}

/// One thing: what it costs, and its accuracy.
pub(crate) struct TradeoffPoint {
    pub(crate) name: String,
    /// Stands beside the point and in the list below.
    pub(crate) number: usize,
    /// Things of a kind look alike.
    pub(crate) kind: usize,
    /// Above 0.
    pub(crate) cost: f64,
    /// In percent.
    pub(crate) accuracy: f64,
    /// Ends of its interval, in percent.
    pub(crate) interval: (f64, f64),
}

/// Size of numbers in pixels.
const SIZE: f64 = 10.5;

impl TradeoffPanel<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let told = self.points.iter().map(|p| format!("{}: {:.2} % at {}", p.name, p.accuracy, (self.label)(p.cost)));
        let alt = format!("{}; {}", self.title, told.collect::<Vec<_>>().join("; "));
        Panel::draw(258.0 + self.legend().height(), alt, |canvas| self.draw(canvas))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        let top = self.legend().draw(canvas, 19.0)? + 6.0;
        let ends = self.points.iter().flat_map(|p| [p.accuracy, p.interval.0, p.interval.1]);
        let chart = &mut chart(
            canvas,
            top,
            &decades(self.cost, self.points.iter().map(|p| p.cost), self.label),
            &Axis::fitting("accuracy (%)", ends, 6),
        )?;
        let at = |cost: f64, accuracy: f64| place(chart, (cost.log10(), accuracy));
        let spots: Vec<(f64, f64)> = self.points.iter().map(|p| at(p.cost, p.accuracy)).collect();
        for (point, &(x, _)) in self.points.iter().zip(&spots) {
            let [low, high] = [point.interval.0, point.interval.1].map(|end| at(point.cost, end).1);
            canvas.line((x, low), (x, high), look(point.kind).colour, 1.2)?;
        }
        for (point, &spot) in self.points.iter().zip(&spots) {
            look(point.kind).marker(canvas, spot)?;
        }
        let mut taken: Vec<(f64, f64)> = spots.clone();
        for (point, &spot) in self.points.iter().zip(&spots) {
            let number = point.number.to_string();
            let free = beside(spot, &taken);
            taken.push(free);
            canvas.text(free, letters(SIZE).centred(), &number)?;
        }
        Ok(())
    }

    fn legend(&self) -> Legend<'_> {
        self.points.iter().fold(Legend::default(), |legend, point| {
            let words = format!("{} {}", point.number, point.name);
            legend.entry(SPOT, &words, move |canvas, (x, y)| look(point.kind).marker(canvas, (x + SPOT / 2.0, y)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn drawn(points: &[(f64, f64)]) -> String {
        let points = points.iter().enumerate().map(|(i, &(cost, accuracy))| TradeoffPoint {
            name: format!("thing {i}"),
            number: i + 1,
            kind: i % 3,
            cost,
            accuracy,
            interval: (accuracy - 1.0, accuracy + 1.0),
        });
        let label = |cost: f64| format!("{cost:.0} KB");
        let panel =
            TradeoffPanel { title: "Accuracy and bytes", cost: "bytes", label, points: points.collect() }.panel();
        Figure { name: "s".into(), caption: String::new(), panels: vec![panel.unwrap()], columns: 1 }.svg()
    }

    #[test]
    fn points_are_numbered_and_told() {
        let svg = drawn(&[(20.0, 60.0), (700.0, 81.0), (90.0, 64.5)]);
        for text in ["1 thing 0", "3 thing 2", "100 KB", "bytes", "accuracy (%)"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
        }
        assert!(svg.contains("thing 1: 81.00 % at 700 KB"), "{svg}");
    }

    #[test]
    fn one_none_and_equal_points_do_no_harm() {
        for points in [&[][..], &[(5.0, 50.0)], &[(5.0, 50.0), (5.0, 50.0)]] {
            let svg = drawn(points);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
