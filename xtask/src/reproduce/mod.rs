//! `cargo xtask reproduce`: a whole study, from data to report, one process a step.

mod place;
mod running;
mod study;
mod wanted;

pub(crate) use study::Dataset;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use litecnn_cli::{DeviceChoice, Usage, did_you_mean};
use xshell::Shell;

use self::running::{compare, compress, isong, small};
use self::study::Study;
use self::wanted::Wanted;
use crate::compression;
use crate::small;
use crate::terms::Terms;
use crate::workspace::Workspace;

/// Recipes the tool carries.
const RECIPES: [&str; 3] = ["paper", "smoke", "tuned"];

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
    /// Name of the run: its folder in results/ [default: paper, compression, or the study's name; with --smoke
    /// smoke, compression-smoke ...].
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

    /// Small studies of small models from the start, for checks: seconds each.
    pub(crate) fn small_smokes() -> impl Iterator<Item = Self> {
        [Study::Compact, Study::Ablation, Study::Sizes].into_iter().map(|study| Self {
            study,
            dataset: vec![Dataset::Mnist],
            ..Self::smoke(&format!("ci-smoke-{study}"))
        })
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
                compare(sh, &self.fixed(&root)?, fresh)
            }
            study @ (Study::Compact | Study::Ablation | Study::Sizes) => {
                let fresh = self.fresh;
                small(sh, study, &self.checked_small(&root)?, fresh)
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

    /// As [`Self::checked`], for the studies of small models.
    fn checked_small(self, root: &Path) -> anyhow::Result<small::Wanted> {
        let study = self.study;
        let Some(kind) = study.small() else { unreachable!("a study of small models") };
        Ok(small::Wanted { kind, terms: self.fixed(root)? })
    }

    /// What studies of fixed terms have: data sets and seeds, three of them unless it is but to show that it works.
    fn fixed(&self, root: &Path) -> anyhow::Result<Terms> {
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
                return usage(format!(
                    "{name} is fixed in the study {}: it is of equal terms on one machine",
                    self.study
                ));
            }
        }
        if common.datasets.is_empty() {
            common.datasets = self.study.datasets().iter().map(|d| d.name().to_owned()).collect();
        }
        if self.seeds.is_empty() && !self.smoke {
            common.seeds = vec![0, 1, 2];
        }
        let Common { datasets, seeds, run, data_dir } = common;
        Ok(Terms { datasets, seeds, smoke: self.smoke, data_dir, run })
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
        let name = match self.study {
            Study::Isong => "paper".to_owned(),
            other => other.to_string(),
        };
        let name = match (self.study, self.smoke) {
            (Study::Isong, true) => "smoke".to_owned(),
            (_, true) => format!("{name}-smoke"),
            (_, false) => name,
        };
        let run = self.run.clone().unwrap_or(name);
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

fn usage<T>(message: String) -> anyhow::Result<T> {
    Err(Usage(message).into())
}

fn here(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))
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
    use crate::plan::plan;
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
}
