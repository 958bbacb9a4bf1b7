//! The same seed gives the same bits: twice, with any number of workers, and after an interruption.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use litecnn_data::stream;
use litecnn_model::{Params, UnifiedModel};
use litecnn_run::EpochRecord;
use litecnn_train::*;
use tch::{Device, Tensor};

use crate::samples;

const RECIPE: &str = "[data]\nvalidation-images = 300\n[stage-1]\nepochs = 4\n[stage-2-1]\nepochs = 4\n\
[stage-2-2]\nepochs = 4\n[cross-validation]\nfolds = 3\nepochs = 2";

fn recipe() -> Recipe {
    Recipe::parse(RECIPE, Path::new("test")).unwrap()
}

fn untimed(fit: &Fit) -> Vec<EpochRecord> {
    fit.history.iter().map(EpochRecord::untimed).collect()
}

fn bits(params: &[&Params]) -> Vec<Tensor> {
    params.iter().map(|p| p.snapshot().unwrap()).collect()
}

fn start(data: &TrainingData, recipe: &Recipe) -> UnifiedModel {
    let mut rng = stream(9, "test");
    let branch = |rng: &mut _| litecnn_model::Branch::new(&data.branch_spec(recipe), Device::Cpu, rng).unwrap();
    let (a, b) = (branch(&mut rng), branch(&mut rng));
    litecnn_surgery::join(&a, &b, &data.unified_spec(recipe), &mut rng).unwrap()
}

/// Runs one of the three single-model steps.
fn run(
    step: &str,
    data: &TrainingData,
    seed: u64,
    workers: usize,
    state: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(Vec<Tensor>, Fit), TrainError> {
    let recipe = recipe();
    Ok(match step {
        STAGE_ONE => {
            let (model, fit) = stage_one(data, &recipe, seed, workers, state, observer)?;
            (bits(&[model.branches[0].params(), model.branches[1].params()]), fit)
        }
        STAGE_TWO_JOINT => {
            let (model, fit) = train_joint(start(data, &recipe), data, &recipe, seed, workers, state, observer)?;
            (bits(&model.parts()), fit)
        }
        _ => {
            let (model, fit) = train_whole(start(data, &recipe), data, &recipe, seed, workers, state, observer)?;
            (bits(&model.parts()), fit)
        }
    })
}

#[test]
fn twice_and_with_any_number_of_workers() {
    for (dataset, engine) in [("mnist", Engine::Kernels), ("cifar10", Engine::Kernels), ("mnist", Engine::Libtorch)] {
        let data = TrainingData::new(&samples(dataset), &recipe(), 2, Device::Cpu).unwrap();
        let data = TrainingData { engine, ..data };
        for step in [STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE] {
            let (weights, fit) = run(step, &data, 2, 1, None, &Silent).unwrap();
            for workers in [1, 2, 3] {
                let (again, fit_again) = run(step, &data, 2, workers, None, &Silent).unwrap();
                assert_eq!(weights, again, "{dataset} {step} {workers}");
                assert_eq!(untimed(&fit), untimed(&fit_again));
            }
            let (other, _) = run(step, &data, 3, 2, None, &Silent).unwrap();
            assert_ne!(weights, other, "another seed");
        }
    }
}

/// Panics at the end of an epoch, as a process is killed there: after the state was saved.
struct Killer {
    after: u32,
    seen: AtomicU32,
}

impl Observer for Killer {
    fn notice(&self, event: Event<'_>) {
        match event {
            Event::EpochEnd { .. } => {
                self.seen.fetch_add(1, Ordering::Relaxed);
            }
            Event::Batch { .. } => assert!(self.seen.load(Ordering::Relaxed) < self.after, "killed"),
            _ => {}
        }
    }
}

struct Resumed(Mutex<Vec<u32>>);

impl Observer for Resumed {
    fn notice(&self, event: Event<'_>) {
        if let Event::Resumed { epoch, .. } = event {
            self.0.lock().unwrap().push(epoch);
        }
    }
}

#[test]
fn interrupted_in_any_epoch_and_resumed() {
    let data = TrainingData::new(&samples("mnist"), &recipe(), 0, Device::Cpu).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for step in [STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE] {
        let (weights, fit) = run(step, &data, 0, 2, None, &Silent).unwrap();
        for after in 0..3 {
            let state = Checkpointer {
                path: dir.path().join(format!("{step}-{after}.safetensors")),
                fingerprint: "recipe and inputs".into(),
            };
            let killer = Killer { after, seen: AtomicU32::new(0) };
            let attempt = std::panic::AssertUnwindSafe(|| run(step, &data, 0, 1, Some(&state), &killer));
            assert!(std::panic::catch_unwind(attempt).is_err());
            let resumed = Resumed(Mutex::default());
            let (again, fit_again) = run(step, &data, 0, 2, Some(&state), &resumed).unwrap();
            assert_eq!(*resumed.0.lock().unwrap(), if after == 0 { vec![] } else { vec![after] });
            assert_eq!(weights, again, "{step} after {after}");
            assert_eq!(untimed(&fit), untimed(&fit_again));
            // A finished step resumes to its end at once.
            let (finished, _) =
                run(step, &data, 0, 2, Some(&state), &Killer { after: 0, seen: AtomicU32::new(0) }).unwrap();
            assert_eq!(weights, finished);
        }
    }
}

#[test]
fn state_of_other_inputs_or_damaged_is_not_used() {
    let data = TrainingData::new(&samples("mnist"), &recipe(), 0, Device::Cpu).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let state = |fingerprint: &str| Checkpointer {
        path: dir.path().join("state.safetensors"),
        fingerprint: fingerprint.into(),
    };
    let (weights, _) = run(STAGE_TWO_JOINT, &data, 0, 1, Some(&state("a")), &Silent).unwrap();
    let resumed = Resumed(Mutex::default());
    run(STAGE_TWO_JOINT, &data, 0, 1, Some(&state("b")), &resumed).unwrap();
    let whole = std::fs::read(state("b").path).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"".as_slice()] {
        std::fs::write(state("b").path, damaged).unwrap();
        let (again, _) = run(STAGE_TWO_JOINT, &data, 0, 1, Some(&state("b")), &resumed).unwrap();
        assert_eq!(weights, again);
    }
    assert!(resumed.0.lock().unwrap().is_empty(), "nothing was resumed");
}

#[test]
fn folds_do_not_depend_on_how_many_run_side_by_side() {
    let recipe = recipe();
    let data = TrainingData::new(&samples("mnist"), &recipe, 0, Device::Cpu).unwrap();
    let folds = Fold::all(&data, &recipe, 0).unwrap();
    assert_eq!(folds.len(), 3);
    let start = start(&data, &recipe);
    let all = |workers| {
        let results = Mutex::new(Vec::new());
        let finished = |fold: &Fold, model: UnifiedModel, fit: Fit| {
            results.lock().unwrap().push((fold.number, bits(&model.parts()), untimed(&fit)));
            Ok(())
        };
        cross_validate(&start, &folds, &data, &recipe, 0, workers, &|_| Ok(None), &Silent, &finished).unwrap();
        let mut results = results.into_inner().unwrap();
        results.sort_by_key(|(number, ..)| *number);
        results
    };
    let (one, three, seven) = (all(1), all(3), all(7));
    assert_eq!(one.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(one == three && one == seven);
    assert_ne!(one[0].1, one[1].1, "folds differ");
}

#[test]
fn the_first_error_of_a_fold_is_the_error_of_all() {
    let recipe = recipe();
    let data = TrainingData::new(&samples("mnist"), &recipe, 0, Device::Cpu).unwrap();
    let folds = Fold::all(&data, &recipe, 0).unwrap();
    let finished = |fold: &Fold, _: UnifiedModel, _: Fit| match fold.number {
        1 => Err(TrainError::State("full disk".into())),
        _ => Ok(()),
    };
    let start = start(&data, &recipe);
    let result = cross_validate(&start, &folds, &data, &recipe, 0, 2, &|_| Ok(None), &Silent, &finished);
    assert!(result.unwrap_err().to_string().contains("full disk"));
}
