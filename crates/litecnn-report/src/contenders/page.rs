use super::{Contender, Contenders, figures, verdict};
use crate::document::{Page, escape};
use crate::interval::{of_mean, of_share};
use crate::numbers::{NONE, grouped, interval_percent, percent, probability};
use crate::speed::{OURS, RUNTIME, RUNTIME_INT8};
use crate::verdict::title;
use crate::{Interval, McNemar, Published, ReportError, order};

/// The whole of `COMPARISON.md`.
pub(super) fn page(all: &Contenders, published: &Published) -> Result<Page, ReportError> {
    let mut page = Page::default();
    page.heading(1, "Ways to a small network");
    page.paragraph(
        "Isong's method trains two small branches, joins them and trains on. Does that earn its keep? The model it ends \
         with is set beside a control of the same architecture trained plainly from fresh weights for as many epochs, a \
         larger plain network cut down to about as many weights, its own form with 8-bit weights, and some of \
         the smallest variants of the compression study of Sobolewski & Szyc. All were trained and measured on one machine.",
    );
    let mut datasets: Vec<&str> = all.contenders.iter().map(|c| c.dataset.as_str()).collect();
    datasets.sort_by(|a, b| order::datasets(a, b));
    datasets.dedup();
    if datasets.is_empty() {
        page.paragraph("Nothing is measured yet.");
    }
    for dataset in datasets {
        let of: Vec<&Contender> = all.contenders.iter().filter(|c| c.dataset == dataset).collect();
        let name = title(dataset, published);
        page.heading(2, name);
        page.list(&verdict::verdicts(all, dataset));
        table(&mut page, &of);
        page.figure(figures::figure(name, dataset, &of)?);
        pairs(&mut page, all, dataset);
    }
    how(&mut page, all);
    Ok(page)
}

/// Interval of a contender's accuracy: of the mean over seeds, or where there is one seed by the number of test images.
pub(super) fn interval(contender: &Contender) -> Interval {
    let Interval { low, high } = of_mean(&contender.accuracies())
        .unwrap_or_else(|| of_share(contender.trainings.iter().map(|t| t.correct).sum(), contender.images));
    Interval { low: low.max(0.0), high: high.min(1.0) }
}

/// What the marker of a family looks like, and what it stands for.
pub(super) fn family_words(kind: usize) -> &'static str {
    ["discs the light model", "rings plain networks", "squares variants of the compression study"][kind.min(2)]
}

fn table(page: &mut Page, contenders: &[&Contender]) {
    let header = [
        "",
        "seeds",
        "epochs",
        "minutes",
        "parameters",
        "not zero",
        "MACs",
        "bytes",
        "µs, libtorch",
        "µs, own runtime",
        "accuracy, %",
        "95 % interval",
    ];
    let rows: Vec<Vec<String>> = contenders.iter().enumerate().map(|(i, c)| row(i + 1, c)).collect();
    page.table(&header.map(str::to_owned), &rows);
}

fn row(number: usize, c: &Contender) -> Vec<String> {
    let accuracies = c.accuracies();
    let n = accuracies.len() as f64;
    let epochs: Vec<u32> = c.trainings.iter().map(|t| t.epochs).collect();
    let (least, most) = (epochs.iter().min().copied().unwrap_or(0), epochs.iter().max().copied().unwrap_or(0));
    let us = |us: Option<f64>| {
        us.map_or(NONE.to_owned(), |us| if us < 100.0 { format!("{us:.1}") } else { grouped(us as u64) })
    };
    let own = c.us(RUNTIME).or_else(|| c.us(RUNTIME_INT8));
    let minutes = c.trainings.iter().map(|t| t.seconds).sum::<f64>() / n / 60.0;
    vec![
        format!("{number} {}", c.words),
        c.trainings.len().to_string(),
        if least == most { most.to_string() } else { format!("{least} to {most}") },
        format!("{minutes:.1}"),
        grouped(c.parameters),
        grouped(c.non_zero),
        grouped(c.macs),
        grouped(c.bytes),
        us(c.us(OURS)),
        us(own),
        percent(accuracies.iter().sum::<f64>() / n),
        interval_percent(interval(c)),
    ]
}

/// Whether two contenders answer differently, image by image.
fn pairs(page: &mut Page, all: &Contenders, dataset: &str) {
    let of: Vec<_> = all.pairs.iter().filter(|pair| pair.dataset == dataset).collect();
    if of.is_empty() {
        return;
    }
    page.paragraph("The same test images, seed by seed: images only one of two gets right, and McNemar's exact test.");
    let words = |name: &str| all.get(dataset, name).map_or(name.to_owned(), |c| c.words.clone());
    let rows: Vec<Vec<String>> = of
        .iter()
        .map(|pair| {
            let test = McNemar::of_counts(pair.only_first, pair.only_second);
            vec![
                format!("{} / {}", words(&pair.first), words(&pair.second)),
                pair.seed.to_string(),
                grouped(pair.only_first),
                grouped(pair.only_second),
                probability(test.p_value),
            ]
        })
        .collect();
    page.table(&["", "seed", "only the first", "only the second", "p"].map(str::to_owned), &rows);
}

fn how(page: &mut Page, all: &Contenders) {
    let m = &all.machine;
    page.heading(2, "How this was made");
    page.list(&[
        format!("processor: {}; system: {}; libtorch {}", escape(&m.cpu), escape(&m.os), escape(&m.libtorch)),
        format!("litecnn {}, commit {}; measured {}", escape(&m.litecnn), escape(&m.commit), escape(&m.date)),
        "minutes: of training, mean over the seeds, on a machine that did other work beside".to_owned(),
        "µs: one image on one thread, medians of calls of all contenders in turn; networks with \
         other layers than convolutions, poolings, sums and rectifiers have no runtime of their own"
            .to_owned(),
        "bytes: of the file a network is shipped as; one with weights set to zero, whose tensors stay as they are, is \
         compressed with gzip"
            .to_owned(),
        "interval: Student's t over the seeds; with a single seed Wilson's, which knows of the test images and nothing of \
         the chance in training"
            .to_owned(),
        "the light model and its control never see 10,000 of the training images, by which their best epoch is chosen; \
         plain networks and variants train on the same images and keep their last epoch"
            .to_owned(),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::testing::{contender, contenders};
    use crate::contenders::{Family, Pair, SCRATCH, TWO_STAGE};

    #[test]
    fn every_contender_has_its_row_and_its_point() {
        let mut all = contenders(vec![
            contender(TWO_STAGE, Family::Light, 19_622, &[6600, 6650, 6620]),
            contender(SCRATCH, Family::Light, 19_622, &[6500, 6540, 6530]),
            contender("vgg19-8", Family::Zoo, 150_000, &[8000]),
        ]);
        all.contenders[0].trainings[1].epochs = 45;
        let pair = Pair {
            dataset: "cifar10".into(),
            seed: 1,
            first: TWO_STAGE.into(),
            second: SCRATCH.into(),
            only_first: 10,
            only_second: 0,
        };
        all.pairs.push(pair);
        let page = page(&all, &Published::isong2025().unwrap()).unwrap();
        let text = page.to_markdown();
        let light = "| 1 the two-stage | 3 | 40 to 45 | 1.5 | 19,622 | 19,622 | 196,220 | 79,488 | 196 | – | 66.23 | 65.61 to 66.86 |";
        for words in [
            "## CIFAR-10",
            light,
            "| 3 the vgg19-8 | 1 | 40 | 1.5 |",
            "| 80.00 | 79.20 to 80.77 |",
            "| the two-stage / the scratch | 1 | 10 | 0 | 0.0020 |",
            "figures/comparison-cifar10.svg",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(page.figures().count(), 1);
    }

    #[test]
    fn nothing_measured_is_said() {
        let page = page(&contenders(vec![]), &Published::isong2025().unwrap()).unwrap();
        assert!(page.to_markdown().contains("Nothing is measured yet."));
    }

    #[test]
    fn impossible_figures_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("comparison.json");
        let good = contender(TWO_STAGE, Family::Light, 19_622, &[6600]);
        contenders(vec![good.clone()]).write(&path).unwrap();
        assert_eq!(Contenders::read(&path).unwrap().contenders, std::slice::from_ref(&good));
        let twice = contenders(vec![good.clone(), good.clone()]).write(&path).unwrap_err().to_string();
        assert!(twice.contains("two-stage on cifar10: it is there twice"), "{twice}");
        let mut bad = good.clone();
        bad.trainings[0].correct = 10_001;
        assert!(contenders(vec![bad]).write(&path).unwrap_err().to_string().contains("its accuracy cannot be"));
        let mut bad = good;
        bad.timings[0].us = 0.0;
        assert!(contenders(vec![bad]).write(&path).unwrap_err().to_string().contains("its time cannot be"));
    }
}
