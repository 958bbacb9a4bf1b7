//! Training that is halted after a batch, or that diverges.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use litecnn_data::stream;
use litecnn_model::{Params, UnifiedModel};
use litecnn_run::EpochRecord;
use litecnn_train::*;
use tch::{Device, Tensor};

use crate::samples;

/// 400 images: twelve batches and a half.
const RECIPE: &str = "[data]\nvalidation-images = 600\n[stage-1]\nepochs = 2\n[stage-2-1]\nepochs = 2\n\
[stage-2-2]\nepochs = 2\n[cross-validation]\nfolds = 3\nepochs = 1\n";

fn recipe() -> Recipe {
    Recipe::parse(RECIPE, Path::new("test")).unwrap()
}

/// One with everything that has a state of its own, or random numbers.
fn tuned() -> Recipe {
    let step = |name| {
        format!(
            "[{name}]\nepochs = 2\nkeep = \"last\"\naverage = 0.9\nlabel-smoothing = 0.1\nmixup = 0.4\ncutmix = 1.0\n\
             schedule = {{ kind = \"cosine\", warmup = 0.5 }}\noptimizer = {{ kind = \"adamw\", learning-rate = 0.002, \
             beta-1 = 0.9, beta-2 = 0.99, epsilon = 1e-6, weight-decay = 0.05 }}\n\
             [{name}.augmentation]\nrotation = 0.1\nmirror = 0.5\n"
        )
    };
    let steps = ["stage-1", "stage-2-1", "stage-2-2"].map(step).concat();
    Recipe::parse(&format!("[data]\nvalidation-images = 600\nnormalise = true\n{steps}"), Path::new("test")).unwrap()
}

/// The first one, ruined by its learning rates.
fn wild() -> Recipe {
    let rate = |kind| format!("epochs = 2\noptimizer = {{ kind = \"{kind}\", learning-rate = 1e30 }}\n");
    let mut text = RECIPE.to_owned();
    for (step, kind) in [("[stage-1]\n", "nadam"), ("[stage-2-1]\n", "nadam"), ("[stage-2-2]\n", "sgd")] {
        text = text.replace(&format!("{step}epochs = 2\n"), &format!("{step}{}", rate(kind)));
    }
    Recipe::parse(&text, Path::new("test")).unwrap()
}

fn data(engine: Engine) -> TrainingData {
    let data = TrainingData::new(&samples("mnist"), &recipe(), 0, Device::Cpu).unwrap();
    TrainingData { engine, ..data }
}

fn bits(params: &[&Params]) -> Vec<Tensor> {
    params.iter().map(|p| p.snapshot().unwrap()).collect()
}

fn start(data: &TrainingData) -> UnifiedModel {
    let (recipe, mut rng) = (recipe(), stream(9, "test"));
    let branch = |rng: &mut _| litecnn_model::Branch::new(&data.branch_spec(&recipe), Device::Cpu, rng).unwrap();
    let (a, b) = (branch(&mut rng), branch(&mut rng));
    litecnn_surgery::join(&a, &b, &data.unified_spec(&recipe), &mut rng).unwrap()
}

type Result<T> = std::result::Result<T, TrainError>;

/// Runs one of the three single-model steps: weights and history without times.
fn run(
    step: &str,
    data: &TrainingData,
    recipe: &Recipe,
    workers: usize,
    state: Option<&Checkpointer>,
    observer: &dyn Observer,
) -> Result<(Vec<Tensor>, Vec<EpochRecord>)> {
    let (weights, fit) = match step {
        STAGE_ONE => {
            let (model, fit) = stage_one(data, recipe, 0, workers, state, observer)?;
            (bits(&[model.branches[0].params(), model.branches[1].params()]), fit)
        }
        STAGE_TWO_JOINT => {
            let (model, fit) = train_joint(start(data), data, recipe, 0, workers, state, observer)?;
            (bits(&model.parts()), fit)
        }
        _ => {
            let (model, fit) = train_whole(start(data), data, recipe, 0, workers, state, observer)?;
            (bits(&model.parts()), fit)
        }
    };
    Ok((weights, fit.history.iter().map(EpochRecord::untimed).collect()))
}

/// Wants an end once so many batches were done.
struct Enough {
    after: usize,
    batches: AtomicUsize,
}

impl Enough {
    fn after(after: usize) -> Self {
        Self { after, batches: AtomicUsize::new(0) }
    }
}

impl Observer for Enough {
    fn notice(&self, event: Event<'_>) {
        if let Event::Batch { .. } = event {
            self.batches.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn halts(&self) -> bool {
        self.batches.load(Ordering::SeqCst) >= self.after
    }
}

fn state_in(dir: &Path, name: &str) -> Checkpointer {
    Checkpointer { path: dir.join(name).join("state.safetensors"), fingerprint: "recipe and inputs".into() }
}

#[test]
fn halted_after_any_batch_and_resumed_gives_the_same_bits() {
    // Workers, and batches at a time; the plain engine takes longer.
    let all: &[(usize, usize)] = &[(1, 5), (2, 7), (2, 1), (1, 13), (2, 13)];
    let (kernels, plain) = (Engine::Kernels, Engine::Libtorch);
    let (recipe, tuned) = (recipe(), tuned());
    for (engine, ways, recipe) in
        [(kernels, all, &recipe), (plain, &all[..2], &recipe), (kernels, all, &tuned), (plain, &all[..2], &tuned)]
    {
        let dir = tempfile::tempdir().unwrap();
        let data = TrainingData::new(&samples("mnist"), recipe, 0, Device::Cpu).unwrap();
        let data = TrainingData { engine, ..data };
        for step in [STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE] {
            let expected = run(step, &data, recipe, 1, None, &Silent).unwrap();
            assert!(run(step, &data, recipe, 2, None, &Silent).unwrap() == expected, "{engine:?} {step}");
            for &(workers, every) in ways {
                let state = state_in(dir.path(), &format!("{engine:?}-{step}-{workers}-{every}"));
                let mut halts = Vec::new();
                let found = loop {
                    match run(step, &data, recipe, workers, Some(&state), &Enough::after(every)) {
                        Ok(found) => break found,
                        Err(TrainError::Halted { epoch, batch, saved: true, .. }) => halts.push((epoch, batch)),
                        Err(other) => panic!("{other}"),
                    }
                };
                assert!(found == expected, "{engine:?} {step}, {workers} workers, halted at {halts:?}");
                assert!(halts.is_sorted() && halts.len() <= 2 * 26 / every, "{halts:?}");
                assert!(halts.iter().any(|(_, batch)| *batch > 0) || every == 13, "within an epoch: {halts:?}");
            }
        }
    }
}

#[test]
fn who_halts_is_told_where() {
    let (dir, recipe, data) = (tempfile::tempdir().unwrap(), recipe(), data(Engine::Kernels));
    let state = state_in(dir.path(), "s");
    let told = |after, state: Option<&Checkpointer>| {
        run(STAGE_TWO_WHOLE, &data, &recipe, 1, state, &Enough::after(after)).unwrap_err().to_string()
    };
    assert_eq!(told(0, Some(&state)), "stage-2-2: halted before its first batch");
    assert!(!state.path.exists());
    assert_eq!(told(5, None), "stage-2-2: halted in epoch 1, not saved");
    assert_eq!(told(5, Some(&state)), "stage-2-2: halted in epoch 1 after 5 of 13 batches, saved");
    assert_eq!(told(8, Some(&state)), "stage-2-2: halted after epoch 1, saved");
}

#[test]
fn folds_halt_side_by_side() {
    let (dir, recipe, data) = (tempfile::tempdir().unwrap(), recipe(), data(Engine::Kernels));
    let (folds, start) = (Fold::all(&data, &recipe, 0).unwrap(), start(&data));
    let all = |workers, observer: &dyn Observer, keep: bool| {
        let results = std::sync::Mutex::new(Vec::new());
        let finished = |fold: &Fold, model: UnifiedModel, _| {
            results.lock().unwrap().push((fold.number, bits(&model.parts())));
            Ok(())
        };
        let state = |fold: &Fold| Ok(keep.then(|| state_in(dir.path(), &fold.step())));
        let done = cross_validate(&start, &folds, &data, &recipe, 0, workers, &state, observer, &finished);
        let mut results = results.into_inner().unwrap();
        results.sort_by_key(|(number, _)| *number);
        done.map(|()| results)
    };
    let expected = all(1, &Silent, false).unwrap();
    let mut halts = 0;
    let found = loop {
        match all(2, &Enough::after(10), true) {
            Ok(found) => break found,
            Err(TrainError::Halted { saved: true, .. }) => halts += 1,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(halts > 3 && found == expected, "{halts}");
}

#[test]
fn divergence_is_told_with_its_batch_and_keeps_the_last_good_state() {
    let dir = tempfile::tempdir().unwrap();
    for engine in [Engine::Kernels, Engine::Libtorch] {
        let data = data(engine);
        for step in [STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE] {
            for workers in [1, 2] {
                let state = state_in(dir.path(), &format!("{engine:?}-{step}-{workers}"));
                run(step, &data, &recipe().capped(1), workers, Some(&state), &Silent).unwrap();
                let good = std::fs::read(&state.path).unwrap();
                // The same state taken on by a recipe that ruins it.
                let error = match run(step, &data, &wild(), workers, Some(&state), &Silent) {
                    Err(error @ TrainError::Diverged { .. }) => error.to_string(),
                    other => panic!("{engine:?} {step}: {:?}", other.map(|(_, history)| history)),
                };
                let output = if step == STAGE_ONE { "branch-" } else { "model" };
                assert!(error.starts_with(&format!("{step}, epoch 2, batch 2: the loss of `{output}")), "{error}");
                assert!(error.contains("at learning rate 1e30 "), "{error}");
                assert!(error.contains("(the state of epoch 1 is kept): lower the learning rate"), "{error}");
                assert_eq!(std::fs::read(&state.path).unwrap(), good, "{engine:?} {step}");
            }
        }
    }
}
