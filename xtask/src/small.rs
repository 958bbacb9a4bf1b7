//! Studies of what small models can do: step by step, each step a process of the tool, or a few after each other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::terms::Terms;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A network is searched for each data set, then trained, then shown the test images.
    Compact,
    /// Parts of the method are left out or replaced.
    Ablation,
    /// The paper's model, and where one was searched for before the network found, narrower and wider.
    Sizes,
}

/// What is wanted, checked.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) terms: Terms,
}

/// Commands that are given one after the other, for processes that start in the root of the checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    name: String,
    pub(crate) commands: Vec<Vec<OsString>>,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Wanted {
    /// What is done first, one step at a time; these use several threads.
    pub(crate) fn first(&self) -> Vec<Step> {
        let fetch = self.terms.datasets.iter().filter(|_| self.terms.data_dir.is_none()).map(|dataset| Step {
            name: format!("{dataset}: data fetch"),
            commands: vec![words(&["data", "fetch", "--dataset", dataset])],
        });
        fetch.chain(self.terms.datasets.iter().flat_map(|dataset| self.of(dataset))).collect()
    }

    /// What is done side by side then, each with one thread.
    pub(crate) fn then(&self) -> Vec<Step> {
        if self.kind != Kind::Compact {
            return Vec::new();
        }
        // All sets of a seed before the next one.
        let each =
            self.terms.seeds.iter().flat_map(|seed| self.terms.datasets.iter().map(move |dataset| (dataset, *seed)));
        each.map(|(dataset, seed)| self.trained(dataset, seed)).collect()
    }

    /// The first steps of a data set, the data apart.
    fn of(&self, dataset: &str) -> Vec<Step> {
        let folder = self.folder(dataset);
        let step =
            |name: &str, command: Vec<OsString>| Step { name: format!("{dataset}: {name}"), commands: vec![command] };
        match self.kind {
            Kind::Compact => {
                let budget = if dataset == "cifar10" { "19622" } else { "14862" };
                let mut search = words(&["search", "--budget", budget, "--recipe", recipe(dataset), "--seed", "0"]);
                // Few epochs want a lower rate than many.
                search.extend(words(&["--set", "schedule.peak=0.1"]));
                if self.terms.smoke {
                    let few = ["--candidates", "2", "--rounds", "1", "--hold-out", "200", "--operations", "1000000"];
                    search.extend(words(&few));
                } else if dataset == "cifar10" {
                    search.extend(words(&["--limit-train", "20000"]));
                } else {
                    // Easier sets, where less tells networks apart.
                    let fewer = ["--candidates", "18", "--rounds", "2,6,18", "--limit-train", "15000"];
                    search.extend(words(&fewer));
                }
                vec![step("search", self.command(search, dataset, &folder.join("search")))]
            }
            Kind::Ablation => vec![step("ablate", self.command(self.several(&["ablate"], &[]), dataset, &folder))],
            Kind::Sizes => {
                let mut steps = vec![(
                    "sizes",
                    self.several(&["sizes"], &["stage-1.epochs=4", "stage-2-1.epochs=1", "stage-2-2.epochs=7"]),
                    folder.join("joined"),
                )];
                if !self.terms.smoke {
                    let network = format!("crates/litecnn-zoo/networks/compact-{dataset}.toml");
                    let mut compact = words(&["sizes", "--network", &network, "--recipe", recipe(dataset)]);
                    // From a quarter of the network found, or less, to wider than it.
                    let filters = if dataset == "cifar10" { "6,10,14,20,28,42" } else { "4,6,8,10,14,20" };
                    compact.extend(words(&["--set", "epochs=8", "--limit-train", "20000", "--filters", filters]));
                    compact.extend(self.seeds());
                    steps.push(("sizes of the network found", compact, folder.join("compact")));
                }
                let steps = steps.into_iter();
                steps.map(|(name, command, out)| step(name, self.command(command, dataset, &out))).collect()
            }
        }
    }

    /// A command with seeds and the settings of the recipe; few epochs if it is but to show that it works.
    fn several(&self, subcommand: &[&str], set: &[&str]) -> Vec<OsString> {
        let mut command = words(subcommand);
        command.extend(self.seeds());
        let few = ["data.validation-images=200", "stage-1.epochs=2", "stage-2-1.epochs=1", "stage-2-2.epochs=2"];
        for value in if self.terms.smoke { &few[..] } else { set } {
            command.extend(words(&["--set", value]));
        }
        if self.kind == Kind::Sizes {
            command.extend(words(&["--filters", if self.terms.smoke { "2,4,6,8" } else { "2,4,8,16,32" }]));
        }
        command
    }

    fn seeds(&self) -> Vec<OsString> {
        words(&["--seeds", &self.terms.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(",")])
    }

    /// Trained on all training images, and only then shown the test images.
    fn trained(&self, dataset: &str, seed: u64) -> Step {
        let (network, out) =
            (self.folder(dataset).join("search/best.toml"), self.folder(dataset).join(format!("seed-{seed}")));
        let mut train = words(&["zoo", "train"]);
        train.push(network.into());
        train.extend(words(&["--recipe", recipe(dataset)]));
        train.extend(words(settings(dataset)));
        train.extend(words(&["--no-test", "--threads", "1", "--seed", &seed.to_string()]));
        if self.terms.smoke {
            train.extend(words(&["--epochs", "1"]));
        }
        let mut evaluate = words(&["zoo", "evaluate"]);
        evaluate.push(out.join("weights.safetensors").into());
        let commands = vec![self.command(train, dataset, &out), self.command(evaluate, dataset, &out)];
        Step { name: format!("{dataset} seed {seed}: train"), commands }
    }

    fn command(&self, mut command: Vec<OsString>, dataset: &str, out: &Path) -> Vec<OsString> {
        command.extend(words(&["--dataset", dataset, "--out"]));
        command.push(out.into());
        if let Some(folder) = &self.terms.data_dir {
            command.extend(["--data-dir".into(), folder.into()]);
        }
        command
    }

    fn folder(&self, dataset: &str) -> PathBuf {
        Path::new("results").join(&self.terms.run).join(dataset)
    }
}

/// How networks for a data set are trained.
fn recipe(dataset: &str) -> &'static str {
    match dataset {
        "mnist" => "compact-digits",
        _ => "compact",
    }
}

/// What is set beside the recipe, chosen by images held out.
fn settings(dataset: &str) -> &'static [&'static str] {
    match dataset {
        "fashion-mnist" => &["--set", "augmentation.padding=2", "--set", "epochs=60"],
        _ => &[],
    }
}

fn words(of: &[&str]) -> Vec<OsString> {
    of.iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kind: Kind, smoke: bool) -> Wanted {
        let datasets = ["mnist", "cifar10"].map(str::to_owned).to_vec();
        let data_dir = smoke.then(|| "/samples".into());
        Wanted { kind, terms: Terms { datasets, seeds: vec![0, 4], smoke, data_dir, run: "c".into() } }
    }

    fn lines(steps: &[Step]) -> Vec<String> {
        let lines = steps.iter().flat_map(|step| &step.commands);
        lines.map(|command| command.join(" ".as_ref()).into_string().unwrap()).collect()
    }

    #[test]
    fn the_test_images_come_last() {
        let wanted = wanted(Kind::Compact, false);
        let first = lines(&wanted.first());
        assert_eq!(first[..2], ["data fetch --dataset mnist", "data fetch --dataset cifar10"]);
        assert_eq!(
            first[3],
            "search --budget 19622 --recipe compact --seed 0 --set schedule.peak=0.1 \
             --limit-train 20000 --dataset cifar10 --out results/c/cifar10/search"
        );
        let then = wanted.then();
        let names: Vec<String> = then.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["mnist seed 0: train", "cifar10 seed 0: train", "mnist seed 4: train", "cifar10 seed 4: train"]
        );
        assert_eq!(
            lines(&then[..1]),
            [
                "zoo train results/c/mnist/search/best.toml --recipe compact-digits --no-test --threads 1 --seed 0 \
                 --dataset mnist --out results/c/mnist/seed-0",
                "zoo evaluate results/c/mnist/seed-0/weights.safetensors --dataset mnist --out results/c/mnist/seed-0"
            ]
        );
    }

    #[test]
    fn the_others_take_all_seeds_at_once() {
        let ablation = wanted(Kind::Ablation, false);
        assert!(ablation.then().is_empty());
        assert_eq!(lines(&ablation.first())[2], "ablate --seeds 0,4 --dataset mnist --out results/c/mnist");
        let sizes = lines(&wanted(Kind::Sizes, false).first());
        assert_eq!(sizes.len(), 2 + 2 * 2);
        assert!(sizes[2].starts_with("sizes --seeds 0,4 --set stage-1.epochs=4") && sizes[2].ends_with("mnist/joined"));
        assert!(sizes[2].contains(" --filters 2,4,8,16,32 "));
        assert!(sizes[5].contains("--network crates/litecnn-zoo/networks/compact-cifar10.toml --recipe compact "));
        for kind in [Kind::Compact, Kind::Ablation, Kind::Sizes] {
            let smoke = wanted(kind, true);
            assert!(lines(&smoke.first()).iter().all(|line| line.ends_with("--data-dir /samples")));
        }
    }
}
