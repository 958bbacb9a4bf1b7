//! Folded networks: those that other tests export, and their weight files.

use std::path::Path;

use litecnn_export::{ExportError, Folded, QuantiseSettings, TrainedModel, quantise};
use litecnn_runtime::{Activation, AlignedBytes, Fit, Model, Network, Operation, OperationKind, Pictures};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::models::fixture;

/// A 1x1 convolution of what comes before operation `index`, counted from 1.
fn conv(index: u16, outputs: u16) -> Operation {
    Operation {
        kind: OperationKind::Convolution,
        from: index - 1,
        added: None,
        activation: Activation::None,
        outputs,
        groups: 1,
        kernel: [1; 2],
        stride: [1; 2],
        padding: [0; 2],
    }
}

/// A 3x3 window with a step.
fn square(of: Operation, stride: u8) -> Operation {
    Operation { kernel: [3; 2], padding: [1; 2], stride: [stride; 2], ..of }
}

fn relu(of: Operation) -> Operation {
    Operation { activation: Activation::Relu, ..of }
}

fn relu6(of: Operation) -> Operation {
    Operation { activation: Activation::Relu6, ..of }
}

/// Random weights that keep values near one.
fn folded(name: &str, input: [usize; 3], operations: Vec<Operation>, classes: &[&str]) -> Folded {
    let channels = input[0];
    let (factors, summands) = ((0..channels).map(|c| 4.0 + c as f32).collect(), vec![-1.9; channels]);
    let network = Network { input, operations, factors, summands };
    let shapes = network.shapes().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut weights = Vec::new();
    for operation in network.operations.iter().filter(|operation| operation.kind == OperationKind::Convolution) {
        let inputs = shapes[usize::from(operation.from)][0] / usize::from(operation.groups);
        let seen = inputs * operation.kernel.map(usize::from).iter().product::<usize>();
        let bound = (6.0 / seen as f32).sqrt();
        weights.extend((0..usize::from(operation.outputs) * seen).map(|_| rng.random_range(-bound..bound)));
        weights.extend((0..operation.outputs).map(|_| rng.random_range(-0.1f32..0.1)));
    }
    Folded {
        name: name.into(),
        network,
        unfolded: weights.len() + 7,
        weights,
        classes: classes.iter().map(|&class| class.into()).collect(),
        dataset: "made".into(),
        recipe: String::new(),
        step: "train".into(),
        pictures: None,
    }
}

/// What is hard on bytes: a bound that weights reach beyond, a sum whose parts are larger than it is, a mean of very many;
/// each with images.
pub(crate) fn hard() -> Vec<(&'static str, TrainedModel, Vec<Vec<u8>>)> {
    let made = |input: [usize; 3], operations: Vec<Operation>, weights: &[f32]| {
        let mut made = folded("hard", input, operations, &["a", "b"]);
        (made.network.factors, made.network.summands) = (vec![1.0; input[0]], vec![0.0; input[0]]);
        made.weights = weights.to_vec();
        TrainedModel::from_folded(made).unwrap()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let bounded = made(
        [1, 1, 1],
        vec![relu6(conv(1, 1)), relu6(conv(2, 1)), conv(3, 2)],
        &[6.0, 0.0, 5.0, 0.0, 1.0, -0.5, 0.0, 1.0],
    );
    let grey = (0..=255).map(|byte| vec![byte]).collect();
    let sum = Operation { from: 0, added: Some(1), ..relu(conv(2, 1)) };
    // The outcome is up to 5, what is added up to 8, what it is added to down to -7.8, by several products.
    let (first, second) = ([8.0, 0.0, 0.0, 0.0, 0.0], [0.0, -2.6, -2.6, -2.6, 0.0]);
    let last = [1.0, -0.5, 0.0, 1.0];
    let cancelled = made([4, 1, 1], vec![relu(conv(1, 1)), sum, conv(3, 2)], &[&first[..], &second, &last].concat());
    let fours = (0..500).map(|_| {
        let first: f32 = rng.random_range(0.0..1.0);
        let others = rng.random_range(0.0f32..1.0).max((8.0 * first - 5.0) / 7.8);
        [first, others, others, others].map(|value| (255.0 * value) as u8).to_vec()
    });
    let fours = fours.collect();
    let mean = Operation { kind: OperationKind::AveragePool, kernel: [128; 2], ..conv(1, 1) };
    let averaged = made([1, 128, 128], vec![mean, conv(2, 2)], &[1.0, -0.5, 0.0, 1.0]);
    let levels = (0..20).map(|_| {
        let most = rng.random_range(1u8..=255);
        (0..128 * 128).map(|_| rng.random_range(most / 5 * 4..=most)).collect()
    });
    let levels = levels.collect();
    vec![("a bound", bounded, grey), ("parts that cancel", cancelled, fours), ("a large mean", averaged, levels)]
}

/// Every kind of operation and head, with names.
pub(crate) fn all() -> Vec<(&'static str, TrainedModel)> {
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let alone = |index: u16, channels: u16| Operation { groups: channels, ..conv(index, channels) };
    let pool = |index: u16, kind: OperationKind, channels: u16, side: u8| Operation {
        kind,
        kernel: [side; 2],
        stride: [side; 2],
        ..conv(index, channels)
    };
    let (largest, mean) = (OperationKind::MaxPool, OperationKind::AveragePool);
    let separable = vec![
        relu(square(conv(1, 16), 1)),
        square(alone(2, 16), 1),
        relu(conv(3, 16)),
        square(alone(4, 16), 1),
        relu(Operation { added: Some(1), ..conv(5, 16) }),
        square(alone(6, 16), 2),
        relu(conv(7, 24)),
        pool(8, mean, 24, 16),
        conv(9, 10),
    ];
    let inverted = vec![
        relu6(square(conv(1, 8), 2)),
        relu6(conv(2, 20)),
        relu6(square(alone(3, 20), 2)),
        conv(4, 12),
        Operation { from: 1, stride: [2; 2], added: Some(4), ..conv(5, 12) },
        relu6(conv(6, 30)),
        relu6(square(alone(7, 30), 1)),
        Operation { added: Some(5), ..conv(8, 12) },
        relu6(conv(9, 3)),
        pool(10, mean, 3, 7),
    ];
    let plain = vec![
        Operation { kernel: [3; 2], ..conv(1, 6) },
        relu(pool(2, largest, 6, 2)),
        relu(Operation { kernel: [3, 5], padding: [0, 2], ..conv(3, 7) }),
        Operation { padding: [1, 0], ..pool(4, largest, 7, 2) },
        relu(Operation { kernel: [3; 2], ..conv(5, 9) }),
        conv(6, 4),
    ];
    // Groups, an average with padding, a rectifier and a sum without a convolution, a norm of each channel left over.
    let rest = vec![
        Operation { groups: 2, ..square(conv(1, 4), 1) },
        square(Operation { groups: 4, ..conv(2, 8) }, 1),
        Operation { padding: [1; 2], ..pool(3, mean, 8, 3) },
        relu(Operation { groups: 8, ..conv(4, 8) }),
        relu6(Operation { from: 3, added: Some(4), ..pool(5, mean, 8, 1) }),
        relu(pool(6, largest, 8, 1)),
        Operation { kernel: [3, 4], ..conv(7, 5) },
        Operation { groups: 5, ..conv(8, 5) },
        conv(9, 2),
    ];
    let made = [
        ("folded, residual separable", folded("separable", [3, 32, 32], separable, &digits)),
        ("folded, inverted bottlenecks", folded("inverted", [3, 28, 28], inverted, &["a", "b", "c"])),
        ("folded, plain with pools", folded("plain", [1, 17, 14], plain, &["w", "x", "y", "z"])),
        ("folded, everything else", folded("rest", [2, 9, 12], rest, &["\"", "é"])),
    ];
    made.map(|(name, folded)| (name, TrainedModel::from_folded(folded).unwrap())).into()
}

#[test]
fn a_file_comes_back() {
    for (name, model) in all() {
        let folded = model.folded().unwrap();
        let bytes = folded.bytes().unwrap();
        assert_eq!(TrainedModel::from_bytes(Path::new("x"), &bytes).unwrap(), model, "{name}");
        let head = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        assert_eq!(bytes.len(), 8 + head + 4 * model.parameters());
        println!("{name}: {} weights, {} bytes of card", model.parameters(), head);
    }
    let mut folded = all()[0].1.folded().unwrap().clone();
    let form = r##"{"channels":3,"height":32,"width":32,"fit":"crop","background":"#01fe03"}"##;
    folded.pictures = serde_json::from_str(form).unwrap();
    let model = TrainedModel::from_bytes(Path::new("x"), &folded.bytes().unwrap()).unwrap();
    let file = AlignedBytes::new(&litecnn_export::litecnn(&model).unwrap());
    let told = Model::from_bytes(&file).unwrap().pictures();
    assert_eq!(told, Some(Pictures { fit: Fit::Crop, background: [1, 254, 3] }));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let good = all()[1].1.folded().unwrap().clone();
    let told = |change: &dyn Fn(&mut Folded)| {
        let mut folded = good.clone();
        change(&mut folded);
        assert!(folded.bytes().is_err());
        TrainedModel::from_folded(folded).unwrap_err().to_string()
    };
    type Change = dyn Fn(&mut Folded);
    let cases: [(&Change, &str); 6] = [
        (&|f| f.network.operations[4].from = 9, "operation 5 does not fit"),
        (&|f| f.network.operations[4].added = Some(3), "operation 5 does not fit"),
        (&|f| f.weights.truncate(f.weights.len() - 1), "weights; the model has"),
        (&|f| f.weights[7] = f32::NAN, "not a number"),
        (&|f| drop(f.classes.pop()), "one name for each class"),
        (&|f| f.network.operations.clear(), "1 to 255 operations are possible"),
    ];
    for (change, expected) in cases {
        let told = told(change);
        assert!(told.contains(expected), "{told}");
    }
    // The same in a file.
    let text = String::from_utf8_lossy(&good.bytes().unwrap()).into_owned();
    let cut = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let whole = good.bytes().unwrap();
        let head = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
        let card = String::from_utf8(whole[8..8 + head].to_vec()).unwrap().replacen(from, to, 1);
        let bytes = [&(card.len() as u64).to_le_bytes(), card.as_bytes(), &whole[8 + head..]].concat();
        TrainedModel::from_bytes(Path::new("some.safetensors"), &bytes).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (r#"\"height\":28"#, r#"\"height\":4000000000"#, "an image of 1 to 4,096 channels"),
        (r#"\"outputs\":20"#, r#"\"outputs\":21"#, "does not fit"),
        (r#"\"kind\":\"conv\""#, r#"\"kind\":\"gate\""#, "unknown variant `gate`"),
        (r#"\"factors\":[4.0,"#, r#"\"factors\":[4.0,4.0,"#, "does not fit"),
        ("litecnn-folded/1", "litecnn-folded/2", "`litecnn-folded/2`, this version reads"),
        ("litecnn-folded/1", "litecnn-zoo/1", "fold them by `litecnn zoo fold some.safetensors`"),
    ] {
        let told = cut(from, to);
        assert!(told.starts_with("some.safetensors ") && told.contains(expected), "{told}");
    }
}

#[test]
fn what_integers_cannot_be_is_refused_by_name() {
    let good = all()[1].1.folded().unwrap().clone();
    let told = |change: fn(&mut Folded)| {
        let mut folded = good.clone();
        change(&mut folded);
        let model = TrainedModel::from_folded(folded).unwrap();
        let error = quantise(&model, &[0; 3 * 28 * 28], QuantiseSettings::default()).unwrap_err();
        assert!(matches!(error, ExportError::Compact { .. }), "{error}");
        error.to_string()
    };
    assert!(told(|f| f.network.factors[1] = 0.0).contains("every channel of the image must be multiplied by more"));
    let padded = told(|f| f.network.summands[0] = 0.5);
    assert!(padded.contains("must be a value that a pixel can have"), "{padded}");
    let bounded = told(|f| f.network.operations[9].activation = Activation::Relu);
    assert!(bounded.contains("the last operation must neither add nor bound anything"), "{bounded}");
    assert!(TrainedModel::read(&fixture("mnist-final.safetensors")).unwrap().folded().is_none());
}
