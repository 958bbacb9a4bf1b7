//! `cargo xtask bench`: everything there is to measure, into one folder.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context, anyhow};
use litecnn_cli::{DeviceChoice, duration};
use litecnn_run::Lock;
use xshell::{Shell, cmd};

use crate::process;
use crate::setup::{Setup, environment};
use crate::workspace::Workspace;

/// The criterion benches.
const BENCHES: [&str; 5] = ["latency", "throughput", "training", "augmentation", "data"];

/// Measure speed: set up, run the criterion benches, measure sizes, latency and throughput, write tables and figures
///
/// Leaves bench.json, BENCH.md and figures/ in results/bench. About half an hour on two cores; let nothing else work
/// on the machine meanwhile.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Bench {
    /// Few repetitions and small batches: a first look, under a minute with --no-criterion once built.
    #[arg(long)]
    quick: bool,
    /// Leave out the criterion benches, about two minutes.
    #[arg(long)]
    no_criterion: bool,
    /// Train for an epoch while images, filters, sides and batches grow, too.
    #[arg(long)]
    growth: bool,
    /// Time other programs and ours in turn, too: installs them in a private virtual environment.
    #[arg(long)]
    peers: bool,
    /// Threads an operation may use on the CPU, separated by commas [default: 1 and all the machine offers].
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// auto (the CPU and, where there is one, the GPU), cpu, cuda or cuda:N [default: auto].
    #[arg(long)]
    device: Option<DeviceChoice>,
    /// Folder to write to [default: results/bench].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Bench {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let ws = Setup::before_building(sh)?;
        let folder = match &self.out {
            Some(folder) => std::path::absolute(folder).with_context(|| format!("cannot find {}", folder.display()))?,
            None => ws.root.join("results/bench"),
        };
        let _lock = Lock::try_acquire(&folder.join(".lock")).map_err(|e| match e {
            litecnn_run::RunError::Locked { .. } => {
                anyhow!("another measurement works in {}: wait for it to end", folder.display())
            }
            other => other.into(),
        })?;
        // Before an hour of measuring, not after it.
        let python = if self.peers { Some(environment::peers(sh, &ws)?) } else { None };
        let _root = sh.push_dir(&ws.root);
        // The whole workspace is named so that features, and with them builds, are those of `cargo xtask test`.
        process::pass_on(&mut cmd!(sh, "cargo build --release --workspace --bin litecnn-bench").into())?;

        let start = Instant::now();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let steps = self.steps(&ws, &folder, python.as_deref(), since);
        for (n, step) in steps.iter().enumerate() {
            println!("[{}/{}] {} (elapsed {})", n + 1, steps.len(), step.name, duration(start.elapsed().as_secs_f64()));
            process::pass_on(&mut step.command(&ws))?;
        }
        println!("{} is ready after {}", folder.join("BENCH.md").display(), duration(start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// What is started one after the other.
    fn steps(&self, ws: &Workspace, folder: &Path, python: Option<&Path>, since: u64) -> Vec<Step> {
        let file = folder.join("bench.json");
        let quick = self.quick.then_some("--quick");
        let threads: Vec<String> = self.threads.iter().map(u16::to_string).collect();
        let threads = (!threads.is_empty()).then(|| threads.join(","));
        let device = self.device.map(|device| device.to_string());
        let mut steps = Vec::new();
        if !self.no_criterion {
            let names = BENCHES.iter().flat_map(|name| ["--bench", name]);
            // What stands behind `--` is for criterion, which knows `--quick` too.
            let quick = quick.iter().flat_map(|quick| ["--", quick]);
            steps.push(Step::cargo("criterion benches", &["bench", "--workspace"]).words(names).words(quick));
        }
        let all = Step::tool("sizes, latency, throughput", "all").words(quick).option("--out", Some(&file));
        steps.push(all.option("--threads", threads.as_ref()).option("--device", device.as_ref()));
        if !self.no_criterion {
            let taken = Step::tool("figures of criterion", "criterion").option("--out", Some(&file));
            let since = since.to_string();
            steps.push(taken.option("--from", Some(&criterion_folder(ws))).option("--since", Some(&since)));
        }
        if self.growth {
            let growth = Step::tool("cost as the work grows", "growth").words(quick);
            steps.push(growth.option("--out", Some(&file)));
        }
        if let Some(python) = python {
            let few = if self.quick { ["--rounds", "2", "--repetitions", "10"].as_slice() } else { &[] };
            let peers = Step::tool("other programs and ours in turn", "peers").words(few.iter().copied());
            let peers = peers.option("--python", Some(python)).option("--script", Some(&environment::script(ws)));
            steps.push(peers.option("--threads", threads.as_ref()).option("--out", Some(&file)));
        }
        steps.push(Step::tool("tables and figures", "report").words([file.as_os_str()]));
        steps
    }
}

/// One process.
struct Step {
    name: &'static str,
    /// Cargo, or else the measuring program.
    cargo: bool,
    arguments: Vec<OsString>,
}

impl Step {
    fn cargo(name: &'static str, words: &[&str]) -> Self {
        Self { name, cargo: true, arguments: words.iter().map(Into::into).collect() }
    }

    fn tool(name: &'static str, subcommand: &str) -> Self {
        Self { name, cargo: false, arguments: vec![subcommand.into()] }
    }

    fn words(mut self, words: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(words.into_iter().map(Into::into));
        self
    }

    fn option(self, name: &str, value: Option<impl AsRef<OsStr>>) -> Self {
        match value {
            Some(value) => self.words([OsStr::new(name), value.as_ref()]),
            None => self,
        }
    }

    fn command(&self, ws: &Workspace) -> Command {
        let program = format!("litecnn-bench{}", std::env::consts::EXE_SUFFIX);
        let mut command = match self.cargo {
            true => Command::new("cargo"),
            false => Command::new(ws.target.join("release").join(program)),
        };
        // Said, so that it is where it is looked for.
        command.args(&self.arguments).current_dir(&ws.root).env("CRITERION_HOME", criterion_folder(ws));
        command
    }
}

fn criterion_folder(ws: &Workspace) -> PathBuf {
    ws.target.join("criterion")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn lines(words: &str) -> Vec<String> {
        let parsed = Line::try_parse_from(["bench"].into_iter().chain(words.split_whitespace())).unwrap();
        let ws = Workspace { root: "/w".into(), cache: "/c".into(), target: "/t".into() };
        let python = parsed.bench.peers.then_some(Path::new("/c/venv/bin/python"));
        let steps = parsed.bench.steps(&ws, Path::new("/out"), python, 7);
        let told = |step: &Step| step.arguments.join(" ".as_ref()).into_string().unwrap();
        steps.iter().map(told).collect()
    }

    #[test]
    fn each_step_gets_the_options_it_takes() {
        let names = "--bench latency --bench throughput --bench training --bench augmentation --bench data";
        assert_eq!(
            lines(""),
            [
                &format!("bench --workspace {names}"),
                "all --out /out/bench.json",
                "criterion --out /out/bench.json --from /t/criterion --since 7",
                "report /out/bench.json",
            ]
        );
        assert_eq!(
            lines("--quick --no-criterion --growth --peers --threads 1,2 --device cpu"),
            [
                "all --quick --out /out/bench.json --threads 1,2 --device cpu",
                "growth --quick --out /out/bench.json",
                "peers --rounds 2 --repetitions 10 --python /c/venv/bin/python \
                 --script /w/crates/litecnn-bench/peers/inference.py --threads 1,2 --out /out/bench.json",
                "report /out/bench.json",
            ]
        );
        assert_eq!(lines("--quick")[0], format!("bench --workspace {names} -- --quick"));
        assert!(Line::try_parse_from(["bench", "--device", "gpu"]).is_err());
        assert!(Line::try_parse_from(["bench", "--threads", "0"]).is_err());
    }
}
