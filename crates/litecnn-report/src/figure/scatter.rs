use super::axes::{Axis, chart, place};
use super::canvas::{Canvas, Drawn, letters};
use super::decades::decades;
use super::labels::beside;
use super::legend::Legend;
use super::panel::Panel;
use super::style::{MUTED, PAPER, TEST};
use crate::ReportError;
use crate::numbers::{grouped, percent};

/// Accuracy against something that costs, on a logarithmic axis: published and own.
pub(crate) struct ScatterPanel<'a> {
    pub(crate) title: &'a str,
    /// What costs, and its unit.
    pub(crate) axis: &'a str,
    /// Whose figures the hollow marks are.
    pub(crate) theirs: &'a str,
    pub(crate) clouds: Vec<Cloud>,
}

/// One network.
#[derive(Debug, Clone)]
pub(crate) struct Cloud {
    /// Stands beside its mark.
    pub(crate) label: String,
    /// What it costs; above zero.
    pub(crate) cost: f64,
    /// Accuracies as fractions.
    pub(crate) published: Option<f64>,
    pub(crate) ours: Option<f64>,
}

const HEIGHT: f64 = 262.0;
const RADIUS: f64 = 3.2;

impl ScatterPanel<'_> {
    pub(crate) fn panel(&self) -> Result<Panel, ReportError> {
        let clouds = self.clouds.iter().map(|cloud| {
            let told = |what: &str, value: Option<f64>| value.map(|v| format!("{what} {}", percent(v)));
            let values = [told("published", cloud.published), told("here", cloud.ours)];
            let values: Vec<String> = values.into_iter().flatten().collect();
            format!("{} at {}: {}", cloud.label, cost(cloud.cost), values.join(", "))
        });
        let clouds: Vec<String> = clouds.collect();
        let alt = format!("{}: accuracy in percent by {}; {}", self.title, self.axis, clouds.join("; "));
        Panel::draw(HEIGHT, alt, |canvas| self.draw(canvas))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.title(self.title)?;
        let legend = Legend::default().entry(8.0, self.theirs, |canvas, (x, y)| hollow(canvas, (x + 4.0, y))).entry(
            8.0,
            "here",
            |canvas, (x, y)| canvas.disc((x + 4.0, y), RADIUS, TEST),
        );
        let top = legend.draw(canvas, 19.0)? + 6.0;
        let values = self.clouds.iter().flat_map(|cloud| [cloud.published, cloud.ours]).flatten();
        let accuracies = Axis::fitting("accuracy (%)", values.map(|v| 100.0 * v), 6);
        let chart =
            &chart(canvas, top, &decades(self.axis, self.clouds.iter().map(|cloud| cloud.cost), cost), &accuracies)?;
        for cloud in &self.clouds {
            let at = |value: f64| place(chart, (cloud.cost.log10(), 100.0 * value));
            if let Some((theirs, ours)) = cloud.published.zip(cloud.ours) {
                canvas.line(at(theirs), at(ours), MUTED, 1.0)?;
            }
            if let Some(theirs) = cloud.published {
                hollow(canvas, at(theirs))?;
            }
            if let Some(ours) = cloud.ours {
                canvas.disc(at(ours), RADIUS, TEST)?;
            }
        }
        let at = |cloud: &Cloud, value: f64| place(chart, (cloud.cost.log10(), 100.0 * value));
        let marks = |cloud: &Cloud| [cloud.published, cloud.ours].into_iter().flatten().map(|v| at(cloud, v)).collect();
        let mut taken: Vec<(f64, f64)> =
            self.clouds.iter().flat_map(|cloud| -> Vec<(f64, f64)> { marks(cloud) }).collect();
        for cloud in &self.clouds {
            if let Some(mark) = cloud.ours.or(cloud.published).map(|value| at(cloud, value)) {
                let free = beside(mark, &taken);
                taken.push(free);
                canvas.text(free, letters(9.5).centred(), &cloud.label)?;
            }
        }
        Ok(())
    }
}

fn hollow(canvas: &Canvas<'_>, at: (f64, f64)) -> Drawn {
    canvas.disc(at, RADIUS, MUTED)?;
    canvas.disc(at, RADIUS - 1.3, PAPER)
}

/// As it stands at the axis: `0.2`, `50`, `1,000`.
fn cost(cost: f64) -> String {
    if cost >= 9.95 {
        grouped(cost.round() as u64)
    } else {
        format!("{cost:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn drawn(clouds: Vec<Cloud>) -> String {
        let panel =
            ScatterPanel { title: "VGG-19", axis: "million parameters", theirs: "Example", clouds }.panel().unwrap();
        Figure { name: "s".into(), caption: String::new(), panels: vec![panel], columns: 1 }.svg()
    }

    fn cloud(label: &str, cost: f64, published: Option<f64>, ours: Option<f64>) -> Cloud {
        Cloud { label: label.into(), cost, published, ours }
    }

    #[test]
    fn marks_are_labelled_and_told() {
        let svg = drawn(vec![
            cloud("8", 0.151_254, Some(0.8171), Some(0.80)),
            cloud("1", 38.958, Some(0.9283), None),
            cloud("own", 1.0, None, Some(0.5)),
        ]);
        for text in [">8</text>", ">1</text>", ">own</text>", ">10</text>", ">here</text>", ">Example</text>"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(svg.contains("8 at 0.15: published 81.71, here 80.00; 1 at 39: published 92.83; own at 1: here 50.00"));
        let marks = |colour: &str| svg.matches("<circle").count() * usize::from(svg.contains(colour));
        // Two published ones of two discs each, two of ours; in the legend one of each.
        assert_eq!(marks("#00785A"), 4 + 2 + 3, "{svg}");
    }

    #[test]
    fn one_and_none() {
        assert!(!drawn(vec![cloud("1", 0.5, Some(0.9), Some(0.9))]).contains("NaN"));
        assert!(!drawn(vec![]).contains("NaN"));
    }
}
