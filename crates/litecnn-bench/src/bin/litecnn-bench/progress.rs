//! Progress of measuring: a bar on a terminal, plain lines elsewhere, both with the time left.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use litecnn_cli::duration;

/// Shows how far measuring has come, on standard error.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    start: Instant,
    done: Cell<u64>,
    total: u64,
}

impl Progress {
    /// `total` is the work to do, in any unit that time is roughly proportional to.
    pub(crate) fn new(quiet: bool, total: u64) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(5);
        let bar = (!quiet && !target.is_hidden()).then(|| {
            let style = ProgressStyle::with_template("[{bar:32}] {msg}  {prefix}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
            let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Self { bar, quiet, start: Instant::now(), done: Cell::new(0), total }
    }

    /// Tells that so much more work is done, and what it gave.
    pub(crate) fn step(&self, work: u64, line: &str) {
        self.done.set((self.done.get() + work).min(self.total));
        let left = match self.left() {
            Some(seconds) if seconds >= 1.0 => format!("about {} left", duration(seconds)),
            _ => String::new(),
        };
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.done.get());
                bar.set_message(line.to_owned());
                bar.set_prefix(left);
            }
            None if self.quiet => {}
            None if left.is_empty() => eprintln!("{line}"),
            None => eprintln!("{line}; {left}"),
        }
    }

    /// Tells that work was left out, up to a place in the whole.
    pub(crate) fn skip_to(&self, done: u64) {
        self.done.set(done.max(self.done.get()).min(self.total));
    }

    /// Work done so far.
    pub(crate) fn done(&self) -> u64 {
        self.done.get()
    }

    fn left(&self) -> Option<f64> {
        let (done, total) = (self.done.get(), self.total);
        (done > 0).then(|| self.start.elapsed().as_secs_f64() / done as f64 * (total - done) as f64)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left() {
        let progress = Progress::new(true, 10);
        assert_eq!(progress.left(), None);
        progress.step(4, "");
        progress.skip_to(12);
        assert_eq!((progress.done(), progress.left()), (10, Some(0.0)));
    }
}
