use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use litecnn_run::Lock;
use xshell::{Shell, cmd};

use super::study::Study;
use crate::process::{self, Ended};
use crate::setup::Setup;
use crate::signals;
use crate::workspace::Workspace;

const LOCK: &str = ".reproduce.lock";

/// A run directory that is ours alone, and a tool that is built.
pub(super) struct Place {
    pub(super) ws: Workspace,
    pub(super) folder: PathBuf,
    _lock: Lock,
    start: Instant,
}

impl Place {
    pub(super) fn prepare(sh: &Shell, study: Study, run: &str, fresh: bool) -> anyhow::Result<Self> {
        let ws = Setup::before_building(sh)?;
        let folder = ws.root.join("results").join(run);
        if let Some(other) = Study::in_folder(&folder).filter(|other| !study.shares_with(*other)) {
            bail!("{} holds a run of the study {other}: give another --run", folder.display());
        }
        let lock = Lock::try_acquire(&folder.join(LOCK)).map_err(|e| match e {
            litecnn_run::RunError::Locked { .. } => {
                anyhow!("another reproduction works in {}: wait for it, or give another --run", folder.display())
            }
            other => other.into(),
        })?;
        if fresh {
            start_over(&folder, study)?;
        }
        let start = Instant::now();
        let _root = sh.push_dir(&ws.root);
        // The whole workspace is named so that features, and with them builds, are those of `cargo xtask test`.
        process::pass_on(&mut cmd!(sh, "cargo build --release --workspace --bin litecnn --bin litecnn-bench").into())?;
        signals::hand_on()?;
        Ok(Self { ws, folder, _lock: lock, start })
    }

    pub(super) fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Runs the tool for a step.
    pub(super) fn step(&self, step: &impl Display, arguments: Vec<OsString>) -> anyhow::Result<()> {
        let mut command = Command::new(self.ws.tool());
        let status = process::status(command.args(arguments).current_dir(&self.ws.root))?;
        signals::stop_if_asked()?;
        match status {
            0 => Ok(()),
            // The user knows that he has stopped it.
            interrupted @ 130 => Err(Ended(interrupted).into()),
            failed => {
                eprintln!("error: stopped at `{step}`; the same command, given again, goes on from there");
                Err(Ended(failed).into())
            }
        }
    }

    /// Runs the tool side by side: named lists of command lines, those of a list one after the other.
    pub(super) fn side_by_side<'a>(
        &self,
        lists: impl Iterator<Item = (String, &'a [Vec<OsString>])>,
        workers: usize,
        begin: &(dyn Fn(usize) + Sync),
    ) -> anyhow::Result<()> {
        let command = |arguments: &Vec<OsString>| {
            let mut command = Command::new(self.ws.tool());
            command.args(arguments).current_dir(&self.ws.root);
            command
        };
        let lists = lists.map(|(name, commands)| (name, commands.iter().map(command).collect()));
        let done = process::side_by_side(lists.collect(), workers, begin);
        if done.is_err() {
            signals::stop_if_asked()?;
            eprintln!("error: stopped; the same command, given again, goes on from there");
        }
        done
    }
}

/// Removes everything a run directory holds but our lock, which is held.
fn start_over(folder: &Path, study: Study) -> anyhow::Result<()> {
    let mark = study.mark();
    let entries: Vec<_> = std::fs::read_dir(folder)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let others = entries.iter().any(|e: &std::fs::DirEntry| e.file_name() != LOCK && e.file_name() != ".lock");
    if others && !folder.join(mark).is_file() {
        bail!("{} holds something, but no run (there is no {mark}): remove it by hand", folder.display());
    }
    // A step that someone started by hand holds the lock of the run itself.
    let _run = Lock::try_acquire(&folder.join(".lock"))?;
    // The mark goes last: without it a second attempt would not know the rest for a run.
    let mut doomed: Vec<_> = entries.iter().filter(|e| e.file_name() != LOCK).collect();
    doomed.sort_by_key(|e| e.file_name() == mark);
    for entry in doomed {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_over_removes_runs_only() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = Lock::try_acquire(&dir.path().join(LOCK)).unwrap();
        start_over(dir.path(), Study::Isong).unwrap();
        std::fs::create_dir(dir.path().join("mnist")).unwrap();
        assert!(start_over(dir.path(), Study::Isong).unwrap_err().to_string().contains("no run.toml"));
        std::fs::write(dir.path().join("run.toml"), "").unwrap();
        start_over(dir.path(), Study::Isong).unwrap();
        let kept: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(kept.iter().all(|name| name == LOCK || name == ".lock"), "{kept:?}");
    }
}
