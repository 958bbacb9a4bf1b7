use crate::document::escape;
use crate::numbers::{percent, points, whole_percent};
use crate::{DatasetSummary, Published, PublishedDataset, Summary};

/// Published accuracies are rounded to whole percent: a mean this far below may still be the published figure.
const ROUNDING: f64 = 0.005;

/// Whether the paper is reproduced, in one sentence and the figures it rests on. Markdown.
pub(crate) fn verdict(summary: &Summary, published: &Published) -> String {
    let measured: Vec<(&PublishedDataset, &DatasetSummary)> =
        summary.datasets.iter().filter_map(|(name, ours)| Some((published.datasets.get(name)?, ours))).collect();
    if measured.is_empty() {
        return "**Not answered: this run has measured none of the paper's data sets.**".to_owned();
    }
    let figures: Vec<String> = measured
        .iter()
        .map(|(paper, ours)| {
            let mean = ours.test_accuracy.mean;
            format!(
                "{} {} % (paper {} %, {} points)",
                paper.name,
                percent(mean),
                whole_percent(paper.accuracy.test),
                points(mean - paper.accuracy.test)
            )
        })
        .collect();
    let figures = format!("Test accuracy: {}.", figures.join(", "));
    if !official(summary) {
        return format!("**Not answered: the data is not the official one.** {figures}");
    }
    if !paper_recipe(summary, published) {
        let recipe = escape(&summary.recipe);
        return format!("**Not answered: the settings are not the paper's, but those of recipe {recipe}.** {figures}");
    }
    let mut absent: Vec<&String> = published.datasets.keys().filter(|d| !summary.datasets.contains_key(*d)).collect();
    absent.sort_by(|a, b| crate::order::datasets(a, b));
    let absent: Vec<&str> = absent.iter().map(|name| title(name, published)).collect();
    let (reached, below): (Vec<_>, Vec<_>) = measured.iter().partition(|(paper, ours)| reached(paper, ours));
    let names = |sets: &[&(&PublishedDataset, &DatasetSummary)]| {
        list(&sets.iter().map(|s| s.0.name.as_str()).collect::<Vec<_>>())
    };
    let answer = match (reached.is_empty(), below.is_empty()) {
        (_, true) if absent.is_empty() => "Yes: the paper's test accuracy is reached on every data set.".to_owned(),
        (_, true) => format!("As far as measured, yes: the paper's test accuracy is reached on {}.", names(&reached)),
        (true, _) => format!("No: test accuracy stays below the paper's on {}.", names(&below)),
        _ => format!("In part: the paper's test accuracy is reached on {}, not on {}.", names(&reached), names(&below)),
    };
    let mut text = format!("**{answer}** {figures}");
    if !absent.is_empty() {
        text.push_str(&format!(" Not in this run: {}.", list(&absent)));
    }
    let (same, other): (Vec<_>, Vec<_>) = measured.iter().partition(|(paper, ours)| paper.size.params == ours.params);
    text.push_str(&match other.as_slice() {
        [] => " The parameter counts are the published ones.".to_owned(),
        _ if same.is_empty() => " The parameter counts are not the published ones.".to_owned(),
        _ => format!(" The parameter counts are the published ones, but for {}.", names(&other)),
    });
    let trained: Vec<String> = measured
        .iter()
        .map(|(paper, ours)| {
            let mean = ours.train_accuracy.mean;
            format!("{} {} % (paper {} %)", paper.name, percent(mean), whole_percent(paper.accuracy.train))
        })
        .collect();
    text.push_str(&format!(" Training accuracy: {}.", trained.join(", ")));
    text
}

/// A data set's name in prose.
pub(crate) fn title<'a>(name: &'a str, published: &'a Published) -> &'a str {
    published.datasets.get(name).map_or(name, |p| p.name.as_str())
}

/// Whether the run was made with the settings of the paper, whatever they are called.
pub(crate) fn paper_recipe(summary: &Summary, published: &Published) -> bool {
    summary.recipe_hash == published.recipe_hash
}

/// Whether the figures may be compared with published ones.
pub(crate) fn official(summary: &Summary) -> bool {
    summary.data == "official"
}

/// Whether our mean test accuracy may be the published one or is better.
pub(crate) fn reached(paper: &PublishedDataset, ours: &DatasetSummary) -> bool {
    // The last bit of a mean must not decide.
    ours.test_accuracy.mean >= paper.accuracy.test - ROUNDING - 1e-9
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spread;
    use indexmap::IndexMap;

    fn summary(data: &str, sets: &[(&str, f64, u64)]) -> Summary {
        let set = |&(name, accuracy, params): &(&str, f64, u64)| {
            let spread = Spread::new(vec![accuracy]);
            let figures = DatasetSummary {
                params,
                weights_bytes: 1,
                seeds: vec![0],
                test_accuracy: spread.clone(),
                train_accuracy: spread.clone(),
                validation_accuracy: spread,
                analysis: crate::Analysis::default(),
                steps: IndexMap::new(),
                seconds: vec![None],
                peak_memory_bytes: vec![None],
            };
            (name.to_owned(), figures)
        };
        Summary {
            format: Summary::FORMAT.into(),
            recipe: "paper".into(),
            recipe_hash: Published::isong2025().unwrap().recipe_hash,
            data: data.into(),
            datasets: sets.iter().map(set).collect(),
            missing: vec![],
        }
    }

    #[test]
    fn every_answer() {
        let published = Published::isong2025().unwrap();
        let all = |cifar| [("mnist", 0.985, 14_862), ("fashion-mnist", 0.8943, 14_862), ("cifar10", cifar, 19_622)];
        for (data, sets, expected) in [
            ("official", &all(0.6638)[..], "Yes: the paper's test accuracy is reached on every data set."),
            (
                "official",
                &all(0.6),
                "In part: the paper's test accuracy is reached on MNIST and Fashion-MNIST, not on CIFAR-10.",
            ),
            ("official", &all(0.6)[2..], "No: test accuracy stays below the paper's on CIFAR-10."),
            ("official", &all(0.7)[2..], "As far as measured, yes: the paper's test accuracy is reached on CIFAR-10."),
            ("official", &all(0.7)[2..], "Not in this run: MNIST and Fashion-MNIST."),
            ("official", &all(0.66), "MNIST 98.50 % (paper 99 %, -0.50 points)"),
            ("official", &all(0.66), "The parameter counts are the published ones."),
            ("official", &[("mnist", 0.99, 1)], "The parameter counts are not the published ones."),
            ("samples", &all(0.66), "Not answered: the data is not the official one."),
            ("official", &[("animals", 0.9, 5)], "Not answered: this run has measured none"),
        ] {
            let text = verdict(&summary(data, sets), &published);
            assert!(text.contains(expected), "{text}");
        }
        // A name proves nothing.
        let other = Summary { recipe: "paper".into(), recipe_hash: "0".into(), ..summary("official", &all(0.7)) };
        let text = verdict(&other, &published);
        let expected = "**Not answered: the settings are not the paper's, but those of recipe paper.** Test";
        assert!(text.starts_with(expected), "{text}");
    }
}
