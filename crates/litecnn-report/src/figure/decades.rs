use super::axes::Axis;
use super::canvas::text_width;
use super::panel::WIDTH;

/// Size of the letters at an axis.
const SIZE: f64 = 10.5;

/// A logarithmic axis for values above zero, which are placed on it by their logarithms to the base 10: ticks at powers
/// of ten, and between them where there is room.
pub(crate) fn decades(title: &str, values: impl Iterator<Item = f64>, label: fn(f64) -> String) -> Axis {
    let logs = values.map(f64::log10).filter(|log| log.is_finite());
    let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
    let margin = 0.08 * (high - low).max(0.5);
    let range = low - margin..high + margin;
    let powers = range.start.floor() as i32..=range.end.ceil() as i32;
    let steps = |of: &[f64]| -> Vec<f64> {
        let all = powers.clone().flat_map(|d| of.iter().map(move |n| f64::from(d) + n.log10()));
        all.filter(|tick| range.contains(tick)).collect()
    };
    let fits = |ticks: &[f64]| {
        let widest = ticks.iter().map(|t| text_width(&label(10f64.powf(*t)), SIZE)).fold(0.0, f64::max);
        let room = |pair: &[f64]| (pair[1] - pair[0]) / (range.end - range.start) * (WIDTH - 60.0);
        ticks.windows(2).all(|pair| room(pair) > widest + 6.0)
    };
    let choices = [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]].map(steps);
    let ticks = choices.iter().find(|ticks| fits(ticks)).unwrap_or(&choices[2]).clone();
    Axis { title: title.to_owned(), range, ticks, label: Box::new(move |log| label(10f64.powf(log))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_thin_out() {
        let at = |low: f64, high: f64| -> Vec<String> {
            let axis = decades("", [low, high].into_iter(), |value| format!("{value:.0}"));
            axis.ticks.iter().map(|tick| (axis.label)(*tick)).collect()
        };
        assert_eq!(at(12.0, 100.0), ["20", "50", "100"]);
        assert_eq!(at(1.0, 1e9).len(), 10);
        assert!(decades("", [].into_iter(), |v| v.to_string()).ticks.len() > 1);
    }
}
