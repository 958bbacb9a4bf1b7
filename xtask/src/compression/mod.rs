//! The study of compression, step by step: which networks, in which order, and what is done already.

mod ledger;
mod variants;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(crate) use ledger::{LEDGER, Ledger};
use litecnn_cli::DeviceChoice;
pub(crate) use variants::{Variant, choose};

/// Rounds of pruning, and the one after which a network is quantised once more.
const ROUNDS: u32 = 10;
const QUANTISED_ROUND: u32 = 4;

/// What is wanted, checked.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Networks and the data sets they are trained on, in order.
    pub(crate) networks: Vec<(&'static Variant, Vec<String>)>,
    pub(crate) seeds: Vec<u64>,
    pub(crate) epochs: Option<u32>,
    pub(crate) smoke: bool,
    pub(crate) device: DeviceChoice,
    pub(crate) threads: Option<u32>,
    pub(crate) data_dir: Option<PathBuf>,
    /// Name of the run.
    pub(crate) run: String,
}

/// One process of the study.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Fetch(String),
    Network(NetworkStep),
    Report,
}

/// What is done with one network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NetworkStep {
    variant: &'static Variant,
    dataset: String,
    seed: u64,
    work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Train,
    Prune,
    /// As trained, or after a round of pruning.
    Quantise {
        round: u32,
    },
}

impl Wanted {
    /// Every step, in order: the data first, so that a missing source is told at once.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (_, datasets) in self.networks.iter().filter(|_| self.data_dir.is_none()) {
            for dataset in datasets {
                let fetch = Step::Fetch(dataset.clone());
                if !steps.contains(&fetch) {
                    steps.push(fetch);
                }
            }
        }
        for &seed in &self.seeds {
            for (variant, datasets) in &self.networks {
                for dataset in datasets {
                    let of = |work| Step::Network(NetworkStep { variant, dataset: dataset.clone(), seed, work });
                    steps.push(of(Work::Train));
                    if variant.is_pruned() {
                        steps.extend([Work::Quantise { round: 0 }, Work::Prune].map(of));
                        steps.push(of(Work::Quantise { round: self.quantised_round() }));
                    }
                }
            }
        }
        steps.push(Step::Report);
        steps
    }

    /// The command line of a step, for a process that starts in the root of the checkout.
    pub(crate) fn arguments(&self, step: &Step) -> Vec<OsString> {
        let run = Path::new("results").join(&self.run);
        let step = match step {
            Step::Fetch(dataset) => return ["data", "fetch", "--dataset", dataset].map(Into::into).to_vec(),
            Step::Report => return vec!["report".into(), run.into()],
            Step::Network(step) => step,
        };
        let mut all = self.settings(step, &run);
        if !matches!(step.work, Work::Quantise { .. }) {
            all.extend(["--device".into(), self.device.to_string().into()]);
        }
        if let Some(threads) = self.threads {
            all.extend(["--threads".into(), threads.to_string().into()]);
        }
        all
    }

    /// What the outcome of a step depends on, which is its command line but for where it is computed.
    fn settings(&self, step: &NetworkStep, run: &Path) -> Vec<OsString> {
        let folder = run.join(step.folder());
        let mut all: Vec<OsString> = vec!["zoo".into()];
        let mut put = |words: &[&str]| all.extend(words.iter().map(OsString::from));
        match step.work {
            Work::Train => put(&["train", &step.variant.network()]),
            Work::Prune => put(&["prune"]),
            Work::Quantise { .. } => put(&["quantise"]),
        }
        if let Some(input) = step.input() {
            all.push(run.join(input).into());
        }
        if matches!(step.work, Work::Quantise { .. }) && step.variant.is_clipped_in_bytes() {
            all.push("--stem-relu6".into());
        }
        let mut option = |name: &str, value: OsString| all.extend([name.into(), value]);
        option("--dataset", step.dataset.clone().into());
        option("--out", folder.into());
        if let Work::Quantise { .. } = step.work {
            option("--calibration", "test".into());
            option("--scales", "per-tensor".into());
        } else {
            option("--seed", step.seed.to_string().into());
            let recipe = match step.work {
                _ if self.smoke => "smoke",
                Work::Prune => "fine-tuning",
                _ => "study",
            };
            option("--recipe", recipe.into());
            if self.smoke && step.work == Work::Prune {
                option("--rounds", self.rounds().to_string().into());
            }
            if let Some(epochs) = self.epochs {
                option("--epochs", epochs.to_string().into());
            }
        }
        if let Some(folder) = &self.data_dir {
            option("--data-dir", folder.into());
        }
        all
    }

    fn rounds(&self) -> u32 {
        if self.smoke { 2 } else { ROUNDS }
    }

    fn quantised_round(&self) -> u32 {
        QUANTISED_ROUND.min(self.rounds())
    }

    /// What a finished step has left that its successors and the report read.
    fn outputs(&self, step: &NetworkStep) -> Vec<PathBuf> {
        let folder = step.folder();
        let of = |folder: PathBuf| [folder.join("weights.safetensors"), folder.join("measured.json")];
        match step.work {
            Work::Train => of(folder).to_vec(),
            Work::Prune => (1..=self.rounds()).flat_map(|round| of(folder.join(format!("round-{round}")))).collect(),
            Work::Quantise { .. } => vec![folder.join("measured.json")],
        }
    }
}

impl NetworkStep {
    /// Where everything of the network lies, relative to the run.
    fn root(&self) -> PathBuf {
        Path::new(&self.dataset).join(format!("seed-{}", self.seed)).join(self.variant.network())
    }

    /// Where the step writes.
    fn folder(&self) -> PathBuf {
        match self.work {
            Work::Train => self.root(),
            Work::Prune => self.root().join("pruned"),
            Work::Quantise { round: 0 } => self.root().join("int8"),
            Work::Quantise { round } => self.root().join(format!("pruned/round-{round}/int8")),
        }
    }

    /// The weights it begins with.
    fn input(&self) -> Option<PathBuf> {
        match self.work {
            Work::Train => None,
            Work::Prune | Work::Quantise { round: 0 } => Some(self.root().join("weights.safetensors")),
            Work::Quantise { round } => Some(self.root().join(format!("pruned/round-{round}/weights.safetensors"))),
        }
    }

    /// Whether the two differ in nothing that makes one take longer, the size of the network aside.
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.work) == std::mem::discriminant(&other.work)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let step = match self {
            Self::Fetch(dataset) => return write!(f, "{dataset}: data fetch"),
            Self::Report => return f.write_str("report"),
            Self::Network(step) => step,
        };
        write!(f, "{} seed {}: {} ", step.dataset, step.seed, step.variant.network())?;
        match step.work {
            Work::Train => f.write_str("zoo train"),
            Work::Prune => f.write_str("zoo prune"),
            Work::Quantise { round: 0 } => f.write_str("zoo quantise"),
            Work::Quantise { round } => write!(f, "zoo quantise (round {round})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn wanted(variants: &str, datasets: &[&str], smoke: bool) -> Wanted {
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let datasets: Vec<String> = datasets.iter().map(|d| (*d).to_owned()).collect();
        Wanted {
            networks: choose(&split(variants), &datasets, smoke).unwrap(),
            seeds: vec![3],
            epochs: smoke.then_some(1),
            smoke,
            device: DeviceChoice::Cpu,
            threads: Some(2),
            data_dir: smoke.then(|| "/samples".into()),
            run: "compression".into(),
        }
    }

    fn lines(wanted: &Wanted) -> Vec<String> {
        let line = |step: &Step| wanted.arguments(step).join(" ".as_ref()).into_string().unwrap();
        wanted.steps().iter().map(line).collect()
    }

    #[test]
    fn steps_are_command_lines_of_the_tool() {
        let at = "results/compression/cifar100/seed-3/resnet101-ghost-small";
        assert_eq!(
            lines(&wanted("resnet101-11 vgg19-8", &[], false)),
            [
                "data fetch --dataset cifar100".to_owned(),
                "data fetch --dataset cifar10".to_owned(),
                format!("zoo train resnet101-ghost-small --dataset cifar100 --out {at} --seed 3 --recipe study --device cpu --threads 2"),
                format!("zoo quantise {at}/weights.safetensors --stem-relu6 --dataset cifar100 --out {at}/int8 --calibration test --scales per-tensor --threads 2"),
                format!("zoo prune {at}/weights.safetensors --dataset cifar100 --out {at}/pruned --seed 3 --recipe fine-tuning --device cpu --threads 2"),
                format!("zoo quantise {at}/pruned/round-4/weights.safetensors --stem-relu6 --dataset cifar100 --out {at}/pruned/round-4/int8 --calibration test --scales per-tensor --threads 2"),
                "zoo train vgg19-fire-grouped-shuffle --dataset cifar10 --out results/compression/cifar10/seed-3/vgg19-fire-grouped-shuffle --seed 3 --recipe study --device cpu --threads 2".to_owned(),
                "report results/compression".to_owned(),
            ]
        );
        let smoke = lines(&wanted("", &[], true));
        assert_eq!(smoke.len(), 6);
        assert!(
            smoke[0].ends_with("--recipe smoke --epochs 1 --data-dir /samples --device cpu --threads 2"),
            "{smoke:?}"
        );
        assert!(smoke[3].contains("pruned/round-2/int8 ") && smoke[3].contains("--data-dir /samples"), "{smoke:?}");
    }
}
