use super::axes::{Axis, chart, place};
use super::canvas::{Canvas, Drawn, letters, text_width};
use super::legend::Legend;
use super::panel::{Panel, WIDTH};
use super::series::{SPOT, look};
use crate::ReportError;

/// Accuracy against what it costs, on a logarithmic axis: one numbered point for each of several things.
pub(crate) struct ScatterPanel<'a> {
    pub(crate) title: &'a str,
    /// What it costs.
    pub(crate) cost: &'a str,
    /// How a cost is written.
    pub(crate) label: fn(f64) -> String,
    pub(crate) points: Vec<ScatterPoint>,
}

/// One thing: what it costs, and its accuracy.
pub(crate) struct ScatterPoint {
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

impl ScatterPanel<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let told = self.points.iter().map(|p| format!("{}: {:.2} % at {}", p.name, p.accuracy, (self.label)(p.cost)));
        let alt = format!("{}, by {}; {}", self.title, self.cost, told.collect::<Vec<_>>().join("; "));
        Panel::draw(258.0 + self.legend().height(), alt, |canvas| self.draw(canvas))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        let top = self.legend().draw(canvas, 19.0)? + 6.0;
        let ends = self.points.iter().flat_map(|p| [p.accuracy, p.interval.0, p.interval.1]);
        let chart = &mut chart(canvas, top, &self.costs(), &Axis::fitting("accuracy (%)", ends, 6))?;
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

    /// Powers of ten, and what lies between them where there is room.
    fn costs(&self) -> Axis {
        let logs = self.points.iter().map(|p| p.cost.log10());
        let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let margin = 0.08 * (high - low).max(0.5);
        let range = low - margin..high + margin;
        let decades = range.start.floor() as i32..=range.end.ceil() as i32;
        let steps = |of: &[f64]| -> Vec<f64> {
            let all = decades.clone().flat_map(|d| of.iter().map(move |n| f64::from(d) + n.log10()));
            all.filter(|tick| range.contains(tick)).collect()
        };
        let fits = |ticks: &[f64]| {
            let widest = ticks.iter().map(|t| text_width(&(self.label)(10f64.powf(*t)), SIZE)).fold(0.0, f64::max);
            let room = |pair: &[f64]| (pair[1] - pair[0]) / (range.end - range.start) * (WIDTH - 60.0);
            ticks.windows(2).all(|pair| room(pair) > widest + 6.0)
        };
        let choices = [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]].map(steps);
        let ticks = choices.iter().find(|ticks| fits(ticks)).unwrap_or(&choices[2]).clone();
        let label = self.label;
        Axis { title: self.cost.to_owned(), range, ticks, label: Box::new(move |log| label(10f64.powf(log))) }
    }
}

/// A place near a spot for a number, away from what is there already: the freest of eight.
fn beside((x, y): (f64, f64), taken: &[(f64, f64)]) -> (f64, f64) {
    let around = [(1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)];
    let places = around.map(|(dx, dy)| (x + 10.0 * dx, y + 11.0 * dy));
    // Beyond some pixels it does not matter how far; then the first will do.
    let room = |place: &(f64, f64)| {
        let distances = taken.iter().map(|t| (t.0 - place.0).hypot(t.1 - place.1).min(9.5));
        distances.fold(9.5, f64::min)
    };
    places.into_iter().rev().max_by(|a, b| room(a).total_cmp(&room(b))).unwrap_or(places[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn drawn(points: &[(f64, f64)]) -> String {
        let points = points.iter().enumerate().map(|(i, &(cost, accuracy))| ScatterPoint {
            name: format!("thing {i}"),
            number: i + 1,
            kind: i % 3,
            cost,
            accuracy,
            interval: (accuracy - 1.0, accuracy + 1.0),
        });
        let label = |cost: f64| format!("{cost:.0} KB");
        let panel =
            ScatterPanel { title: "Accuracy and bytes", cost: "bytes", label, points: points.collect() }.panel();
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

    #[test]
    fn numbers_keep_apart() {
        let spots = vec![(100.0, 100.0), (112.0, 100.0), (100.0, 88.0)];
        let mut taken = spots.clone();
        for spot in spots {
            let place = beside(spot, &taken);
            assert!(taken.iter().all(|t| (t.0 - place.0).hypot(t.1 - place.1) > 7.0), "{place:?} {taken:?}");
            taken.push(place);
        }
    }
}
