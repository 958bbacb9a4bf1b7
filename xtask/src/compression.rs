//! The study of compression, step by step: which networks, in which order, and what is done already.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use litecnn_cli::{DeviceChoice, Usage};
use litecnn_run::RunError;
use serde::{Deserialize, Serialize};

/// What the study leaves in its run directory beside the steps' own files.
pub(crate) const LEDGER: &str = "study.json";

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

/// Which steps are done, and how long they took: `study.json`, written after each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    format: String,
    /// By the folder a step writes to.
    steps: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// What it was asked for.
    settings: Vec<String>,
    /// SHA-256 of what it read and left, by path. Empty until it is done.
    files: BTreeMap<String, String>,
    /// Seconds, those of attempts that were interrupted included.
    seconds: f64,
}

impl Ledger {
    const FORMAT: &'static str = "litecnn-study/1";

    /// That of a run; an empty one where there is none.
    pub(crate) fn read(run: &Path) -> Result<Self, RunError> {
        let path = run.join(LEDGER);
        if path.exists() {
            return litecnn_run::read_json(&path, Self::FORMAT);
        }
        Ok(Self { format: Self::FORMAT.to_owned(), steps: BTreeMap::new() })
    }

    pub(crate) fn write(&self, run: &Path) -> Result<(), RunError> {
        litecnn_run::write_json(&run.join(LEDGER), self)
    }

    /// Whether a step was done as it is wanted now, and nothing it read or left has changed.
    pub(crate) fn is_done(&self, wanted: &Wanted, step: &Step, run: &Path) -> Result<bool, RunError> {
        let Step::Network(step) = step else { return Ok(false) };
        let Some(entry) = self.steps.get(&key(step)) else { return Ok(false) };
        if entry.settings != settings(wanted, step) || files(wanted, step).any(|f| !entry.files.contains_key(&text(&f)))
        {
            return Ok(false);
        }
        for (path, digest) in &entry.files {
            let path = run.join(path);
            if !path.exists() || litecnn_run::sha256_file(&path)? != *digest {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Notes that a step has worked for so long, and whether it is done now.
    pub(crate) fn note(
        &mut self,
        wanted: &Wanted,
        step: &Step,
        run: &Path,
        seconds: f64,
        done: bool,
    ) -> Result<(), RunError> {
        let Step::Network(step) = step else { return Ok(()) };
        let entry = self.steps.entry(key(step)).or_default();
        let settings = settings(wanted, step);
        if entry.settings != settings || !entry.files.is_empty() {
            *entry = Entry { settings, ..Entry::default() };
        }
        entry.seconds += seconds;
        if done {
            for path in files(wanted, step) {
                entry.files.insert(text(&path), litecnn_run::sha256_file(&run.join(&path))?);
            }
        }
        Ok(())
    }

    /// Seconds that the steps from `next` on will take. Those that took their time before are expected to be done; the
    /// others take what the same work took, by the operations of the networks. Nothing if a kind was never finished.
    pub(crate) fn left(&self, steps: &[Step], next: usize) -> Option<f64> {
        let networks = |step: &Step| match step {
            Step::Network(step) => Some(step.clone()),
            _ => None,
        };
        let taken = |step: &NetworkStep| {
            let entry = self.steps.get(&key(step)).filter(|entry| !entry.files.is_empty())?;
            Some(entry.seconds)
        };
        let expected = |step: &NetworkStep| {
            let like = steps.iter().filter_map(networks).filter(|other| other.is_like(step));
            let (mut seconds, mut flops) = (0.0, 0.0);
            for (other, taken) in like.filter_map(|other| taken(&other).map(|taken| (other, taken))) {
                seconds += taken;
                flops += other.variant.mflops;
            }
            (flops > 0.0).then(|| seconds / flops * step.variant.mflops)
        };
        let ahead = steps.iter().skip(next).filter_map(networks);
        ahead.map(|step| if taken(&step).is_some() { Some(0.0) } else { expected(&step) }).sum()
    }
}

fn key(step: &NetworkStep) -> String {
    text(&step.folder())
}

fn settings(wanted: &Wanted, step: &NetworkStep) -> Vec<String> {
    wanted.settings(step, Path::new("")).iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// What a step reads and leaves.
fn files(wanted: &Wanted, step: &NetworkStep) -> impl Iterator<Item = PathBuf> {
    step.input().into_iter().chain(wanted.outputs(step))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

/// One of the study's networks. The tool has them too, but only where libtorch is.
#[derive(Debug, PartialEq)]
pub(crate) struct Variant {
    family: Family,
    no: u32,
    name: &'static str,
    /// Operations of one image, in millions, for ten classes.
    mflops: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    ResNet101,
    Vgg19,
}

use Family::{ResNet101, Vgg19};

impl Family {
    fn prefix(self) -> &'static str {
        match self {
            ResNet101 => "resnet101",
            Vgg19 => "vgg19",
        }
    }

    /// The data set of the family's table in the paper.
    fn dataset(self) -> &'static str {
        match self {
            ResNet101 => "cifar100",
            Vgg19 => "cifar10",
        }
    }
}

const fn variant(family: Family, no: u32, name: &'static str, mflops: f64) -> Variant {
    Variant { family, no, name, mflops }
}

#[rustfmt::skip]
static VARIANTS: [Variant; 28] = [
    variant(ResNet101, 1, "baseline", 2520.2),
    variant(ResNet101, 2, "fire", 3480.0),
    variant(ResNet101, 3, "nx1-1xn", 2141.6),
    variant(ResNet101, 4, "dwconv", 1279.5),
    variant(ResNet101, 5, "grouped-pointwise-shuffle", 420.7),
    variant(ResNet101, 6, "inverted", 79.2),
    variant(ResNet101, 7, "inverted-no-fc", 62.4),
    variant(ResNet101, 8, "inverted-opt-gap", 57.4),
    variant(ResNet101, 9, "inverted-fewer-early-channels", 53.0),
    variant(ResNet101, 10, "ghost", 32.8),
    variant(ResNet101, 11, "ghost-small", 29.8),
    variant(ResNet101, 12, "ghost-small-se", 31.5),
    variant(ResNet101, 13, "ghost-small-grouped", 12.8),
    variant(ResNet101, 14, "ghost-small-grouped-se", 14.5),
    variant(ResNet101, 15, "dice", 160.4),
    variant(Vgg19, 1, "baseline", 417.7),
    variant(Vgg19, 2, "gap", 398.7),
    variant(Vgg19, 3, "nx1-1xn", 256.0),
    variant(Vgg19, 4, "dwconv", 46.8),
    variant(Vgg19, 5, "fire", 40.2),
    variant(Vgg19, 6, "fire-dw", 11.0),
    variant(Vgg19, 7, "fire-dw-no-fc", 11.0),
    variant(Vgg19, 8, "fire-grouped-shuffle", 4.8),
    variant(Vgg19, 9, "fire-ghost", 9.4),
    variant(Vgg19, 10, "fire-ghost-grouped", 8.5),
    variant(Vgg19, 11, "fire-ghost-grouped-se", 10.1),
    variant(Vgg19, 12, "fire-grouped-shuffle-se", 6.3),
    variant(Vgg19, 13, "fire-dice", 7.3),
];

/// The two with the fewest weights.
const SMALLEST: [&str; 2] = ["resnet101-13", "vgg19-8"];

impl Variant {
    /// What the tool calls it.
    fn network(&self) -> String {
        format!("{}-{}", self.family.prefix(), self.name)
    }

    /// Whether the study quantises it with relu6 after the stem, though it is trained with relu.
    fn is_clipped_in_bytes(&self) -> bool {
        (self.family, self.no) == (ResNet101, 11)
    }

    /// Whether the study prunes and quantises it.
    fn is_pruned(&self) -> bool {
        self.family == ResNet101 && [1, 11, 13].contains(&self.no)
    }
}

/// The networks of names such as `resnet101-ghost-small`, `resnet101-11` or `vgg19` (all of a family), and the data
/// sets for them; without names all of the study, or with `smoke` the two smallest, and without data sets the paper's.
pub(crate) fn choose(
    names: &[String],
    datasets: &[String],
    smoke: bool,
) -> Result<Vec<(&'static Variant, Vec<String>)>, Usage> {
    let smallest = SMALLEST.map(str::to_owned);
    let names = if names.is_empty() && smoke { &smallest } else { names };
    let mut chosen: Vec<&'static Variant> = Vec::new();
    for name in names {
        let wanted = name.to_lowercase().replace('_', "-");
        let matches = |v: &&Variant| {
            let prefix = v.family.prefix();
            wanted == v.network() || wanted == format!("{prefix}-{}", v.no) || wanted == prefix
        };
        let before = chosen.len();
        chosen.extend(VARIANTS.iter().filter(matches));
        if chosen.len() == before {
            let known: Vec<String> = VARIANTS.iter().map(Variant::network).collect();
            return Err(Usage(format!(
                "--variants: there is no `{name}`{}; there are {}, the same by number as in resnet101-11, and all of \
                 resnet101 or vgg19",
                litecnn_cli::did_you_mean(name, known.iter().map(String::as_str)),
                known.join(", ")
            )));
        }
    }
    if names.is_empty() {
        chosen = VARIANTS.iter().collect();
    }
    if let Some((at, twice)) = chosen.iter().enumerate().find(|(at, v)| chosen[..*at].contains(v)) {
        return Err(Usage(format!("--variants names {} twice, the second time as number {}", twice.network(), at + 1)));
    }
    let of = |variant: &'static Variant| match datasets {
        [] if smoke => vec!["cifar10".to_owned()],
        [] => vec![variant.family.dataset().to_owned()],
        given => given.to_vec(),
    };
    Ok(chosen.into_iter().map(|variant| (variant, of(variant))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variants: &str, datasets: &[&str], smoke: bool) -> Wanted {
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
    fn the_networks_are_those_of_the_tool() {
        let text = include_str!("../../crates/litecnn-zoo/published/sobolewski-szyc.json");
        let published: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut counted: Vec<(u64, String)> = Vec::new();
        for variant in published["variants"].as_array().unwrap().iter().filter(|v| v["classes"] == 10) {
            let ours = VARIANTS.iter().find(|v| {
                let family = if v.family == ResNet101 { "ResNet-101" } else { "VGG-19" };
                variant["family"] == family && variant["no"] == v.no
            });
            let ours = ours.unwrap();
            assert_eq!(variant["name"].as_str().unwrap().replace('_', "-"), ours.name);
            assert!((variant["flops_fvcore"].as_f64().unwrap() / 1e6 - ours.mflops).abs() <= 0.051, "{ours:?}");
            counted.push((variant["params"].as_u64().unwrap(), format!("{}-{}", ours.family.prefix(), ours.no)));
        }
        assert_eq!(counted.len(), VARIANTS.len());
        counted.sort();
        assert_eq!([counted[0].1.as_str(), counted[1].1.as_str()], SMALLEST);
    }

    #[test]
    fn networks_are_chosen_by_name_number_and_family() {
        let names = |variants: &str| -> Vec<String> {
            wanted(variants, &[], false)
                .networks
                .iter()
                .map(|(v, d)| format!("{} {}", v.network(), d.concat()))
                .collect()
        };
        assert_eq!(
            names("resnet101-11 VGG19_8"),
            ["resnet101-ghost-small cifar100", "vgg19-fire-grouped-shuffle cifar10"]
        );
        assert_eq!(names("vgg19").len(), 13);
        assert_eq!(names("").len(), 28);
        assert_eq!(wanted("vgg19-fire", &["cifar100", "cifar10"], false).networks[0].1, ["cifar100", "cifar10"]);
        let smoke = wanted("", &[], true).networks;
        assert_eq!(
            smoke.iter().map(|(v, d)| (v.no, d.concat())).collect::<Vec<_>>(),
            [(13, "cifar10".to_owned()), (8, "cifar10".to_owned())]
        );
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

    #[test]
    fn done_until_anything_it_rests_on_changes() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted("resnet101-13", &["cifar10"], true);
        let steps = wanted.steps();
        let mut ledger = Ledger::read(dir.path()).unwrap();
        let write = |step: &Step, text: &str| {
            let Step::Network(step) = step else { return };
            for path in wanted.outputs(step) {
                litecnn_run::write_atomic(&dir.path().join(path), text.as_bytes()).unwrap();
            }
        };
        for step in &steps {
            assert!(!ledger.is_done(&wanted, step, dir.path()).unwrap());
            ledger.note(&wanted, step, dir.path(), 2.0, false).unwrap();
            assert!(!ledger.is_done(&wanted, step, dir.path()).unwrap(), "an attempt is not enough");
            write(step, "v1");
            ledger.note(&wanted, step, dir.path(), 3.0, true).unwrap();
            assert_eq!(ledger.is_done(&wanted, step, dir.path()).unwrap(), *step != Step::Report);
        }
        ledger.write(dir.path()).unwrap();
        assert_eq!(Ledger::read(dir.path()).unwrap(), ledger);
        assert!(ledger.steps.values().all(|entry| entry.seconds == 5.0), "{ledger:?}");
        let done = |wanted: &Wanted| -> Vec<bool> {
            steps.iter().map(|step| ledger.is_done(wanted, step, dir.path()).unwrap()).collect()
        };
        assert_eq!(done(&wanted), [true, true, true, true, false]);
        assert_eq!(done(&Wanted { threads: None, ..wanted.clone() }), [true, true, true, true, false]);
        assert_eq!(done(&Wanted { epochs: Some(2), ..wanted.clone() }), [false, true, false, true, false]);
        // Other weights: what was made of them has to be made again.
        write(&steps[0], "v2");
        assert_eq!(done(&wanted), [false, false, false, true, false]);
        std::fs::remove_dir_all(dir.path().join("cifar10")).unwrap();
        assert_eq!(done(&wanted), [false; 5]);
    }

    #[test]
    fn what_is_left_goes_by_the_size_of_the_networks() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted("vgg19-8 vgg19-1", &["cifar10"], true);
        let steps = wanted.steps();
        let mut ledger = Ledger::read(dir.path()).unwrap();
        assert_eq!(ledger.left(&steps, 0), None);
        for path in ["weights.safetensors", "measured.json"] {
            let path = dir.path().join("cifar10/seed-3/vgg19-fire-grouped-shuffle").join(path);
            litecnn_run::write_atomic(&path, b"x").unwrap();
        }
        ledger.note(&wanted, &steps[0], dir.path(), 4.8, true).unwrap();
        let left = ledger.left(&steps, 0).unwrap();
        assert!((left - 417.7).abs() < 0.1, "{left}: a second for a million operations");
        assert_eq!(ledger.left(&steps, 2), Some(0.0), "the report takes none");
    }
}
