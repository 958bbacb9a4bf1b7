//! `cargo xtask ci`: everything that must hold before a change lands, cheapest first.

use std::process::Command;
use std::time::Instant;

use xshell::{Cmd, Shell, cmd};

use crate::deny;
use crate::process;
use crate::reproduce::Reproduce;
use crate::setup::Setup;
use crate::test;
use crate::tools;
use litecnn_cli::duration;

/// Check everything: format, dependencies, lints, docs, tests, and a small reproduction from data to report
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Ci {}

impl Ci {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let mut parts = Parts::default();
        let done = check(sh, &mut parts);
        parts.print();
        done
    }
}

fn check(sh: &Shell, parts: &mut Parts) -> anyhow::Result<()> {
    parts.time("format", || cargo(cmd!(sh, "cargo fmt --all --check")))?;
    let ws = parts.time("setup", || Setup::before_building(sh))?;
    let _folder = sh.push_dir(&ws.root);
    parts.time("dependencies", || deny::check(sh, &ws))?;
    // One profile throughout: torch-sys takes minutes to compile.
    parts.time("clippy", || cargo(cmd!(sh, "cargo clippy --workspace --all-targets --release -- --deny warnings")))?;
    parts.time("docs", || {
        cargo(cmd!(sh, "cargo doc --workspace --no-deps --release").env("RUSTDOCFLAGS", "--deny warnings"))
    })?;
    // What users of the small tool compile; the rest of it is tested with the workspace's features.
    parts.time("clippy, no libtorch", || {
        let tool = cmd!(sh, "cargo clippy -p litecnn --no-default-features --all-targets --release -- --deny warnings");
        cargo(tool)
    })?;
    let onnx = parts.time("tools of tests", || Ok(tools::install(sh, &ws)))?;
    let _onnx = onnx.map(|python| sh.push_env("LITECNN_ONNX_PYTHON", python));
    let mut results = Vec::new();
    let tested = parts.time("tests", || {
        println!("\n$ cargo test --workspace --release");
        process::pass_on_lines(&mut test::suite(sh, Vec::new()), |line| {
            if line.starts_with("test result:") {
                results.push(line.to_owned());
            }
        })
    });
    parts.results = results;
    tested?;
    parts.time("reproduce --smoke", || Reproduce::smoke("ci-smoke").run(sh))?;
    parts.time("small studies", || Reproduce::small_smokes().try_for_each(|smoke| smoke.run(sh)))
}

fn cargo(command: Cmd<'_>) -> anyhow::Result<()> {
    println!("\n$ {command}");
    process::pass_on(&mut Command::from(command))
}

/// What was checked, how it ended, and the seconds it took.
#[derive(Debug, Default)]
struct Parts {
    times: Vec<(&'static str, bool, f64)>,
    /// The test suites' own summaries, repeated at the end since much is printed after them.
    results: Vec<String>,
}

impl Parts {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let start = Instant::now();
        let done = work();
        self.times.push((name, done.is_ok(), start.elapsed().as_secs_f64()));
        done
    }

    fn print(&self) {
        println!();
        for result in &self.results {
            println!("{result}");
        }
        for (name, good, seconds) in &self.times {
            println!("{:<20} {:<7} {:>8}", name, if *good { "ok" } else { "FAILED" }, duration(*seconds));
        }
        let total: f64 = self.times.iter().map(|part| part.2).sum();
        println!(
            "{:<20} {:<7} {:>8}",
            "ci",
            if self.times.iter().all(|p| p.1) { "ok" } else { "FAILED" },
            duration(total)
        );
    }
}
