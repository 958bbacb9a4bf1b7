//! Folded networks answer as the networks they were made of: in plain loops, in the runtime, in ONNX.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use litecnn_data::Normalisation;
use litecnn_export::{TrainedModel, litecnn};
use litecnn_runtime::{Activation, AlignedBytes, Layout, Level, Model as Compact, OperationKind};
use litecnn_zoo::*;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

const SEPARABLE: &str = r#"
    name = "separable"
    input = { channels = 3, height = 32, width = 32 }
    classes = 10
    [[parts]]
    name = "body"
    layers = [
        { conv = { kernel = 3, out = 16 } }, "batch-norm", "relu",
        { residual = { body = [
            { depthwise = {} }, "batch-norm", { conv = { kernel = 1, out = 16 } }, "batch-norm", "relu",
            { depthwise = {} }, "batch-norm", { conv = { kernel = 1, out = 16 } }, "batch-norm",
        ] } }, "relu",
        { separable = { out = 32, stride = 2 } }, "batch-norm", "relu",
        { repeat = { times = 2, layers = [
            { residual = { body = [{ separable = { out = 32 } }, "batch-norm", "relu"] } },
        ] } },
        { residual = {
            body = [{ separable = { out = 48, stride = 2 } }, "batch-norm"],
            shortcut = [{ conv = { kernel = 1, out = 48, stride = 2 } }, "batch-norm"],
        } }, "relu",
    ]
    [[parts]]
    name = "head"
    layers = ["global-average", { dropout = { rate = 0.2 } }, { linear = { out = "classes" } }]
"#;

const INVERTED: &str = r#"
    name = "inverted"
    input = { channels = 3, height = 28, width = 30 }
    classes = 7
    [[parts]]
    name = "body"
    layers = [
        { conv = { kernel = 3, out = 8, stride = 2 } }, "batch-norm", "relu6",
        { inverted-bottleneck = { hidden = 24, out = 12, stride = 2, project = true } },
        { inverted-bottleneck = { hidden = 36, out = 12 } },
        { inverted-bottleneck = { hidden = 36, out = 20, stride = 2, project = true } },
    ]
    [[parts]]
    name = "head"
    layers = [{ conv-head = { activation = "relu6" } }]
"#;

const PLAIN: &str = r#"
    name = "plain"
    input = { channels = 1, height = 28, width = 28 }
    classes = 10
    [[parts]]
    name = "body"
    layers = [
        { conv = { kernel = 5, out = 6, bias = true } }, { max-pool = {} }, "batch-norm", "relu",
        { conv = { kernel = [3, 5], out = 16, padding = 0 } }, "batch-norm", "relu",
        { average-pool = { size = 3, stride = 2, padding = 1 } }, { conv = { kernel = 3, out = 16, groups = 4 } },
        "flatten", { linear = { out = 20 } }, "batch-norm", "relu", { dropout = { rate = 0.5 } },
        { linear = { out = "classes" } },
    ]
"#;

/// Shortcuts around nothing, batch norms and rectifiers after sums: what cannot be made part of a convolution.
const LEFT_OVER: &str = r#"
    name = "left-over"
    input = { channels = 2, height = 9, width = 8 }
    classes = 3
    [[parts]]
    name = "body"
    layers = [
        "batch-norm", { conv = { kernel = 3, out = 8 } },
        { residual = { body = ["batch-norm", "relu", { conv = { kernel = 3, out = 8 } }] } },
        { residual = { body = ["batch-norm", "relu", { depthwise = { multiplier = 1 } }, "relu6"] } },
        { residual = { body = ["relu"], shortcut = ["relu6"] } }, "batch-norm", "relu6", "relu",
        { residual = { body = [] } }, { max-pool = { size = 3, stride = 2, padding = 1 } }, "relu",
    ]
    [[parts]]
    name = "head"
    layers = ["global-average", { linear = { out = "classes", bias = false } }, "batch-norm"]
"#;

fn network(text: &str) -> Network {
    Network::parse(text, "test.toml".as_ref()).unwrap()
}

/// A model whose batch norms do something, and its card.
fn random(text: &str, normalised: bool) -> (Model, Card) {
    let network = network(text);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut model = Model::new(network.graph().unwrap(), Device::Cpu, &mut rng).unwrap();
    for variable in model.graph().variables.clone() {
        let mut between = |low: f32, high: f32| {
            let values: Vec<f32> = (0..variable.values()).map(|_| rng.random_range(low..high)).collect();
            Tensor::from_slice(&values).view(variable.shape.as_slice())
        };
        let value = match variable.role {
            Role::Scale => between(0.5, 1.8),
            Role::Variance => between(0.05, 0.6),
            Role::Shift | Role::Mean => between(-0.4, 0.4),
            _ => continue,
        };
        model.set(&variable.name, &value).unwrap();
    }
    let mut card = Card::new(&network, &[]).unwrap();
    let channels = network.input.channels as usize;
    card.normalisation = normalised.then(|| Normalisation {
        mean: (0..channels).map(|c| 0.49 - 0.02 * c as f64).collect(),
        deviation: (0..channels).map(|c| 0.25 + 0.01 * c as f64).collect(),
    });
    (model, card)
}

#[test]
fn every_way_gives_the_networks_logits() {
    tch::set_num_threads(1);
    for (text, normalised) in
        [(SEPARABLE, true), (INVERTED, true), (PLAIN, true), (PLAIN, false), (LEFT_OVER, true), (LEFT_OVER, false)]
    {
        let (model, card) = random(text, normalised);
        let folded = model.fold(&card).unwrap();
        let parameters = folded.weights.len();
        assert_eq!(folded.unfolded as i64, Count::of(model.graph()).parameters);
        let name = folded.name.clone();
        let trained = TrainedModel::from_folded(folded).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let pixels: usize = trained.input().iter().product();
        let images: Vec<f32> = (0..6 * pixels).map(|_| rng.random_range(0.0..1.0)).collect();
        let size: Vec<i64> = [6].into_iter().chain(trained.input().map(|n| n as i64)).collect();
        let mut input = Tensor::from_slice(&images).view(size.as_slice());
        if let Some(normalisation) = &card.normalisation {
            input = normalisation.apply(&input).unwrap();
        }
        let expected = tch::no_grad(|| model.forward(&input)).unwrap();
        let expected = Vec::<f32>::try_from(expected.reshape([-1])).unwrap();
        let classes = trained.classes().len();
        let file = AlignedBytes::new(&litecnn(&trained).unwrap());
        let mut worst = (0.0f64, 0.0f64);
        let error = |found: f64, expected: f32| {
            let error = (found - f64::from(expected)).abs() / f64::from(expected).abs().max(1.0);
            assert!(error <= 1e-5, "{name}: {found} for {expected}");
            error
        };
        for (image, expected) in images.chunks(pixels).zip(expected.chunks(classes)) {
            for (found, &expected) in trained.forward_f64(image).unwrap().into_iter().zip(expected) {
                worst.0 = worst.0.max(error(found, expected));
            }
            for level in Level::available() {
                let compact = Compact::from_bytes(&file).unwrap().with_level(level).with_layout(Layout::Chw);
                let mut found = vec![0.0; classes];
                compact.logits(image, &mut vec![0.0; compact.scratch_len()], &mut found).unwrap();
                for (&found, &expected) in found.iter().zip(expected) {
                    worst.1 = worst.1.max(error(f64::from(found), expected));
                }
            }
        }
        let spread = expected.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        println!(
            "{name}: {} operations, {parameters} weights, {} before; logits up to {spread:.2}; largest error {:.1e} in \
             double precision, {:.1e} in the runtime",
            trained.folded().unwrap().network.operations.len(),
            trained.folded().unwrap().unfolded,
            worst.0,
            worst.1
        );
    }
}

#[test]
fn nothing_is_left_of_batch_norms_sums_and_rectifiers() {
    let (model, card) = random(SEPARABLE, true);
    let folded = model.fold(&card).unwrap();
    let operations = &folded.network.operations;
    // A convolution; a residual of two separable ones; one; two whose rectifier comes before the sum; one with a
    // shortcut; the mean and the dense layer.
    assert_eq!(operations.len(), 1 + 4 + 2 + 2 * 3 + 3 + 2);
    assert_eq!(operations.iter().filter(|o| o.kind != OperationKind::Convolution).count(), 3);
    assert_eq!(operations.iter().filter(|o| o.added.is_some()).count(), 4);
    assert_eq!(operations[4].activation, Activation::Relu);
    // Two summands and a factor of each batch norm are gone, and a bias has come.
    let norms = model.graph().nodes.iter().filter(|node| matches!(node.op, Op::BatchNorm { .. }));
    let channels: i64 = norms.map(|node| node.shape.channels()).sum();
    let plain: i64 =
        model.graph().nodes.iter().filter(|n| matches!(n.op, Op::Conv { .. })).map(|n| n.shape.channels()).sum();
    assert_eq!(folded.unfolded as i64 - 2 * channels + plain, folded.weights.len() as i64);
    assert_eq!(folded.classes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let first = 1.0 / 0.25f32;
    assert!((folded.network.factors[0] - first).abs() < 1e-6 && folded.network.summands[0] < 0.0);
}

#[test]
fn what_cannot_be_folded_is_named() {
    let told = |layers: &str| {
        let text = format!(
            "name = \"x\"\ninput = {{ channels = 4, height = 6, width = 6 }}\nclasses = 2\n[[parts]]\nname = \"p\"\n\
             layers = [{layers}]"
        );
        let (model, card) = random(&text, false);
        model.fold(&card).unwrap_err().to_string()
    };
    let head = r#""global-average", { linear = { out = "classes" } }"#;
    for (layers, expected) in [
        (format!("\"sigmoid\", {head}"), "`p.0` (sigmoid) has no place among"),
        (format!("{{ shuffle = {{ groups = 2 }} }}, {head}"), "`p.0` (shuffle) has no place"),
        (format!("{{ concat = {{ branches = [[], []] }} }}, {head}"), "`p.0` (concat) has no place"),
        (format!("{{ squeeze-excite = {{ reduction = 2 }} }}, {head}"), "has no place"),
        (
            "\"flatten\", \"batch-norm\", { linear = { out = \"classes\" } }".to_owned(),
            "`p.1` (batch norm) reads flattened",
        ),
        ("{ conv = { kernel = 1, out = 2, padding = 1 } }, \"global-average\"".to_owned(), "`p.0` (conv) has windows"),
    ] {
        let told = told(&layers);
        assert!(told.contains(expected) && told.contains("cannot be folded") && !told.contains('\n'), "{told}");
    }
}
