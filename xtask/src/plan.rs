//! The steps of a reproduction, in order, and how long those ahead will take.

use std::path::Path;

use litecnn_run::{Manifest, SeedDir, StepRecord};

/// One process of a reproduction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it does.
    pub(crate) work: Work,
    /// The data set and seed it does it for, as far as it concerns any.
    pub(crate) dataset: Option<String>,
    /// See `dataset`.
    pub(crate) seed: Option<u64>,
}

/// What a process does: a subcommand of the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Fetch,
    Stage1,
    Surgery,
    Stage21,
    Stage22,
    Folds,
    Evaluate,
    Report,
}

impl Work {
    /// Those done for every data set and seed, in order.
    const STEPS: [Self; 6] = [Self::Stage1, Self::Surgery, Self::Stage21, Self::Stage22, Self::Folds, Self::Evaluate];

    /// The subcommand.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Fetch => &["data", "fetch"],
            Self::Stage1 => &["train", "stage-1"],
            Self::Surgery => &["surgery"],
            Self::Stage21 => &["train", "stage-2-1"],
            Self::Stage22 => &["train", "stage-2-2"],
            Self::Folds => &["train", "folds"],
            Self::Evaluate => &["evaluate"],
            Self::Report => &["report"],
        }
    }

    /// Over in seconds, so that nothing need be known of it.
    fn quick(self) -> bool {
        matches!(self, Self::Fetch | Self::Surgery | Self::Report)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.dataset, self.seed) {
            (Some(dataset), Some(seed)) => write!(f, "{dataset} seed {seed}: ")?,
            (Some(dataset), None) => write!(f, "{dataset}: ")?,
            _ => {}
        }
        f.write_str(&self.work.words().join(" "))
    }
}

/// Every step, in order: the data first, so that a missing source is told at once.
pub(crate) fn plan(datasets: &[String], seeds: &[u64], fetch: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for dataset in datasets.iter().filter(|_| fetch) {
        steps.push(Step { work: Work::Fetch, dataset: Some(dataset.clone()), seed: None });
    }
    for dataset in datasets {
        for &seed in seeds {
            let of = |work| Step { work, dataset: Some(dataset.clone()), seed: Some(seed) };
            steps.extend(Work::STEPS.map(of));
        }
    }
    steps.push(Step { work: Work::Report, dataset: None, seed: None });
    steps
}

/// Seconds of work each step took, from what finished steps leave in the run directory; none for unfinished ones.
///
/// These, unlike the clock, are true also for a step that another process finished, or half of it.
pub(crate) fn recorded(steps: &[Step], run: &Path) -> Vec<Option<f64>> {
    // How many folds there are stands in the recipe.
    let manifest = Manifest::read(run).ok();
    let folds = manifest.and_then(|m| m.recipe.get("cross-validation")?.get("folds")?.as_integer());
    let seconds = |step: &Step| {
        let folder = SeedDir::new(run, step.dataset.as_deref()?, step.seed?);
        let of = |name: &str| StepRecord::read(&folder.step(name)).ok().map(|record| record.seconds);
        match step.work {
            Work::Fetch | Work::Report => None,
            Work::Folds => (1..=folds?).map(|fold| of(&format!("fold-{fold}"))).sum(),
            work => of(work.words().last()?),
        }
    };
    steps.iter().map(seconds).collect()
}

/// Seconds that the steps from `next` on will take, by what finished steps of the same kind took: of the same data
/// set if there are any, else of all. Finished ones return at once. Nothing if a kind was never finished.
pub(crate) fn left(steps: &[Step], recorded: &[Option<f64>], next: usize) -> Option<f64> {
    let mean = |wanted: &dyn Fn(&Step) -> bool| {
        let taken = steps.iter().zip(recorded).filter(|(step, _)| wanted(step)).filter_map(|(_, taken)| *taken);
        let (sum, count) = taken.fold((0.0, 0u32), |(sum, count), taken| (sum + taken, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let expected = |step: &Step| {
        mean(&|other| other.work == step.work && other.dataset == step.dataset)
            .or_else(|| mean(&|other| other.work == step.work))
            .or(step.work.quick().then_some(0.0))
    };
    let ahead = steps.iter().zip(recorded).skip(next);
    ahead.map(|(step, taken)| if taken.is_some() { Some(0.0) } else { expected(step) }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Table;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn steps_come_in_the_order_of_the_paper() {
        let steps = plan(&names(&["mnist", "cifar10"]), &[0, 7], true);
        let told: Vec<String> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(steps.len(), 2 + 2 * 2 * 6 + 1);
        assert_eq!(
            told[..9],
            [
                "mnist: data fetch",
                "cifar10: data fetch",
                "mnist seed 0: train stage-1",
                "mnist seed 0: surgery",
                "mnist seed 0: train stage-2-1",
                "mnist seed 0: train stage-2-2",
                "mnist seed 0: train folds",
                "mnist seed 0: evaluate",
                "mnist seed 7: train stage-1",
            ]
        );
        assert_eq!(told.last().unwrap(), "report");
        assert_eq!(plan(&names(&["mnist"]), &[0], false).len(), 7);
    }

    #[test]
    fn nothing_is_foretold_of_what_was_never_done() {
        let steps = plan(&names(&["mnist"]), &[0, 1], false);
        let mut taken = vec![None; steps.len()];
        assert_eq!(left(&steps, &taken, 0), None);
        taken[0] = Some(60.0);
        assert_eq!(left(&steps, &taken, 1), None, "stage-2-1 is unknown");
    }

    #[test]
    fn what_is_left_is_what_the_like_took() {
        let steps = plan(&names(&["mnist", "cifar10"]), &[0, 1], true);
        let mut taken = vec![None; steps.len()];
        for (n, seconds) in [(2, 10.0), (3, 1.0), (4, 20.0), (5, 30.0), (6, 100.0), (7, 4.0)] {
            taken[n] = Some(seconds);
        }
        assert_eq!(left(&steps, &taken, 8), Some(3.0 * 165.0), "cifar10 by mnist");
        taken[14] = Some(50.0); // cifar10 seed 0: stage-1
        assert_eq!(left(&steps, &taken, 8), Some(3.0 * 165.0 - 10.0 + 40.0), "done is not ahead; cifar10 by cifar10");
        assert_eq!(left(&steps, &taken, steps.len() - 1), Some(0.0));
        assert_eq!(left(&steps, &taken, 2), left(&steps, &taken, 8), "finished steps return at once");
    }

    #[test]
    fn records_are_read_where_steps_leave_them() {
        let dir = tempfile::tempdir().unwrap();
        let steps = plan(&names(&["mnist"]), &[3], true);
        assert_eq!(recorded(&steps, dir.path()), vec![None; 8]);
        let folder = SeedDir::new(dir.path(), "mnist", 3);
        for (name, seconds) in [("stage-1", 9.5), ("fold-1", 1.0), ("fold-2", 2.0)] {
            let record = StepRecord {
                format: StepRecord::FORMAT.into(),
                step: name.into(),
                recipe: String::new(),
                inputs: Default::default(),
                outputs: Default::default(),
                started: litecnn_run::now(),
                ended: litecnn_run::now(),
                seconds,
                epochs: None,
                peak_memory_bytes: None,
                engine: None,
                device: "cpu".into(),
                threads: 1,
            };
            record.write(&folder.step(name)).unwrap();
        }
        let none = None;
        assert_eq!(recorded(&steps, dir.path()), [none, Some(9.5), none, none, none, none, none, none]);
        let manifest = |folds: i64| Manifest {
            format: Manifest::FORMAT.into(),
            created: litecnn_run::now(),
            host: String::new(),
            versions: Default::default(),
            recipe_name: "paper".into(),
            recipe_hash: String::new(),
            recipe: [(
                "cross-validation".to_owned(),
                [("folds".to_owned(), folds.into())].into_iter().collect::<Table>().into(),
            )]
            .into_iter()
            .collect(),
            data: "official".into(),
            datasets: Default::default(),
            sources: Default::default(),
            steps: Default::default(),
        };
        for (folds, expected) in [(2, Some(3.0)), (3, None)] {
            let run = dir.path().join(folds.to_string());
            drop(litecnn_run::RunDir::open(&run, manifest(folds)).unwrap());
            std::fs::rename(dir.path().join("mnist"), run.join("mnist")).unwrap();
            assert_eq!(recorded(&steps, &run)[5], expected, "{folds} folds");
            std::fs::rename(run.join("mnist"), dir.path().join("mnist")).unwrap();
        }
    }
}
