use litecnn_run::{GraphLayer, ModelGraph};

use super::draw::State;
use super::graph;
use super::plan::{Plan, Rect};
use super::words::Words;
use crate::figure::panel::WIDTH;

fn layer(name: &str, kind: &str, inputs: &[&str], output: &[u64], parameters: u64, trained_in: &[&str]) -> GraphLayer {
    let own = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect();
    GraphLayer {
        name: name.into(),
        kind: kind.into(),
        inputs: own(inputs),
        output: output.to_vec(),
        parameters,
        macs: 0,
        trained_in: own(trained_in),
    }
}

/// A chain of layers below each of some inputs, under a prefix, and what it ends with.
fn branch(layers: &mut Vec<GraphLayer>, prefix: &str, input: &str, dense: bool, steps: &[&str]) -> String {
    let mut last = input.to_owned();
    let mut push = |name: &str, kind: &str, output: &[u64], parameters| {
        let name = format!("{prefix}{name}");
        layers.push(layer(&name, kind, &[&last], output, parameters, if parameters > 0 { steps } else { &[] }));
        last = name;
    };
    push("conv1", "Conv2d 3x3 + ReLU", &[10, 26, 26], 100);
    push("pool1", "MaxPool2d 2x2", &[10, 13, 13], 0);
    push("conv2", "Conv2d 3x3 + ReLU", &[20, 11, 11], 1_820);
    push("pool2", "MaxPool2d 2x2", &[20, 5, 5], 0);
    if dense {
        push("flatten", "Flatten", &[500], 0);
        push("head", "Dense + softmax", &[10], 5_010);
    } else {
        push("flatten", "Reshape", &[500, 1, 1], 0);
        push("head", "Conv2d 1x1", &[10, 1, 1], 5_010);
    }
    last
}

fn unified(branches: usize) -> ModelGraph {
    let mut layers = vec![layer("input", "Input", &[], &[1, 28, 28], 0, &[])];
    let steps = ["stage-2-2", "folds"];
    let ends: Vec<String> =
        (1..=branches).map(|b| branch(&mut layers, &format!("branch-{b}."), "input", false, &steps)).collect();
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    let steps = ["stage-2-1", "stage-2-2", "folds"];
    layers.push(layer("concatenate", "Concatenate, flatten", &ends, &[20], 0, &[]));
    layers.push(layer("hidden", "Dense + ReLU", &["concatenate"], &[32], 672, &steps));
    layers.push(layer("dropout", "Dropout 0.5", &["hidden"], &[32], 0, &[]));
    layers.push(layer("output", "Dense + softmax", &["dropout"], &[10], 330, &steps));
    ModelGraph { name: "unified".into(), layers }
}

fn dual(branches: usize) -> ModelGraph {
    let mut layers = Vec::new();
    for b in 1..=branches {
        let prefix = format!("branch-{b}.");
        let input = format!("{prefix}input");
        layers.push(layer(&input, "Input", &[], &[1, 28, 28], 0, &[]));
        branch(&mut layers, &prefix, &input, true, &["stage-1"]);
    }
    ModelGraph { name: "dual".into(), layers }
}

fn single() -> ModelGraph {
    let mut layers = vec![layer("input", "Input", &[], &[1, 28, 28], 0, &[])];
    branch(&mut layers, "", "input", true, &["stage-1"]);
    ModelGraph { name: "branch".into(), layers }
}

/// Lines past one, two and many rows, within a branch and across, and an input that is used late.
fn skipping() -> ModelGraph {
    let mut model = unified(2);
    let find = |model: &ModelGraph, name: &str| model.layers.iter().position(|l| l.name == name).unwrap();
    for (reader, source) in [
        ("branch-1.pool2", "branch-1.conv1"),
        ("branch-2.head", "input"),
        ("output", "concatenate"),
        ("output", "branch-1.pool1"),
    ] {
        let at = find(&model, reader);
        model.layers[at].inputs.push(source.into());
    }
    model.layers.insert(0, layer("late", "Input", &[], &[7], 0, &[]));
    let at = find(&model, "concatenate");
    model.layers[at].inputs.push("late".into());
    model
}

fn chain(length: usize) -> ModelGraph {
    let mut layers = vec![layer("features.0", "Input", &[], &[3, 224, 224], 0, &[])];
    for i in 1..length {
        let (name, before) = (format!("features.{i}"), format!("features.{}", i - 1));
        layers.push(layer(
            &name,
            "Conv2d 3x3 + BatchNorm + ReLU with a long name",
            &[&before],
            &[512, 14, 14],
            2_359_808,
            &[],
        ));
    }
    ModelGraph { name: "deep".into(), layers }
}

fn all() -> Vec<(&'static str, ModelGraph)> {
    vec![
        ("branch", single()),
        ("dual", dual(2)),
        ("unified", unified(2)),
        ("three inputs", dual(3)),
        ("three branches", unified(3)),
        ("four branches", unified(4)),
        ("seven branches", unified(7)),
        ("skipping", skipping()),
        ("deep", chain(30)),
    ]
}

#[test]
fn nothing_overlaps() {
    for (name, model) in all() {
        let plan = Plan::of(&model).unwrap();
        let boxes: Vec<Rect> = (0..model.layers.len()).map(|i| plan.at(i)).collect();
        for (i, a) in boxes.iter().enumerate() {
            assert!(a.left >= 0.0 && a.right <= WIDTH && a.top >= 42.0 && a.bottom <= plan.height, "{name}: {a:?}");
            assert!(boxes[..i].iter().all(|b| !a.meets(b)), "{name}: {} overlaps", model.layers[i].name);
        }
        for (line, _) in plan.lines() {
            for pair in line.windows(2) {
                let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
                assert!(to_y >= y && (0.0..=WIDTH).contains(&x), "{name}: {pair:?}");
                let line = Rect { left: x.min(to_x), top: y, right: x.max(to_x) + 0.1, bottom: to_y };
                assert!(boxes.iter().all(|b| !line.meets(b)), "{name}: a line runs through a box: {pair:?}");
            }
        }
        for (i, area) in plan.areas.iter().enumerate() {
            assert!(area.at.left >= 0.0 && area.at.right <= WIDTH && area.at.top >= 38.0, "{name}: {:?}", area.at);
            assert!(plan.areas[..i].iter().all(|b| !area.at.meets(&b.at)), "{name}: areas overlap");
            for (layer, at) in model.layers.iter().zip(&boxes) {
                let inside = layer.name.starts_with(&format!("{}.", area.prefix));
                assert_eq!(inside, area.at.meets(at), "{name}: {} and {}", area.prefix, layer.name);
            }
        }
        for step in [None, Some("stage-1"), Some("stage-2-1"), Some("folds")] {
            graph(name, &model, step).unwrap();
        }
    }
}

#[test]
fn branches_stand_straight_under_their_names() {
    let model = unified(2);
    let plan = Plan::of(&model).unwrap();
    assert_eq!(plan.areas.iter().map(|a| a.prefix.as_str()).collect::<Vec<_>>(), ["branch-1", "branch-2"]);
    assert!((1..=6).all(|i| plan.nodes[i].x == plan.nodes[1].x && plan.nodes[i].row == i));
    assert!((plan.nodes[13].x - WIDTH / 2.0).abs() < 1e-6, "{}", plan.nodes[13].x);
    let Words::Beside(words) = &plan.words[3] else { panic!("there is room for words beside each other") };
    assert_eq!(*words, [["conv2", "20×11×11"], ["Conv2d 3×3 + ReLU", "1,820"]]);
    // Four of them have no room for that.
    assert!(matches!(Plan::of(&unified(4)).unwrap().words[3], Words::Below(_)));
}

#[test]
fn a_line_past_rows_bends_no_box_out_of_its_column() {
    let mut model = single();
    model.layers[6].inputs.push("conv1".into());
    let plan = Plan::of(&model).unwrap();
    assert_eq!(plan.nodes.iter().filter(|n| n.layer.is_none()).count(), 4);
    assert!(plan.nodes.iter().filter(|n| n.layer.is_some()).all(|n| (n.x - WIDTH / 2.0).abs() < 0.1));
}

#[test]
fn states_follow_the_step() {
    let model = unified(2);
    let state = |layer: &str, step| State::of(model.layers.iter().find(|l| l.name == layer).unwrap(), step);
    assert!(state("branch-1.conv1", Some("stage-2-1")) == State::Frozen);
    assert!(state("branch-1.conv1", Some("folds")) == State::Trained);
    assert!(state("hidden", Some("stage-2-1")) == State::Trained);
    assert!(state("dropout", Some("stage-2-1")) == State::Neutral && state("hidden", None) == State::Neutral);
}

#[test]
fn graphs_that_are_none_are_refused() {
    let none = ModelGraph { name: "none".into(), layers: vec![] };
    assert!(graph("Empty", &none, None).unwrap_err().to_string().contains("has no layers"));
    let mut model = single();
    model.layers[1].inputs = vec!["pool1".into()];
    let message = graph("Turned", &model, None).unwrap_err().to_string();
    assert!(message.contains("layer conv1 reads from pool1"), "{message}");
}
