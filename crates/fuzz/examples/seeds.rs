//! Writes small intact files of each kind to `corpus/<target>`: where fuzzing starts from.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use image::{
    DynamicImage, ExtendedColorType, Frame, ImageEncoder, ImageFormat,
    codecs::{gif::GifEncoder, png::PngEncoder},
};
use litecnn_export::Folded;
use litecnn_run::{Answer, Answers, Measured, Prediction, Predictions, RoundRecord, write_rounds};
use litecnn_runtime::{
    Activation, Architecture, LoadError, Network, Operation, OperationKind, Quantised, QuantisedLayer,
    QuantisedNetwork, QuantisedOperation, Requantisation, Scaling, encode, encode_int8, encode_network,
    encode_network_int8,
};

fn main() -> Result<(), Box<dyn Error>> {
    models()?;
    records()?;
    data_sets()?;
    pictures()?;
    for (kind, file) in [("m", "mnist/seed-0/metrics.json"), ("s", "summary.json")] {
        put("reports", kind, [kind.as_bytes(), &fs::read(format!("../../results/reference/{file}"))?].concat())?;
    }
    let machine = r#"{"cpu": "c", "cores": 2, "memory_bytes": null, "os": "linux", "libtorch": "2.13.0", "device": "cpu",
        "tf32": null, "litecnn": "0.1.0", "commit": "unknown", "date": "2025-01-31T12:00:00Z"}"#;
    let contender = r#"{"dataset": "mnist", "name": "two-stage", "words": "w", "family": "light", "parameters": 6930,
        "non_zero": 6930, "macs": 60000, "bytes": 28000, "timings": [{"program": "litecnn-runtime", "us": 12.5}],
        "images": 100, "trainings": [{"seed": 0, "epochs": 4, "seconds": 9.0, "correct": 98}]}"#;
    let row = r#"{"program": "litecnn", "version": "0.1.0", "model": "mnist", "batch": 8, "threads": 1, "device": "cpu",
        "metric": "throughput", "unit": "images/s", "copy": null, "median": 150.0, "p95": 160.0, "p99": 170.0,
        "mean": 151.0, "std": 5.0, "min": 148.0, "repetitions": 100, "warmup": 10, "first_call": 900.0}"#;
    let comparison = format!(
        r#"c{{"format": "litecnn-comparison/1", "machine": {machine}, "contenders": [{contender}], "pairs": []}}"#
    );
    put("reports", "comparison", comparison)?;
    let bench = format!(r#"b{{"format": "litecnn-bench/1", "machine": {machine}, "models": [], "rows": [{row}]}}"#);
    put("reports", "small-bench", bench)?;
    for folder in ["litecnn-train/recipes", "litecnn-zoo/recipes", "litecnn-zoo/networks"] {
        let target = if folder.ends_with("recipes") { "recipe" } else { "network" };
        for entry in fs::read_dir(Path::new("..").join(folder))? {
            let path = entry?.path();
            put(target, &format!("{}.toml", fs::read(&path)?.len()), fs::read(&path)?)?;
        }
    }
    #[cfg(feature = "libtorch")]
    libtorch::weights()?;
    Ok(())
}

fn put(target: &str, name: &str, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
    let folder = Path::new("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

/// A weight file as [`litecnn_fuzz::sealed`] takes it: its head and a line break instead of the head's length.
fn open(bytes: &[u8]) -> Vec<u8> {
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
    [&rest[..length], b"\n", &rest[length..]].concat()
}

#[cfg(feature = "libtorch")]
mod libtorch {
    use super::*;
    use litecnn_fuzz::state::{FINGERPRINT, step};
    use litecnn_model::{Architecture, Branch, BranchSpec, Card, HeadKind, Model, UnifiedModel, UnifiedSpec};
    use litecnn_train::{Checkpointer, Keep};
    use tch::Device;

    pub(super) fn weights() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("file");
        let spec = BranchSpec { filters: vec![2], ..BranchSpec::paper(1, 6, 7, 2) };
        let names = ["a".to_owned(), "b".to_owned()];
        for head in [HeadKind::Dense, HeadKind::Conv1x1] {
            let card = Card::new(Architecture::Branch { spec: spec.clone(), head }, &names);
            Model::Branch(Branch::zeros(&spec, head, Device::Cpu)?).save(&path, &card)?;
            both("weights", &format!("branch-{head:?}"), &path)?;
            both("export", &format!("branch-{head:?}"), &path)?;
        }
        let spec = UnifiedSpec { hidden: 3, ..UnifiedSpec::paper(spec) };
        let card = Card::new(Architecture::Unified { spec: spec.clone() }, &names);
        Model::Unified(UnifiedModel::zeros(&spec, Device::Cpu)?).save(&path, &card)?;
        both("weights", "unified", &path)?;
        both("export", "unified", &path)?;

        let text = "name = 'x'\ninput = { channels = 1, height = 8, width = 8 }\nclasses = 2\n[[parts]]\nname = 'p'\n\
                    layers = [{ conv = { kernel = 3, out = 2 } }, 'batch-norm', 'relu', { conv-head = { activation = 'relu6' } }]";
        let network = litecnn_zoo::Network::parse(text, Path::new("x"))?;
        let model = litecnn_zoo::Model::zeros(network.graph()?, Device::Cpu)?;
        model.save(&path, &litecnn_zoo::Card::new(&network, &names)?)?;
        both("weights", "network", &path)?;
        for variant in litecnn_zoo::Variant::all() {
            put("network", &variant.to_string(), variant.network(10).to_toml())?;
        }

        fs::remove_file(&path)?;
        let to = Checkpointer { path: path.clone(), fingerprint: FINGERPRINT.into() };
        step(&to, Keep::Best)?;
        both("state", "two-epochs", &path)?;
        Ok(())
    }

    fn both(target: &str, name: &str, path: &Path) -> Result<(), Box<dyn Error>> {
        let bytes = fs::read(path)?;
        put(target, &format!("{name}-open"), open(&bytes))?;
        put(target, name, bytes)?;
        Ok(())
    }
}

fn records() -> Result<(), Box<dyn Error>> {
    let files = [
        ("m", "run.toml"),
        ("s", "mnist/seed-1/fold-3/step.json"),
        ("h", "fashion-mnist/seed-2/fold-4/history.csv"),
        ("g", "mnist/seed-0/architecture.json"),
        ("i", "cifar10/seed-0/pictures/pictures.json"),
    ];
    for (kind, file) in files {
        put("records", kind, [kind.as_bytes(), &fs::read(format!("../../results/reference/{file}"))?].concat())?;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("file");
    let keep = |kind: &str| put("records", kind, [kind.as_bytes(), &fs::read(&path)?].concat());
    let row = |index, predicted| Prediction { index, label: 1, predicted, probabilities: vec![0.5, 0.5] };
    Predictions { classes: 2, rows: vec![row(0, 0), row(4, 1)] }.write(&path)?;
    keep("p")?;
    let answer = Answer { index: 7, label: 1, predicted: vec![1, 0] };
    Answers { models: vec!["branch-1".into(), "fold-1".into()], rows: vec![answer.clone(), answer] }.write(&path)?;
    keep("a")?;
    let measured = Measured {
        format: Measured::FORMAT.into(),
        network: "vgg19-8".into(),
        treatment: "pruned".into(),
        dataset: "cifar10".into(),
        data: "digest".into(),
        seed: 3,
        epochs: 150,
        images: 10_000,
        correct: 9_127,
        batch_accuracy: 0.9128,
        parameters: 151_000,
        non_zero: 140_000,
        bytes: 190_000,
        seconds: 12.5,
        settings: BTreeMap::from([("scales".into(), "per-tensor".into())]),
    };
    measured.write(&path)?;
    keep("e")?;
    let round = RoundRecord {
        round: 0,
        non_zeroed: 9,
        non_zero_weights: 10,
        sparsity: 0.5,
        accuracy: 0.6,
        batch_accuracy: 0.25,
        epochs: 3,
        seconds: 1.5,
    };
    write_rounds(&path, &[round.clone(), round])?;
    keep("r")?;
    Ok(())
}

/// Files of the sets that the target's door knows; see `fuzzing.rs` of litecnn-data.
fn data_sets() -> Result<(), Box<dyn Error>> {
    let head = |magic: u8, sizes: &[u32]| {
        let mut bytes = vec![0, 0, 8, magic];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes
    };
    let images = [head(3, &[3, 2, 3]), vec![7; 18]].concat();
    let labels = [head(1, &[3]), vec![0, 1, 2]].concat();
    put("idx", "images", &images)?;
    put("idx", "labels", &labels)?;
    let before = |file: &[u8]| [&(file.len() as u16).to_le_bytes(), file].concat();
    put("idx", "set", [before(&images), before(&labels), before(&images), labels.clone()].concat())?;

    let batch = |labels: &[u8], images: u8| (0..images).flat_map(|i| [labels, &[i; 12]].concat()).collect::<Vec<u8>>();
    put("cifar", "batch", batch(&[3], 3))?;
    put("cifar", "cifar10", [before(&batch(&[3], 3)), before(&batch(&[1], 2)), batch(&[0], 2)].concat())?;
    let all: Vec<u8> = (0..4).flat_map(|fine| batch(&[fine / 2, fine], 1)).collect();
    put("cifar", "cifar100", [before(&all), before(&all), all.clone()].concat())?;

    let mut packed = GzEncoder::new(vec![], Compression::best());
    packed.write_all(&batch(&[3], 30))?;
    let packed = packed.finish()?;
    put("gzip", "batch", [&390u16.to_le_bytes()[..], &packed].concat())?;

    let mut picture = vec![];
    let pixels: Vec<u8> = (0..36).collect();
    PngEncoder::new(&mut picture).write_image(&pixels, 4, 3, ExtendedColorType::Rgb8)?;
    let list = b"[0,1,2,3,4]";
    put("png", "batch", [&[list.len() as u8], &list[..], &picture].concat())?;

    let mut tar = tar::Builder::new(vec![]);
    for (at, images) in [3, 2, 2].into_iter().enumerate() {
        let content = batch(&[at as u8], images);
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("data/file_{at}.bin"), &*content)?;
    }
    let tar = tar.into_inner()?;
    put("archive", "plain", &tar)?;
    let mut packed = GzEncoder::new(vec![], Compression::best());
    packed.write_all(&tar)?;
    put("archive", "packed", packed.finish()?)?;

    for file in ["manifest.toml", "samples/manifest.toml"] {
        put("manifest", &file.replace('/', "-"), fs::read(Path::new("../../datasets").join(file))?)?;
    }
    Ok(())
}

/// Pictures of every format and kind, some with what a camera says about them (EXIF), and lists of pictures.
fn pictures() -> Result<(), Box<dyn Error>> {
    let colours = DynamicImage::ImageRgba8(image::RgbaImage::from_fn(16, 9, |x, y| {
        image::Rgba([(x * 15) as u8, (y * 28) as u8, (x * y) as u8, (x * 17) as u8])
    }));
    let mut way = 0;
    let mut keep = |name: &str, bytes: &[u8]| {
        way += 1;
        put("pictures", name, [&[way][..], bytes].concat())
    };
    let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP];
    let kinds = [
        ("grey", DynamicImage::from(colours.to_luma8())),
        ("colour", colours.to_rgb8().into()),
        ("transparent", colours.clone()),
        ("grey-transparent", colours.to_luma_alpha8().into()),
        ("grey-16", colours.to_luma16().into()),
        ("transparent-16", colours.to_rgba16().into()),
    ];
    for format in formats {
        for (kind, picture) in &kinds {
            let mut bytes = Cursor::new(vec![]);
            // Not every format has every kind.
            if picture.write_to(&mut bytes, format).is_ok() {
                keep(&format!("{kind}.{}", format.extensions_str()[0]), bytes.get_ref())?;
            }
        }
    }
    let mut animation = vec![];
    let frames = [colours.to_rgba8(), image::imageops::rotate180(&colours.to_rgba8())].map(Frame::new);
    GifEncoder::new(&mut animation).encode_frames(frames)?;
    keep("animation.gif", &animation)?;
    // Two pixels of one bit each, by a palette.
    let palette = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01\x01\x03\0\0\0\xce\xec\xed\xc9\0\0\0\x06PLTE\
        \n\x14\x1e\xc8d2w\xa0\xb3\x9c\0\0\0\nIDATx\x9ccp\0\0\0B\0A)7\xf4\xef\0\0\0\0IEND\xaeB`\x82";
    keep("palette.png", palette)?;

    // As no encoder of `image` writes them: sharper by and by, four inks, colour at half the size.
    let mut progressive = vec![];
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 60);
    encoder.set_progressive(true);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode(&colours.to_rgb8(), 16, 9, jpeg_encoder::ColorType::Rgb)?;
    keep("progressive.jpg", &progressive)?;
    let mut inks = vec![];
    let mut encoder = jpeg_encoder::Encoder::new(&mut inks, 60);
    encoder.set_restart_interval(1);
    encoder.encode(&colours.to_rgba8(), 16, 9, jpeg_encoder::ColorType::Cmyk)?;
    keep("inks.jpg", &inks)?;

    // Turned by a quarter.
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut jpeg = Cursor::new(vec![]);
    colours.to_rgb8().write_to(&mut jpeg, ImageFormat::Jpeg)?;
    let jpeg = jpeg.into_inner();
    let head = [0xff, 0xe1, 0, exif.len() as u8 + 2];
    keep("turned.jpg", &[&jpeg[..2], &head[..], exif, &jpeg[2..]].concat())?;
    let mut png = vec![];
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif[6..].to_vec())?;
    encoder.write_image(&colours.to_rgb8(), 16, 9, ExtendedColorType::Rgb8)?;
    keep("turned.png", &png)?;

    put("pictures", "list", "lpath,label\nlist.csv,cat\n./list.csv,dog\nabsent.png,cat\n")?;
    let parts = "l\u{feff}Label, note,PATH,split\r\n\"a, b\",,list.csv,train\nc,,\"list.csv\",val\nc,,list.csv,Train\n";
    put("pictures", "list-in-parts", parts)?;
    Ok(())
}

fn models() -> Result<(), Box<dyn Error>> {
    let architectures = [
        Architecture::branch(1, 6, 7, &[2], 3)?,
        Architecture::branch(3, 12, 9, &[3], 2)?,
        Architecture::unified(1, 10, 11, &[1, 2], 2, 3, true)?,
        Architecture::unified(2, 4, 5, &[1], 2, 1, false)?,
        Architecture::unified(3, 22, 24, &[2, 3, 1], 4, 5, false)?,
    ];
    for (i, architecture) in architectures.iter().enumerate() {
        let weights: Vec<f32> = (0..architecture.parameters()).map(|n| (n as f32 * 0.7).sin()).collect();
        let names: Vec<String> = (0..architecture.classes()).map(|class| format!("é{class}")).collect();
        let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
        let file = encode(architecture, &names, scaling, &weights)?;
        put("model", &format!("floats-{i}"), file)?;
        let file = encode_int8(architecture, &names, scaling, &integers(architecture))?;
        put("model", &format!("integers-{i}"), file)?;
    }
    let network = list();
    let weights: Vec<f32> = (0..network.parameters()?).map(|n| (n as f32 * 0.7).sin()).collect();
    let scaling = Scaling { scale: 1.0 / 255.0, shift: 0.0 };
    put("model", "list", encode_network(&network, &["é0", "é1"], scaling, &weights)?)?;
    put("model", "list-integers", encode_network_int8(&network, &["é0", "é1"], scaling, &integers_of(&network)?)?)?;
    let folded = Folded {
        name: "list".into(),
        network,
        weights,
        unfolded: 99,
        classes: vec!["a".into(), "b".into()],
        dataset: String::new(),
        recipe: String::new(),
        step: String::new(),
        pictures: None,
    };
    put("export", "folded-open", open(&folded.bytes()?))?;
    put("export", "folded", folded.bytes()?)?;
    Ok(())
}

/// One operation of each kind, groups, a sum and a shortcut.
fn list() -> Network {
    let plain = Operation {
        kind: OperationKind::Convolution,
        from: 0,
        added: None,
        activation: Activation::None,
        outputs: 4,
        groups: 1,
        kernel: [3; 2],
        stride: [1; 2],
        padding: [1; 2],
    };
    let one = Operation { kernel: [1; 2], padding: [0; 2], ..plain };
    let operations = vec![
        Operation { activation: Activation::Relu6, ..plain },
        Operation { from: 1, groups: 4, ..plain },
        Operation { from: 2, added: Some(1), activation: Activation::Relu, ..one },
        Operation { from: 3, groups: 2, stride: [2; 2], ..plain },
        Operation { from: 4, kind: OperationKind::MaxPool, ..plain },
        Operation { from: 5, kind: OperationKind::AveragePool, kernel: [3; 2], padding: [0; 2], ..plain },
        Operation { from: 6, outputs: 2, ..one },
    ];
    Network { input: [2, 6, 5], operations, factors: vec![2.0; 2], summands: vec![-1.0; 2] }
}

fn integers(architecture: &Architecture) -> Quantised {
    let branches = if architecture.hidden().is_some() { 2 } else { 1 };
    let mut shapes = Vec::new();
    for _ in 0..branches {
        let mut channels = architecture.input_shape()[0];
        for filters in architecture.filters() {
            shapes.push([filters, 9 * channels]);
            channels = filters;
        }
        shapes.push([architecture.classes(), architecture.features()]);
    }
    if let Some(units) = architecture.hidden() {
        shapes.push([units, branches * architecture.classes()]);
        shapes.push([architecture.classes(), units]);
    }
    let last = shapes.len() - 1;
    let layer = |(index, [outputs, inputs]): (usize, [usize; 2])| QuantisedLayer {
        weights: (0..outputs * inputs).map(|n| (n * 37 % 255) as u8 as i8).collect(),
        biases: (0..outputs).map(|n| n as i32 * 1000 - 500).collect(),
        outputs: if index == last {
            Requantisation::Logits(vec![0.001; outputs])
        } else {
            Requantisation::Bytes { multipliers: vec![20_000; outputs], shifts: vec![3; outputs] }
        },
    };
    Quantised { layers: shapes.into_iter().enumerate().map(layer).collect() }
}

fn integers_of(network: &Network) -> Result<QuantisedNetwork, LoadError> {
    let shapes = network.shapes()?;
    let operation = |(index, operation): (usize, &Operation)| {
        let outputs = usize::from(operation.outputs);
        let inputs = shapes[usize::from(operation.from)][0] / usize::from(operation.groups);
        let taps = usize::from(operation.kernel[0]) * usize::from(operation.kernel[1]);
        let count = if operation.kind == OperationKind::Convolution { outputs * inputs * taps } else { 0 };
        let last = index + 1 == network.operations.len();
        QuantisedOperation {
            weights: (0..count).map(|n| (n * 37 % 255) as u8 as i8).collect(),
            biases: (0..outputs).map(|n| n as i32 * 1000 - 500).collect(),
            outputs: if last {
                Requantisation::Logits(vec![0.001; outputs])
            } else {
                Requantisation::Bytes { multipliers: vec![20_000; outputs], shifts: vec![3; outputs] }
            },
            zeros: vec![100; if last { 0 } else { outputs }],
            added: vec![(16_000, 100); if operation.added.is_some() { outputs } else { 0 }],
            most: vec![200; if operation.activation == Activation::Relu6 { outputs } else { 0 }],
        }
    };
    let operations = network.operations.iter().enumerate().map(operation).collect();
    Ok(QuantisedNetwork { zeros: vec![128; network.input[0]], operations })
}
