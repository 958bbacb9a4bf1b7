use super::bench::{Bench, Growth, Metric, OURS, Row};
use super::page::{axes, axis_words, copying, distinct, in_order, linear, lines, models, step_words, threads};
use crate::figure::{Figure, GrowthLine, GrowthPanel, Panel, SpeedLine, SpeedPoint, ThroughputPanel};
use crate::numbers::grouped;
use crate::verdict::title;
use crate::{Published, ReportError};

/// Name of the figure of growth.
pub(crate) const GROWTH: &str = "growth";

/// Every figure there are figures for.
pub(crate) fn all(bench: &Bench, published: &Published) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    for (model, device, panel) in throughput_panels(bench, published)? {
        figures.push(Figure {
            name: throughput_name(&model, &device),
            caption: "Images per second by batch size.".to_owned(),
            panels: vec![panel],
            columns: 1,
        });
    }
    let panels = growth_panels(bench)?;
    if !panels.is_empty() {
        figures.push(Figure {
            name: GROWTH.to_owned(),
            caption: "Training time of one image as the work grows.".to_owned(),
            panels,
            columns: 2,
        });
    }
    Ok(figures)
}

/// What the figure of a model's throughput on a device is called.
pub(crate) fn throughput_name(model: &str, device: &str) -> String {
    format!("throughput-{}-{}", file_part(model), file_part(device))
}

/// Model, device and throughput by batch size, for each of them that was measured.
pub(crate) fn throughput_panels(
    bench: &Bench,
    published: &Published,
) -> Result<Vec<(String, String, Panel)>, ReportError> {
    let measured = |row: &&Row| row.program == OURS && row.metric == Metric::Throughput;
    let rows: Vec<&Row> = bench.rows.iter().filter(measured).collect();
    let mut panels = Vec::new();
    for model in models(rows.iter().map(|r| r.model.as_str())) {
        for device in distinct(rows.iter().filter(|r| r.model == model).map(|r| r.device.as_str())) {
            let of: Vec<&Row> = rows.iter().copied().filter(|r| r.model == model && r.device == device).collect();
            let (place, machine) = match device {
                "cpu" => ("the CPU", &bench.machine.cpu),
                other => (other, &bench.machine.device),
            };
            let title = format!("{}: throughput on {place}", title(model, published));
            let panel = ThroughputPanel { title: &title, machine, lines: speed_lines(&of) }.panel()?;
            panels.push((model.to_owned(), device.to_owned(), panel));
        }
    }
    Ok(panels)
}

/// A line for each number of threads and way of copying.
fn speed_lines(rows: &[&Row]) -> Vec<SpeedLine> {
    let line = |(n, copy)| {
        let mut of: Vec<&Row> = rows.iter().copied().filter(|r| (r.threads, r.copy) == (n, copy)).collect();
        of.sort_by_key(|r| r.batch);
        SpeedLine {
            name: copy.map_or_else(|| threads(n), |copy| copying(copy).to_owned()),
            points: of.iter().map(|r| SpeedPoint { batch: r.batch, mean: r.mean, std: r.std }).collect(),
        }
    };
    lines(rows.iter().copied()).into_iter().map(line).collect()
}

/// Training time of one image, a panel for each thing that grows.
fn growth_panels(bench: &Bench) -> Result<Vec<Panel>, ReportError> {
    axes(&bench.growth).into_iter().map(|axis| growth_panel(axis, &bench.growth)).collect()
}

fn growth_panel(axis: &str, all: &[Growth]) -> Result<Panel, ReportError> {
    let of: Vec<&Growth> = all.iter().filter(|g| g.axis == axis).collect();
    let values = in_order(of.iter().map(|g| g.value.as_str()));
    let place = |g: &Growth| values.iter().position(|v| *v == g.value).unwrap_or(0);
    let lines = in_order(of.iter().map(|g| g.step.as_str())).into_iter().map(|step| {
        let of = || of.iter().filter(move |g| g.step == step);
        GrowthLine {
            name: step_words(step).to_owned(),
            measured: of().map(|g| (place(g), g.us_per_image)).collect(),
            linear: of().filter_map(|g| Some((place(g), linear(all, g)?))).collect(),
        }
    });
    let (name, unit) = axis_words(axis);
    let name = name.to_lowercase();
    GrowthPanel {
        title: &format!("Training time: {name}"),
        axis: &if unit.is_empty() { name.clone() } else { format!("{name} ({unit})") },
        values: values.iter().map(|v| in_groups(v)).collect(),
        lines: lines.collect(),
    }
    .panel()
}

/// `cuda:0` as part of a file name.
pub(crate) fn file_part(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// A whole number with its thousands set apart; anything else as it is.
pub(crate) fn in_groups(value: &str) -> String {
    value.parse().map_or_else(|_| value.to_owned(), grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(file_part("cuda:0"), "cuda-0");
        assert_eq!([in_groups("20000"), in_groups("10/20")], ["20,000", "10/20"]);
    }
}
