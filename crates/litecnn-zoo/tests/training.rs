//! Training: rates and steps against PyTorch (`reference/training.py`), repeatability, resuming, pruning.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use litecnn_data::{LoadOptions, Normalisation, load, stream};
use litecnn_train::{Checkpointer, Engine, Event, Memory, Observer, Silent};
use litecnn_zoo::*;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

#[derive(Deserialize)]
struct Reference {
    one_cycle: Vec<Rates>,
    weights: Weights,
    plateau: Plateau,
}

#[derive(Deserialize)]
struct Rates {
    steps: usize,
    /// Step, rate, momentum.
    found: Vec<(usize, f64, f64)>,
}

#[derive(Deserialize)]
struct Weights {
    start: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    after: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Plateau {
    losses: Vec<f64>,
    rates: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/training.json")).unwrap()
}

fn near(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-10 * theirs.abs()
}

#[test]
fn the_studys_rates_are_pytorchs() {
    let schedule = Recipe::load("study").unwrap().schedule;
    for Rates { steps, found } in reference().one_cycle {
        for (step, rate, momentum) in found {
            let at = schedule.at(step, steps, &[]);
            assert!(near(at.rate, rate) && near(at.momentum, momentum), "{step} of {steps}: {at:?} {rate} {momentum}");
        }
    }
    let ends = [0, 5864, 58_649].map(|step| schedule.at(step, 58_650, &[]));
    for (at, (rate, momentum)) in ends.into_iter().zip([(0.0005, 0.95), (0.0125, 0.85), (5e-8, 0.95)]) {
        assert!((at.rate / rate - 1.0).abs() < 1e-9 && (at.momentum - momentum).abs() < 1e-9, "{at:?}");
    }
}

#[test]
fn the_previous_studys_rates_are_pytorchs() {
    let schedule = Recipe::load("previous").unwrap().schedule;
    let Plateau { losses, rates } = reference().plateau;
    let ours: Vec<f64> = (0..losses.len()).map(|epoch| schedule.at(0, 1, &losses[..epoch]).rate).collect();
    assert!(ours.iter().zip(&rates).all(|(ours, theirs)| near(*ours, *theirs)), "{ours:?} {rates:?}");
    assert!(rates.last().unwrap() < &2e-5, "the floor was reached");
}

#[test]
fn steps_are_pytorchs_also_when_resumed() {
    let schedule = Recipe::load("study").unwrap().schedule;
    let Weights { start, gradients, after } = reference().weights;
    let mut weights = Tensor::from_slice(&start);
    let mut sgd = Sgd::new(0.02, &weights);
    for (step, (gradient, expected)) in gradients.iter().zip(&after).enumerate() {
        if step == 20 {
            let velocity = sgd.tensors()[0].1.copy();
            sgd = Sgd::new(0.02, &weights);
            sgd.restore(Default::default(), &mut |name| (name == "velocity").then(|| velocity.copy())).unwrap();
        }
        sgd.step(&mut weights, &mut Tensor::from_slice(gradient), schedule.at(step, gradients.len(), &[])).unwrap();
        let ours: Vec<f64> = Vec::try_from(weights.to_kind(Kind::Double)).unwrap();
        for (ours, theirs) in ours.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-6 * theirs.abs().max(0.1), "step {step}: {ours} {theirs}");
        }
    }
}

/// A small network with dropout.
const NETWORK: &str = r#"
    name = "small"
    input = { channels = 3, height = 32, width = 32 }
    classes = 10
    [[parts]]
    name = "body"
    layers = [
        { conv = { kernel = 3, out = 6, stride = 4 } }, "batch-norm", "relu",
        { ghost-bottleneck = { hidden = 8, out = 8, stride = 2, project = true } },
    ]
    [[parts]]
    name = "head"
    layers = [{ dense-head = { dropout = 0.2 } }]
"#;

fn network() -> Network {
    Network::parse(NETWORK, Path::new("small.toml")).unwrap()
}

fn fresh() -> Model {
    Model::new(network().graph().unwrap(), Device::Cpu, &mut stream(3, "weights")).unwrap()
}

fn data() -> (TrainingData, Recipe) {
    tch::set_num_threads(1);
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
    let set = load("cifar10", &LoadOptions { data_dir: Some(samples), ..LoadOptions::default() }).unwrap();
    let recipe = Recipe::load("smoke").unwrap().normalised(Normalisation::of(&set));
    (TrainingData::new(&set, Device::Cpu).unwrap(), Recipe { epochs: 4, ..recipe })
}

fn means<'a>(checkpointer: Option<&'a Checkpointer>, observer: &'a dyn Observer) -> Means<'a> {
    Means { engine: Engine::Libtorch, threads: 1, checkpointer, observer }
}

fn bits(model: &Model) -> Vec<u32> {
    let values = Tensor::cat(&[model.state().weights(), model.state().statistics()], 0);
    Vec::<f32>::try_from(values).unwrap().into_iter().map(f32::to_bits).collect()
}

#[test]
fn training_learns_and_is_repeatable() {
    let (data, recipe) = data();
    let train = |seed| train(fresh(), &data, &recipe, seed, &means(None, &Silent)).unwrap();
    let (model, fit) = train(0);
    let (first, last) = (&fit.history[0], &fit.history[3]);
    assert!(last.validation_loss < first.validation_loss - 0.01, "{first:?} {last:?}");
    assert!(near(first.learning_rate, 0.0005), "{first:?}");
    assert_eq!(fit.kept[0].epoch, 4, "the last epoch's weights");
    assert_eq!(bits(&model), bits(&train(0).0));
    assert_ne!(bits(&model), bits(&train(1).0));
    let found = Evaluation::of(&model, &data.test, &recipe.normalisation).unwrap();
    assert_eq!(found.score.accuracy, last.validation_accuracy);
}

/// Ends training as a kill would: by a panic once an epoch is saved.
struct Killer(AtomicU32);

impl Observer for Killer {
    fn notice(&self, event: Event<'_>) {
        if let Event::EpochEnd { .. } = event {
            assert!(self.0.fetch_sub(1, Ordering::Relaxed) > 1, "killed");
        }
    }
}

#[test]
fn killed_and_resumed_gives_the_same_bits() {
    let (data, recipe) = data();
    let (straight, expected) = train(fresh(), &data, &recipe, 0, &means(None, &Silent)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let to = Checkpointer { path: dir.path().join("state.safetensors"), fingerprint: "f".into() };
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        train(fresh(), &data, &recipe, 0, &means(Some(&to), &Killer(AtomicU32::new(2))))
    }));
    assert!(killed.is_err() && to.path.exists());
    let (model, fit) = train(fresh(), &data, &recipe, 0, &means(Some(&to), &Silent)).unwrap();
    assert_eq!(bits(&model), bits(&straight));
    let untimed =
        |fit: &litecnn_train::Fit| fit.history.iter().map(litecnn_run::EpochRecord::untimed).collect::<Vec<_>>();
    assert_eq!(untimed(&fit), untimed(&expected));
}

/// Wants an end once so many batches were done.
struct Enough(AtomicU32);

impl Observer for Enough {
    fn notice(&self, event: Event<'_>) {
        if let Event::Batch { .. } = event {
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        }
    }

    fn halts(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[test]
fn halted_after_any_batch_and_resumed_gives_the_same_bits() {
    let (data, recipe) = data();
    let (straight, expected) = train(fresh(), &data, &recipe, 0, &means(None, &Silent)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let to = Checkpointer { path: dir.path().join("state.safetensors"), fingerprint: "f".into() };
    let mut halts = 0;
    let (model, fit) = loop {
        match train(fresh(), &data, &recipe, 0, &means(Some(&to), &Enough(AtomicU32::new(3)))) {
            Ok(done) => break done,
            Err(ZooError::Train(litecnn_train::TrainError::Halted { saved: true, .. })) => halts += 1,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(halts > 4, "{halts}");
    assert_eq!(bits(&model), bits(&straight));
    let untimed =
        |fit: &litecnn_train::Fit| fit.history.iter().map(litecnn_run::EpochRecord::untimed).collect::<Vec<_>>();
    assert_eq!(untimed(&fit), untimed(&expected));
}

#[test]
fn weights_that_reach_nothing_stay_as_they_are() {
    let (data, recipe) = data();
    let graph = Variant::find("vgg19-5").unwrap().network(10).graph().unwrap();
    let model = Model::new(graph, Device::Cpu, &mut stream(0, "weights")).unwrap();
    let (all, trained) = (model.state().weights().numel() as i64, model.state().trainable());
    assert_eq!(all - trained, 1376);
    let before = model.state().weights().copy();
    let few = data.limited(4);
    let recipe = Recipe { epochs: 1, weight_decay: 0.1, ..recipe };
    let (model, _) = train(model, &few, &recipe, 0, &means(None, &Silent)).unwrap();
    let part = |t: &Tensor, from, to| t.narrow(0, from, to - from);
    let after = model.state().weights();
    assert_eq!(part(after, trained, all), part(&before, trained, all));
    assert_ne!(part(after, 0, trained), part(&before, 0, trained));
}

#[test]
fn a_pruned_weight_never_comes_back() {
    let (data, recipe) = data();
    let recipe = Recipe { schedule: Recipe::load("fine-tuning").unwrap().schedule.with_peak(0.05), ..recipe };
    let mut model = fresh();
    let plan = pruning_plan(&model, 0.4, Until::Rounds(3)).unwrap();
    let start = model.non_zero_kernels().unwrap();
    let expected = (0..3).scan(start, |left, _| {
        *left -= (0.4 * *left as f64).round() as i64;
        Some(*left)
    });
    assert!(plan.iter().copied().eq(expected), "{plan:?}");
    let kernels = |model: &Model| model.state().weights().narrow(0, 0, model.state().kernels()).copy();
    for (round, &left) in (1..).zip(&plan) {
        let (before, zero) = (kernels(&model), kernels(&model).eq(0.0));
        model = prune_and_tune(model, left, &data, &recipe, round, 0, &means(None, &Silent)).unwrap().0;
        assert_eq!(model.non_zero_kernels().unwrap(), left);
        let after = kernels(&model);
        assert!(after.masked_select(&zero).eq(0.0).all().int64_value(&[]) == 1);
        let moved = after.ne_tensor(&before).logical_and(&after.ne(0.0)).sum(Kind::Int64).int64_value(&[]);
        assert!(moved > left / 2, "what is left is trained: {moved} of {left}");
    }
}

#[test]
fn pruning_ends_where_it_is_told_to() {
    let (data, recipe) = data();
    let recipe = Recipe { epochs: 1, ..recipe };
    let mut model = fresh();
    let others = model.state().weights().numel() as i64 - model.state().kernels();
    let wanted = others + model.non_zero_kernels().unwrap() / 2;
    let plan = pruning_plan(&model, 0.2, Until::NonZero(wanted)).unwrap();
    assert_eq!(plan.len(), 4, "0.8^3 is more than a half: {plan:?}");
    for (round, &left) in (1..).zip(&plan) {
        model = prune_and_tune(model, left, &data, &recipe, round, 0, &means(None, &Silent)).unwrap().0;
    }
    let found = model.non_zero_weights().unwrap();
    assert!(found <= wanted && found > wanted - 5, "{found} {wanted}");
    assert!(pruning_plan(&model, 0.2, Until::NonZero(i64::MAX)).unwrap().is_empty(), "nothing to do");
    let message = pruning_plan(&model, 0.2, Until::NonZero(others - 1)).unwrap_err().to_string();
    assert!(message.contains(&format!("{others} are not of convolutions")), "{message}");
    for share in [0.0, 1.0, f64::NAN] {
        assert!(pruning_plan(&model, share, Until::Rounds(1)).is_err());
    }
}

#[test]
fn what_cannot_be_trained_is_told() {
    let (data, recipe) = data();
    let twelve = Network { classes: 12, ..network() }.graph().unwrap();
    let model = Model::zeros(twelve, Device::Cpu).unwrap();
    let message = train(model, &data, &recipe, 0, &means(None, &Silent)).unwrap_err().to_string();
    assert!(message.contains("`small` is for images of 3x32x32 and 12 classes, but `cifar10` has"), "{message}");
    let grey = Recipe { normalisation: Normalisation { mean: vec![0.5], deviation: vec![0.5] }, ..recipe.clone() };
    let message = train(fresh(), &data, &grey, 0, &means(None, &Silent)).unwrap_err().to_string();
    assert!(message.contains("1 means and 1 deviations for images of 3 channels"), "{message}");
    let wild = Recipe { schedule: recipe.schedule.clone().with_peak(1e30), ..recipe };
    let message = train(fresh(), &data, &wild, 0, &means(None, &Silent)).unwrap_err().to_string();
    assert!(message.contains("train, epoch 1, batch 2: the loss of `model` "), "{message}");
    assert!(message.contains("e29: lower"), "the rate of the second batch: {message}");
}

#[test]
fn dense_heads_drop_logits_not_means() {
    let head = litecnn_zoo::blocks::DenseHead { bias: true, dropout: 0.5 };
    let head = Part { name: "head".into(), layers: vec![head.into()] };
    let wide = Network { classes: 200, parts: vec![head], ..network() };
    let mut model = Model::new(wide.graph().unwrap(), Device::Cpu, &mut stream(0, "weights")).unwrap();
    let images = Tensor::rand([1, 3, 32, 32], (Kind::Float, Device::Cpu));
    let logits = |of: Tensor| Vec::<f32>::try_from(of.detach().view(-1)).unwrap();
    let whole = logits(model.forward(&images).unwrap());
    let dropped = logits(model.forward_train(&images, &mut stream(0, "dropout")).unwrap());
    let zeros = dropped.iter().filter(|logit| **logit == 0.0).count();
    assert!((70..130).contains(&zeros), "half of 200: {zeros}");
    assert!(whole.iter().zip(&dropped).all(|(a, b)| *b == 0.0 || *b == 2.0 * a), "{whole:?} {dropped:?}");
}

/// A network that the kernels know.
const KNOWN: &str = r#"
    name = "known"
    input = { channels = 3, height = 32, width = 32 }
    classes = 10
    [[parts]]
    name = "body"
    layers = [
        { conv = { kernel = 3, out = 6 } }, "batch-norm", "relu", { max-pool = {} },
        { residual = { body = [{ depthwise = {} }, { conv = { kernel = 1, out = 6 } }, "batch-norm"] } }, "relu",
        { average-pool = {} },
        { residual = {
            body = [
                { conv = { kernel = 1, out = 9 } }, "batch-norm", "relu",
                { depthwise = {} }, "batch-norm", "relu",
                { conv = { kernel = 1, out = 8 } }, "batch-norm",
            ],
            shortcut = [{ conv = { kernel = 1, out = 8 } }, "batch-norm"],
        } },
    ]
    [[parts]]
    name = "head"
    layers = ["dense-head"]
"#;

/// A fresh one, and a recipe with everything that the kernels do.
fn known() -> (Model, TrainingData, Recipe) {
    let (data, recipe) = data();
    let network = Network::parse(&KNOWN.replace("\"dense-head\"", "{ dense-head = {} }"), Path::new("known.toml"));
    let model = Model::new(network.unwrap().graph().unwrap(), Device::Cpu, &mut stream(3, "weights")).unwrap();
    let recipe = Recipe {
        norm_images: 16,
        batch_size: 32,
        average: 0.9,
        label_smoothing: 0.1,
        weight_decay: 1e-3,
        schedule: recipe.schedule.with_peak(0.02),
        ..recipe
    };
    (model, data, recipe)
}

/// Weights and statistics after some epochs of training on so many images.
fn trained(engine: Engine, threads: usize, images: usize, epochs: u32) -> (Vec<f32>, litecnn_train::Fit) {
    let (model, data, recipe) = known();
    let (data, recipe) = (data.limited(images), Recipe { epochs, ..recipe });
    let means = Means { engine, threads, checkpointer: None, observer: &Silent };
    let (model, fit) = train(model, &data, &recipe, 0, &means).unwrap();
    (Vec::try_from(Tensor::cat(&[model.state().weights(), model.state().statistics()], 0)).unwrap(), fit)
}

#[test]
fn kernels_train_as_libtorch_does() {
    let (model, _, recipe) = known();
    if Means::engine_for(model.graph(), &recipe, Device::Cpu).0 == Engine::Libtorch {
        println!("passed over: no vector instructions here");
        return;
    }
    let start: Vec<f32> = Vec::try_from(model.state().weights()).unwrap();
    let largest = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // Two steps, and some more: a value within rounding of zero or of another may fall to either side of a ReLU or maximum,
    // from where the two part.
    for (images, epochs, tolerance) in [(64, 1, 1e-5), (64, 3, 1e-3), (usize::MAX, 2, 2e-2)] {
        let ((ours, fit), (theirs, expected)) =
            (trained(Engine::Kernels, 1, images, epochs), trained(Engine::Libtorch, 1, images, epochs));
        let (apart, moved) = (largest(&ours, &theirs), largest(&start, &theirs[..start.len()]));
        println!("{images} images: {apart} apart, moved by {moved}");
        assert!(moved > 1e-4 && apart < tolerance, "{images} images: {apart} apart, moved by {moved}");
        for (ours, theirs) in fit.history.iter().zip(&expected.history) {
            let pairs = [(ours.loss, theirs.loss), (ours.validation_loss, theirs.validation_loss)];
            assert!(pairs.iter().all(|(a, b)| (a - b).abs() < f64::from(tolerance) * b), "{ours:?} {theirs:?}");
        }
    }
    let ours = trained(Engine::Kernels, 1, usize::MAX, 2).0;
    assert_eq!(ours, trained(Engine::Kernels, 2, usize::MAX, 2).0, "threads change nothing");
}

#[test]
fn with_the_kernels_halted_and_resumed_gives_the_same_bits() {
    let (model, data, recipe) = known();
    if Means::engine_for(model.graph(), &recipe, Device::Cpu).0 == Engine::Libtorch {
        println!("passed over: no vector instructions here");
        return;
    }
    let straight = trained(Engine::Kernels, 1, usize::MAX, 4).0;
    let dir = tempfile::tempdir().unwrap();
    let to = Checkpointer { path: dir.path().join("state.safetensors"), fingerprint: "f".into() };
    let mut halts = 0;
    let model = loop {
        let enough = Enough(AtomicU32::new(1));
        let means = Means { engine: Engine::Kernels, threads: 2, checkpointer: Some(&to), observer: &enough };
        match train(known().0, &data, &recipe, 0, &means) {
            Ok((model, _)) => break model,
            Err(ZooError::Train(litecnn_train::TrainError::Halted { saved: true, .. })) => halts += 1,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(halts > 3, "{halts}");
    let both = Tensor::cat(&[model.state().weights(), model.state().statistics()], 0);
    assert_eq!(Vec::<f32>::try_from(both).unwrap(), straight);
}

#[test]
fn what_the_kernels_cannot_train_is_told() {
    let (model, _, recipe) = known();
    let why = |graph: &Graph, recipe: &Recipe| Means::engine_for(graph, recipe, Device::Cpu).1.unwrap_or_default();
    let whole = Recipe { norm_images: 0, ..recipe.clone() };
    if !why(model.graph(), &recipe).is_empty() {
        return;
    }
    assert!(why(model.graph(), &whole).contains("16 images, not at a batch"), "{}", why(model.graph(), &whole));
    let strided = fresh();
    assert!(why(strided.graph(), &recipe).contains("`body.0` (conv)"), "{}", why(strided.graph(), &recipe));
    let (_, data, _) = known();
    let means = Means { engine: Engine::Kernels, threads: 1, checkpointer: None, observer: &Silent };
    let message = train(strided, &data, &recipe, 0, &means).unwrap_err().to_string();
    assert!(message.contains("libtorch can compute it"), "{message}");
    let odd = Recipe { batch_size: 24, ..recipe };
    let message = train(model, &data, &odd, 0, &means).unwrap_err().to_string();
    assert!(message.contains("norm-images = 16 does not divide batch-size = 24"), "{message}");
}
