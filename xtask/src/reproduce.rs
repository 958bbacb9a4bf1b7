//! `cargo xtask reproduce`: the whole paper, from data to report, one process a step.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use litecnn_cli::{DeviceChoice, Usage, duration};
use litecnn_run::Lock;
use xshell::{Shell, cmd};

use crate::plan::{Step, Work, left, plan, recorded};
use crate::process::{self, Ended};
use crate::setup::Setup;
use crate::workspace::Workspace;

const LOCK: &str = ".reproduce.lock";

/// Recipes the tool carries.
const RECIPES: [&str; 2] = ["paper", "smoke"];

/// The data sets of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dataset {
    Mnist,
    FashionMnist,
    Cifar10,
}

impl Dataset {
    pub(crate) const ALL: [Self; 3] = [Self::Mnist, Self::FashionMnist, Self::Cifar10];

    /// As the tool knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
        }
    }
}

/// Reproduce the paper: set up, build, fetch the data, train, evaluate, report
///
/// A stopped reproduction goes on where it stopped when the same command is given again. Everything it leaves lies
/// in the folder of the run, in results/.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Reproduce {
    /// Data set; may be given more than once [default: all three].
    #[arg(long, value_name = "NAME", value_enum)]
    dataset: Vec<Dataset>,
    /// Seeds, separated by commas [default: 0].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// auto, cpu, cuda or cuda:N [default: auto].
    #[arg(long)]
    device: Option<DeviceChoice>,
    /// What computes batches on a CPU: auto, kernels or libtorch [default: auto, the faster one].
    #[arg(long, value_parser = ["auto", "kernels", "libtorch"])]
    engine: Option<String>,
    /// Name of the run: its folder in results/ [default: paper, or smoke with --smoke].
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    run: Option<String>,
    /// A recipe the tool carries (paper, smoke) or a file [default: paper, or smoke with --smoke].
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<PathBuf>,
    /// Folder that holds the data sets; nothing is fetched then.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Worker threads of each step.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// End each training after so many epochs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_epochs: Option<u32>,
    /// The whole way in two minutes, on the samples in the repository: shows that it works, not how well.
    #[arg(long)]
    smoke: bool,
    /// Start over: remove what the run holds.
    #[arg(long)]
    fresh: bool,
}

impl Reproduce {
    /// A small reproduction from the start, for checks.
    pub(crate) fn smoke(run: &str) -> Self {
        Self { smoke: true, fresh: true, run: Some(run.to_owned()), ..Self::default() }
    }

    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        // Nothing is installed or built for a command that cannot work.
        let wanted = self.checked(&Workspace::find()?.root)?;
        let ws = Setup::before_building(sh)?;
        let folder = ws.root.join("results").join(&wanted.run);
        let _lock = Lock::try_acquire(&folder.join(LOCK)).map_err(|e| match e {
            litecnn_run::RunError::Locked { .. } => {
                anyhow!("another reproduction works in {}: wait for it, or give another --run", folder.display())
            }
            other => other.into(),
        })?;
        if wanted.fresh {
            start_over(&folder)?;
        }
        let start = Instant::now();
        let _root = sh.push_dir(&ws.root);
        // The whole workspace is named so that features, and with them builds, are those of `cargo xtask test`.
        process::pass_on(&mut cmd!(sh, "cargo build --release --workspace --bin litecnn").into())?;

        let steps = plan(&wanted.datasets, &wanted.seeds, wanted.data_dir.is_none());
        for (n, step) in steps.iter().enumerate() {
            let elapsed = start.elapsed().as_secs_f64();
            println!("{}", headline(&steps, n, elapsed, left(&steps, &recorded(&steps, &folder), n)));
            let mut command = Command::new(ws.tool());
            match process::status(command.args(wanted.arguments(step)).current_dir(&ws.root))? {
                0 => {}
                // The user knows that he has stopped it.
                interrupted @ 130 => return Err(Ended(interrupted).into()),
                failed => {
                    eprintln!("error: stopped at `{step}`; the same command, given again, goes on from there");
                    return Err(Ended(failed).into());
                }
            }
        }
        println!("{} steps done in {}", steps.len(), duration(start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Checks what the argument parser cannot, and fills in what was left out.
    fn checked(self, root: &Path) -> anyhow::Result<Wanted> {
        let usage = |message: String| Err(Usage(message).into());
        let here =
            |path: PathBuf| std::path::absolute(&path).with_context(|| format!("cannot find {}", path.display()));
        let name = if self.smoke { "smoke" } else { "paper" };
        let mut seeds = self.seeds;
        if seeds.is_empty() {
            seeds.push(0);
        }
        if let Some(twice) = repeated(seeds.iter()) {
            return usage(format!("--seeds names {twice} twice"));
        }
        let datasets = if self.dataset.is_empty() { Dataset::ALL.to_vec() } else { self.dataset };
        if let Some(twice) = repeated(datasets.iter().map(|d| d.name())) {
            return usage(format!("--dataset names {twice} twice"));
        }
        let recipe = match self.recipe.unwrap_or_else(|| name.into()) {
            carried if RECIPES.iter().any(|name| carried.as_os_str() == *name) => carried,
            file if file.is_file() => here(file)?,
            other => return usage(format!("--recipe: {} is neither a file nor `paper` or `smoke`", other.display())),
        };
        let data_dir = match self.data_dir {
            Some(folder) if folder.is_dir() => Some(here(folder)?),
            Some(other) => return usage(format!("--data-dir: {} is not a folder", other.display())),
            None => self.smoke.then(|| root.join("datasets/samples")),
        };
        let run = self.run.unwrap_or_else(|| name.to_owned());
        if self.fresh && run == "reference" {
            return usage("--fresh would remove results/reference, which belongs to the repository".to_owned());
        }
        Ok(Wanted {
            datasets: datasets.iter().map(|d| d.name().to_owned()).collect(),
            seeds,
            device: self.device.unwrap_or(DeviceChoice::Auto),
            engine: self.engine.unwrap_or_else(|| "auto".to_owned()),
            run,
            recipe,
            data_dir,
            threads: self.threads,
            max_epochs: self.max_epochs,
            fresh: self.fresh,
        })
    }
}

/// What is to be reproduced, checked.
#[derive(Debug, Clone)]
struct Wanted {
    datasets: Vec<String>,
    seeds: Vec<u64>,
    device: DeviceChoice,
    engine: String,
    run: String,
    recipe: PathBuf,
    data_dir: Option<PathBuf>,
    threads: Option<u32>,
    max_epochs: Option<u32>,
    fresh: bool,
}

impl Wanted {
    /// The command line of a step, for a process that starts in the root of the checkout.
    fn arguments(&self, step: &Step) -> Vec<OsString> {
        let mut all: Vec<OsString> = step.work.words().iter().map(Into::into).collect();
        let run = Path::new("results").join(&self.run);
        if step.work == Work::Report {
            all.push(run.into());
            return all;
        }
        let mut option = |name: &str, value: OsString| all.extend([name.into(), value]);
        if let Some(dataset) = &step.dataset {
            option("--dataset", dataset.into());
        }
        if let Some(seed) = step.seed {
            option("--run", run.into());
            option("--seed", seed.to_string().into());
            option("--recipe", self.recipe.clone().into());
            option("--device", self.device.to_string().into());
            option("--engine", self.engine.clone().into());
            if let Some(threads) = self.threads {
                option("--threads", threads.to_string().into());
            }
            if let Some(folder) = &self.data_dir {
                option("--data-dir", folder.into());
            }
            if let Some(epochs) = self.max_epochs {
                option("--max-epochs", epochs.to_string().into());
            }
        }
        all
    }
}

/// `[3/19] mnist seed 0: train stage-2-1 (elapsed 4m10s, about 21m left)`
fn headline(steps: &[Step], n: usize, elapsed: f64, left: Option<f64>) -> String {
    let left = left.filter(|s| *s >= 1.0).map(|s| format!(", about {} left", duration(s))).unwrap_or_default();
    format!("[{}/{}] {} (elapsed {}{left})", n + 1, steps.len(), steps[n], duration(elapsed))
}

/// Removes everything a run directory holds but our lock, which is held.
fn start_over(folder: &Path) -> anyhow::Result<()> {
    let entries: Vec<_> = std::fs::read_dir(folder)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let others = entries.iter().any(|e: &std::fs::DirEntry| e.file_name() != LOCK && e.file_name() != ".lock");
    if others && !folder.join("run.toml").is_file() {
        bail!("{} holds something, but no run (there is no run.toml): remove it by hand", folder.display());
    }
    // A step that someone started by hand holds the lock of the run itself.
    let _run = Lock::try_acquire(&folder.join(".lock"))?;
    // The manifest goes last: without it a second attempt would not know the rest for a run.
    let mut doomed: Vec<_> = entries.iter().filter(|e| e.file_name() != LOCK).collect();
    doomed.sort_by_key(|e| e.file_name() == "run.toml");
    for entry in doomed {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn repeated<T: Ord>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = BTreeSet::new();
    for one in all {
        if seen.contains(&one) {
            return Some(one);
        }
        seen.insert(one);
    }
    None
}

fn run_name(text: &str) -> Result<String, String> {
    let letters = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
    if letters && !text.is_empty() && !text.starts_with(['.', '-']) {
        Ok(text.to_owned())
    } else {
        Err("a run's name is made of letters, digits, `-`, `_`, `+` and `.`, and starts with a letter or digit"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        reproduce: Reproduce,
    }

    fn wanted(line: &str) -> Result<Wanted, String> {
        let words = ["reproduce"].into_iter().chain(line.split_whitespace());
        let parsed = Line::try_parse_from(words).map_err(|e| e.to_string())?;
        parsed.reproduce.checked(Path::new("/checkout")).map_err(|e| format!("{e:#}"))
    }

    #[test]
    fn the_defaults_are_the_paper() {
        let all = wanted("").unwrap();
        assert_eq!(all.datasets, ["mnist", "fashion-mnist", "cifar10"]);
        assert_eq!((&all.seeds[..], &*all.run, all.device), (&[0][..], "paper", DeviceChoice::Auto));
        assert_eq!((all.recipe, all.data_dir), ("paper".into(), None));
        let smoke = wanted("--smoke --seeds 3,5").unwrap();
        assert_eq!((&smoke.seeds[..], &*smoke.run), (&[3, 5][..], "smoke"));
        assert_eq!((smoke.recipe, smoke.data_dir), ("smoke".into(), Some("/checkout/datasets/samples".into())));
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_built() {
        for (line, words) in [
            ("--seeds 0,x", "invalid value 'x'"),
            ("--seeds -1", "unexpected argument"),
            ("--seeds 1,2,1", "--seeds names 1 twice"),
            ("--dataset mnist --dataset mnist", "--dataset names mnist twice"),
            ("--dataset imagenet", "possible values: mnist, fashion-mnist, cifar10"),
            ("--device gpu", "auto, cpu, cuda, cuda:N"),
            ("--device cuda:x", "auto, cpu, cuda, cuda:N"),
            ("--run ../elsewhere", "a run's name"),
            ("--run a/b", "a run's name"),
            ("--run ..", "a run's name"),
            ("--run .hidden", "a run's name"),
            ("--recipe absent.toml", "neither a file"),
            ("--data-dir absent", "not a folder"),
            ("--threads 0", "0 is not in 1.."),
            ("--max-epochs 0", "0 is not in 1.."),
            ("--run reference --fresh", "belongs to the repository"),
        ] {
            let message = wanted(line).unwrap_err();
            assert!(message.contains(words), "{line}: {message}");
        }
        assert!(wanted("--run").is_err());
    }

    #[test]
    fn each_step_gets_the_options_it_takes() {
        let all = wanted("--smoke --dataset mnist --device cuda:1 --threads 2 --max-epochs 1").unwrap();
        let steps = plan(&all.datasets, &all.seeds, true);
        let line = |n: usize| all.arguments(&steps[n]).join(" ".as_ref()).into_string().unwrap();
        assert_eq!(line(0), "data fetch --dataset mnist");
        assert_eq!(
            line(3),
            "train stage-2-1 --dataset mnist --run results/smoke --seed 0 --recipe smoke --device cuda:1 \
             --engine auto --threads 2 --data-dir /checkout/datasets/samples --max-epochs 1"
        );
        assert_eq!(line(7), "report results/smoke");
    }

    #[test]
    fn headlines_tell_what_is_known() {
        let steps = plan(&["mnist".to_owned()], &[0], false);
        assert_eq!(headline(&steps, 2, 250.0, None), "[3/7] mnist seed 0: train stage-2-1 (elapsed 4m10s)");
        assert!(headline(&steps, 6, 1.0, Some(1260.0)).ends_with("report (elapsed 1s, about 21m00s left)"));
    }

    #[test]
    fn starting_over_removes_runs_only() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = Lock::try_acquire(&dir.path().join(LOCK)).unwrap();
        start_over(dir.path()).unwrap();
        std::fs::create_dir(dir.path().join("mnist")).unwrap();
        assert!(start_over(dir.path()).unwrap_err().to_string().contains("no run.toml"));
        std::fs::write(dir.path().join("run.toml"), "").unwrap();
        start_over(dir.path()).unwrap();
        let kept: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(kept.iter().all(|name| name == LOCK || name == ".lock"), "{kept:?}");
    }
}
