use crate::collect::{Collected, CollectedDataset};
use crate::document::Page;
use crate::figure::{Figure, Reliability};
use crate::numbers::spread_percent;
use crate::verdict::title;
use crate::{Calibration, Published, ReportError, Spread, Summary};

/// Whether the final models are as often right as they are sure.
pub(super) fn calibration(
    page: &mut Page,
    run: &Collected,
    summary: &Summary,
    published: &Published,
) -> Result<(), ReportError> {
    let known: Vec<&CollectedDataset> =
        run.datasets.iter().filter(|d| d.measured().any(|(s, _)| s.predictions.is_some())).collect();
    if known.is_empty() {
        return Ok(());
    }
    page.heading(2, "Are they as often right as they are sure?");
    page.paragraph(
        "Answers to the test images by the probability given to the predicted class, 15 bins (Guo et al. 2017), those of all \
         seeds' models together: the bars should end on the diagonal. The expected calibration error is the distance from \
         it, averaged over the answers, of each model by itself; the Brier score is the squared distance of all probabilities from the truth, 0 to 2.",
    );
    for dataset in known {
        let name = title(&dataset.name, published);
        page.heading(3, name);
        let seeds = dataset.measured().filter_map(|(s, _)| s.predictions.as_ref());
        let images = seeds.flat_map(|p| &p.rows).map(|row| {
            let confidence = row.probabilities.get(usize::from(row.predicted)).copied().unwrap_or(0.0);
            (f64::from(confidence), row.label == row.predicted)
        });
        let calibration = Calibration::new(Calibration::BINS, images);
        let figures = summary.datasets.get(&dataset.name).map(|d| &d.analysis);
        let panel = Reliability {
            title: &format!("{name}: reliability"),
            bins: &calibration.bins,
            error: figures.map_or_else(String::new, |a| format!("{} %", spread_percent(&a.calibration_error))),
        };
        let brier = figures.map_or_else(String::new, |a| format!(" Brier score: {}.", plain(&a.brier)));
        page.figure(Figure {
            name: format!("reliability-{}", dataset.name),
            caption: format!("Reliability of the final model for {name}.{brier}"),
            panels: vec![panel.panel()?],
            columns: 1,
        });
    }
    Ok(())
}

/// Mean and standard deviation with four decimals.
fn plain(spread: &Spread) -> String {
    match spread.values.len() {
        0 | 1 => format!("{:.4}", spread.mean),
        _ => format!("{:.4} ± {:.4}", spread.mean, spread.std),
    }
}
