//! Any depth, filters, number of classes and size: libtorch, the kernels and the runtime give the same answers.

use litecnn_data::{Dataset, Images, stream};
use litecnn_export::{QuantiseSettings, TrainedModel};
use litecnn_model::{Architecture, Branch, BranchSpec, Card, InputShape, Model, UnifiedSpec, fit_budget};
use litecnn_runtime::AlignedBytes;
use litecnn_train::*;
use ndarray::Array4;
use rand::RngExt;
use tch::{Device, Tensor};

/// Images of noise.
fn noise(count: usize, input: InputShape, classes: i64) -> Images {
    let mut rng = stream(1, "test images");
    let shape = (count, input.height as usize, input.width as usize, input.channels as usize);
    Images {
        pixels: Array4::from_shape_simple_fn(shape, || rng.random::<u8>()),
        labels: (0..count).map(|i| (i as i64 % classes) as u8).collect(),
    }
}

fn specs() -> Vec<UnifiedSpec> {
    let square = |channels, side| InputShape { channels, height: side, width: side };
    let by_hand = |channels, side, filters: &[i64], classes, hidden| {
        let branch = BranchSpec { input: square(channels, side), filters: filters.into(), classes };
        UnifiedSpec { hidden, ..UnifiedSpec::paper(branch) }
    };
    let mut specs = vec![
        by_hand(1, 28, &[1], 2, 4),
        by_hand(3, 28, &[3, 2, 1], 256, 5),
        by_hand(1, 32, &[33, 7], 17, 40),
        by_hand(3, 48, &[5, 11, 13], 3, 9),
        by_hand(1, 64, &[2, 3, 5, 7], 41, 6),
    ];
    for (channels, side, classes, budget) in [
        (1, 28, 2, 3_000),
        (3, 32, 40, 64_000),
        (1, 48, 256, 90_000),
        (3, 64, 5, 20_000),
        (3, 96, 3, 20_000),
        (1, 96, 12, 30_000),
    ] {
        specs.push(fit_budget(square(channels, side), classes, budget).unwrap());
    }
    specs
}

#[test]
fn all_three_give_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    for spec in specs() {
        let (branch, classes) = (&spec.branch, spec.branch.classes);
        let mut rng = stream(7, "test weights");
        let [first, second] = [(); 2].map(|()| Branch::new(branch, Device::Cpu, &mut rng).unwrap());
        let model = litecnn_surgery::join(&first, &second, &spec, &mut rng).unwrap();

        let images = noise(19, branch.input, classes);
        let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
        let dataset = Dataset {
            name: "noise".into(),
            title: "Noise".into(),
            classes: names.clone(),
            coarse: None,
            validation: None,
            pictures: None,
            train: images.clone(),
            test: images.clone(),
            digest: String::new(),
            official: false,
        };
        let mut recipe = Recipe::load("pictures").unwrap();
        recipe.model.filters.clone_from(&branch.filters);
        (recipe.model.hidden_units, recipe.model.dropout) = (spec.hidden, spec.dropout);
        let data = TrainingData::new(&dataset, &recipe, 0, Device::Cpu).unwrap();
        assert_eq!(data.unified_spec(&recipe), spec);
        let places: Vec<u32> = (0..19).collect();
        let by = |engine| {
            let logits = unified_logits(&model, &data.images, &places, engine, 1).unwrap();
            Vec::<f32>::try_from(logits.flatten(0, -1)).unwrap()
        };
        let (plain, kernels) = (by(Engine::Libtorch), by(Engine::Kernels));

        let path = folder.path().join("model.safetensors");
        let card = Card::new(Architecture::Unified { spec: spec.clone() }, &names);
        Model::Unified(model).save(&path, &card).unwrap();
        let trained = TrainedModel::read(&path).unwrap();
        assert_eq!(trained.parameters() as i64, spec.parameters());
        let pixels = images.pixels.as_slice().unwrap();
        let answers = |file: Vec<u8>| {
            let file = AlignedBytes::new(&file);
            let runtime = litecnn_runtime::Model::from_bytes(&file).unwrap();
            let (mut scratch, mut logits) = (vec![0.0; runtime.batch_scratch_len()], vec![0.0; plain.len()]);
            runtime.session(&mut scratch).unwrap().logits_batch(pixels, &mut logits).unwrap();
            logits
        };
        let runtime = answers(litecnn_export::litecnn(&trained).unwrap());
        let largest = plain.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        assert!(largest > 0.0, "{spec:?}: nothing to compare");
        let off = |ours: &[f32]| ours.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest;
        assert!(off(&kernels) < 1e-5 && off(&runtime) < 1e-5, "{spec:?}: {} {}", off(&kernels), off(&runtime));

        // What exports there are can be made of it, and integers are near.
        let small = litecnn_export::quantise(&trained, pixels, QuantiseSettings::default()).unwrap();
        let integers = answers(small.litecnn().unwrap());
        assert!(off(&integers) < 0.25, "{spec:?}: {}", off(&integers));
        assert!(!litecnn_export::onnx(&trained).is_empty());
        assert!(litecnn_export::c(&trained, "noise").source.contains("class 1"));
    }
}

/// A gradient step too: a branch of each depth learns the same with the kernels as with libtorch.
#[test]
fn a_step_of_training_is_the_same() {
    for spec in specs().into_iter().step_by(2) {
        let images = noise(40, spec.branch.input, spec.branch.classes.min(20));
        let classes = spec.branch.classes as usize;
        let dataset = Dataset {
            name: "noise".into(),
            title: "Noise".into(),
            classes: vec![String::new(); classes],
            coarse: None,
            validation: None,
            pictures: None,
            train: images.clone(),
            test: images,
            digest: String::new(),
            official: false,
        };
        let mut recipe = Recipe::load("pictures").unwrap().capped(1);
        recipe.model.filters.clone_from(&spec.branch.filters);
        (recipe.model.hidden_units, recipe.model.dropout) = (spec.hidden, spec.dropout);
        // Nadam divides by the root of tiny squares, which makes rounding large; this one does not.
        recipe.stage_1.optimizer = recipe.stage_2_2.optimizer.clone();
        let train = |engine| {
            let data = TrainingData::new(&dataset, &recipe, 0, Device::Cpu).unwrap();
            let (model, _) = stage_one(&TrainingData { engine, ..data }, &recipe, 0, 1, None, &Silent).unwrap();
            model.branches[0].params().flat().detach().copy()
        };
        let (ours, plain): (Tensor, Tensor) = (train(Engine::Kernels), train(Engine::Libtorch));
        let off = (ours - plain).abs().max().double_value(&[]);
        assert!(off < 5e-6, "{spec:?}: {off}");
    }
}
