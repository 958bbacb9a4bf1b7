//! `litecnn data import`: a data set of pictures.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use litecnn_cli::duration;
use litecnn_data::{
    Background, Counted, Fit, ImportReport, Part, PictureOptions, PictureProgress, Twin, export_pictures,
    import_pictures,
};

use crate::predict::fits;

/// How many pictures of a kind are named.
const NAMED: usize = 5;

const EXAMPLES: &str = "\
Examples:
  litecnn data import photos/
  litecnn data import photos.csv --size 48 --fit crop --out data/";

#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder, or the CSV file.
    path: PathBuf,
    #[command(flatten)]
    form: FormArgs,
    /// What the set is called; otherwise by the name of the folder or file.
    #[arg(long)]
    name: Option<String>,
    /// Also copy the images into this data folder.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// How pictures become images.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FormArgs {
    /// Rows and columns of an image, 12 to 512; 28, 32, 48, 64 and 96 are usual.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(12..=512), value_name = "N")]
    size: u16,
    /// What is done with pictures that are not square: set between bars, cut to their middle, or their shape given up.
    #[arg(long, default_value_t = Fit::Letterbox, value_parser = fits(), value_name = "FIT")]
    fit: Fit,
    /// Channels of an image; auto: 1 if every picture is grey, 3 otherwise.
    #[arg(long, default_value = "auto", value_parser = ["auto", "1", "3"], value_name = "N")]
    channels: String,
    /// What shows through where a picture is transparent, and beside a letterboxed one: black, white or #rrggbb.
    #[arg(long, default_value_t = Background::BLACK, value_name = "COLOUR")]
    background: Background,
    /// Share of each class that is kept for the test, where no pictures are given for it.
    #[arg(long, default_value_t = 0.15, value_name = "SHARE")]
    test_share: f64,
    /// Share of each class that is kept for validation, where no pictures are given for it; 0: none.
    #[arg(long, default_value_t = 0.15, value_name = "SHARE")]
    validation_share: f64,
    /// Chooses what is kept.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// End at a picture that cannot be read, instead of leaving it out.
    #[arg(long)]
    strict: bool,
}

impl FormArgs {
    pub(crate) fn options(&self) -> PictureOptions {
        PictureOptions {
            size: usize::from(self.size),
            fit: self.fit,
            channels: self.channels.parse().ok(),
            background: self.background,
            test_share: self.test_share,
            validation_share: self.validation_share,
            seed: self.seed,
            strict: self.strict,
            ..PictureOptions::default()
        }
    }
}

pub(super) fn run(args: &Args, quiet: bool) -> Result<()> {
    let options = PictureOptions { name: args.name.clone(), ..args.form.options() };
    let report = import_pictures(&args.path, &options, &mut teller(quiet)).map_err(super::usage)?;
    for line in told(&report) {
        println!("{line}");
    }
    if let Some(out) = &args.out {
        export_pictures(&report, out)?;
        println!(
            "copied to {}: --dataset {} --data-dir {}",
            out.join(&report.name).display(),
            report.name,
            out.display()
        );
    }
    Ok(())
}

/// What an import found and made, line by line.
pub(crate) fn told(report: &ImportReport) -> Vec<String> {
    let tally = &report.tally;
    let (form, count) = (&report.form, |n: usize| HumanCount(n as u64).to_string());
    let how = if report.cached { "from the cache".into() } else { format!("imported in {}", duration(report.seconds)) };
    let kind = if form.channels == 1 { "grey" } else { "colour" };
    let mut lines = vec![format!(
        "{}: {} {kind} images of {}x{} pixels ({}) in {} classes, {how}",
        report.name,
        count([Part::Train, Part::Validation, Part::Test].into_iter().map(|part| report.images(part)).sum()),
        form.width,
        form.height,
        form.fit,
        tally.classes.len(),
    )];
    let names = tally.classes.iter().map(|class| class.name.chars().count());
    let width = names.max().unwrap_or(0).clamp("class".len(), 40);
    lines.push(format!("  {:width$} {:>9} {:>10} {:>9}", "class", "training", "validation", "test"));
    for class in &tally.classes {
        lines.push(format!("  {:width$} {:>9} {:>10} {:>9}", class.name, class.train, class.validation, class.test));
    }
    let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(|part| report.images(part));
    lines.push(format!("  {:width$} {train:>9} {validation:>10} {test:>9}", "all"));
    let cut = |part: Part, share: Option<f64>| share.map(|share| format!("{:.4} % for the {part} part", 100.0 * share));
    let cuts: Vec<String> = [cut(Part::Validation, report.cut.validation), cut(Part::Test, report.cut.test)]
        .into_iter()
        .flatten()
        .collect();
    if !cuts.is_empty() {
        let cuts = cuts.join(" and ").replace(".0000 %", " %");
        lines.push(format!("cut from each class by seed {}: {cuts}", report.cut.seed));
    }
    if report.imbalance() >= 1.5 {
        lines.push(format!(
            "the largest class has {:.1} times as many training images as the smallest",
            report.imbalance()
        ));
    }
    if let Some(passed_over) = passed_over(report) {
        lines.push(format!("passed over: {passed_over}"));
    }
    if tally.skipped.count > 0 {
        lines.push(format!("skipped, since they cannot be read: {} pictures", count(tally.skipped.count)));
        let each = tally.skipped.first.iter().take(NAMED);
        lines.extend(each.map(|skipped| format!("  {}: {}", plain(&skipped.path), skipped.reason)));
        lines.extend(more(tally.skipped.count));
    }
    lines.extend(twins(&tally.leaks, "also in an earlier part, which makes accuracy lie"));
    lines.extend(twins(&tally.conflicts, "also in another class, where one of the labels is wrong"));
    if tally.repeated > 0 {
        lines.push(format!("{} images are the same as another in their part", count(tally.repeated)));
    }
    lines
}

fn twins(twins: &Counted<Twin>, what: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if twins.count > 0 {
        lines.push(format!("{} images are {what}:", HumanCount(twins.count as u64)));
        let each = twins.first.iter().take(NAMED);
        lines.extend(each.map(|twin| {
            format!("  {} ({}) is {} ({})", plain(&twin.path), twin.part, plain(&twin.other), twin.other_part)
        }));
        lines.extend(more(twins.count));
    }
    lines
}

fn more(count: usize) -> Option<String> {
    (count > NAMED).then(|| format!("  and {} more", HumanCount((count - NAMED) as u64)))
}

/// A path on one line, whatever is in it.
fn plain(path: &str) -> String {
    path.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn passed_over(report: &ImportReport) -> Option<String> {
    let ignored = &report.ignored;
    let some = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let mut kinds: Vec<(&String, &usize)> = ignored.others.iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let kinds = kinds.iter().take(NAMED).map(|(ending, count)| match ending.as_str() {
        "" => format!("{count} without an ending"),
        ending => format!("{count} .{}", plain(ending)),
    });
    let others = some(ignored.others.values().sum(), "files not named as pictures");
    let parts = [
        some(ignored.loose, "pictures outside the class folders"),
        others.map(|others| format!("{others} ({})", kinds.collect::<Vec<_>>().join(", "))),
        some(ignored.links, "links to folders, out of the folder or to nothing"),
        some(ignored.hidden, "hidden files or folders"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Tells on standard error how an import goes: a bar on a terminal, elsewhere a line every ten seconds.
pub(crate) fn teller(quiet: bool) -> impl FnMut(PictureProgress) {
    let mut bar: Option<ProgressBar> = None;
    let mut last = Instant::now();
    move |progress| {
        if quiet {
            return;
        }
        match progress {
            PictureProgress::Waiting => eprintln!("another process is importing these pictures, waiting"),
            PictureProgress::Decoding { done, total, seconds } => {
                let bar = bar.get_or_insert_with(|| new_bar(total));
                bar.set_position(done as u64);
                if bar.is_hidden() && last.elapsed() > Duration::from_secs(10) {
                    last = Instant::now();
                    let left = duration(seconds / done.max(1) as f64 * (total - done) as f64);
                    eprintln!("{} of {} pictures, {left} left", HumanCount(done as u64), HumanCount(total as u64));
                }
            }
            PictureProgress::Writing => {
                if let Some(bar) = bar.take() {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }
}

fn new_bar(total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("pictures [{bar:32}] {human_pos} of {human_len}  {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr_with_hz(5)).with_style(style)
}
