use super::bench::{Bench, Copying, Growth, Metric, OURS, RUNTIME, RUNTIME_INT8, Ratio, Row};
use crate::Published;
use crate::document::{Page, escape};
use crate::numbers::{NONE, grouped, kilobytes, megabytes};
use crate::verdict::title;

/// Stands where the paper has a figure and this machine has none.
const NOT_MEASURED: &str = "not measured here";

/// The whole of `BENCH.md`; `figures` are the names of the files there are in `figures/`, without `.svg`.
pub(crate) fn page(bench: &Bench, published: &Published, figures: &[&str]) -> String {
    let mut page = Page::default();
    page.heading(1, "Speed");
    page.paragraph(
        "Times say something about the machine they were measured on; what carries over is the ratio of two things \
         timed in turn in one run. *Latency* is one call, timed alone. *Throughput* is images per second of calls made \
         back to back. The two are not each other's inverse.",
    );
    machine(&mut page, bench);
    latency(&mut page, bench, published);
    size(&mut page, bench, published);
    throughput(&mut page, bench, published, figures);
    limits(&mut page, bench, published);
    runtime(&mut page, bench, published);
    forms(&mut page, bench, published);
    ratios(&mut page, bench, published);
    growth(&mut page, bench, figures);
    criterion(&mut page, bench);
    page.to_markdown()
}

/// The models of some rows in the paper's order.
pub(crate) fn models<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_by(|a, b| crate::order::datasets(a, b));
    names.dedup();
    names
}

/// `1 thread`, `2 threads`.
pub(crate) fn threads(n: usize) -> String {
    if n == 1 { "1 thread".to_owned() } else { format!("{n} threads") }
}

/// `copy included` …
pub(crate) fn copying(copy: Copying) -> &'static str {
    match copy {
        Copying::Included => "copy included",
        Copying::Excluded => "images on the device",
    }
}

/// Distinct values in ascending order.
pub(crate) fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort();
    values.dedup();
    values
}

fn header(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&c| c.to_owned()).collect()
}

fn is_gpu(device: &str) -> bool {
    device != "cpu"
}

fn machine(page: &mut Page, bench: &Bench) {
    let m = &bench.machine;
    page.heading(2, "Machine");
    let mut facts = vec![format!("processor: {}, {} offered", escape(&m.cpu), threads(m.cores))];
    if let Some(bytes) = m.memory_bytes {
        facts.push(format!("memory: {:.1} GB of 1,024³ bytes", megabytes(bytes) / 1024.0));
    }
    facts.push(match (m.device.as_str(), m.tf32) {
        ("cpu", _) => format!("GPU: {NOT_MEASURED}"),
        (name, Some(true)) => format!("GPU: {}, convolutions with TF32", escape(name)),
        (name, Some(false)) => format!("GPU: {}, convolutions without TF32", escape(name)),
        (name, None) => format!("GPU: {}", escape(name)),
    });
    facts.push(format!("system: {}; libtorch {}", escape(&m.os), escape(&m.libtorch)));
    facts.push(format!("litecnn {}, commit {}; begun {}", escape(&m.litecnn), escape(&m.commit), escape(&m.date)));
    page.list(&facts);
}

/// The latencies the paper gives, beside ours with one thread.
pub(crate) fn latency_sentence(bench: &Bench, published: &Published) -> Option<String> {
    let measured =
        |row: &&Row| row.program == OURS && row.metric == Metric::Latency && row.batch == 1 && row.threads == 1;
    let rows = bench.rows.iter().filter(measured).filter(|r| !is_gpu(&r.device));
    let mut told: Vec<(&str, String)> = rows
        .filter_map(|r| {
            let paper = published.datasets.get(&r.model)?;
            let (ours, theirs) = (r.mean / 1000.0, paper.latency.cpu_ms);
            Some((r.model.as_str(), format!("{} {ours:.2} (the paper on its CPU: {theirs:.2})", paper.name)))
        })
        .collect();
    told.sort_by(|a, b| crate::order::datasets(a.0, b.0));
    let told: Vec<String> = told.into_iter().map(|t| t.1).collect();
    (!told.is_empty()).then(|| {
        let cpu = escape(&bench.machine.cpu);
        format!("Milliseconds for one image, here on one thread of {cpu}: {}.", told.join(", "))
    })
}

/// Table 5.
pub(crate) fn latency(page: &mut Page, bench: &Bench, published: &Published) {
    page.heading(2, "Latency of one image (Table 5)");
    page.paragraph(&format!(
        "Milliseconds; mean and standard deviation as the paper gives them, then median, percentiles and least. The \
         paper's machine: {}. It does not say whether its GPU times include the copy to the device.",
        escape(&published.machine)
    ));
    let measured = |row: &&Row| row.program == OURS && row.metric == Metric::Latency && row.batch == 1;
    let all: Vec<&Row> = bench.rows.iter().filter(measured).collect();
    let named = published.datasets.keys().map(String::as_str);
    let mut rows = Vec::new();
    for model in models(named.chain(all.iter().map(|r| r.model.as_str()))) {
        let paper = published.datasets.get(model).map(|p| &p.latency);
        for gpu in [false, true] {
            let (kind, paper) = match gpu {
                false => ("CPU", paper.map(|p| (p.cpu_ms, p.cpu_std_ms))),
                true => ("GPU", paper.map(|p| (p.gpu_ms, p.gpu_std_ms))),
            };
            let name = format!("{}, {kind}", title(model, published));
            let paper = paper.map_or(NONE.to_owned(), |(mean, std)| format!("{mean:.2} ± {std:.2}"));
            let ours: Vec<&&Row> = all.iter().filter(|r| r.model == model && is_gpu(&r.device) == gpu).collect();
            if ours.is_empty() {
                let mut row = vec![name.clone(), paper.clone(), NOT_MEASURED.to_owned()];
                row.resize(8, NONE.to_owned());
                rows.push(row);
            }
            for (place, r) in ours.into_iter().enumerate() {
                // The paper does not say how many threads its figure is of: it stands once.
                let paper = if place == 0 { paper.clone() } else { String::new() };
                let how = r.copy.map_or_else(|| threads(r.threads), |copy| copying(copy).to_owned());
                let ms = |us: f64| format!("{:.3}", us / 1000.0);
                rows.push(vec![
                    format!("{name}, {how}"),
                    paper,
                    format!("{} ± {}", ms(r.mean), ms(r.std)),
                    ms(r.median),
                    ms(r.p95),
                    ms(r.p99),
                    ms(r.min),
                    ms(r.first_call),
                ]);
            }
        }
    }
    page.table(&header(&["", "paper", "here", "median", "p95", "p99", "least", "first call"]), &rows);
    if let Some(row) = all.first() {
        let repetitions: Vec<String> = distinct(all.iter().map(|r| r.repetitions)).into_iter().map(grouped).collect();
        page.paragraph(&format!(
            "{} repetitions after {} calls that do not count, the first call among them. With several threads every \
             operation waits for its slowest thread, so that other work on the machine can multiply a time.",
            repetitions.join(" or "),
            grouped(row.warmup)
        ));
    }
}

fn size(page: &mut Page, bench: &Bench, published: &Published) {
    page.heading(2, "Size (Table 6)");
    page.paragraph(
        "KB are 1,024 bytes, MB 1,024 KB; four bytes a parameter in memory. Our file holds weights and metadata only.",
    );
    let named = published.datasets.keys().map(String::as_str);
    let rows: Vec<Vec<String>> = models(named.chain(bench.models.iter().map(|m| m.model.as_str())))
        .into_iter()
        .map(|model| {
            let paper = published.datasets.get(model).map(|p| &p.size);
            let ours = bench.models.iter().find(|m| m.model == model);
            let mine = |figure: &dyn Fn(&super::ModelSize) -> String| ours.map_or(NOT_MEASURED.to_owned(), figure);
            vec![
                title(model, published).to_owned(),
                paper.map_or(NONE.to_owned(), |p| grouped(p.params)),
                mine(&|m| grouped(m.parameters)),
                paper.map_or(NONE.to_owned(), |p| format!("{:.2}", p.params_kb)),
                mine(&|m| kilobytes(m.bytes_in_memory)),
                paper.map_or(NONE.to_owned(), |p| format!("{:.2}", p.file_mb)),
                mine(&|m| format!("{:.3}", megabytes(m.bytes_of_file))),
            ]
        })
        .collect();
    let columns = ["", "parameters, paper", "here", "KB in memory, paper", "here", "file MB, paper", "here"];
    page.table(&header(&columns), &rows);
}

fn throughput(page: &mut Page, bench: &Bench, published: &Published, figures: &[&str]) {
    page.heading(2, "Throughput by batch size (Figures 17 to 22)");
    let measured = |row: &&Row| row.program == OURS && row.metric == Metric::Throughput;
    let all: Vec<&Row> = bench.rows.iter().filter(measured).collect();
    if all.is_empty() {
        page.paragraph(&format!("Throughput was {NOT_MEASURED}."));
        return;
    }
    page.paragraph("Images per second, mean and standard deviation over the repetitions.");
    for device in distinct(all.iter().map(|r| r.device.as_str())) {
        let here: Vec<&&Row> = all.iter().filter(|r| r.device == device).collect();
        page.heading(3, &if is_gpu(device) { device.to_owned() } else { "CPU".to_owned() });
        let names = models(here.iter().map(|r| r.model.as_str()));
        let mut columns = Vec::new();
        for model in &names {
            for (threads, copy) in lines(here.iter().filter(|r| r.model == *model).map(|r| **r)) {
                columns.push((*model, threads, copy));
            }
        }
        let mut head = vec!["batch size".to_owned()];
        head.extend(columns.iter().map(|&(model, n, copy)| {
            let how = copy.map_or_else(|| threads(n), |copy| copying(copy).to_owned());
            format!("{}, {how}", title(model, published))
        }));
        let rows: Vec<Vec<String>> = distinct(here.iter().map(|r| r.batch))
            .into_iter()
            .map(|batch| {
                let mut row = vec![grouped(batch)];
                row.extend(columns.iter().map(|&(model, threads, copy)| {
                    let found = here
                        .iter()
                        .find(|r| r.batch == batch && r.model == model && (r.threads, r.copy) == (threads, copy));
                    found.map_or(NONE.to_owned(), |r| {
                        format!("{} ± {}", grouped(r.mean.round() as u64), grouped(r.std.round() as u64))
                    })
                }));
                row
            })
            .collect();
        page.table(&head, &rows);
        let ending = format!("-{}", super::figures::file_part(device));
        for figure in figures.iter().filter(|f| f.starts_with("throughput-") && f.ends_with(&ending)) {
            page.paragraph(&format!("![Throughput against batch size](figures/{figure}.svg)"));
        }
    }
    if !all.iter().any(|r| is_gpu(&r.device)) {
        page.heading(3, "GPU");
        page.paragraph(&format!("A GPU was {NOT_MEASURED}."));
    }
}

/// The lines a figure of throughput has: each number of threads, each way of copying.
pub(crate) fn lines<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<(usize, Option<Copying>)> {
    let rank = |copy: Option<Copying>| match copy {
        None => 0,
        Some(Copying::Excluded) => 1,
        Some(Copying::Included) => 2,
    };
    let mut lines: Vec<_> = rows.map(|r| (r.threads, r.copy)).collect();
    lines.sort_by_key(|&(threads, copy)| (threads, rank(copy)));
    lines.dedup();
    lines
}

fn limits(page: &mut Page, bench: &Bench, published: &Published) {
    if bench.limits.is_empty() {
        return;
    }
    page.heading(2, "Where memory ended");
    page.paragraph("The batch size that failed; the sizes before it are in the tables above.");
    let rows: Vec<Vec<String>> = bench
        .limits
        .iter()
        .map(|l| {
            let how = format!("{}, {}, {}", title(&l.model, published), l.device, threads(l.threads));
            vec![how, grouped(l.batch), l.reason.clone()]
        })
        .collect();
    page.table(&header(&["", "batch size", "reason"]), &rows);
}

fn ratios(page: &mut Page, bench: &Bench, published: &Published) {
    page.heading(2, "Beside other programs");
    if bench.ratios.is_empty() {
        page.paragraph(&format!("Other programs were {NOT_MEASURED}: `cargo xtask bench --peers` does."));
        return;
    }
    page.paragraph(
        "Latency of one call in microseconds, all timed in turn, with the same threads on the same processors: the median \
         over the rounds of the round's median. Then for each of ours the median of the rounds' ratios, ours divided by \
         theirs: below 1, ours is faster.",
    );
    let engines = in_order(bench.ratios.iter().map(|r| r.ours.as_str()));
    let same = |a: &Ratio, b: &Ratio| (&a.model, a.batch, a.threads) == (&b.model, b.batch, b.threads);
    let version = |program: &str| {
        let row = bench.rows.iter().find(|r| r.program == program);
        row.map_or(String::new(), |r| format!(" {}", r.version))
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (n, first) in bench.ratios.iter().enumerate() {
        let earlier = &bench.ratios[..n];
        let setting = |what: String, us: f64| {
            let model = title(&first.model, published).to_owned();
            vec![model, grouped(first.batch), first.threads.to_string(), what, micros(us)]
        };
        if !earlier.iter().any(|r| same(r, first)) {
            for engine in &engines {
                let of = bench.ratios.iter().find(|r| same(r, first) && r.ours == *engine);
                let mut row = of.map_or_else(Vec::new, |r| setting((*engine).to_owned(), r.ours_us));
                row.resize(5 + engines.len(), String::new());
                rows.extend(of.map(|_| row));
            }
        }
        if !earlier.iter().any(|r| same(r, first) && r.program == first.program) {
            let mut row = setting(format!("{}{}", first.program, version(&first.program)), first.theirs_us);
            for engine in &engines {
                let is = |r: &&Ratio| same(r, first) && r.program == first.program && r.ours == *engine;
                row.push(bench.ratios.iter().find(is).map_or(NONE.to_owned(), |r| ratio(r.ratio)));
            }
            rows.push(row);
        }
    }
    let mut head = header(&["model", "batch", "threads", "program", "µs"]);
    head.extend(engines.iter().map(|engine| format!("{engine} / it")));
    page.table(&head, &rows);
}

/// A ratio with at least two significant digits.
fn ratio(x: f64) -> String {
    if x < 0.1 { format!("{x:.3}") } else { format!("{x:.2}") }
}

/// Trained models as they are shipped.
fn forms(page: &mut Page, bench: &Bench, published: &Published) {
    if bench.forms.is_empty() {
        return;
    }
    page.heading(2, "As they are shipped");
    page.paragraph(
        "Each trained model in each form, asked about the whole test set on one thread: bytes of the file (of C those of \
         the constants in a program), microseconds for one image, accuracy, and how answers differ from libtorch's.",
    );
    let or = |text: Option<String>| text.unwrap_or(NONE.to_owned());
    let rows: Vec<Vec<String>> = bench
        .forms
        .iter()
        .map(|f| {
            vec![
                format!("{}, seed {}", title(&f.model, published), f.seed),
                f.form.clone(),
                grouped(f.bytes),
                or(f.us.map(micros)),
                or(f.accuracy().map(|share| format!("{:.2} %", 100.0 * share))),
                or(f.other_answers.map(grouped)),
                or(f.largest_logit_difference.map(|d| format!("{d:.1e}"))),
            ]
        })
        .collect();
    let columns = ["", "form", "bytes", "µs", "accuracy", "other answers", "largest difference of a logit"];
    page.table(&header(&columns), &rows);
}

/// Exported models in the runtime.
fn runtime(page: &mut Page, bench: &Bench, published: &Published) {
    let all: Vec<&Row> = bench.rows.iter().filter(|r| [RUNTIME, RUNTIME_INT8].contains(&r.program.as_str())).collect();
    if all.is_empty() {
        return;
    }
    page.heading(2, "Without libtorch");
    page.paragraph(
        "Exported models in `litecnn-runtime`: microseconds of a call (medians), then what follows for an image. With \
         several threads each answers its part of a batch. The last column is the gain over one thread.",
    );
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|r| {
            let alone = |o: &&&Row| (&o.program, &o.model, o.batch, 1) == (&r.program, &r.model, r.batch, o.threads);
            let gain = all.iter().find(alone).filter(|_| r.threads > 1);
            vec![
                title(&r.model, published).to_owned(),
                if r.program == RUNTIME { "f32" } else { "int8" }.to_owned(),
                grouped(r.batch),
                r.threads.to_string(),
                micros(r.median),
                micros(r.p99),
                format!("{:.2}", r.median / r.batch as f64),
                grouped((1e6 * r.batch as f64 / r.median).round() as u64),
                gain.map_or(NONE.to_owned(), |one| format!("{:.2}", one.median / r.median)),
            ]
        })
        .collect();
    let columns = ["model", "weights", "batch", "threads", "µs a call", "p99", "µs an image", "images/s", "gain"];
    page.table(&header(&columns), &rows);
}

/// Microseconds with three or more significant digits.
fn micros(us: f64) -> String {
    if us < 1000.0 { format!("{us:.1}") } else { grouped(us.round() as u64) }
}

fn growth(page: &mut Page, bench: &Bench, figures: &[&str]) {
    if bench.growth.is_empty() {
        return;
    }
    page.heading(2, "Cost as the work grows");
    page.paragraph(
        "One epoch of training on random grey images, one thing varied at a time. Multiply-adds are nominal: \
         rows and columns that pooling drops count, though the kernels leave them out. Where the last column is above the \
         one before it, the work is done less efficiently than at the first value of its table.",
    );
    for axis in axes(&bench.growth) {
        let (name, unit) = axis_words(axis);
        page.heading(3, &format!("{name}{}", if unit.is_empty() { String::new() } else { format!(" ({unit})") }));
        let rows: Vec<Vec<String>> = bench
            .growth
            .iter()
            .filter(|g| g.axis == axis)
            .map(|g| {
                vec![
                    super::figures::in_groups(&g.value),
                    step_words(&g.step).to_owned(),
                    grouped(g.images),
                    g.side.to_string(),
                    g.batch.to_string(),
                    g.threads.to_string(),
                    format!("{:.2}", g.seconds_per_epoch),
                    grouped(g.multiply_adds_per_image),
                    linear(&bench.growth, g).map_or(NONE.to_owned(), micros),
                    micros(g.us_per_image),
                ]
            })
            .collect();
        let columns = [
            "value",
            "step",
            "images",
            "side",
            "batch",
            "threads",
            "s an epoch",
            "multiply-adds an image",
            "µs an image if linear in them",
            "µs an image",
        ];
        page.table(&header(&columns), &rows);
    }
    if figures.contains(&super::figures::GROWTH) {
        page.paragraph(&format!("![Cost of training as the work grows](figures/{}.svg)", super::figures::GROWTH));
    }
}

/// What grew, in the order of the rows.
pub(crate) fn axes(growth: &[Growth]) -> Vec<&str> {
    in_order(growth.iter().map(|g| g.axis.as_str()))
}

/// Distinct values in the order they come in.
pub(crate) fn in_order<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut values = Vec::new();
    for value in all {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// An axis in words, and its unit.
pub(crate) fn axis_words(axis: &str) -> (&str, &str) {
    match axis {
        "images" => ("Training images", ""),
        "filters" => ("Filters of the convolutions", ""),
        "side" => ("Side of an image", "pixels"),
        "batch" => ("Batch size", "images"),
        other => (other, ""),
    }
}

/// A step in words.
pub(crate) fn step_words(step: &str) -> &str {
    match step {
        "stage-1" => "stage one",
        "stage-2-2" => "stage two, step 2",
        other => other,
    }
}

/// Microseconds an image if they were proportional to multiply-adds, from the first row of the same axis and step.
pub(crate) fn linear(growth: &[Growth], of: &Growth) -> Option<f64> {
    let first = growth.iter().find(|g| (&g.axis, &g.step) == (&of.axis, &of.step))?;
    let factor = of.multiply_adds_per_image as f64 / first.multiply_adds_per_image.max(1) as f64;
    Some(first.us_per_image * factor)
}

fn criterion(page: &mut Page, bench: &Bench) {
    if bench.criterion.is_empty() {
        return;
    }
    page.heading(2, "Criterion benches");
    page.paragraph("One thread; time of an iteration (`cargo bench -p litecnn-bench`).");
    let rows: Vec<Vec<String>> = bench
        .criterion
        .iter()
        .map(|c| vec![c.bench.clone(), duration(c.median_ns), duration(c.mean_ns), duration(c.std_ns)])
        .collect();
    page.table(&header(&["bench", "median", "mean", "standard deviation"]), &rows);
}

/// `12.3 µs`
fn duration(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_they_are_read() {
        assert_eq!([12.0, 12_340.0, 12_340_000.0, 2.5e9].map(duration), ["12 ns", "12.3 µs", "12.34 ms", "2.50 s"]);
        assert_eq!([39.04, 2_345.6].map(micros), ["39.0", "2,346"]);
        assert_eq!([1, 2].map(threads), ["1 thread", "2 threads"]);
    }

    #[test]
    fn linear_starts_at_the_first_row_of_its_kind() {
        let row = |axis: &str, step: &str, us: f64, macs: u64| Growth {
            step: step.into(),
            axis: axis.into(),
            value: "1".into(),
            images: 1,
            side: 28,
            batch: 32,
            seconds_per_epoch: 1.0,
            us_per_image: us,
            threads: 1,
            multiply_adds_per_image: macs,
        };
        let rows = [
            row("side", "stage-1", 100.0, 10),
            row("side", "stage-2-2", 50.0, 20),
            row("side", "stage-1", 350.0, 40),
            row("filters", "stage-1", 7.0, 1),
        ];
        assert_eq!(linear(&rows, &rows[2]), Some(400.0));
        assert_eq!(linear(&rows, &rows[1]), Some(50.0));
        assert_eq!(axes(&rows), ["side", "filters"]);
    }
}
