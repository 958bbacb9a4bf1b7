//! Single steps against the plain form spelled out with libtorch's own automatic differentiation.

use litecnn_data::{DeviceImages, stream};
use litecnn_model::UnifiedModel;
use litecnn_train::*;
use rand::RngExt;
use tch::{Device, Reduction, Tensor};

use crate::samples;

fn recipe(text: &str) -> Recipe {
    Recipe::parse(text, std::path::Path::new("test")).unwrap()
}

fn fresh(data: &TrainingData, recipe: &Recipe) -> UnifiedModel {
    let mut rng = stream(5, "test weights");
    let branch = |rng: &mut _| litecnn_model::Branch::new(&data.branch_spec(recipe), Device::Cpu, rng).unwrap();
    let (first, second) = (branch(&mut rng), branch(&mut rng));
    litecnn_surgery::join(&first, &second, &data.unified_spec(recipe), &mut rng).unwrap()
}

/// Trains the whole model for an epoch as anybody would write it: one graph, one loss, Keras' SGD by hand.
fn plain_epoch(model: &mut UnifiedModel, images: &DeviceImages, places: &[u32], purpose: &str, seed: u64) {
    let (rate, momentum, decay) = (0.001, 0.9, 1e-4);
    let mut order = stream(seed, &format!("{purpose}/order/epoch-1"));
    let mut dropout = stream(seed, &format!("{purpose}/dropout/epoch-1"));
    let mut velocity: Vec<Tensor> = model.named().iter().map(|(_, w)| w.zeros_like()).collect();
    for batch in images.shuffled_batches(places, 32, &mut order).unwrap() {
        let batch = batch.unwrap();
        let factors: Vec<f32> =
            (0..batch.len() * 32).map(|_| if dropout.random::<f64>() < 0.5 { 0.0 } else { 2.0 }).collect();
        let factors = Tensor::from_slice(&factors).view([-1, 32]);
        let joined = model.joined(&batch.images).unwrap();
        let logits = model.joint.forward(&joined, Some(&factors)).unwrap();
        let loss = logits.cross_entropy_loss::<Tensor>(&batch.labels, None, Reduction::Mean, -100, 0.0);
        let weights: Vec<Tensor> = model.named().iter().map(|(_, w)| w.shallow_clone()).collect();
        let gradients = Tensor::run_backward(&[loss], &weights, false, false);
        tch::no_grad(|| {
            for ((mut w, g), v) in weights.into_iter().zip(gradients).zip(&mut velocity) {
                let decayed = &w * (1.0 - rate * decay);
                *v = &*v * momentum - &g * rate;
                w.copy_(&(decayed + &*v * momentum - g * rate));
            }
        });
    }
}

#[test]
fn training_by_halves_is_training_the_whole() {
    for name in ["mnist", "cifar10"] {
        let recipe = recipe("[data]\nvalidation-images = 200\n[stage-2-2]\nepochs = 1");
        let mut data = TrainingData::new(&samples(name), &recipe, 3, Device::Cpu).unwrap();
        data.engine = Engine::Libtorch;
        let start = fresh(&data, &recipe);
        let mut plain = start.duplicate().unwrap();
        plain_epoch(&mut plain, &data.images, &data.split.train, STAGE_TWO_WHOLE, 3);
        for workers in [1, 2] {
            let copy = start.duplicate().unwrap();
            let (ours, fit) = train_whole(copy, &data, &recipe, 3, workers, None, &Silent).unwrap();
            assert_eq!(fit.epochs, 1);
            for ((name, a), (_, b)) in ours.named().iter().zip(plain.named()) {
                let off = (*a - b).abs().max().double_value(&[]);
                assert!(off < 1e-5, "{name}: {off}");
                assert_ne!(*a, start.named().iter().find(|(n, _)| n == name).unwrap().1, "{name} was not trained");
            }
        }
    }
}

#[test]
fn frozen_branches_keep_every_bit_and_step_one_is_the_plain_form() {
    let recipe = recipe("[data]\nvalidation-images = 200\n[stage-2-1]\nepochs = 3\nkeep = \"last\"");
    let data = TrainingData::new(&samples("mnist"), &recipe, 0, Device::Cpu).unwrap();
    let start = fresh(&data, &recipe);
    let (trained, fit) = train_joint(start.duplicate().unwrap(), &data, &recipe, 0, 2, None, &Silent).unwrap();
    assert_eq!(fit.epochs, 3);
    for i in 0..2 {
        assert_eq!(trained.branches[i].params().flat(), start.branches[i].params().flat());
    }
    assert_ne!(trained.joint.params().flat(), start.joint.params().flat());

    // The plain form: the whole model forward for every batch, gradients of the dense layers only.
    let plain = start.duplicate().unwrap();
    let mut params = plain.joint.params().share();
    let mut optimizer = Optimizer::new(&recipe.stage_2_1.optimizer, params.flat());
    for epoch in 1..=3 {
        use rand::seq::SliceRandom;
        let mut order = data.split.train.clone();
        // The step shuffles places in the split, which is the same permutation.
        let mut places: Vec<i64> = (0..order.len() as i64).collect();
        places.shuffle(&mut stream(0, &format!("stage-2-1/order/epoch-{epoch}")));
        order = places.iter().map(|&p| order[p as usize]).collect();
        let mut dropout = stream(0, &format!("stage-2-1/dropout/epoch-{epoch}"));
        for batch in data.images.batches(&order, 32).unwrap() {
            let batch = batch.unwrap();
            let factors: Vec<f32> =
                (0..batch.len() * 32).map(|_| if dropout.random::<f64>() < 0.5 { 0.0 } else { 2.0 }).collect();
            let factors = Tensor::from_slice(&factors).view([-1, 32]);
            let joined = plain.joined(&batch.images).unwrap();
            let logits = plain.joint.forward(&joined, Some(&factors)).unwrap();
            let loss = logits.cross_entropy_loss::<Tensor>(&batch.labels, None, Reduction::Mean, -100, 0.0);
            let gradients = Tensor::run_backward(&[loss], params.views(), false, false);
            let gradient = params.gather(&gradients).unwrap();
            optimizer.step(params.flat_mut(), &gradient).unwrap();
        }
    }
    let off = (trained.joint.params().flat() - plain.joint.params().flat()).abs().max().double_value(&[]);
    assert!(off < 1e-5, "{off}");
}

#[test]
fn kept_weights_are_those_the_history_names() {
    let recipe = recipe("[data]\nvalidation-images = 300\n[stage-1]\nepochs = 5");
    let data = TrainingData::new(&samples("mnist"), &recipe, 1, Device::Cpu).unwrap();
    let (model, fit) = stage_one(&data, &recipe, 1, 2, None, &Silent).unwrap();
    assert_eq!(fit.history.len(), 10);
    for (branch, kept) in model.branches.iter().zip(&fit.kept) {
        let own = fit.history.iter().filter(|r| r.output == kept.output);
        let best = own.clone().map(|r| r.validation_accuracy).fold(0.0, f64::max);
        let first_best = own.clone().find(|r| r.validation_accuracy == best).unwrap();
        assert_eq!((kept.accuracy, kept.epoch), (best, first_best.epoch));
        let places = &data.split.validation;
        let logits = branch_logits(branch, &data.images, places, data.engine).unwrap();
        let score = Score::of(&logits, &data.images.labels(places).unwrap()).unwrap();
        assert_eq!((score.accuracy, score.loss), (best, first_best.validation_loss));
    }
}

#[test]
fn a_diverging_loss_stops_with_the_place() {
    let text = "[data]\nvalidation-images = 200\n[stage-2-2]\nepochs = 2\n[stage-2-2.optimizer]\nlearning-rate = 1e30";
    let recipe = recipe(text);
    let data = TrainingData::new(&samples("mnist"), &recipe, 0, Device::Cpu).unwrap();
    let message = train_whole(fresh(&data, &recipe), &data, &recipe, 0, 2, None, &Silent).unwrap_err().to_string();
    assert!(message.contains("stage-2-2, epoch 1, batch 2: the loss of `model` is not a finite number"), "{message}");
    assert!(message.contains("learning rate 1e30") || message.contains("learning rate 1000"), "{message}");
}

#[test]
fn recipes_that_do_not_suit_the_data_are_refused() {
    let mnist = samples("mnist");
    let message = |text: &str| TrainingData::new(&mnist, &recipe(text), 0, Device::Cpu).unwrap_err().to_string();
    assert!(message("").contains("10000 validation images cannot be cut from 1000"));
    let few = "[data]\nvalidation-images = 200\n";
    assert!(message(&format!("{few}[model]\nfilters = [4, 4, 4, 4]")).contains("28x28 pixels is too small"));
}
