//! Networks without some of their channels compute what the whole ones compute with these channels at zero.
#![allow(clippy::unwrap_used, reason = "tests")]

use litecnn_model::InputShape;
use litecnn_zoo::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn network(name: &str, side: i64) -> Network {
    let input = InputShape { channels: 3, height: side, width: side };
    Network { input, ..Variant::find(name).unwrap().network(10) }
}

fn plain() -> Network {
    let text = r#"
        name = "plain"
        input = { channels = 3, height = 8, width = 8 }
        classes = 5
        [[parts]]
        name = "body"
        layers = [
            { conv = { kernel = 3, out = 8 } }, "batch-norm", "relu", { max-pool = {} },
            { conv = { kernel = 3, out = 12, bias = true } }, "batch-norm", "relu",
            "flatten", { linear = { out = 9 } }, "relu", { linear = { out = "classes" } },
        ]
    "#;
    Network::parse(text, "plain.toml".as_ref()).unwrap()
}

/// A model with values for weights, factors, summands and statistics by which a removed channel would be missed.
fn random(network: &Network) -> Model {
    let mut model = Model::new(network.graph().unwrap(), Device::Cpu, &mut rng(1)).unwrap();
    for (no, variable) in model.graph().variables.clone().into_iter().enumerate() {
        let shape = variable.shape.as_slice();
        let values = || {
            use rand::RngExt;
            let mut rng = rng(no as u64);
            let values: Vec<f32> = (0..variable.values()).map(|_| rng.random_range(-1.0..1.0)).collect();
            Tensor::from_slice(&values).view(shape)
        };
        let value = match variable.role {
            Role::ConvWeight | Role::LinearWeight => {
                // Filters of different size, so that some are clearly the least important.
                let fan = shape[1..].iter().product::<i64>() as f64;
                let mut sizes = vec![1; shape.len()];
                sizes[0] = shape[0];
                values() * Tensor::linspace(0.4, 2.4, shape[0], (Kind::Float, Device::Cpu)).view(sizes.as_slice())
                    / fan.sqrt()
            }
            Role::Scale | Role::Variance => values() * 0.5 + 1.0,
            Role::Shift => values() * 0.2,
            // All different.
            Role::Bias | Role::Mean => Tensor::linspace(-0.2, 0.2, shape[0], (Kind::Float, Device::Cpu)),
        };
        model.set(&variable.name, &value).unwrap();
    }
    model
}

/// Which rows of a tensor a smaller one has: those that hold all of a row's values.
fn places(whole: &Tensor, part: &Tensor) -> Vec<i64> {
    let rows = |of: &Tensor| -> Vec<Vec<f32>> {
        let of = of.detach().reshape([of.size()[0], -1]);
        (0..of.size()[0]).map(|i| Vec::try_from(of.get(i)).unwrap()).collect()
    };
    let (whole, part) = (rows(whole), rows(part));
    let within = |row: &[f32], other: &[f32]| row.iter().all(|value| other.contains(value));
    part.iter().map(|row| whole.iter().position(|other| within(row, other)).unwrap() as i64).collect()
}

/// The whole model with zeros for every channel the shrunk one has not: filters, biases and batch norms. The channels
/// that are left are told from running means and biases, which are all different, and from weights of dense layers
/// without.
fn masked(model: &Model, shrunk: &Model) -> Model {
    let mut whole = Model::zeros(model.graph().clone(), Device::Cpu).unwrap();
    whole.state_mut().set(model.state().weights(), model.state().statistics()).unwrap();
    let variables = whole.graph().variables.clone();
    let nodes = whole.graph().nodes.clone();
    let name = |variable: usize| variables[variable].name.as_str();
    let zero_rows = |model: &mut Model, variable: usize, left: &[i64]| {
        let value = model.get(name(variable)).unwrap().detach();
        let mut mask = vec![1; value.dim()];
        mask[0] = value.size()[0];
        let kept: Vec<f32> = (0..mask[0]).map(|i| f32::from(u8::from(left.contains(&i)))).collect();
        model.set(name(variable), &(&value * Tensor::from_slice(&kept).view(mask.as_slice()))).unwrap();
    };
    for node in &nodes {
        if let Op::BatchNorm { scale, shift, mean, .. } = node.op {
            let left = places(whole.get(name(mean)).unwrap(), shrunk.get(name(mean)).unwrap());
            zero_rows(&mut whole, scale, &left);
            zero_rows(&mut whole, shift, &left);
        } else if let Op::Conv { weight, bias: Some(bias), .. } | Op::Linear { weight, bias: Some(bias) } = node.op {
            let left = places(whole.get(name(bias)).unwrap(), shrunk.get(name(bias)).unwrap());
            zero_rows(&mut whole, weight, &left);
            zero_rows(&mut whole, bias, &left);
        } else if let Op::Linear { weight, bias: None } = node.op {
            let left = places(whole.get(name(weight)).unwrap(), shrunk.get(name(weight)).unwrap());
            zero_rows(&mut whole, weight, &left);
        }
    }
    whole
}

fn infer(model: &Model, images: &Tensor) -> Tensor {
    tch::no_grad(|| model.forward(images)).unwrap()
}

fn check(network: &Network, share: f64) {
    let model = random(network);
    let (small, shrunk) = model.shrink(network, Budget::Share(share)).unwrap();
    let side = network.input.height;
    let images = Tensor::from_slice(&(0..2 * 3 * side * side).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<_>>());
    let images = images.view([2, 3, side, side]);
    let (ours, expected) = (infer(&shrunk, &images), infer(&masked(&model, &shrunk), &images));
    let largest = expected.abs().max().double_value(&[]);
    let difference = (&ours - &expected).abs().max().double_value(&[]) / largest;
    assert!(largest > 0.0 && difference < 1e-4, "{}: {difference} of {largest}", network.name);
    let changed = (&expected - infer(&model, &images)).abs().max().double_value(&[]);
    assert!(changed > 1e-3 * largest, "{}: nothing was removed", network.name);

    let (before, after) = (Count::of(model.graph()), Count::of(shrunk.graph()));
    assert!(after.parameters as f64 <= (1.0 - share) * before.parameters as f64, "{}", network.name);
    assert!(after.flops.total() < before.flops.total() && after.unused == 0, "{}", network.name);
    assert_eq!(shrunk.state().weights().numel() as i64, after.parameters);
    assert_eq!(small.graph().unwrap(), *shrunk.graph(), "{}", network.name);
    assert_eq!(Network::parse(&small.to_toml(), "n".as_ref()).unwrap(), small);
    // What is there is a network like any other: it trains, is pruned, is saved and shrinks on.
    let mut trained = Model::new(small.graph().unwrap(), Device::Cpu, &mut rng(0)).unwrap();
    let _logits = trained.forward_train(&images, &mut rng(0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    shrunk.save(&path, &Card::new(&small, &[]).unwrap()).unwrap();
    let (mut loaded, card) = Model::load(&path, Device::Cpu).unwrap();
    assert_eq!((&card.network, infer(&loaded, &images)), (&small, ours));
    loaded.prune(0.5).unwrap();
    let (smaller, shrunk) = shrunk.shrink(&small, Budget::Share(0.1)).unwrap();
    assert_eq!(smaller.graph().unwrap(), *shrunk.graph());
    let expected = infer(&masked(&model, &shrunk), &images);
    let difference = (infer(&shrunk, &images) - &expected).abs().max().double_value(&[]);
    assert!(difference < 1e-4 * expected.abs().max().double_value(&[]), "{}: {difference}", network.name);
}

#[test]
fn shrunk_plain_networks_compute_what_masked_ones_do() {
    tch::set_num_threads(1);
    check(&plain(), 0.5);
}

#[test]
fn shrunk_vggs_compute_what_masked_ones_do() {
    tch::set_num_threads(1);
    for (no, side) in [(1, 32), (2, 16), (4, 16), (5, 16), (6, 16), (7, 16), (9, 16)] {
        check(&network(&format!("vgg19-{no}"), side), 0.5);
    }
}

#[test]
fn shrunk_resnets_compute_what_masked_ones_do() {
    tch::set_num_threads(1);
    for no in [1, 4, 6, 10, 11, 12] {
        check(&network(&format!("resnet101-{no}"), 16), 0.4);
    }
}

#[test]
fn counts_fall_as_computed_by_hand() {
    let whole = plain();
    // 8 of 8, 12 of 12 and 9 of 9 channels can change; the images and classes cannot.
    let graph = |kept: &[i64]| Network { kept: Some(kept.to_vec()), ..whole.clone() }.graph().unwrap();
    assert_eq!(graph(&[8, 12, 9]), whole.graph().unwrap());
    let parameters =
        |a: i64, b: i64, c: i64| (27 * a + 2 * a) + (9 * a * b + b + 2 * b) + (16 * b * c + c) + (5 * c + 5);
    for [a, b, c] in [[8, 12, 9], [1, 1, 1], [3, 7, 2]] {
        let count = Count::of(&graph(&[a, b, c]));
        assert_eq!(count.parameters, parameters(a, b, c));
        assert_eq!(count.flops.conv, 27 * a * 64 + 9 * a * b * 16);
    }
}

#[test]
fn channels_of_shuffles_groups_and_swaps_stay() {
    // All channels are tied to a shuffle or grouped convolution, but for those inside squeeze-and-excitation.
    for (name, groups) in [("resnet101-5", 0), ("vgg19-8", 0), ("vgg19-12", 16)] {
        let network = Network { kept: Some(vec![]), ..network(name, 32) };
        match network.graph() {
            Ok(graph) => {
                assert_eq!(groups, 0, "{name}");
                let model = Model::zeros(graph, Device::Cpu).unwrap();
                let message = model.shrink(&network, Budget::Share(0.1)).unwrap_err().to_string();
                assert!(message.contains("no channels can be removed"), "{message}");
            }
            Err(e) => assert!(e.to_string().contains(&format!("the network has {groups}")), "{name}: {e}"),
        }
    }
}

#[test]
fn budgets_that_cannot_be_are_refused() {
    let network = plain();
    let model = random(&network);
    let said = |budget| model.shrink(&network, budget).unwrap_err().to_string();
    let most = Count::of(model.graph()).parameters;
    for wanted in [i64::MIN, -1, 0, 5, most, most + 1, i64::MAX] {
        let message = said(Budget::Parameters(wanted));
        assert!(message.starts_with(&format!("a network of {most} weights cannot shrink to {wanted}: ")), "{message}");
    }
    for share in [-0.1, 0.0, 1.0, 7.0, f64::NAN, f64::INFINITY] {
        assert!(said(Budget::Share(share)).contains("above 0 and below 1"), "{share}");
    }
    assert!(said(Budget::Share(0.999)).contains("cannot shrink to"));
    let other = Network { classes: 6, ..network.clone() };
    assert!(model.shrink(&other, Budget::Share(0.5)).unwrap_err().to_string().contains("of another network"));
}

#[test]
fn widths_that_do_not_fit_are_refused_by_group() {
    let said = |kept: &[i64]| Network { kept: Some(kept.to_vec()), ..plain() }.graph().unwrap_err().to_string();
    assert_eq!(said(&[8, 13, 9]), "plain, body.4: 13 channels kept in group 1 of channels; 1 to 12 are possible");
    assert!(said(&[0, 12, 9]).contains("body.0: 0 channels kept in group 0"));
    assert!(said(&[8, 12, i64::MIN]).contains("body.8: "));
    assert!(said(&[8]).contains("widths of 1 groups of channels; the network has 3"));
}
