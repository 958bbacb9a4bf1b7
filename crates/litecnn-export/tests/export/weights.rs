use std::path::Path;

use litecnn_export::{ExportError, HeadActivation, TrainedModel};
use serde_json::json;

use crate::models::{self, Parts, deviation, fixture, logits, softmax};

#[test]
fn a_file_of_the_trainer_is_read() {
    let model = TrainedModel::read(&fixture("mnist-final.safetensors")).unwrap();
    assert_eq!((model.input(), model.filters(), model.parameters()), ([1, 28, 28], &[10, 20][..], 14_862));
    assert_eq!((model.dataset(), model.step(), model.recipe().len()), ("mnist", "final", 64));
    assert_eq!((model.classes().len(), model.classes()[7].as_str()), (10, "7"));
    assert_eq!((model.branches().len(), model.branches()[1].head.inputs), (2, 500));
    let joint = model.joint().unwrap();
    assert_eq!((joint.head_activation, joint.hidden.inputs, joint.output.inputs), (HeadActivation::None, 20, 32));
    assert!(matches!(model.forward_f64(&[0.0; 28]), Err(ExportError::Image { expected: 784, found: 28 })));
}

/// Four test images of MNIST that the model is least sure of, and four others, with the probabilities that the
/// trainer wrote into `predictions-test.csv`.
#[test]
fn probabilities_are_those_of_the_trainer() {
    let model = TrainedModel::read(&fixture("mnist-final.safetensors")).unwrap();
    let images = std::fs::read(fixture("mnist-test.u8")).unwrap();
    let table = std::fs::read_to_string(fixture("mnist-test.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + images.len() / 784);
    for (image, row) in images.chunks_exact(784).zip(table.lines().skip(1)) {
        let expected: Vec<f32> = row.split(',').skip(3).map(|p| p.parse().unwrap()).collect();
        assert!(deviation(&expected, &softmax(&logits(&model, image))) < 2e-6, "{row}");
    }
}

#[test]
fn all_files_of_the_reference_run_are_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/reference");
    let paths = ["mnist", "fashion-mnist", "cifar10"].map(|set| root.join(set).join("seed-0/final.safetensors"));
    let present: Vec<_> = paths.iter().filter(|path| path.exists()).collect();
    if present.is_empty() {
        println!("skipped: no reference run beside this crate");
    }
    for path in present {
        let model = TrainedModel::read(path).unwrap();
        assert!(path.to_string_lossy().contains(model.dataset()));
    }
}

/// A head is the same layer whether the file has it as a dense layer or as a 1x1 convolution.
#[test]
fn both_kinds_of_heads() {
    let [dense, conv] = ["dense", "conv1x1"].map(|kind| Parts::branch([1, 9, 9], &[3], &["a", "b"], kind).model());
    assert_eq!(dense.branches(), conv.branches());
    assert!(dense.joint().is_none());
    let image = models::images(&dense, 1).remove(0);
    assert_eq!(logits(&dense, &image), logits(&conv, &image));
}

fn error(bytes: &[u8]) -> ExportError {
    TrainedModel::from_bytes(Path::new("some.safetensors"), bytes).unwrap_err()
}

type Change<'a> = &'a dyn Fn(&mut Parts);

#[test]
fn a_damaged_file_is_named_with_what_is_wrong() {
    let good = Parts::unified([1, 9, 9], &[3], &["a", "b"], 4, "none");
    let message = |change: Change<'_>| {
        let mut parts = good.clone();
        change(&mut parts);
        error(&parts.bytes()).to_string()
    };
    let cases: [(Change<'_>, &str); 15] = [
        (
            &|p| p.card["format"] = json!("litecnn-weights/2"),
            "`litecnn-weights/2`, this version reads `litecnn-weights/1`",
        ),
        (&|p| p.card = json!(3), "expected struct Version"),
        (&|p| p.card["flatten"] = json!("channel,height,width"), "flattened as `channel,height,width`"),
        (&|p| p.card["padding"] = json!(1), "unknown field `padding`"),
        (&|p| p.card["architecture"]["kind"] = json!("forest"), "unknown variant `forest`"),
        (&|p| p.card["classes"] = json!(["a"]), "1 classes for 2 outputs"),
        (&|p| p.card["architecture"]["spec"]["hidden"] = json!(0), "a hidden layer of 0 units"),
        (&|p| p.card["architecture"]["spec"]["branch"]["filters"] = json!([]), "convolutions with [] filters"),
        (&|p| p.card["architecture"]["spec"]["branch"]["filters"] = json!([3, 3, 3]), "9x9 pixels for 3 convolutions"),
        (&|p| p.card["architecture"]["spec"]["branch"]["input"]["width"] = json!(u64::MAX), "an image of 1 channels"),
        (&|p| p.card["architecture"]["spec"]["branch"]["input"]["width"] = json!(-1), "invalid value"),
        (
            &|p| p.tensors[0].1 = vec![3, 9],
            "`branch-1.conv1.weight` has shape [3, 9], its architecture gives it [3, 1, 3, 3]",
        ),
        (&|p| p.tensors[1].2[2] = f32::NAN, "value 2 of `branch-1.conv1.bias` is not a finite number"),
        (&|p| drop(p.tensors.pop()), "no weight `output.bias`; there are: branch-1.conv1.bias,"),
        (&|p| p.tensors.push(("more".into(), vec![1], vec![0.0])), "1 of its weights have no place"),
    ];
    for (change, expected) in cases {
        let message = message(change);
        assert!(message.starts_with("some.safetensors ") && message.contains(expected), "{message}");
    }
    let missing = TrainedModel::read(Path::new("no/such.safetensors")).unwrap_err();
    assert!(matches!(missing, ExportError::Run(_)) && missing.to_string().contains("no/such.safetensors"));
}

#[test]
fn a_foreign_file_is_refused() {
    for bytes in [&b""[..], b"x", b"PK\x03\x04 something else altogether", &[0xff; 64]] {
        assert!(matches!(error(bytes), ExportError::File { .. }));
    }
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, vec![1], &[0]).unwrap();
    let bytes = safetensors::serialize([("x", view)], None).unwrap();
    assert!(error(&bytes).to_string().contains("was not written by litecnn"));
}

#[test]
fn no_damage_makes_it_panic() {
    let bytes = Parts::branch([1, 8, 8], &[2], &["a", "b"], "dense").bytes();
    for end in 0..bytes.len() {
        assert!(matches!(error(&bytes[..end]), ExportError::File { .. }), "cut at {end}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            // A flipped bit of a weight or of a class name is another model.
            if let Ok(model) = TrainedModel::from_bytes(Path::new("x"), &bytes) {
                assert_eq!(model.parameters(), 2 * 9 + 2 + 2 * 18 + 2);
            }
        }
    }
}
