use litecnn_run::Outcome;

use super::{Small, SmallModel, Studies, figures};
use crate::contrast::contrast_rows;
use crate::document::Page;
use crate::interval::of_mean;
use crate::numbers::{NONE, grouped, percent, points, spread_percent};
use crate::scaling::scaling_rows;
use crate::speed::{OURS, RUNTIME, RUNTIME_INT8};
use crate::verdict::title;
use crate::{Interval, Published, ReportError, Scaling, Spread};

/// The whole of `SMALL.md`.
pub(super) fn page(small: &Small, studies: &Studies, published: &Published) -> Result<Page, ReportError> {
    let mut page = Page::default();
    page.heading(1, "Small models");
    page.paragraph(
        "How good can a model with no more weights than the paper's be? The paper's model by its own recipe, the same model \
         and method by the recipe `tuned`, and networks found by a search within the same number of weights. Everything was \
         chosen by images held out of the training images; the test images were looked at once for each model.",
    );
    let datasets = studies.datasets(small);
    if datasets.is_empty() {
        page.paragraph("Nothing is measured yet.");
        return Ok(page);
    }
    table(&mut page, small, &datasets, published);
    for dataset in datasets {
        let name = title(dataset, published);
        page.heading(2, name);
        if small.models.iter().any(|model| model.dataset == dataset) {
            page.figure(figures::models(name, dataset, small, published)?);
        }
        if let Some(outcomes) = studies.ablation.get(dataset).filter(|outcomes| !outcomes.is_empty()) {
            page.heading(3, "What parts of the method are worth");
            let order: Vec<String> = ARMS.iter().map(|(arm, _)| (*arm).to_owned()).collect();
            let (header, mut rows) = contrast_rows(outcomes, &order);
            for row in &mut rows {
                let words = ARMS.iter().find(|(arm, _)| row.first().is_some_and(|cell| cell == arm));
                if let (Some(cell), Some((_, words))) = (row.first_mut(), words) {
                    (*words).clone_into(cell);
                }
            }
            page.table(&header, &rows);
            page.paragraph(&verdict(outcomes));
        }
        if let Some(families) = studies.sizes.get(dataset).filter(|families| families.iter().any(|f| !f.is_empty())) {
            page.heading(3, "When more weights stop paying");
            let [joined, compact] = families;
            page.figure(figures::sizes(name, dataset, [joined, compact])?);
            for (outcomes, words) in families.iter().zip(["The paper's model", "The network found"]) {
                let scaling = Scaling::fit(outcomes);
                let (header, rows) = scaling_rows(outcomes, scaling.as_ref());
                page.table(&header, &rows);
                if let Some(scaling) = scaling {
                    page.paragraph(&format!("{words}: {}", scaling.verdict()));
                }
            }
        }
    }
    page.heading(2, "How it was measured");
    let machine = &small.machine;
    page.paragraph(&format!(
        "Times are for one image on one thread, median of rounds in turn, on {} ({} cores), libtorch {}, {}. Those of 8-bit \
         integers are for pixels that are bytes, others for floats. Minutes are of \
         training alone, and longer where the machine had other work beside.",
        machine.cpu, machine.cores, machine.libtorch, machine.date
    ));
    Ok(page)
}

/// Ways of training as `litecnn ablate` names them, in words.
const ARMS: [(&str, &str); 10] = [
    ("method", "the method"),
    ("no-augmented-branch", "no augmented branch"),
    ("fresh-heads", "heads drawn anew"),
    ("one-step", "unfrozen in one step"),
    ("top-down", "unfrozen from the last layer on"),
    ("bottom-up", "unfrozen from the first layer on"),
    ("scratch", "final model in one stage"),
    ("scratch-augmented", "final model in one stage, augmented images"),
    ("single-branch", "one branch of the same size"),
    ("single-branch-augmented", "one branch of the same size, augmented images"),
];

fn table(page: &mut Page, small: &Small, datasets: &[&str], published: &Published) {
    let header = [
        "",
        "model",
        "test, %",
        "weights",
        "before folding",
        "bytes",
        "MACs",
        "µs",
        "8 bits: test, %",
        "8 bits: bytes",
        "8 bits: µs",
        "libtorch: µs",
        "minutes a seed",
    ];
    let mut rows = Vec::new();
    for dataset in datasets {
        let name = title(dataset, published);
        if let Some(paper) = published.datasets.get(*dataset) {
            let mut row = vec![name.to_owned(), "as the paper prints it".to_owned(), percent(paper.accuracy.test)];
            row.push(grouped(paper.size.params));
            row.resize(header.len(), NONE.to_owned());
            rows.push(row);
        }
        for model in small.models.iter().filter(|model| model.dataset == *dataset) {
            rows.push(row(name, model));
        }
    }
    page.table(&header.map(str::to_owned), &rows);
}

fn row(name: &str, model: &SmallModel) -> Vec<String> {
    let none = || NONE.to_owned();
    let us = |program: &str| model.us(program).map_or_else(none, |us| format!("{us:.1}"));
    let minutes = model.trainings.iter().map(|t| t.seconds).sum::<f64>() / model.trainings.len() as f64 / 60.0;
    vec![
        name.to_owned(),
        model.family.words().to_owned(),
        spread_percent(&Spread::new(model.accuracies())),
        grouped(model.parameters),
        grouped(model.unfolded),
        grouped(model.bytes),
        grouped(model.macs),
        us(RUNTIME),
        model.accuracies_in_integers().map_or_else(none, |all| spread_percent(&Spread::new(all))),
        model.int8.as_ref().map_or_else(none, |int8| grouped(int8.bytes)),
        us(RUNTIME_INT8),
        us(OURS),
        format!("{minutes:.0}"),
    ]
}

/// What the differences say, in two sentences.
fn verdict(outcomes: &[Outcome]) -> String {
    let accuracy = |arm: &str, seed: u64| {
        outcomes.iter().find(|outcome| outcome.arm == arm && outcome.seed == seed).map(|outcome| outcome.test_accuracy)
    };
    let method: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.arm == "method").collect();
    let told = |sure: bool| {
        let arms = ARMS.iter().skip(1).filter_map(|(arm, words)| {
            let each = method.iter().filter_map(|m| Some(accuracy(arm, m.seed)? - m.test_accuracy));
            let differences: Vec<f64> = each.collect();
            let Interval { low, high } = of_mean(&differences)?;
            let mean = differences.iter().sum::<f64>() / differences.len() as f64;
            ((low > 0.0 || high < 0.0) == sure).then(|| match sure {
                true => format!("{words} ({})", points(mean)),
                false => (*words).to_owned(),
            })
        });
        arms.collect::<Vec<_>>().join(", ")
    };
    let (sure, unsure) = (told(true), told(false));
    let first = match sure.is_empty() {
        true => "Nothing differs from the method beyond what seeds explain.".to_owned(),
        false => format!("Beyond what seeds explain, these differ from the method, in points: {sure}."),
    };
    let second = if unsure.is_empty() { String::new() } else { format!(" No difference is shown for: {unsure}.") };
    first + &second
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::{Timing, Training};
    use crate::small::{InIntegers, SmallFamily};

    fn model(dataset: &str, family: SmallFamily, correct: u64) -> SmallModel {
        SmallModel {
            dataset: dataset.to_owned(),
            family,
            parameters: 14_862,
            unfolded: 15_000,
            macs: 800_000,
            bytes: 59_576,
            int8: Some(InIntegers { bytes: 16_592, correct: vec![correct; 3] }),
            timings: vec![Timing { program: RUNTIME.to_owned(), us: 9.6 }],
            images: 10_000,
            trainings: (0..3)
                .map(|seed| Training { seed, epochs: 9, seconds: 600.0, correct: correct + seed })
                .collect(),
        }
    }

    fn small(models: Vec<SmallModel>) -> Small {
        Small { format: Small::FORMAT.into(), machine: crate::speed::Machine::example(), models }
    }

    fn outcome(arm: &str, seed: u64, parameters: i64, test_accuracy: f64) -> Outcome {
        let arm = arm.to_owned();
        Outcome { arm, seed, parameters, epochs: 30, validation_accuracy: 0.9, test_accuracy, seconds: 1.0 }
    }

    #[test]
    fn models_stand_beside_what_is_published() {
        let published = Published::isong2025().unwrap();
        let models = vec![model("mnist", SmallFamily::Tuned, 9_950), model("mnist", SmallFamily::Compact, 9_960)];
        let mut studies = Studies::default();
        let arms = [("method", 0.99), ("scratch", 0.98), ("one-step", 0.99)];
        let each = arms.iter().flat_map(|&(arm, accuracy)| {
            (0..3).map(move |seed| {
                let jitter = if arm == "one-step" { [0.001, -0.001, 0.0][seed as usize] } else { 0.0 };
                outcome(arm, seed, 14_862, accuracy + jitter)
            })
        });
        studies.ablation.insert("mnist".into(), each.collect());
        let sizes: Vec<Outcome> = [1_000, 2_000, 4_000, 8_000, 16_000]
            .map(|weights| outcome("x", 0, weights, 1.0 - 0.01 - 5.0 / weights as f64))
            .to_vec();
        studies.sizes.insert("mnist".into(), [sizes, Vec::new()]);
        let page = page(&small(models), &studies, &published).unwrap();
        let text = page.to_markdown();
        assert!(text.contains("| MNIST | as the paper prints it | 99.00 | 14,862 |"), "{text}");
        let tuned =
            "| MNIST | the paper's model, recipe tuned | 99.51 ± 0.01 | 14,862 | 15,000 | 59,576 | 800,000 | 9.6 |";
        assert!(text.contains(tuned), "{text}");
        assert!(text.contains("these differ from the method, in points: final model in one stage (-1.00)."), "{text}");
        assert!(text.contains("No difference is shown for: unfrozen in one step."), "{text}");
        assert!(text.contains("The paper's model: Errors are ") && text.contains("figures/sizes-mnist.svg"), "{text}");
        assert_eq!(page.figures().count(), 2);
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let page = page(&small(Vec::new()), &Studies::default(), &Published::isong2025().unwrap()).unwrap();
        assert!(page.to_markdown().contains("Nothing is measured yet."));
    }
}
