//! Licences, sources and duplicates of everything that is built in, and known faults of it, by cargo-deny as `deny.toml`
//! says. Where it cannot be had the check is skipped with a line that says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use litecnn_cli::sentence;
use xshell::{Shell, cmd};

use crate::process;
use crate::setup::environment;
use crate::workspace::Workspace;

/// Checks the workspace.
///
/// # Errors
/// Something does not hold; what, is printed.
pub(crate) fn check(sh: &Shell, ws: &Workspace) -> anyhow::Result<()> {
    let program = match find(sh, ws) {
        Ok(program) => program,
        Err(error) => {
            println!("note: licences, sources and duplicates are not checked: {}", sentence(&error));
            return Ok(());
        }
    };
    let mut command = deny(&program, ws);
    println!("\n$ cargo deny check licenses bans sources");
    process::pass_on(command.args(["check", "licenses", "bans", "sources"]))?;
    println!("\n$ cargo deny check advisories");
    let mut command = deny(&program, ws);
    let done = command.args(["check", "advisories"]).output().context("cargo-deny cannot be started")?;
    let words = String::from_utf8_lossy(&done.stderr);
    match outcome(done.status.success(), &words) {
        Outcome::Good => println!("advisories ok"),
        Outcome::NoDatabase => println!("note: advisories are not checked: their database cannot be fetched"),
        Outcome::Bad => {
            print!("{words}");
            bail!("cargo deny check advisories failed");
        }
    }
    Ok(())
}

/// The program: the user's own, or one in an environment in the cache.
fn find(sh: &Shell, ws: &Workspace) -> anyhow::Result<PathBuf> {
    if cmd!(sh, "cargo-deny --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        return Ok("cargo-deny".into());
    }
    environment::deny(sh, ws)
}

fn deny(program: &Path, ws: &Workspace) -> Command {
    let mut command = Command::new(program);
    // Asked for a password, git would wait.
    command.args(["--color", "never"]).current_dir(&ws.root).env("GIT_TERMINAL_PROMPT", "0");
    if std::env::var_os("LITECNN_OFFLINE").is_some_and(|v| !v.is_empty()) {
        command.arg("--offline");
    }
    command
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Good,
    NoDatabase,
    Bad,
}

/// What became of the advisories. That their database is missing is told in words only.
fn outcome(good: bool, words: &str) -> Outcome {
    // Faults of cargo-deny itself are logged so, what it finds in crates is `error[...]`.
    let stopped = words.contains("[ERROR]") && words.contains("advisory-db") && !words.contains("error[");
    match good {
        true => Outcome::Good,
        false if stopped => Outcome::NoDatabase,
        false => Outcome::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_database_is_told_from_an_advisory() {
        assert_eq!(outcome(true, ""), Outcome::Good);
        let unfetched = "2026-01-01 [ERROR] failed to fetch advisory database https://github.com/RustSec/advisory-db";
        assert_eq!(outcome(false, unfetched), Outcome::NoDatabase);
        let offline =
            "[ERROR] failed to get 'FETCH_HEAD' metadata: [\"-C\", \"advisory-dbs/advisory-db-3157b0e258782691\"]";
        assert_eq!(outcome(false, offline), Outcome::NoDatabase);
        assert_eq!(outcome(false, "error[vulnerability]: use after free"), Outcome::Bad);
        assert_eq!(outcome(false, ""), Outcome::Bad);
    }
}
