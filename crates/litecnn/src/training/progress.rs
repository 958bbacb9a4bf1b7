//! Progress of training: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use litecnn_cli::duration;
use litecnn_run::EpochRecord;
use litecnn_train::{Event, Observer};

/// Shows how training goes, on standard error.
pub(crate) struct Progress {
    bars: Option<MultiProgress>,
    quiet: bool,
    steps: Mutex<HashMap<String, Running>>,
}

/// A training step under way; several folds may be at once.
struct Running {
    bar: Option<ProgressBar>,
    start: Instant,
    first: u32,
    epochs: u32,
    epoch: u32,
    /// Epochs, and batches of the next one, trained by earlier processes.
    earlier: Option<(u32, usize)>,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        let bars = (!quiet && !bars.is_hidden()).then_some(bars);
        Self { bars, quiet, steps: Mutex::default() }
    }

    /// A line above the bars, or a plain one.
    pub(crate) fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => drop(bars.println(line)),
            None if self.quiet => {}
            None => eprintln!("{line}"),
        }
    }

    fn bar(&self, step: &str, total: u64) -> Option<ProgressBar> {
        let style = ProgressStyle::with_template("{prefix:>9} [{bar:32}] {msg}  at most {eta} left");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
        let bar = self.bars.as_ref()?.add(ProgressBar::new(total).with_style(style).with_prefix(step.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(500));
        Some(bar)
    }
}

impl Observer for Progress {
    fn halts(&self) -> bool {
        litecnn_cli::caught().is_some()
    }

    fn notice(&self, event: Event<'_>) {
        let mut steps = self.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Resumed { step, epoch, batches } => {
                let more = if batches > 0 { format!(" and {batches} batches") } else { String::new() };
                self.say(&format!("{step}: goes on after epoch {epoch}{more}"));
                let running = Running {
                    bar: None,
                    start: Instant::now(),
                    first: epoch + 1,
                    epochs: 0,
                    epoch,
                    earlier: Some((epoch, batches)),
                };
                steps.insert(step.to_owned(), running);
            }
            Event::EpochStart { step, epoch, epochs, batches } => {
                let running = steps.entry(step.to_owned()).or_insert_with(|| Running {
                    bar: None,
                    start: Instant::now(),
                    first: epoch,
                    epochs,
                    epoch,
                    earlier: None,
                });
                (running.epoch, running.epochs) = (epoch, epochs);
                if running.bar.is_none() {
                    running.bar = self.bar(step, u64::from(epochs) * batches as u64);
                    if let (Some(bar), Some((done, more))) = (&running.bar, running.earlier) {
                        bar.set_position(u64::from(done) * batches as u64 + more as u64);
                        bar.reset_eta();
                    }
                }
                if let Some(bar) = &running.bar {
                    bar.set_message(format!("epoch {epoch}/{epochs}"));
                }
            }
            Event::Batch { step } => {
                if let Some(bar) = steps.get(step).and_then(|r| r.bar.as_ref()) {
                    bar.inc(1);
                }
            }
            Event::EpochEnd { step, records } => {
                let Some(running) = steps.get(step) else { return };
                let done = running.epoch + 1 - running.first;
                let left = running.start.elapsed().as_secs_f64() / f64::from(done.max(1))
                    * f64::from(running.epochs - running.epoch);
                let line = format!("{step} epoch {}/{}: {}", running.epoch, running.epochs, figures(records));
                match running.bar {
                    Some(_) => self.say(&line),
                    None => self.say(&format!("{line}; at most {} left", duration(left))),
                }
            }
            Event::Finished { step, epochs, early } => {
                if let Some(bar) = steps.remove(step).and_then(|r| r.bar) {
                    bar.finish_and_clear();
                }
                let why = if early { ", stopped early" } else { "" };
                self.say(&format!("{step}: done after {epochs} epochs{why}"));
            }
            _ => {}
        }
    }
}

fn figures(records: &[EpochRecord]) -> String {
    let each: Vec<String> = records
        .iter()
        .map(|r| {
            let name = if records.len() > 1 { format!("{} ", r.output) } else { String::new() };
            format!(
                "{name}loss {:.4} acc {:.2} %, val loss {:.4} acc {:.2} %",
                r.loss,
                100.0 * r.accuracy,
                r.validation_loss,
                100.0 * r.validation_accuracy
            )
        })
        .collect();
    let seconds = records.first().map_or(0.0, |r| r.seconds);
    format!("{}; {seconds:.1} s", each.join("; "))
}
