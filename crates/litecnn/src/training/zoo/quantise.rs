//! `litecnn zoo quantise`: a trained network with bytes for floats, and what that costs in accuracy.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use litecnn_cli::{Usage, print};
use litecnn_data::{Dataset, DeviceImages, stream};
use litecnn_run::Measured;
use litecnn_zoo::{Calibration, Card, Count, Evaluation, Layer, Model, Quantised, QuantisedCard, ZooError};
use tch::{Device, Tensor};

use super::job::{MEASURED, check_classes, dataset, measured_beside, normalisation_of};

/// Images at once, in calibration and measurement.
const BATCH: usize = 128;

const EXAMPLES: &str = "\
Examples:
  litecnn zoo quantise results/ghost/weights.safetensors --dataset cifar10 --out results/int8
  litecnn zoo quantise weights.safetensors --dataset cifar10 --out int8 --scales per-channel --images 1000";

/// Quantise a trained network to 8 bits after a calibration by some images, and measure both on the test images.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Weight file of a trained network.
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    /// The data set it was trained on.
    #[arg(long, value_name = "NAME")]
    dataset: String,
    /// Folder to write weights-int8.safetensors and measured.json to.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Folder with the data set's files; otherwise they come from the cache, or are fetched into it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Do not use the network.
    #[arg(long)]
    offline: bool,
    /// Scales of a layer's weights.
    #[arg(long, value_enum, default_value_t = Scales::PerTensor)]
    scales: Scales,
    /// Images that ranges are told from. Those of the test, all of them, are the study's choice, which peeks.
    #[arg(long, value_enum, default_value_t = Part::Train)]
    calibration: Part,
    /// How many of them; if not given, as many as there are, at most 10000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    images: Option<u32>,
    /// Clip at 6 after the stem, as the study's no. 11 of ResNet-101 does once it is quantised, though it was trained
    /// with plain relu.
    #[arg(long)]
    stem_relu6: bool,
    /// Decides which training images.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Threads; all the machine offers if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scales {
    PerTensor,
    PerChannel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Train,
    Test,
}

pub(super) fn run(args: &Args) -> Result<()> {
    tch::set_num_threads(args.threads.map_or_else(litecnn_cli::threads, usize::from) as i32);
    let (model, card) = Model::load(&args.weights, Device::Cpu)?;
    let clipped = args.stem_relu6.then(|| clip_stem(&model, &card)).transpose()?;
    let (watched, made) = clipped.as_ref().map_or((&model, &card), |(model, card)| (model, card));
    let dataset = dataset(&args.dataset, args.data_dir.as_deref(), args.offline)?;
    fits(&model, &card, &dataset)?;
    let normalisation = normalisation_of(&card, &dataset);
    let [train, test] = [&dataset.train, &dataset.test].map(|images| DeviceImages::new(images, Device::Cpu, 255.0));
    let (train, test) = (train?, test?);

    let began = Instant::now();
    let (scales, word) = match args.scales {
        Scales::PerTensor => (litecnn_zoo::Scales::PerTensor, "per-tensor"),
        Scales::PerChannel => (litecnn_zoo::Scales::PerChannel, "per-channel"),
    };
    let (source, part) = match args.calibration {
        Part::Train => (&train, "train"),
        Part::Test => (&test, "test"),
    };
    let there = source.len();
    let wanted = args.images.map_or(there.min(10_000), |n| n as usize);
    if wanted > there {
        return Err(Usage(format!("--images {wanted}: the data set has {there} {part} images")).into());
    }
    let places: Vec<u32> = (0..there as u32).collect();
    let batches = match args.calibration {
        Part::Train => source.shuffled_batches(&places, BATCH, &mut stream(args.seed, "zoo/calibration"))?,
        Part::Test => source.batches(&places, BATCH)?,
    };
    let mut calibration = Calibration::new(watched);
    let mut left = wanted;
    for batch in batches.take(wanted.div_ceil(BATCH)) {
        let images = batch?.images;
        let taken = left.min(images.size()[0] as usize);
        calibration.observe(&normalisation.apply(&images.f_narrow(0, 0, taken as i64)?)?)?;
        left -= taken;
    }
    let quantised = calibration.finish(scales)?;
    let seconds = began.elapsed().as_secs_f64();

    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let path = args.out.join("weights-int8.safetensors");
    quantised.save(&path, &QuantisedCard::new(made, scales, &format!("{part}, {wanted} images")))?;
    let bytes = std::fs::metadata(&path).with_context(|| format!("cannot look at {}", path.display()))?.len();
    let float = evaluate(&test, |images| tch::no_grad(|| model.forward(&normalisation.apply(images)?)))?;
    let int8 = evaluate(&test, |images| quantised.forward(&normalisation.apply(images)?))?;

    let earlier = measured_beside(&args.weights);
    let settings = [("scales", word.to_owned()), ("calibration", part.to_owned()), ("images", wanted.to_string())];
    let mut all = earlier.as_ref().map_or_else(BTreeMap::new, |earlier| earlier.settings.clone());
    all.extend(settings.map(|(key, value)| (key.to_owned(), value)));
    if args.stem_relu6 {
        all.insert("stem".into(), "relu6".into());
    }
    let measured = Measured {
        format: Measured::FORMAT.into(),
        network: card.network.name.clone(),
        treatment: "quantised".into(),
        dataset: dataset.name.clone(),
        data: dataset.digest.clone(),
        // That of the training, if it is known: it decides more.
        seed: earlier.as_ref().map_or(args.seed, |earlier| earlier.seed),
        epochs: earlier.as_ref().map_or(0, |earlier| earlier.epochs),
        images: test.len() as u64,
        correct: int8.correct,
        batch_accuracy: int8.batch_accuracy,
        parameters: Count::of(model.graph()).parameters as u64,
        non_zero: quantised.non_zero()? as u64,
        bytes,
        seconds: earlier.as_ref().map_or(0.0, |earlier| earlier.seconds),
        settings: all,
    };
    measured.write(&args.out.join(MEASURED))?;
    print(&report(&card.network.name, test.len(), &float, &int8, &quantised, seconds))
}

/// The same weights in the same network, but for relu6 in its stem.
fn clip_stem(model: &Model, card: &Card) -> Result<(Model, Card)> {
    let mut card = card.clone();
    let name = card.network.name.clone();
    let stem = card.network.parts.iter_mut().find(|part| part.name == "stem");
    let Some(relu) = stem.and_then(|part| part.layers.iter_mut().find(|layer| **layer == Layer::Relu)) else {
        return Err(Usage(format!("--stem-relu6: `{name}` has no part `stem` with a relu")).into());
    };
    *relu = Layer::Relu6;
    let mut clipped = Model::zeros(card.network.graph()?, Device::Cpu)?;
    clipped.state_mut().set(model.state().weights(), model.state().statistics())?;
    Ok((clipped, card))
}

fn report(
    name: &str,
    images: usize,
    float: &Evaluation,
    int8: &Evaluation,
    quantised: &Quantised,
    seconds: f64,
) -> String {
    let percent = |found: &Evaluation| 100.0 * found.correct as f64 / images as f64;
    format!(
        "{name}: accuracy on {images} test images {:.2} % in floats, {:.2} % in 8 bits (mean of batches {:.2} %, {:.2} %)\n\
         {} bytes, calibrated in {seconds:.1} s\n",
        percent(float),
        percent(int8),
        100.0 * float.batch_accuracy,
        100.0 * int8.batch_accuracy,
        quantised.bytes(),
    )
}

/// Refuses a data set whose images or classes are not the network's.
fn fits(model: &Model, card: &Card, dataset: &Dataset) -> Result<()> {
    let (_, height, width, channels) = dataset.train.pixels.dim();
    let images = [channels, height, width].map(|n| n as i64);
    let (takes, classes) = (model.graph().input().dims(), card.network.classes);
    if takes != images || classes != dataset.classes.len() as i64 {
        let reason = format!(
            "`{}` is for {classes} classes and images of {takes:?}; {} has {} classes and images of {images:?}",
            card.network.name,
            dataset.name,
            dataset.classes.len()
        );
        return Err(Usage(reason).into());
    }
    check_classes(card, dataset)
}

/// What comes of the test images.
fn evaluate(test: &DeviceImages, forward: impl Fn(&Tensor) -> Result<Tensor, ZooError>) -> Result<Evaluation> {
    let places: Vec<u32> = (0..test.len() as u32).collect();
    let logits = test.batches(&places, BATCH)?.map(|batch| Ok(forward(&batch?.images)?));
    let logits = logits.collect::<Result<Vec<_>>>()?;
    Ok(Evaluation::new(Tensor::f_cat(&logits, 0)?, &test.labels(&places)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_data::{LoadOptions, Normalisation, load};
    use litecnn_zoo::{Op, Variant};
    use std::path::Path;

    fn args(weights: &Path, dataset: &str, out: &Path) -> Args {
        Args {
            weights: weights.into(),
            dataset: dataset.into(),
            out: out.into(),
            data_dir: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples")),
            offline: true,
            scales: Scales::PerChannel,
            calibration: Part::Train,
            images: Some(150),
            stem_relu6: false,
            seed: 0,
            threads: Some(1),
        }
    }

    #[test]
    fn a_network_is_quantised_measured_and_written() {
        let folder = tempfile::tempdir().unwrap();
        let (weights, out) = (folder.path().join("weights.safetensors"), folder.path().join("int8"));
        let network = Variant::find("vgg19-12").unwrap().network(10);
        let model = Model::new(network.graph().unwrap(), Device::Cpu, &mut stream(0, "test")).unwrap();
        model.save(&weights, &Card::new(&network, &[]).unwrap()).unwrap();
        run(&args(&weights, "cifar10", &out)).unwrap();
        let measured = Measured::read(&out.join("measured.json")).unwrap();
        assert_eq!((measured.treatment.as_str(), measured.images), ("quantised", 200));
        assert_eq!(measured.settings["calibration"], "train");
        assert_eq!(measured.settings["images"], "150");
        let (quantised, card) = Quantised::load(&out.join("weights-int8.safetensors")).unwrap();
        assert_eq!(card.calibration, "train, 150 images");
        // What was measured is what the file gives.
        let options =
            LoadOptions { data_dir: args(&weights, "", &out).data_dir, offline: true, ..LoadOptions::default() };
        let dataset = load("cifar10", &options).unwrap();
        let test = DeviceImages::new(&dataset.test, Device::Cpu, 255.0).unwrap();
        let normalisation = Normalisation::of(&dataset);
        let again = evaluate(&test, |images| quantised.forward(&normalisation.apply(images)?)).unwrap();
        assert_eq!((again.correct, again.batch_accuracy), (measured.correct, measured.batch_accuracy));

        let message = |args: Args| run(&args).unwrap_err().to_string();
        assert!(message(args(&weights, "mnist", &out)).contains("images of [3, 32, 32]"));
        let many = Args { images: Some(5000), ..args(&weights, "cifar10", &out) };
        assert!(message(many).contains("the data set has 1000 train images"));
        assert!(
            message(args(&out.join("weights-int8.safetensors"), "cifar10", &out)).contains("not a usable weight file")
        );
    }

    #[test]
    fn a_stem_is_clipped_and_nothing_else() {
        let network = Variant::find("resnet101-11").unwrap().network(10);
        let model = Model::new(network.graph().unwrap(), Device::Cpu, &mut stream(0, "test")).unwrap();
        let card = Card::new(&network, &[]).unwrap();
        let (clipped, made) = clip_stem(&model, &card).unwrap();
        let differ = |(a, b): (&litecnn_zoo::Node, &litecnn_zoo::Node)| (a != b).then(|| (a.op.clone(), b.op.clone()));
        let nodes = model.graph().nodes.iter().zip(&clipped.graph().nodes);
        assert_eq!(nodes.filter_map(differ).collect::<Vec<_>>(), [(Op::Relu, Op::Relu6)]);
        assert_eq!(clipped.state().weights(), model.state().weights());
        assert_eq!((&made.layout, &made.network.name), (&card.layout, &card.network.name));

        let vgg = Variant::find("vgg19-8").unwrap().network(10);
        let model = Model::zeros(vgg.graph().unwrap(), Device::Cpu).unwrap();
        let message = clip_stem(&model, &Card::new(&vgg, &[]).unwrap()).unwrap_err().to_string();
        assert!(message.contains("has no part `stem` with a relu"), "{message}");
    }
}
