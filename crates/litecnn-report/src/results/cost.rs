use std::collections::BTreeSet;

use super::{header, short};
use crate::collect::Collected;
use crate::document::{Page, escape};
use crate::numbers::{NONE, grouped, megabytes};
use crate::verdict::title;
use crate::{Published, Spread, Summary};

/// What every step took: epochs, seconds, memory.
pub(super) fn cost(page: &mut Page, summary: &Summary, published: &Published) {
    page.heading(2, "Epochs, time and memory");
    page.paragraph(
        "Epochs seed by seed; seconds of wall clock and images trained on a second as mean over the seeds, seconds with the \
         sample standard deviation where there are several; the largest resident memory of any seed's process, in MB of \
         1,024 KB. In step 1 the frozen branches' outputs are computed once beforehand, so it trains on those. Folds run side by side, so the sum over all steps is more than the time that passed, and each is \
         slower than it would be alone. Times depend on the machine and on what else it did.",
    );
    for (name, dataset) in &summary.datasets {
        let seeds: Vec<String> = dataset.seeds.iter().map(u64::to_string).collect();
        let plural = if seeds.len() == 1 { "seed" } else { "seeds" };
        page.heading(3, &format!("{}, {plural} {}", title(name, published), seeds.join(", ")));
        let mut rows: Vec<Vec<String>> = dataset
            .steps
            .iter()
            .map(|(step, s)| {
                let speed = Spread::new(s.images_per_second.iter().flatten().copied().collect());
                let speed = if speed.values.is_empty() { NONE.to_owned() } else { grouped(speed.mean.round() as u64) };
                vec![short(step), epochs(&s.epochs), seconds(&s.seconds), speed, memory(&s.peak_memory_bytes)]
            })
            .collect();
        rows.push(vec![
            "all steps".to_owned(),
            NONE.to_owned(),
            seconds(&dataset.seconds),
            NONE.to_owned(),
            memory(&dataset.peak_memory_bytes),
        ]);
        page.table(&header(&["step", "epochs", "seconds", "images/s", "peak MB"]), &rows);
    }
}

fn epochs(of: &[Option<u32>]) -> String {
    let each: Vec<String> = of.iter().map(|e| e.map_or(NONE.to_owned(), |e| e.to_string())).collect();
    if each.is_empty() { NONE.to_owned() } else { each.join(", ") }
}

fn seconds(of: &[Option<f64>]) -> String {
    let known = Spread::new(of.iter().flatten().copied().collect());
    match known.values.len() {
        0 => NONE.to_owned(),
        1 => format!("{:.1}", known.mean),
        _ => format!("{:.1} ± {:.1}", known.mean, known.std),
    }
}

fn memory(of: &[Option<u64>]) -> String {
    of.iter().flatten().max().map_or(NONE.to_owned(), |&bytes| format!("{:.0}", megabytes(bytes)))
}

/// How the run was made.
pub(super) fn making(page: &mut Page, run: &Collected) {
    let manifest = &run.manifest;
    page.heading(2, "How this was made");
    let records = || run.datasets.iter().flat_map(|d| &d.seeds).flat_map(|s| &s.steps);
    let devices: BTreeSet<&str> =
        records().map(|r| r.device.as_str()).chain(manifest.steps.values().map(|s| s.device.as_str())).collect();
    let threads: BTreeSet<String> = records().map(|r| r.threads.to_string()).collect();
    let join = |set: Vec<String>| if set.is_empty() { NONE.to_owned() } else { set.join(", ") };
    let mut facts = vec![
        format!("recipe: {} (SHA-256 `{}`)", escape(&manifest.recipe_name), manifest.recipe_hash),
        format!("data: {}", escape(&manifest.data)),
        format!("host: {}", escape(&manifest.host)),
        format!("device: {}", join(devices.into_iter().map(escape).collect())),
        format!("threads: {}", join(threads.into_iter().collect())),
        format!("begun: {}", manifest.created),
    ];
    facts.extend(manifest.versions.iter().map(|(what, version)| format!("{}: {}", escape(what), escape(version))));
    for dataset in &run.datasets {
        for (_, metrics) in dataset.measured() {
            let (of, s) = (&metrics.subject, &metrics.splits);
            let [train, validation, test] = [&s.train, &s.validation, &s.test].map(|part| grouped(part.images));
            let name = escape(&of.dataset);
            facts.push(format!(
                "{name} seed {}: {train} training, {validation} validation, {test} test images; cross-entropy {:.4}, {:.4}, {:.4} nats",
                of.seed, s.train.loss, s.validation.loss, s.test.loss
            ));
        }
    }
    page.list(&facts);
    // A table read from TOML can always be written as TOML again.
    if let Ok(recipe) = toml::to_string(&manifest.recipe)
        && !recipe.is_empty()
    {
        page.folded_code("The recipe, every setting resolved", "toml", &recipe);
    }
}
