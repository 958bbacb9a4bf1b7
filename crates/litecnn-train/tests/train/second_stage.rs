//! Orders of unfreezing, and one branch alone.

use litecnn_data::stream;
use litecnn_model::{Branch, UnifiedModel};
use litecnn_train::*;
use tch::{Device, Tensor};

use crate::samples;

const BASE: &str = "[data]\nvalidation-images = 200\n[stage-2-2]\nkeep = \"last\"\nepochs = 2\n";

fn recipe(text: &str) -> Recipe {
    Recipe::parse(&format!("{BASE}{text}"), std::path::Path::new("test")).unwrap()
}

fn start(data: &TrainingData, recipe: &Recipe) -> UnifiedModel {
    let mut rng = stream(5, "test weights");
    let branch = |rng: &mut _| Branch::new(&data.branch_spec(recipe), Device::Cpu, rng).unwrap();
    let (first, second) = (branch(&mut rng), branch(&mut rng));
    litecnn_surgery::join(&first, &second, &data.unified_spec(recipe), &mut rng).unwrap()
}

/// Names of the weights that differ, of the first branch and the joint layers.
fn moved(before: &UnifiedModel, after: &UnifiedModel) -> Vec<String> {
    let pairs = before.named().into_iter().zip(after.named());
    let moved = pairs.filter(|((name, a), (_, b))| !name.starts_with("branch-2") && a != b);
    moved.map(|((name, _), _)| name).filter(|name| name.ends_with("weight")).collect()
}

#[test]
fn what_is_frozen_stays_to_the_bit() {
    let joint = ["hidden.weight", "output.weight"];
    // Two epochs do not reach the last of three parts.
    let cases = [
        ("progressive", vec!["branch-1.conv1.weight", "branch-1.conv2.weight", "branch-1.head.weight"]),
        ("top-down", vec!["branch-1.conv2.weight", "branch-1.head.weight"]),
        ("bottom-up", vec!["branch-1.conv1.weight", "branch-1.conv2.weight"]),
    ];
    let adamw = "optimizer = { kind = \"adamw\", learning-rate = 0.002, beta-1 = 0.9, beta-2 = 0.999, epsilon = 1e-8, \
                 weight-decay = 0.1 }\naverage = 0.9\n";
    for (order, free) in cases {
        for optimizer in ["", adamw] {
            let recipe = recipe(&format!("{optimizer}[second-stage]\nunfreezing = \"{order}\""));
            let mut data = TrainingData::new(&samples("cifar10"), &recipe, 3, Device::Cpu).unwrap();
            let mut results: Vec<Vec<Tensor>> = Vec::new();
            for (engine, workers) in [(Engine::Kernels, 1), (Engine::Kernels, 2), (Engine::Libtorch, 1)] {
                data.engine = engine;
                let before = start(&data, &recipe);
                let copy = before.duplicate().unwrap();
                let (after, _) = train_whole(copy, &data, &recipe, 3, workers, None, &Silent).unwrap();
                let expected: Vec<&str> = free.iter().copied().chain(joint).collect();
                assert_eq!(moved(&before, &after), expected, "{order}, {engine:?}");
                results.push(after.named().iter().map(|(_, weight)| weight.detach().copy()).collect());
            }
            assert_eq!(results[0], results[1], "with one worker and two");
        }
    }
}

#[test]
fn one_step_is_the_epochs_of_both() {
    let recipe = recipe("[stage-2-1]\nepochs = 1\n[second-stage]\nunfreezing = \"one-step\"");
    let data = TrainingData::new(&samples("mnist"), &recipe, 3, Device::Cpu).unwrap();
    let before = start(&data, &recipe);
    let (model, fit) = train_joint(before.duplicate().unwrap(), &data, &recipe, 3, 1, None, &Silent).unwrap();
    assert_eq!((moved(&before, &model), fit.epochs, fit.history.len()), (vec![], 0, 0));
    let (after, fit) = train_whole(model, &data, &recipe, 3, 1, None, &Silent).unwrap();
    assert_eq!((moved(&before, &after).len(), fit.epochs), (5, 3));
}

#[test]
fn one_branch_has_the_weights_of_two() {
    let recipe = recipe("[stage-1]\noptimizer = { learning-rate = 0.002 }");
    let data = TrainingData::new(&samples("mnist"), &recipe, 3, Device::Cpu).unwrap();
    let train = || train_single(&data, &recipe, 3, 3, None, &Silent).unwrap();
    let (branch, fit) = train();
    let (count, most) = (branch.spec().parameters(), data.unified_spec(&recipe).parameters());
    assert!(count <= most && 10 * count >= 9 * most, "{count} of {most}");
    assert_eq!((fit.epochs, branch.spec()), (3, &single_spec(&data, &recipe).unwrap()));
    let best = fit.history.iter().map(|record| record.validation_accuracy).fold(0.0, f64::max);
    assert!(best > 0.4, "{best}");
    assert_eq!(branch.params().flat(), train().0.params().flat());
}
