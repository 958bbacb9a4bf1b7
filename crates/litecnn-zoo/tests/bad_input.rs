//! Descriptions, names, images and files that cannot be: each is refused with words, nothing panics.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../damage.rs"]
mod damage;

use std::path::Path;

use damage::{damaged, damages};
use litecnn_model::InputShape;
use litecnn_zoo::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

fn network(name: &str) -> Network {
    Variant::find(name).unwrap().network(10)
}

fn refusal(network: &Network) -> String {
    network.graph().unwrap_err().to_string()
}

#[test]
fn unknown_names_list_the_known_ones_nearest_first() {
    let message = Variant::find("resnet101-gost").unwrap_err().to_string();
    assert!(message.starts_with("no network `resnet101-gost`; known, nearest first: resnet101-ghost, "), "{message}");
    let (_, known) = message.split_once("first: ").unwrap();
    assert!(Variant::all().all(|v| known.split(", ").any(|name| name == v.to_string())), "{message}");
    for name in ["", "vgg19-0", "vgg19-14", "resnet101-16", "resnet101", "ÿ"] {
        assert!(Variant::find(name).is_err(), "{name}");
    }
    for name in ["VGG-19/13", "vgg19-13", "vgg19_fire_dice", "VGG19-Fire-Dice"] {
        assert_eq!(Variant::find(name).unwrap().to_string(), "vgg19-fire-dice");
    }
}

#[test]
fn class_counts_and_images_that_cannot_be() {
    for classes in [i64::MIN, -1, 0, 1, 1 << 17, i64::MAX] {
        let message = refusal(&Variant::find("vgg19-1").unwrap().network(classes));
        assert!(message.contains(&format!("{classes} classes; 2 to 65536")), "{message}");
    }
    for (channels, height, width) in [(0, 32, 32), (3, -1, 32), (3, 32, i64::MAX), (i64::MAX, 1, 1)] {
        let input = InputShape { channels, height, width };
        let message = refusal(&Network { input, ..network("resnet101-13") });
        assert!(message.contains("input: images of"), "{message}");
    }
    // Four halvings by pooling need 16 pixels.
    let small = InputShape { channels: 3, height: 32, width: 15 };
    let message = refusal(&Network { input: small, ..network("vgg19-2") });
    assert!(message.starts_with("vgg19-gap, stage4.12: a window of 2 does not fit on a side of 1"), "{message}");
}

#[test]
fn every_variant_takes_or_refuses_any_image_with_words() {
    tch::set_num_threads(1);
    for variant in Variant::all() {
        for (height, width) in [(1, 1), (2, 3), (7, 5), (16, 16), (17, 33), (28, 28), (64, 48)] {
            let input = InputShape { channels: 1, height, width };
            let Ok(graph) = (Network { input, ..variant.network(7) }).graph() else { continue };
            let count = Count::of(&graph);
            if count.flops.total() > 20_000_000 || count.parameters > 5_000_000 {
                continue;
            }
            let model = Model::zeros(graph, Device::Cpu).unwrap();
            let images = Tensor::ones([2, 1, height, width], (Kind::Float, Device::Cpu));
            assert_eq!(tch::no_grad(|| model.forward(&images)).unwrap().size(), [2, 7], "{variant} {height}x{width}");
        }
    }
}

#[test]
fn images_of_another_shape_are_refused() {
    let model = Model::zeros(network("resnet101-dice").graph().unwrap(), Device::Cpu).unwrap();
    for shape in [&[1, 3, 64, 64][..], &[1, 1, 32, 32], &[3, 32, 32], &[]] {
        let images = Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let message = model.forward(&images).unwrap_err().to_string();
        assert_eq!(message, format!("images of shape {shape:?} for a network that takes [batch, 3, 32, 32]"));
    }
    let integers = Tensor::zeros([1, 3, 32, 32], (Kind::Uint8, Device::Cpu));
    assert!(matches!(model.forward(&integers), Err(ZooError::Torch(_))));
}

#[test]
fn an_empty_batch_gives_no_logits() {
    for name in ["resnet101-13", "resnet101-15", "vgg19-11"] {
        let model = Model::zeros(network(name).graph().unwrap(), Device::Cpu).unwrap();
        let images = Tensor::zeros([0, 3, 32, 32], (Kind::Float, Device::Cpu));
        assert_eq!(tch::no_grad(|| model.forward(&images)).unwrap().size(), [0, 10], "{name}");
    }
}

#[test]
fn batches_too_small_for_statistics_are_refused() {
    let layers = [Layer::GlobalAverage, Layer::BatchNorm];
    let graph = Graph::of_layers(InputShape { channels: 2, height: 3, width: 3 }, &layers).unwrap();
    let mut model = Model::zeros(graph, Device::Cpu).unwrap();
    let images = |n: i64| Tensor::ones([n, 2, 3, 3], (Kind::Float, Device::Cpu));
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let message = model.forward_train(&images(1), &mut rng).unwrap_err().to_string();
    assert!(message.contains("1 has one value a channel"), "{message}");
    assert!(model.forward_train(&images(2), &mut rng).is_ok());
    assert!(model.forward(&images(1)).is_ok());
}

/// What is said of a network whose only part has these layers.
fn said(layers: &str) -> String {
    let head =
        "name = \"n\"\ninput = { channels = 3, height = 8, width = 8 }\nclasses = 5\n\n[[parts]]\nname = \"p\"\n";
    match Network::parse(&format!("{head}layers = [\n{layers}\n]"), Path::new("n.toml")) {
        Ok(network) => network.graph().err().map_or(String::new(), |e| e.to_string()),
        Err(e) => e.to_string(),
    }
}

#[test]
fn descriptions_with_faults_name_the_line() {
    for (layers, expected) in [
        (
            "\"relu\",\n\"bach-norm\"",
            "n.toml, line 9: unknown variant `bach-norm` (did you mean `batch-norm`?), expected one of",
        ),
        ("\"relu\",\n{ conv = { kernel = 3, out = 8, strid = 2 } }", "n.toml, line 9: unknown field `strid`"),
        ("{ conv = { out = 8 } }", "n.toml, line 8: missing field `kernel`"),
        (
            "{ conv = { kernel = 3, out = \"clases\" } }",
            "line 8: invalid value: string \"clases\", expected a number, or",
        ),
        ("{ conv = { kernel = [1, 2, 3], out = 8 } }", "line 8: two numbers are wanted"),
        ("{ conv = { kernel = 1.5, out = 8 } }", "line 8: invalid type: floating point `1.5`, expected a number, or"),
        ("{ repeat = { times = -1, layers = [] } }", "line 8: invalid value: integer `-1`"),
        ("{ conv = 3 ", "n.toml, line "),
    ] {
        let message = said(layers);
        assert!(message.contains(expected), "{layers}: {message}");
    }
}

#[test]
fn networks_that_cannot_be_name_the_layer() {
    for (layers, expected) in [
        ("", "n, output: the last layer gives 3x8x8, not one number for each of 5 classes"),
        ("\"flatten\", { linear = { out = 4 } }", "the last layer gives 4 units, not one number for each of 5 classes"),
        ("{ linear = { out = 4 } }", "n, p.0: a dense layer reads a vector"),
        ("\"flatten\", { conv = { kernel = 1, out = 4 } }", "n, p.1: a convolution reads a map"),
        ("\"relu\", { conv = { kernel = 3, out = 0 } }", "n, p.1: 0 channels out; 1 to 65536"),
        ("{ conv = { kernel = 0, out = 4 } }", "a kernel of 0x0"),
        ("{ conv = { kernel = 3, out = 4, stride = 0 } }", "a stride of 0"),
        ("{ conv = { kernel = 3, out = 4, padding = 9 } }", "padding of 9 for a window of 3"),
        ("{ conv = { kernel = 3, out = 4, padding = -1 } }", "padding of -1"),
        ("{ conv = { kernel = 9, out = 4, padding = 0 } }", "a window of 9 does not fit on a side of 8"),
        ("{ conv = { kernel = 3, out = 4, groups = 2 } }", "2 groups do not divide 3 channels in and 4 out"),
        ("{ conv = { kernel = 3, out = 4, groups = 0 } }", "0 groups do not divide"),
        ("{ depthwise = { multiplier = 9223372036854775807 } }", "channels out; 1 to 65536"),
        ("{ max-pool = { size = 3, padding = 2 } }", "padding of 2 for a window of 3"),
        ("{ max-pool = { size = 9 } }", "a window of 9 does not fit"),
        ("{ shuffle = { groups = 2 } }", "3 channels cannot be shuffled in 2 groups"),
        ("{ dropout = { rate = 1.0 } }", "dropout of 1"),
        ("{ dropout = { rate = nan } }", "dropout of NaN"),
        ("{ repeat = { times = 0, layers = [\"relu\"] } }", "0 repetitions"),
        ("{ repeat = { times = 9000000000, layers = [] } }", "repetitions of 0 layers"),
        ("{ repeat = { times = 9000000000, layers = [\"relu\"] } }", "more than 100000 operations"),
        ("{ concat = { branches = [] } }", "nothing to concatenate"),
        ("{ concat = { branches = [[\"flatten\"], []] } }", "branches of 192 units and 3x8x8"),
        ("{ residual = { body = [{ conv = { kernel = 1, out = 4 } }] } }", "p.0: 4x8x8 and a shortcut of 3x8x8"),
        ("{ bottleneck = { hidden = 4, out = 8 } }", "p.0: 8x8x8 and a shortcut of 3x8x8 cannot be added"),
        ("{ bottleneck = { hidden = -4, out = 8 } }", "p.0.reduce: -4 channels out"),
        ("{ grouped-bottleneck = { hidden = 4, out = 8 } }", "p.0.reduce: 4 groups do not divide 3 channels"),
        ("{ ghost-module = { out = 5 } }", "a ghost module of 5 channels"),
        ("{ squeeze-excite = {} }", "3 channels cannot be reduced by 4"),
        ("{ squeeze-excite = { reduction = 0 } }", "3 channels cannot be reduced by 0"),
        ("{ dice = { out = 8 } }", "a DiCE unit on 3 channels; at least 4"),
        ("{ strided-dice = { out = 7 } }", "a strided DiCE unit of 7 channels"),
        ("{ dice-bottleneck = { hidden = 4, out = 8, stride = 3 } }", "a stride of 3"),
        ("{ fire = { out = 12 } }", "a Fire module of 12 channels"),
        ("{ dice-fire = { out = 0 } }", "a Fire module of 0 channels"),
        ("\"flatten\", { dice = { out = 8 } }", "a DiCE unit reads a map"),
        ("\"flatten\", { linear = { out = 65536 } }, { linear = { out = 65536 } }", "more than 1073741824 weights"),
    ] {
        let message = said(layers);
        assert!(message.contains(expected), "{layers}: {message}");
    }
    let mut twice = network("vgg19-2");
    twice.parts[1].name = "stage1".into();
    assert!(refusal(&twice).contains("`stage1` is no name of one part alone"));
    assert!(Network::load(Path::new("/no/such.toml")).unwrap_err().to_string().contains("such.toml: cannot be read"));
}

#[test]
fn every_variant_is_what_its_toml_says() {
    for variant in Variant::all() {
        let network = variant.network(100);
        let text = network.to_toml();
        assert_eq!(Network::parse(&text, Path::new("-")).unwrap(), network, "{text}");
    }
}

#[test]
fn files_of_other_networks_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let ours = network("resnet101-13");
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let model = Model::new(ours.graph().unwrap(), Device::Cpu, &mut rng).unwrap();
    let card = Card::new(&ours, &[]).unwrap();
    model.save(&path, &card).unwrap();

    let load_as = |other: &Network| Model::load_as(&path, other, Device::Cpu).unwrap_err().to_string();
    let message = load_as(&network("resnet101-14"));
    let expected = "it is for `resnet101-ghost-small-grouped` with 10 classes, not `resnet101-ghost-small-grouped-se`";
    assert!(message.contains(expected), "{message}");
    let message = load_as(&Variant::find("resnet101-13").unwrap().network(100));
    assert!(message.contains("with 10 classes, not `resnet101-ghost-small-grouped` for 100 classes"), "{message}");
    let input = InputShape { channels: 1, height: 28, width: 28 };
    let message = load_as(&Network { input, ..ours.clone() });
    assert!(message.contains("it is for images of 3x32x32, not of 1x28x28"), "{message}");
    let mut changed = ours.clone();
    changed.parts[1].layers.pop();
    assert!(load_as(&changed).contains("of another description"));

    let other = Card::new(&network("vgg19-9"), &[]).unwrap();
    let message = model.save(&path, &other).unwrap_err().to_string();
    assert!(message.contains("it is for `vgg19-fire-ghost`"), "{message}");
    for (change, expected) in [
        ((|c| c.format = "litecnn-zoo/0".into()) as fn(&mut Card), "its format is `litecnn-zoo/0`"),
        (|c| c.classes = vec!["one".into()], "it names 1 classes for 10 outputs"),
        (|c| c.network.classes = 1, "1 classes; 2 to 65536"),
        (|c| c.network = Variant::find("vgg19-9").unwrap().network(10), "named or shaped otherwise"),
    ] {
        let mut wrong = card.clone();
        change(&mut wrong);
        model.save(&path, &wrong).unwrap();
        let message = Model::load(&path, Device::Cpu).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    // A network of 4 GiB is described in a few bytes; it is compared with the file before it is made.
    let layers =
        "[\"global-average\", { linear = { out = 65536 } }, { linear = { out = 16000 } }, { linear = { out = 10 } }]";
    let text = format!(
        "name = \"large\"\ninput = {{ channels = 3, height = 8, width = 8 }}\nclasses = 10\n[[parts]]\nname = \"x\"\nlayers = {layers}"
    );
    let large = Network::parse(&text, "large".as_ref()).unwrap();
    let tensors =
        [("weights".to_owned(), model.state().weights()), ("statistics".to_owned(), model.state().statistics())];
    litecnn_model::write_tensors(&path, &Card::new(&large, &[]).unwrap(), &tensors).unwrap();
    let message = Model::load(&path, Device::Cpu).unwrap_err().to_string();
    assert!(
        message.contains("layer `weights` wants shape [1049014154]") && message.contains("w.safetensors"),
        "{message}"
    );
    std::fs::write(&path, b"nonsense").unwrap();
    assert!(Model::load(&path, Device::Cpu).unwrap_err().to_string().contains("not a usable weight file"));
}

/// A network that makes use of much.
const MINE: &str = r#"
name = "mine"
input = { channels = 3, height = 32, width = 32 }
classes = 10
[[parts]]
name = "body"
layers = [
    { conv = { kernel = 3, out = 16 } }, "batch-norm", "relu", { max-pool = { size = 2 } }, { shuffle = { groups = 4 } },
    { repeat = { times = 3, layers = [{ residual = { body = [{ conv = { kernel = 3, out = 16 } }] } }] } },
    { concat = { branches = [[], [{ depthwise = { kernel = 3 } }]] } },
]
[[parts]]
name = "head"
layers = ["global-average", { dropout = { rate = 0.5 } }, { linear = { out = "classes" } }]
"#;

fn described(text: &str) -> Option<Network> {
    match Network::parse(text, Path::new("mine.toml")) {
        Ok(network) => {
            if let Ok(graph) = network.graph() {
                assert!(Count::of(&graph).flops.total() >= 0);
            }
            Some(network)
        }
        Err(error) => {
            assert!(error.to_string().contains("mine.toml"), "{error}");
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damaged_descriptions_and_recipes_are_refused_by_name(damages in damages()) {
        let text = |intact: &str| String::from_utf8_lossy(&damaged(intact.as_bytes(), &damages)).into_owned();
        described(&text(MINE));
        described(&text(&network("vgg19-13").to_toml()));
        if let Err(error) = Recipe::parse(&text(include_str!("../recipes/study.toml")), Path::new("mine.toml")) {
            prop_assert!(error.to_string().contains("mine.toml"), "{}", error);
        }
    }
}

#[test]
fn descriptions_that_would_take_for_ever_are_refused() {
    let network = described(MINE).unwrap();
    network.graph().unwrap();
    // Layers that are no operations, over and over, and over and over that.
    let nothing = "{ shuffle = { groups = 1 } }";
    for times in ["9000000000000000000", "99999"] {
        let repeat = format!(
            "{{ repeat = {{ times = {times}, layers = [{nothing}, {{ concat = {{ branches = [[{{ repeat = {{ times = {times}, layers = [{nothing}] }} }}]] }} }}] }} }}"
        );
        let told = refusal(&described(&MINE.replace("\"relu\"", &repeat)).unwrap());
        assert!(told.contains("more than 100000 layers"), "{told}");
    }
    // Each weight's name would hold the part's.
    let told = refusal(&described(&MINE.replace("\"body\"", &format!("\"{}\"", "b".repeat(1 << 20)))).unwrap());
    assert!(told.contains("is no name of one part alone") && told.len() < 400, "{told}");
    // A layer on more values than there are numbers for its weights.
    let wide = "[\"flatten\", { linear = { out = 65536 } }]";
    let text = format!(
        "name = \"x\"\ninput = {{ channels = 65536, height = 4096, width = 4096 }}\nclasses = 2\n[[parts]]\nname = \"x\"\nlayers = {wide}"
    );
    assert!(refusal(&described(&text).unwrap()).contains("weights in all"));
    // Channels are looked at one by one where some are removed.
    let text = text
        .replace("classes = 2", "classes = 2\nkept = [1]")
        .replace(wide, "[\"relu\", \"global-average\", { linear = { out = 2 } }]");
    described(&text).unwrap().graph().unwrap_err();
    let many = "[{ repeat = { times = 90, layers = [{ shuffle = { groups = 2 } }] } }, \"global-average\", { linear = { out = 2 } }]";
    let text = text.replace("[\"relu\", \"global-average\", { linear = { out = 2 } }]", many);
    assert!(refusal(&described(&text).unwrap()).contains("can be told apart"));
    for deep in ["[".repeat(50_000), "{ repeat = { times = 1, layers = [".repeat(50_000), "a.".repeat(50_000)] {
        assert!(described(&MINE.replace("\"relu\"", &deep)).is_none());
    }
}
