//! Ways of training side by side: what each gave, kept row by row, so that a study that was stopped goes on.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use litecnn_cli::duration;
use litecnn_run::{OUTCOMES, Outcome, RunDir, read_outcomes, sha256, write_outcomes};
use litecnn_train::{Event, Observer, side_by_side};

use super::zoo::job::Bench;

/// The outcomes of a study in its folder, which is locked against other processes.
pub(super) struct Outcomes {
    _run: RunDir,
    path: PathBuf,
    rows: Mutex<Vec<Outcome>>,
    quiet: bool,
    start: Instant,
    /// What this process has to train, in a unit of the caller's, and has trained.
    work: Mutex<(f64, f64)>,
}

/// A piece of work that leaves outcomes, and how much work it is.
pub(super) struct Task<'a> {
    pub(super) work: f64,
    pub(super) run: Box<dyn FnOnce() -> Result<()> + Send + 'a>,
}

impl Outcomes {
    /// Opens a study of these settings, or begins it. One of others in the same folder is refused.
    pub(super) fn open(folder: &Path, name: String, settings: toml::Table, bench: &Bench, quiet: bool) -> Result<Self> {
        let hash = sha256(toml::to_string(&settings)?.as_bytes());
        let run = RunDir::open(folder, bench.manifest(name, hash, settings)?)?;
        run.sweep();
        litecnn_cli::catch_signals()?;
        let path = folder.join(OUTCOMES);
        let rows = if path.exists() { read_outcomes(&path)? } else { Vec::new() };
        Ok(Self { _run: run, path, rows: rows.into(), quiet, start: Instant::now(), work: (0.0, 0.0).into() })
    }

    /// Whether an arm's outcome with a seed is known.
    pub(super) fn has(&self, arm: &str, seed: u64) -> bool {
        lock(&self.rows).iter().any(|row| row.arm == arm && row.seed == seed)
    }

    /// Adds an outcome, and tells of it.
    pub(super) fn note(&self, outcome: Outcome) -> Result<()> {
        let mut rows = lock(&self.rows);
        if !self.quiet {
            eprintln!(
                "seed {}: {}, {} weights, {} epochs: {:.2} % of the images held out, {:.2} % of the test images ({})",
                outcome.seed,
                outcome.arm,
                outcome.parameters,
                outcome.epochs,
                100.0 * outcome.validation_accuracy,
                100.0 * outcome.test_accuracy,
                duration(outcome.seconds)
            );
        }
        rows.push(outcome);
        Ok(write_outcomes(&self.path, &rows)?)
    }

    /// Does pieces of work side by side, the largest first, and gives all outcomes there are.
    pub(super) fn of(&self, mut tasks: Vec<Task<'_>>, workers: usize) -> Result<Vec<Outcome>> {
        tasks.sort_by(|a, b| b.work.total_cmp(&a.work));
        lock(&self.work).0 = tasks.iter().map(|task| task.work).sum();
        let errors = side_by_side(vec![(); workers.max(1)], tasks, |(), task| {
            (task.run)()?;
            self.tell(task.work);
            Ok(())
        });
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        Ok(lock(&self.rows).clone())
    }

    /// Says how much time is left.
    fn tell(&self, work: f64) {
        let mut all = lock(&self.work);
        all.1 += work;
        let left = self.start.elapsed().as_secs_f64() / all.1 * (all.0 - all.1);
        if !self.quiet && left >= 1.0 {
            eprintln!("about {} left", duration(left));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends with the batch at hand when a signal came.
pub(super) struct Ends;

impl Observer for Ends {
    fn notice(&self, _: Event<'_>) {}

    fn halts(&self) -> bool {
        litecnn_cli::caught().is_some()
    }
}
