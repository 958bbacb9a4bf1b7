//! The comparison of ways to a small network, step by step: what is trained, and what of it side by side.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use litecnn_run::StepRecord;

use crate::terms::Terms;

/// Of each family one of the variants of the compression study with the fewest weights.
const VARIANTS: [&str; 2] = ["vgg19-8", "resnet101-13"];
/// The larger plain network.
const PLAIN: &str = "crates/litecnn-zoo/networks/plain.toml";

// So few that all of it takes an hour on two cores that have nothing else to do.
const PLAIN_EPOCHS: u32 = 6;
const VARIANT_EPOCHS: u32 = 2;
/// Part of the weights left that a round of pruning removes, and what follows it.
const SHARE: &str = "0.4";
const ROUND_EPOCHS: u32 = 2;

/// Something that is done by processes of the tool, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    name: String,
    /// Command lines, for processes that start in the root of the checkout.
    pub(crate) commands: Vec<Vec<OsString>>,
    /// Steps of a kind take about as long.
    kind: String,
    /// Folders, relative to the root, whose records tell how long it took.
    folders: Vec<PathBuf>,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Terms {
    /// What is done first, one step at a time: the data, the light model and its control, which use several threads.
    pub(crate) fn light(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for dataset in self.datasets.iter().filter(|_| self.data_dir.is_none()) {
            steps.push(Step {
                name: format!("{dataset}: data fetch"),
                commands: vec![words(&["data", "fetch", "--dataset", dataset])],
                kind: "fetch".into(),
                folders: Vec::new(),
            });
        }
        for (dataset, seed) in self.each() {
            let root = self.folder(dataset, seed);
            for subcommand in [
                &["train", "stage-1"][..],
                &["surgery"],
                &["train", "stage-2-1"],
                &["train", "stage-2-2"],
                &["train", "scratch"],
            ] {
                let mut command = words(subcommand);
                command.extend(["--run".into(), self.run_folder().into()]);
                command.extend(words(&["--recipe", if self.smoke { "smoke" } else { "paper" }, "--device", "cpu"]));
                self.common(&mut command, dataset, seed);
                let step = subcommand.last().copied().unwrap_or_default();
                steps.push(Step {
                    name: format!("{dataset} seed {seed}: {}", subcommand.join(" ")),
                    commands: vec![command],
                    kind: format!("{dataset} {step}"),
                    folders: vec![root.join(step)],
                });
            }
        }
        steps
    }

    /// What is done side by side then, each with one thread: the plain networks, then what begins with their weights
    /// and, last, the variants.
    pub(crate) fn networks(&self) -> [Vec<Step>; 2] {
        let first = self.each().map(|(d, s)| self.trained(d, s, "plain", PLAIN, PLAIN_EPOCHS)).collect();
        let mut second = Vec::new();
        for (dataset, seed) in self.each() {
            second.push(self.pruned(dataset, seed));
            second.push(self.shrunk(dataset, seed));
        }
        // They are large; one seed has to do.
        for &seed in self.seeds.iter().take(1) {
            for variant in VARIANTS.iter().take(if self.smoke { 1 } else { VARIANTS.len() }) {
                let trained = |dataset: &String| self.trained(dataset, seed, variant, variant, VARIANT_EPOCHS);
                second.extend(self.datasets.iter().map(trained));
            }
        }
        [first, second]
    }

    /// The command line of the measuring program.
    pub(crate) fn measure(&self) -> Vec<OsString> {
        let mut command = words(&["contenders", "--run"]);
        command.push(self.run_folder().into());
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        command.extend(words(&["--datasets", &self.datasets.join(","), "--seeds", &seeds.join(",")]));
        if let Some(folder) = &self.data_dir {
            command.extend(["--data-dir".into(), folder.into()]);
        }
        if self.smoke {
            command.extend(words(&["--rounds", "2"]));
        }
        command
    }

    fn trained(&self, dataset: &str, seed: u64, name: &str, network: &str, epochs: u32) -> Step {
        let folder = self.folder(dataset, seed).join(name);
        let mut command = words(&["zoo", "train", network]);
        self.recipe(&mut command, "short", epochs, &folder);
        self.common(&mut command, dataset, seed);
        self.step(dataset, seed, name, vec![command], vec![folder])
    }

    /// Its smallest weights set to zero, in rounds.
    fn pruned(&self, dataset: &str, seed: u64) -> Step {
        let (plain, folder) = self.plain(dataset, seed, "plain-pruned");
        let mut command = words(&["zoo", "prune"]);
        command.push(plain.into());
        command.extend(words(&["--until-non-zero", &budget(dataset).to_string(), "--share", SHARE]));
        self.recipe(&mut command, "retrain", ROUND_EPOCHS, &folder);
        self.common(&mut command, dataset, seed);
        let rounds = (1..=3).map(|round| folder.join(format!("round-{round}"))).collect();
        self.step(dataset, seed, "plain-pruned", vec![command], rounds)
    }

    /// Its least filters removed, then trained on.
    fn shrunk(&self, dataset: &str, seed: u64) -> Step {
        let (plain, folder) = self.plain(dataset, seed, "plain-shrunk");
        let start = folder.join("start.safetensors");
        let mut shrink = words(&["zoo", "shrink"]);
        shrink.push(plain.into());
        shrink.extend(words(&["--parameters", &budget(dataset).to_string(), "--out"]));
        shrink.push(start.clone().into());
        let mut train = words(&["zoo", "train", "--from"]);
        train.push(start.into());
        self.recipe(&mut train, "short", PLAIN_EPOCHS, &folder);
        self.common(&mut train, dataset, seed);
        self.step(dataset, seed, "plain-shrunk", vec![shrink, train], vec![folder])
    }

    /// Weights of the larger plain network, and a folder beside them.
    fn plain(&self, dataset: &str, seed: u64, name: &str) -> (PathBuf, PathBuf) {
        let root = self.folder(dataset, seed);
        (root.join("plain/weights.safetensors"), root.join(name))
    }

    fn step(&self, dataset: &str, seed: u64, name: &str, commands: Vec<Vec<OsString>>, folders: Vec<PathBuf>) -> Step {
        Step { name: format!("{dataset} seed {seed}: {name}"), commands, kind: format!("{dataset} {name}"), folders }
    }

    fn recipe(&self, command: &mut Vec<OsString>, name: &str, epochs: u32, out: &Path) {
        let (name, epochs, held) = if self.smoke { ("smoke", 1, "200") } else { (name, epochs, "10000") };
        command.extend(words(&["--recipe", name, "--epochs", &epochs.to_string(), "--hold-out", held]));
        command.extend(words(&["--threads", "1", "--device", "cpu", "--out"]));
        command.push(out.into());
    }

    fn common(&self, command: &mut Vec<OsString>, dataset: &str, seed: u64) {
        command.extend(words(&["--dataset", dataset, "--seed", &seed.to_string()]));
        if let Some(folder) = &self.data_dir {
            command.extend(["--data-dir".into(), folder.into()]);
        }
    }

    /// Data sets and seeds: all sets of a seed before the next one.
    fn each(&self) -> impl Iterator<Item = (&str, u64)> {
        self.seeds.iter().flat_map(|&seed| self.datasets.iter().map(move |dataset| (dataset.as_str(), seed)))
    }

    fn run_folder(&self) -> PathBuf {
        Path::new("results").join(&self.run)
    }

    fn folder(&self, dataset: &str, seed: u64) -> PathBuf {
        self.run_folder().join(dataset).join(format!("seed-{seed}"))
    }
}

/// Weights of the light model for a data set, to which others are cut down.
fn budget(dataset: &str) -> u64 {
    if dataset == "cifar10" { 19_622 } else { 14_862 }
}

/// Seconds that steps will take with so many workers, by what steps of their kinds took; none if a kind was never
/// finished. `root` is that of the checkout.
pub(crate) fn left(all: &[Step], ahead: &[Step], workers: usize, root: &Path) -> Option<f64> {
    let taken = |step: &Step| {
        let seconds = |folder: &PathBuf| StepRecord::read(&root.join(folder)).ok().map(|record| record.seconds);
        let times: Vec<f64> = step.folders.iter().filter_map(seconds).collect();
        (!times.is_empty()).then(|| times.iter().sum::<f64>())
    };
    let expected = |step: &Step| {
        if step.folders.is_empty() || taken(step).is_some() {
            return Some(0.0);
        }
        let like: Vec<f64> = all.iter().filter(|other| other.kind == step.kind).filter_map(taken).collect();
        (!like.is_empty()).then(|| like.iter().sum::<f64>() / like.len() as f64)
    };
    let seconds: Option<f64> = ahead.iter().map(expected).sum();
    Some(seconds? / workers.max(1) as f64)
}

fn words(of: &[&str]) -> Vec<OsString> {
    of.iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(smoke: bool) -> Terms {
        let datasets = ["fashion-mnist", "cifar10"].map(str::to_owned).to_vec();
        Terms { datasets, seeds: vec![0, 1], smoke, data_dir: smoke.then(|| "/samples".into()), run: "c".into() }
    }

    fn line(command: &[OsString]) -> String {
        command.join(" ".as_ref()).into_string().unwrap()
    }

    #[test]
    fn every_contender_has_its_step() {
        let wanted = wanted(false);
        let light: Vec<String> = wanted.light().iter().map(ToString::to_string).collect();
        assert_eq!(light.len(), 2 + 4 * 5);
        assert_eq!(
            light[..3],
            ["fashion-mnist: data fetch", "cifar10: data fetch", "fashion-mnist seed 0: train stage-1"]
        );
        let [first, second] = wanted.networks();
        let names: Vec<String> = first.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 4);
        assert!(names.iter().all(|n| n.ends_with(": plain")), "{names:?}");
        let names: Vec<String> = second.iter().map(ToString::to_string).collect();
        assert_eq!(names[8..].iter().filter(|n| n.contains("seed 0")).count(), 4, "variants with one seed: {names:?}");
        assert_eq!(names.len(), 8 + 4);
        assert_eq!(
            line(&first[1].commands[0]),
            "zoo train crates/litecnn-zoo/networks/plain.toml --recipe short --epochs 6 --hold-out 10000 --threads 1 \
             --device cpu --out results/c/cifar10/seed-0/plain --dataset cifar10 --seed 0"
        );
        assert_eq!(
            line(&second[0].commands[0]),
            "zoo prune results/c/fashion-mnist/seed-0/plain/weights.safetensors --until-non-zero 14862 --share 0.4 --recipe \
             retrain --epochs 2 --hold-out 10000 --threads 1 --device cpu --out results/c/fashion-mnist/seed-0/plain-pruned \
             --dataset fashion-mnist --seed 0"
        );
        let [shrink, train] = second[3].commands.as_slice() else { panic!() };
        assert_eq!(
            line(shrink),
            "zoo shrink results/c/cifar10/seed-0/plain/weights.safetensors --parameters 19622 --out \
             results/c/cifar10/seed-0/plain-shrunk/start.safetensors"
        );
        assert!(line(train).starts_with("zoo train --from results/c/cifar10/seed-0/plain-shrunk/start.safetensors "));
        assert_eq!(line(&wanted.measure()), "contenders --run results/c --datasets fashion-mnist,cifar10 --seeds 0,1");
    }

    #[test]
    fn smoke_is_small_and_on_the_samples() {
        let wanted = wanted(true);
        assert!(wanted.light().iter().all(|step| step.folders.len() == 1), "nothing is fetched");
        let [first, second] = wanted.networks();
        assert_eq!((first.len(), second.len()), (4, 8 + 2));
        let told = line(&first[0].commands[0]);
        assert!(
            told.contains("--recipe smoke --epochs 1 --hold-out 200 ") && told.ends_with("--data-dir /samples"),
            "{told}"
        );
        assert!(line(&wanted.measure()).ends_with("--data-dir /samples --rounds 2"));
    }

    #[test]
    fn time_left_goes_by_steps_of_the_kind() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = wanted(false).networks();
        assert_eq!(left(&first, &first[..4], 2, dir.path()), None);
        for step in &first[..2] {
            let record = StepRecord {
                format: StepRecord::FORMAT.into(),
                step: "train".into(),
                recipe: String::new(),
                inputs: [].into(),
                outputs: [].into(),
                started: String::new(),
                ended: String::new(),
                seconds: 30.0,
                epochs: Some(12),
                peak_memory_bytes: None,
                device: "cpu".into(),
                engine: None,
                threads: 1,
            };
            record.write(&dir.path().join(&step.folders[0])).unwrap();
        }
        assert_eq!(left(&first, &first[..4], 2, dir.path()), Some(30.0));
        assert_eq!(left(&second, &second, 2, dir.path()), None, "of those nothing is known");
    }
}
