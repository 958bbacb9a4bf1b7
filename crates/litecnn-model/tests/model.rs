//! Weight files and equality of the models with operations spelled out one by one.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use litecnn_model::*;
use litecnn_pictures::{Background, Fit, PictureForm};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

fn names(n: i64) -> Vec<String> {
    (0..n).map(|i| format!("class {i}")).collect()
}

fn random(shape: &[i64], seed: u64) -> Tensor {
    use rand::RngExt;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_slice(&values).view(shape)
}

/// A unified model with every weight random, biases included.
fn unified(spec: &UnifiedSpec, seed: u64) -> UnifiedModel {
    let mut model = UnifiedModel::zeros(spec, Device::Cpu).unwrap();
    for (i, branch) in model.branches.iter_mut().enumerate() {
        let total = branch.params().flat().size();
        branch.params_mut().restore(&(random(&total, seed + i as u64) * 0.3)).unwrap();
    }
    let total = model.joint.params().flat().size();
    model.joint.params_mut().restore(&(random(&total, seed + 2) * 0.3)).unwrap();
    model
}

/// The plain formula: convolution, ReLU, pooling, flattening by height, width, channel, a real 1x1 convolution.
fn spelled_out(model: &UnifiedModel, images: &Tensor) -> Tensor {
    let w: std::collections::HashMap<String, &Tensor> = model.named().into_iter().collect();
    let spec = &model.spec().branch;
    let mut outputs = Vec::new();
    for b in 1..=2 {
        let mut x = images.contiguous();
        for c in 1..=spec.filters.len() {
            let kernel = w[&format!("branch-{b}.conv{c}.weight")].contiguous();
            let bias = w[&format!("branch-{b}.conv{c}.bias")];
            x = x.conv2d(&kernel, Some(bias), [1, 1], [0, 0], [1, 1], 1).relu();
            x = x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        }
        let flat = x.permute([0, 2, 3, 1]).contiguous().view([-1, spec.features(), 1, 1]);
        let (kernel, bias) = (w[&format!("branch-{b}.head.weight")], w[&format!("branch-{b}.head.bias")]);
        outputs.push(flat.conv2d(kernel, Some(bias), [1, 1], [0, 0], [1, 1], 1));
    }
    let joined = Tensor::cat(&outputs, 1).flatten(1, -1);
    let hidden = (joined.matmul(&w["hidden.weight"].tr()) + w["hidden.bias"]).relu();
    hidden.matmul(&w["output.weight"].tr()) + w["output.bias"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn forward_is_the_formula(
        channels in 1i64..4, height in 10i64..20, width in 10i64..20,
        first in 1i64..6, second in 1i64..6, classes in 2i64..7, batch in 1i64..5, seed in 0u64..1000,
    ) {
        let branch = BranchSpec { input: InputShape { channels, height, width }, filters: vec![first, second], classes };
        let model = unified(&UnifiedSpec { hidden: 7, ..UnifiedSpec::paper(branch) }, seed);
        let images = random(&[batch, channels, height, width], seed + 9);
        let (ours, formula) = (model.forward(&images).unwrap(), spelled_out(&model, &images));
        prop_assert_eq!(ours.size(), [batch, classes]);
        let worst = (ours - formula).abs().max().double_value(&[]);
        prop_assert!(worst < 1e-5, "{}", worst);
    }
}

/// Parameters of a layer as the variables of a model hold them.
fn held(weights: &[(String, &Tensor)], layer: &str) -> i64 {
    let of_layer = |name: &str| [format!("{layer}.weight"), format!("{layer}.bias")].iter().any(|own| own == name);
    weights.iter().filter(|(name, _)| of_layer(name)).map(|(_, t)| t.numel() as i64).sum()
}

#[test]
fn summaries_count_what_real_models_hold() {
    let branch = |channels, height, width, filters: &[i64], classes| BranchSpec {
        input: InputShape { channels, height, width },
        filters: filters.to_vec(),
        classes,
    };
    let specs = [
        UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10)),
        UnifiedSpec::paper(BranchSpec::paper(3, 32, 32, 10)),
        UnifiedSpec { hidden: 7, ..UnifiedSpec::paper(branch(2, 31, 26, &[5, 3, 7], 4)) },
        UnifiedSpec { head_activation: HeadActivation::Relu, ..UnifiedSpec::paper(branch(3, 9, 12, &[6], 2)) },
    ];
    for spec in &specs {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let one = Model::Branch(Branch::new(&spec.branch, Device::Cpu, &mut rng).unwrap());
        let dual = DualModel::new(&spec.branch, Device::Cpu, &mut rng).unwrap();
        let unified = UnifiedModel::zeros(spec, Device::Cpu).unwrap();
        for (summary, weights) in [
            (Summary::of_branch(&spec.branch), one.named()),
            (Summary::of_dual(&spec.branch), dual.named()),
            (Summary::of_unified(spec, true), unified.named()),
            (Summary::of_unified(spec, false), unified.named()),
        ] {
            for layer in &summary.layers {
                assert_eq!(layer.parameters, held(&weights, &layer.name), "{} {}", summary.title, layer.name);
            }
            assert_eq!(summary.parameters(), weights.iter().map(|(_, t)| t.numel() as i64).sum::<i64>());
            summary.check(weights).unwrap();
        }
    }

    let (grey, colour) = (&specs[0].branch, &specs[1].branch);
    let model = DualModel::new(grey, Device::Cpu, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
    let refused = |summary: Summary| summary.check(model.named()).unwrap_err().to_string();
    let message = refused(Summary::of_dual(colour));
    assert!(message.contains("`branch-1.conv1` is described with 280 parameters, the model has 100"), "{message}");
    assert!(refused(Summary::of_branch(grey)).contains("`branch-1.conv1.weight` has no place"));
    assert!(refused(Summary::of_unified(&specs[0], false)).contains("layer `hidden` is described with 672"));
}

#[test]
fn channels_last_images_give_the_same_logits() {
    let model = unified(&UnifiedSpec::paper(BranchSpec::paper(3, 32, 32, 10)), 1);
    let images = random(&[5, 3, 32, 32], 2);
    let last = images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    let worst = (model.forward(&images).unwrap() - model.forward(&last).unwrap()).abs().max().double_value(&[]);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn files_give_back_the_same_bits_and_equal_models_equal_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let spec = UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10));
    let model = Model::Unified(unified(&spec, 3));
    let card = Card::new(Architecture::Unified { spec }, &names(10));
    let (a, b) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
    model.save(&a, &card).unwrap();
    let (read, read_card) = Model::load(&a, Device::Cpu).unwrap();
    assert_eq!(read_card, card);
    for ((name, x), (other, y)) in model.named().iter().zip(read.named()) {
        assert_eq!((name, x), (&other, &y));
    }
    read.save(&b, &card).unwrap();
    assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
    // 14,862 floats and a header.
    let size = std::fs::metadata(&a).unwrap().len();
    assert!((4 * 14_862..4 * 14_862 + 4096).contains(&size), "{size}");
}

#[test]
fn a_fresh_branch_has_zero_biases_and_depends_on_the_seed_only() {
    let spec = BranchSpec::paper(3, 32, 32, 10);
    let fresh = |seed| Branch::new(&spec, Device::Cpu, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
    let (one, same, other) = (fresh(7), fresh(7), fresh(8));
    assert_eq!(one.params().flat(), same.params().flat());
    assert_ne!(one.params().flat(), other.params().flat());
    for bias in ["conv1.bias", "conv2.bias", "head.bias"] {
        assert_eq!(one.params().get(bias).unwrap().abs().max().double_value(&[]), 0.0);
    }
}

#[test]
fn a_card_tells_how_pictures_become_images_or_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.safetensors");
    let spec = BranchSpec::paper(1, 28, 28, 10);
    let model = Model::Branch(Branch::new(&spec, Device::Cpu, &mut ChaCha8Rng::seed_from_u64(0)).unwrap());
    let plain = Card::new(Architecture::Branch { spec, head: HeadKind::Dense }, &names(10));
    assert!(!serde_json::to_string(&plain).unwrap().contains("pictures"), "as before there were any");
    let form =
        PictureForm { channels: 1, height: 28, width: 28, fit: Fit::Letterbox, background: Background([0, 9, 255]) };
    for card in [Card { pictures: Some(form), ..plain.clone() }, plain] {
        model.save(&path, &card).unwrap();
        assert_eq!(Model::load(&path, Device::Cpu).unwrap().1, card);
    }
}

#[test]
fn damaged_and_foreign_files_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.safetensors");
    let spec = BranchSpec::paper(1, 28, 28, 10);
    let branch = Branch::new(&spec, Device::Cpu, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
    let architecture = Architecture::Branch { spec: spec.clone(), head: HeadKind::Dense };
    let card = Card::new(architecture, &names(10));
    let model = Model::Branch(branch);
    let message = |path: &std::path::Path| Model::load(path, Device::Cpu).unwrap_err().to_string();

    assert!(message(&path).contains("cannot read"));
    model.save(&path, &card).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 4, 8, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(message(&path).contains("is not a usable weight file"), "{length}");
    }
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&path, huge).unwrap();
    assert!(message(&path).contains("is not a usable weight file"));

    let Model::Branch(branch) = &model else { unreachable!() };
    let weights: Vec<(String, &Tensor)> = branch.params().named().map(|(n, t)| (n.to_owned(), t)).collect();
    write_tensors(&path, &Card { format: "litecnn-weights/9".into(), ..card.clone() }, &weights).unwrap();
    assert!(message(&path).contains("litecnn-weights/9"));
    write_tensors(&path, &"hello", &weights).unwrap();
    assert!(message(&path).contains("is not a usable weight file"));
    write_tensors(&path, &card, &weights[1..]).unwrap();
    assert!(message(&path).contains("no weight `conv1.weight`"));
    let extra = Tensor::zeros([1], (Kind::Float, Device::Cpu));
    let mut surplus = weights.clone();
    surplus.push(("conv9.weight".into(), &extra));
    write_tensors(&path, &card, &surplus).unwrap();
    assert!(message(&path).contains("`conv9.weight` has no place"));
    let mut misshapen = weights.clone();
    misshapen[1].1 = &extra;
    write_tensors(&path, &card, &misshapen).unwrap();
    assert!(message(&path).contains("layer `conv1.bias` wants shape [10], got [1]"));
    // Made, such a model would take 45 GB, or more than there are numbers for.
    for (side, words) in
        [(30_000, "layer `head.weight` wants shape [10, "), (1 << 40, "impossible architecture: an image of 1")]
    {
        let spec = BranchSpec::paper(1, side, side, 10);
        let claims = Card::new(Architecture::Branch { spec: spec.clone(), head: HeadKind::Dense }, &names(10));
        write_tensors(&path, &claims, &weights).unwrap();
        let told = message(&path);
        assert!(told.contains(words) && told.contains("w.safetensors"), "{told}");
        let spec = UnifiedSpec::paper(spec);
        write_tensors(&path, &Card::new(Architecture::Unified { spec }, &names(10)), &weights).unwrap();
        let told = message(&path);
        assert!(told.contains("no weight `branch-1.conv1.weight`") || told.contains("impossible"), "{told}");
    }
    let nan = Tensor::full([10], f64::NAN, (Kind::Float, Device::Cpu));
    let mut poisoned = weights.clone();
    poisoned[1].1 = &nan;
    write_tensors(&path, &card, &poisoned).unwrap();
    assert!(message(&path).contains("value 0 of `conv1.bias` is not a finite number"));
    write_tensors(&path, &Card { classes: names(3), ..card }, &weights).unwrap();
    assert!(message(&path).contains("names 3 classes for 10 outputs"));
}

/// A unified model with random weights of the size that training starts from, so that values neither grow nor
/// fade from layer to layer and rounding is what a real model sees.
fn balanced(spec: &UnifiedSpec, seed: u64) -> UnifiedModel {
    let mut model = UnifiedModel::zeros(spec, Device::Cpu).unwrap();
    for (i, part) in (0..).zip(model.parts_mut()) {
        let shapes: Vec<(String, Vec<i64>)> = part.named().map(|(name, t)| (name.to_owned(), t.size())).collect();
        for (j, (name, shape)) in (0..).zip(&shapes) {
            let inputs: i64 = shape[1..].iter().product();
            let size = if shape.len() == 1 { 0.1 } else { (3.0 / inputs as f64).sqrt() };
            part.set(name, &(random(shape, 100 * seed + 10 * i + j) * size)).unwrap();
        }
    }
    model
}

/// Asserts that the inference form and the model give the same logits and probabilities to float rounding.
fn assert_same_answers(model: &UnifiedModel, images: &Tensor) {
    let form = InferenceModel::new(model).unwrap();
    let (ours, theirs) = (form.forward(images).unwrap(), tch::no_grad(|| model.forward(images).unwrap()));
    assert_eq!(ours.size(), theirs.size());
    let error = ((&ours - &theirs).abs() / theirs.abs().clamp_min(1.0)).max().double_value(&[]);
    assert!(error <= 1e-6, "logits of {:?}: {error:e}", images.size());
    let (ours, theirs) = (form.probabilities(images).unwrap(), theirs.softmax(1, Kind::Float));
    let error = (ours - theirs).abs().max().double_value(&[]);
    assert!(error <= 1e-6, "probabilities of {:?}: {error:e}", images.size());
}

#[test]
fn the_inference_form_gives_the_same_answers() {
    let branch = |channels, height, width, filters: &[i64], classes| BranchSpec {
        input: InputShape { channels, height, width },
        filters: filters.to_vec(),
        classes,
    };
    let relu = |branch| UnifiedSpec { hidden: 9, head_activation: HeadActivation::Relu, ..UnifiedSpec::paper(branch) };
    let specs = [
        UnifiedSpec::paper(BranchSpec::paper(1, 28, 28, 10)),
        UnifiedSpec::paper(BranchSpec::paper(3, 32, 32, 10)),
        relu(branch(2, 31, 26, &[5, 3, 7], 4)),
        relu(branch(3, 9, 12, &[6], 2)),
        // Filters on both sides of the number at which the formulation changes.
        UnifiedSpec::paper(branch(1, 17, 16, &[24, 25], 3)),
    ];
    for (seed, spec) in (0..).zip(&specs) {
        let model = balanced(spec, seed);
        let InputShape { channels, height, width } = spec.branch.input;
        for batch in [0, 1, 2, 33, 300] {
            if batch == 0 {
                let none = Tensor::zeros([0, channels, height, width], (Kind::Float, Device::Cpu));
                let logits = InferenceModel::new(&model).unwrap().forward(&none).unwrap();
                assert_eq!(logits.size(), [0, spec.branch.classes]);
                continue;
            }
            let images = (random(&[batch, channels, height, width], seed + 7) + 1.0) / 2.0;
            assert_same_answers(&model, &images);
            let last = images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
            assert_same_answers(&model, &last);
        }
        let flipped = random(&[2, width, height, channels], seed).permute([0, 3, 2, 1]);
        assert_same_answers(&model, &flipped);
    }
}

#[test]
fn the_inference_form_is_a_copy() {
    for head_activation in [HeadActivation::None, HeadActivation::Relu] {
        let mut model =
            unified(&UnifiedSpec { head_activation, ..UnifiedSpec::paper(BranchSpec::paper(1, 12, 12, 3)) }, 1);
        let form = InferenceModel::new(&model).unwrap();
        let images = random(&[4, 1, 12, 12], 2);
        let before = form.forward(&images).unwrap();
        for part in model.parts_mut() {
            let _ = part.flat_mut().zero_();
        }
        assert_eq!(form.forward(&images).unwrap(), before);
        assert_eq!(form.share().forward(&images).unwrap(), before);
        assert!(!before.requires_grad());
    }
}

#[test]
fn the_inference_form_refuses_other_images_in_words() {
    let model = unified(&UnifiedSpec::paper(BranchSpec::paper(3, 12, 10, 3)), 1);
    let form = InferenceModel::new(&model).unwrap();
    assert_eq!((form.spec(), form.device()), (model.spec(), Device::Cpu));
    let message = |shape: &[i64]| form.forward(&random(shape, 0)).unwrap_err().to_string();
    assert_eq!(message(&[2, 3, 10, 12]), "layer `images` wants shape [2, 3, 12, 10], got [2, 3, 10, 12]");
    for shape in [&[3, 12, 10][..], &[1, 1, 12, 10], &[360], &[], &[0, 3, 12, 11], &[1, 3, 12, 10, 1]] {
        assert!(message(shape).contains("wants shape"), "{shape:?}");
    }
    let bytes = Tensor::zeros([1, 3, 12, 10], (Kind::Uint8, Device::Cpu));
    assert!(matches!(form.forward(&bytes), Err(ModelError::Torch(_))));
}
