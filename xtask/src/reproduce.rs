//! `cargo xtask reproduce`: a whole study, from data to report, one process a step.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use litecnn_cli::{DeviceChoice, Usage, did_you_mean, duration};
use litecnn_run::Lock;
use xshell::{Shell, cmd};

use crate::comparison;
use crate::compression::{self, LEDGER, Ledger};
use crate::plan::{Step, Work, left, plan, recorded};
use crate::process::{self, Ended};
use crate::setup::Setup;
use crate::signals;
use crate::workspace::Workspace;

const LOCK: &str = ".reproduce.lock";

/// Recipes the tool carries.
const RECIPES: [&str; 3] = ["paper", "smoke", "tuned"];

/// What can be reproduced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Study {
    /// Isong (2025): the dual model, on three data sets.
    #[default]
    Isong,
    /// Sobolewski & Szyc: 28 variants of ResNet-101 and VGG-19, pruned and quantised.
    Compression,
    /// The dual model beside other ways to a small network, on Fashion-MNIST and CIFAR-10.
    Comparison,
}

impl Study {
    /// The file by which a run of the study is known.
    fn mark(self) -> &'static str {
        match self {
            // The comparison begins with what the dual model's study makes, and may go on in its folder.
            Self::Isong | Self::Comparison => "run.toml",
            Self::Compression => LEDGER,
        }
    }

    /// Whose runs it cannot share a folder with.
    fn other(self) -> Self {
        match self {
            Self::Isong | Self::Comparison => Self::Compression,
            Self::Compression => Self::Isong,
        }
    }

    /// The data sets it can be done with.
    fn datasets(self) -> &'static [Dataset] {
        match self {
            Self::Isong => &[Dataset::Mnist, Dataset::FashionMnist, Dataset::Cifar10],
            Self::Compression => &[Dataset::Cifar10, Dataset::Cifar100],
            Self::Comparison => &[Dataset::FashionMnist, Dataset::Cifar10],
        }
    }
}

impl std::fmt::Display for Study {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Isong => "isong",
            Self::Compression => "compression",
            Self::Comparison => "comparison",
        })
    }
}

/// The data sets of the studies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dataset {
    Mnist,
    FashionMnist,
    Cifar10,
    Cifar100,
}

impl Dataset {
    pub(crate) const ALL: [Self; 4] = [Self::Mnist, Self::FashionMnist, Self::Cifar10, Self::Cifar100];

    /// As the tool knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
        }
    }
}

/// Reproduce a paper: set up, build, fetch the data, train, evaluate, report
///
/// A stopped reproduction goes on where it stopped when the same command is given again. Everything it leaves lies
/// in the folder of the run, in results/.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Reproduce {
    /// Which study.
    #[arg(long, value_enum, default_value_t)]
    study: Study,
    /// Data set; may be given more than once [default: all three; of the compression study those of its paper].
    #[arg(long, value_name = "NAME", value_enum)]
    dataset: Vec<Dataset>,
    /// Seeds, separated by commas [default: 0].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// auto, cpu, cuda or cuda:N [default: auto].
    #[arg(long)]
    device: Option<DeviceChoice>,
    /// Networks of the compression study, separated by commas: resnet101-11, vgg19-fire, resnet101 [default: all 28].
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    variants: Vec<String>,
    /// What computes batches on a CPU: auto, kernels or libtorch [default: auto, the faster one].
    #[arg(long, value_parser = ["auto", "kernels", "libtorch"])]
    engine: Option<String>,
    /// Name of the run: its folder in results/ [default: paper or compression, or with --smoke smoke or
    /// compression-smoke].
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    run: Option<String>,
    /// A recipe the tool carries (paper, smoke, tuned) or a file [default: paper, or smoke with --smoke].
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<PathBuf>,
    /// One value of the recipe, as in stage-1.epochs=30; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<String>,
    /// Folder that holds the data sets; nothing is fetched then.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Worker threads of each step.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// End each training after so many epochs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_epochs: Option<u32>,
    /// Train each network of the compression study for so many epochs, and after each round of pruning.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
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
        let root = Workspace::find()?.root;
        match self.study {
            Study::Isong => isong(sh, &self.checked(&root)?),
            Study::Compression => {
                let fresh = self.fresh;
                compress(sh, &self.checked_compression(&root)?, fresh)
            }
            Study::Comparison => {
                let fresh = self.fresh;
                compare(sh, &self.checked_comparison(&root)?, fresh)
            }
        }
    }

    /// Checks what the argument parser cannot, and fills in what was left out.
    fn checked(self, root: &Path) -> anyhow::Result<Wanted> {
        let common = self.common(root)?;
        for (name, given) in [("--variants", !self.variants.is_empty()), ("--epochs", self.epochs.is_some())] {
            if given {
                return usage(format!("{name} is for --study compression"));
            }
        }
        let name = if self.smoke { "smoke" } else { "paper" };
        let recipe = match self.recipe.unwrap_or_else(|| name.into()) {
            carried if RECIPES.iter().any(|name| carried.as_os_str() == *name) => carried,
            file if file.is_file() => here(&file)?,
            other => {
                let hint = did_you_mean(&other.to_string_lossy(), RECIPES);
                return usage(format!(
                    "--recipe: {}{hint} is neither a file nor `paper`, `smoke` or `tuned`",
                    other.display()
                ));
            }
        };
        let datasets = match common.datasets.as_slice() {
            [] => Study::Isong.datasets().iter().map(|d| d.name().to_owned()).collect(),
            _ => common.datasets,
        };
        Ok(Wanted {
            datasets,
            seeds: common.seeds,
            device: self.device.unwrap_or(DeviceChoice::Auto),
            engine: self.engine.unwrap_or_else(|| "auto".to_owned()),
            run: common.run,
            recipe,
            set: self.set,
            data_dir: common.data_dir,
            threads: self.threads,
            max_epochs: self.max_epochs,
            fresh: self.fresh,
        })
    }

    /// As [`Self::checked`], for the compression study.
    fn checked_compression(self, root: &Path) -> anyhow::Result<compression::Wanted> {
        let common = self.common(root)?;
        let others = [
            ("--recipe", self.recipe.is_some()),
            ("--set", !self.set.is_empty()),
            ("--max-epochs", self.max_epochs.is_some()),
            ("--engine", self.engine.is_some()),
        ];
        for (name, given) in others {
            if given {
                return usage(format!("{name} is for --study isong"));
            }
        }
        if self.smoke && self.data_dir.is_none() && common.datasets.iter().any(|name| name == "cifar100") {
            return usage("--smoke: the repository has no sample of cifar100; give one with --data-dir".to_owned());
        }
        Ok(compression::Wanted {
            networks: compression::choose(&self.variants, &common.datasets, self.smoke)?,
            seeds: common.seeds,
            epochs: self.epochs.or(self.smoke.then_some(1)),
            smoke: self.smoke,
            device: self.device.unwrap_or(DeviceChoice::Auto),
            threads: self.threads,
            data_dir: common.data_dir,
            run: common.run,
        })
    }

    /// As [`Self::checked`], for the comparison.
    fn checked_comparison(self, root: &Path) -> anyhow::Result<comparison::Wanted> {
        let mut common = self.common(root)?;
        let others = [
            ("--recipe", self.recipe.is_some()),
            ("--set", !self.set.is_empty()),
            ("--max-epochs", self.max_epochs.is_some()),
            ("--engine", self.engine.is_some()),
            ("--variants", !self.variants.is_empty()),
            ("--epochs", self.epochs.is_some()),
            ("--threads", self.threads.is_some()),
            ("--device", self.device.is_some()),
        ];
        for (name, given) in others {
            if given {
                return usage(format!("{name} is fixed in the comparison: it is of equal terms on one machine"));
            }
        }
        if common.datasets.is_empty() {
            common.datasets = Study::Comparison.datasets().iter().map(|d| d.name().to_owned()).collect();
        }
        if self.seeds.is_empty() && !self.smoke {
            common.seeds = vec![0, 1, 2];
        }
        let Common { datasets, seeds, run, data_dir } = common;
        Ok(comparison::Wanted { datasets, seeds, smoke: self.smoke, data_dir, run })
    }

    /// What all studies have.
    fn common(&self, root: &Path) -> anyhow::Result<Common> {
        let mut seeds = self.seeds.clone();
        if seeds.is_empty() {
            seeds.push(0);
        }
        if let Some(twice) = repeated(seeds.iter()) {
            return usage(format!("--seeds names {twice} twice"));
        }
        if let Some(twice) = repeated(self.dataset.iter().map(|d| d.name())) {
            return usage(format!("--dataset names {twice} twice"));
        }
        let possible = self.study.datasets();
        if let Some(other) = self.dataset.iter().find(|d| !possible.contains(d)) {
            let names: Vec<&str> = possible.iter().map(|d| d.name()).collect();
            let (study, other) = (self.study, other.name());
            return usage(format!("--dataset: the study {study} is of {}, not of {other}", names.join(", ")));
        }
        let data_dir = match &self.data_dir {
            Some(folder) if folder.is_dir() => Some(here(folder)?),
            Some(other) => return usage(format!("--data-dir: {} is not a folder", other.display())),
            None => self.smoke.then(|| root.join("datasets/samples")),
        };
        let name = match (self.study, self.smoke) {
            (Study::Isong, false) => "paper",
            (Study::Isong, true) => "smoke",
            (Study::Compression, false) => "compression",
            (Study::Compression, true) => "compression-smoke",
            (Study::Comparison, false) => "comparison",
            (Study::Comparison, true) => "comparison-smoke",
        };
        let run = self.run.clone().unwrap_or_else(|| name.to_owned());
        if self.fresh && run == "reference" {
            return usage("--fresh would remove results/reference, which belongs to the repository".to_owned());
        }
        Ok(Common { datasets: self.dataset.iter().map(|d| d.name().to_owned()).collect(), seeds, run, data_dir })
    }
}

/// Options that all studies have, checked.
struct Common {
    /// Those named.
    datasets: Vec<String>,
    seeds: Vec<u64>,
    run: String,
    data_dir: Option<PathBuf>,
}

/// The study of the dual model.
fn isong(sh: &Shell, wanted: &Wanted) -> anyhow::Result<()> {
    let place = Place::prepare(sh, Study::Isong, &wanted.run, wanted.fresh)?;
    let steps = plan(&wanted.datasets, &wanted.seeds, wanted.data_dir.is_none());
    for (n, step) in steps.iter().enumerate() {
        let left = left(&steps, &recorded(&steps, &place.folder), n);
        println!("{}", headline(&steps, n, place.elapsed(), left));
        place.step(step, wanted.arguments(step))?;
    }
    println!("{} steps done in {}", steps.len(), duration(place.elapsed()));
    Ok(())
}

/// The study of compression.
fn compress(sh: &Shell, wanted: &compression::Wanted, fresh: bool) -> anyhow::Result<()> {
    let place = Place::prepare(sh, Study::Compression, &wanted.run, fresh)?;
    let folder = place.folder.as_path();
    let steps = wanted.steps();
    let mut ledger = Ledger::read(folder)?;
    ledger.write(folder)?;
    for (n, step) in steps.iter().enumerate() {
        let line = headline(&steps, n, place.elapsed(), ledger.left(&steps, n));
        if ledger.is_done(wanted, step, folder)? {
            println!("{line}: done before");
            continue;
        }
        println!("{line}");
        let start = Instant::now();
        let done = place.step(step, wanted.arguments(step));
        ledger.note(wanted, step, folder, start.elapsed().as_secs_f64(), done.is_ok())?;
        ledger.write(folder)?;
        done?;
    }
    println!("{} steps done in {}", steps.len(), duration(place.elapsed()));
    Ok(())
}

/// The comparison.
fn compare(sh: &Shell, wanted: &comparison::Wanted, fresh: bool) -> anyhow::Result<()> {
    let place = Place::prepare(sh, Study::Comparison, &wanted.run, fresh)?;
    let (light, networks) = (wanted.light(), wanted.networks());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let all: Vec<comparison::Step> = light.iter().chain(networks.iter().flatten()).cloned().collect();
    let line = |n: usize| {
        // What runs side by side with it is counted as if it began, too.
        let (ahead, then) = all[n..].split_at(light.len().saturating_sub(n));
        let of = |steps: &[comparison::Step], workers| comparison::left(&all, steps, workers, &place.ws.root);
        let left = of(ahead, 1).zip(of(then, workers)).map(|(now, then)| now + then);
        println!("{}", headline(&all, n, place.elapsed(), left));
    };
    for (n, step) in light.iter().enumerate() {
        line(n);
        step.commands.iter().try_for_each(|command| place.step(step, command.clone()))?;
    }
    let mut begun = light.len();
    for wave in networks {
        let lists = wave.iter().map(|step| {
            let command = |arguments: &Vec<OsString>| {
                let mut command = Command::new(place.ws.tool());
                command.args(arguments).current_dir(&place.ws.root);
                command
            };
            (step.to_string(), step.commands.iter().map(command).collect())
        });
        let done = process::side_by_side(lists.collect(), workers, &|n| line(begun + n));
        if let Err(error) = done {
            signals::stop_if_asked()?;
            eprintln!("error: stopped; the same command, given again, goes on from there");
            return Err(error);
        }
        begun += wave.len();
    }
    println!("measuring (elapsed {})", duration(place.elapsed()));
    let program = place.ws.tool().with_file_name(format!("litecnn-bench{}", std::env::consts::EXE_SUFFIX));
    let measured = process::pass_on(Command::new(program).args(wanted.measure()).current_dir(&place.ws.root));
    signals::stop_if_asked()?;
    measured?;
    println!("{} steps done in {}", all.len() + 1, duration(place.elapsed()));
    Ok(())
}

/// A run directory that is ours alone, and a tool that is built.
struct Place {
    ws: Workspace,
    folder: PathBuf,
    _lock: Lock,
    start: Instant,
}

impl Place {
    fn prepare(sh: &Shell, study: Study, run: &str, fresh: bool) -> anyhow::Result<Self> {
        let ws = Setup::before_building(sh)?;
        let folder = ws.root.join("results").join(run);
        if folder.join(study.other().mark()).exists() {
            bail!("{} holds a run of the study {}: give another --run", folder.display(), study.other());
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

    fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Runs the tool for a step.
    fn step(&self, step: &impl Display, arguments: Vec<OsString>) -> anyhow::Result<()> {
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
}

fn usage<T>(message: String) -> anyhow::Result<T> {
    Err(Usage(message).into())
}

fn here(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))
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
    set: Vec<String>,
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
            for value in &self.set {
                option("--set", value.into());
            }
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
fn headline(steps: &[impl Display], n: usize, elapsed: f64, left: Option<f64>) -> String {
    let left = left.filter(|s| *s >= 1.0).map(|s| format!(", about {} left", duration(s))).unwrap_or_default();
    format!("[{}/{}] {} (elapsed {}{left})", n + 1, steps.len(), steps[n], duration(elapsed))
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

/// The tool that it is passed on to says whether there is such a key.
fn key_and_value(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("a key and its value are wanted, as in stage-1.epochs=30".to_owned()),
    }
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
            ("--recipe absent.toml", "absent.toml is neither a file"),
            ("--recipe papr", "papr (did you mean `paper`?) is neither a file"),
            ("--set epochs", "a key and its value are wanted"),
            ("--data-dir absent", "not a folder"),
            ("--threads 0", "0 is not in 1.."),
            ("--max-epochs 0", "0 is not in 1.."),
            ("--run reference --fresh", "belongs to the repository"),
            ("--dataset cifar100", "the study isong is of mnist, fashion-mnist, cifar10, not of cifar100"),
            ("--variants vgg19-8", "--variants is for --study compression"),
            ("--epochs 2", "--epochs is for --study compression"),
            ("--study other", "possible values: isong, compression"),
        ] {
            let message = wanted(line).unwrap_err();
            assert!(message.contains(words), "{line}: {message}");
        }
        assert!(wanted("--run").is_err());
    }

    #[test]
    fn each_step_gets_the_options_it_takes() {
        let options = "--device cuda:1 --threads 2 --max-epochs 1 --set stage-1.epochs=3 --set model.filters=[8,16]";
        let all = wanted(&format!("--smoke --dataset mnist {options}")).unwrap();
        let steps = plan(&all.datasets, &all.seeds, true);
        let line = |n: usize| all.arguments(&steps[n]).join(" ".as_ref()).into_string().unwrap();
        assert_eq!(line(0), "data fetch --dataset mnist");
        assert_eq!(
            line(3),
            "train stage-2-1 --dataset mnist --run results/smoke --seed 0 --recipe smoke \
             --set stage-1.epochs=3 --set model.filters=[8,16] --device cuda:1 \
             --engine auto --threads 2 --data-dir /checkout/datasets/samples --max-epochs 1"
        );
        assert_eq!(line(7), "report results/smoke");
    }

    fn compression(line: &str) -> Result<compression::Wanted, String> {
        let words = ["reproduce", "--study", "compression"].into_iter().chain(line.split_whitespace());
        let parsed = Line::try_parse_from(words).map_err(|e| e.to_string())?;
        parsed.reproduce.checked_compression(Path::new("/checkout")).map_err(|e| format!("{e:#}"))
    }

    #[test]
    fn of_the_compression_study_what_cannot_work_is_refused_too() {
        for (line, words) in [
            ("--dataset mnist", "the study compression is of cifar10, cifar100, not of mnist"),
            ("--seeds 2,2", "--seeds names 2 twice"),
            ("--variants vgg19-14", "there are resnet101-baseline, "),
            ("--variants resnet101-gost", "there is no `resnet101-gost` (did you mean `resnet101-ghost`?)"),
            ("--set stage-1.epochs=3", "--set is for --study isong"),
            ("--variants vgg19-8,vgg19-fire-grouped-shuffle", "names vgg19-fire-grouped-shuffle twice"),
            ("--recipe smoke", "--recipe is for --study isong"),
            ("--max-epochs 1", "--max-epochs is for --study isong"),
            ("--engine kernels", "--engine is for --study isong"),
            ("--epochs 0", "0 is not in 1.."),
            ("--smoke --dataset cifar100", "no sample of cifar100"),
            ("--run reference --fresh", "belongs to the repository"),
        ] {
            let message = compression(line).unwrap_err();
            assert!(message.contains(words), "{line}: {message}");
        }
        let all = compression("").unwrap();
        assert_eq!((&all.seeds[..], &*all.run, all.epochs, all.smoke), (&[0][..], "compression", None, false));
        let smoke = compression("--smoke").unwrap();
        assert_eq!((&*smoke.run, smoke.epochs, smoke.smoke), ("compression-smoke", Some(1), true));
        assert_eq!(smoke.data_dir, Some("/checkout/datasets/samples".into()));
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
        start_over(dir.path(), Study::Isong).unwrap();
        std::fs::create_dir(dir.path().join("mnist")).unwrap();
        assert!(start_over(dir.path(), Study::Isong).unwrap_err().to_string().contains("no run.toml"));
        std::fs::write(dir.path().join("run.toml"), "").unwrap();
        start_over(dir.path(), Study::Isong).unwrap();
        let kept: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(kept.iter().all(|name| name == LOCK || name == ".lock"), "{kept:?}");
    }
}
