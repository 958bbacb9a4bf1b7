use std::path::{Path, PathBuf};

use litecnn_data::Dataset;
use litecnn_export::{QuantiseSettings, TrainedModel, litecnn, quantise};
use litecnn_model::Summary;
use litecnn_report::contenders::{Contender, Family, Pair, SCRATCH, TWO_STAGE, TWO_STAGE_INT8, Timing, Training};
use litecnn_run::{Measured, SeedDir, StepRecord};
use litecnn_runtime::{AlignedBytes, top1};
use litecnn_zoo::{Count, Model as ZooModel};
use tch::{Device, Kind, Tensor};

use crate::forms::{CALIBRATION, by_libtorch, by_runtime, evenly};
use crate::{BenchError, Call, Calls, Engine, Exported, Measure, Sample, Subject, Weights, latency};

/// Networks of the crate litecnn-zoo that a comparison looks for, by their folders in that of a seed: the last of its
/// rounds where a folder holds rounds of pruning.
const FOLDERS: [(&str, &str, Family); 6] = [
    (PLAIN, "larger plain network", Family::Plain),
    ("plain-pruned", "plain network, smallest weights set to zero", Family::Plain),
    (SHRUNK, "plain network, filters removed", Family::Plain),
    ("vgg19-8", "VGG-19 no. 8, grouped Fire with shuffle", Family::Zoo),
    ("vgg19-10", "VGG-19 no. 10, Fire with grouped ghosts", Family::Zoo),
    ("resnet101-13", "ResNet-101 no. 13, small grouped ghosts", Family::Zoo),
];
const PLAIN: &str = "plain";
const SHRUNK: &str = "plain-shrunk";

/// Steps of the two-stage method.
const STAGES: [&str; 3] = ["stage-1", "stage-2-1", "stage-2-2"];

/// How contenders are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns {
    /// Turns of each.
    pub rounds: usize,
    /// Calls a turn.
    pub calls: u64,
}

/// Everything a run directory holds of a comparison on a data set: accuracies on the test images seed by seed, sizes,
/// and times for one image on one thread, measured in turn on the networks of the first seed. What is not there is
/// left out.
///
/// # Errors
/// If a weight file or record is damaged, or does not belong to the data set.
pub fn contenders(
    run: &Path,
    dataset: &Dataset,
    seeds: &[u64],
    turns: Turns,
) -> Result<(Vec<Contender>, Vec<Pair>), BenchError> {
    let mut found = Found::default();
    for &seed in seeds {
        let dir = SeedDir::new(run, &dataset.name, seed);
        light(&mut found, &dir, dataset, seed)?;
        for (folder, words, family) in FOLDERS {
            if let Some(path) = last_round(&dir.root().join(folder)) {
                // Weights it began with, whose making counts, too. Pruning counts it itself.
                let before = (folder == SHRUNK).then(|| dir.root().join(PLAIN));
                zoo(&mut found, &path, before.as_deref(), (dataset, seed), words, family)?;
            }
        }
    }
    let light = [TWO_STAGE, TWO_STAGE_INT8, SCRATCH];
    let order = |c: &Contender| {
        let light = light.iter().position(|name| *name == c.name);
        light.or_else(|| FOLDERS.iter().position(|(_, words, _)| *words == c.words))
    };
    found.contenders.sort_by_key(|c| (c.family, order(c)));
    time(&mut found, turns)?;
    Ok((found.contenders, found.pairs))
}

/// What was found so far.
#[derive(Default)]
struct Found {
    contenders: Vec<Contender>,
    pairs: Vec<Pair>,
    /// What computes each contender of the first seed, by its name.
    engines: Vec<(String, Box<dyn Engine>)>,
}

impl Found {
    /// Adds a training to the contender of its name, which it begins.
    fn add(&mut self, first: Contender, training: Training) {
        match self.contenders.iter_mut().find(|c| c.name == first.name) {
            Some(contender) => contender.trainings.push(training),
            None => self.contenders.push(Contender { trainings: vec![training], ..first }),
        }
    }

    fn is_new(&self, name: &str) -> bool {
        !self.contenders.iter().any(|c| c.name == name)
    }
}

/// The light model, its control, and its form of 8 bits.
fn light(found: &mut Found, dir: &SeedDir, dataset: &Dataset, seed: u64) -> Result<(), BenchError> {
    let mut answers = Vec::new();
    for (name, step, words, steps) in [
        (TWO_STAGE, "stage-2-2", "light model, two stages", &STAGES[..]),
        (SCRATCH, SCRATCH, "light architecture, trained plainly", &[SCRATCH]),
    ] {
        let path = dir.best(step);
        if !path.exists() {
            continue;
        }
        let records = steps.iter().map(|step| StepRecord::read(&dir.step(step)));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let training = |correct| Training {
            seed,
            epochs: records.iter().filter_map(|r| r.epochs).sum(),
            seconds: records.iter().map(|r| r.seconds).sum(),
            correct,
        };
        let subject = Subject::read(&path, &dataset.name, Device::Cpu)?;
        let trained = TrainedModel::read(&path)?;
        let file = litecnn(&trained)?;
        let right = right(&by_libtorch(&path, &dataset.test)?, dataset);
        let summary = Summary::of_unified(subject.spec(), false);
        let of = |name: &str, words: &str, bytes: usize| Contender {
            dataset: dataset.name.clone(),
            name: name.to_owned(),
            words: words.to_owned(),
            family: Family::Light,
            parameters: summary.parameters() as u64,
            non_zero: summary.parameters() as u64,
            macs: summary.macs() as u64,
            bytes: bytes as u64,
            timings: Vec::new(),
            images: dataset.test.len() as u64,
            trainings: Vec::new(),
        };
        if name == TWO_STAGE {
            let calibration = evenly(&dataset.train, CALIBRATION);
            let integers = quantise(&trained, &calibration, QuantiseSettings::default())?.litecnn()?;
            let logits = by_runtime(&AlignedBytes::new(&integers), &dataset.test)?;
            if found.is_new(TWO_STAGE_INT8) {
                let engine = Exported::new(&subject, Weights::Int8, 1)?;
                found.engines.push((TWO_STAGE_INT8.to_owned(), Box::new(engine)));
            }
            let correct = count(&self::right(&logits, dataset));
            let contender = of(TWO_STAGE_INT8, "light model, two stages, weights of 8 bits", integers.len());
            found.add(contender, training(correct));
        }
        if found.is_new(name) {
            let engine = Exported::new(&subject, Weights::F32, 1)?;
            found.engines.push((name.to_owned(), Box::new(engine)));
            found.engines.push((name.to_owned(), Box::new(subject)));
        }
        found.add(of(name, words, file.len()), training(count(&right)));
        answers.push(right);
    }
    if let [first, second] = answers.as_slice() {
        let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count() as u64;
        found.pairs.push(Pair {
            dataset: dataset.name.clone(),
            seed,
            first: TWO_STAGE.to_owned(),
            second: SCRATCH.to_owned(),
            only_first: only(first, second),
            only_second: only(second, first),
        });
    }
    Ok(())
}

/// Which test images are answered as labelled.
fn right(logits: &[f32], dataset: &Dataset) -> Vec<bool> {
    let classes = dataset.classes.len();
    logits.chunks(classes).zip(&dataset.test.labels).map(|(l, &label)| top1(l) == usize::from(label)).collect()
}

fn count(right: &[bool]) -> u64 {
    right.iter().filter(|r| **r).count() as u64
}

/// The folder itself if a network was measured in it, or the last of its rounds.
fn last_round(folder: &Path) -> Option<PathBuf> {
    if folder.join("measured.json").exists() {
        return Some(folder.to_owned());
    }
    let rounds = (1..).map(|round| folder.join(format!("round-{round}")));
    rounds.take_while(|round| round.join("measured.json").exists()).last()
}

/// A network of the crate litecnn-zoo.
fn zoo(
    found: &mut Found,
    folder: &Path,
    before: Option<&Path>,
    (dataset, seed): (&Dataset, u64),
    words: &str,
    family: Family,
) -> Result<(), BenchError> {
    let before = before.map(|folder| Measured::read(&folder.join("measured.json"))).transpose()?;
    let before = before.map_or((0, 0.0), |before| (before.epochs, before.seconds));
    let measured = Measured::read(&folder.join("measured.json"))?;
    let of_this = (&measured.dataset, &measured.data, measured.seed) == (&dataset.name, &dataset.digest, seed);
    if !of_this {
        return Err(BenchError::OfAnother { path: folder.join("measured.json") });
    }
    let path = folder.join("weights.safetensors");
    let (model, card) = ZooModel::load(&path, Device::Cpu)?;
    let counted = Count::of(model.graph());
    let trainable = model.state().weights().f_narrow(0, 0, model.state().trainable())?;
    let file = litecnn_run::read(&path)?;
    let contender = Contender {
        dataset: dataset.name.clone(),
        name: if family == Family::Zoo { card.network.name.clone() } else { words.to_owned() },
        words: words.to_owned(),
        family,
        parameters: counted.parameters as u64,
        non_zero: trainable.f_count_nonzero(None)?.f_int64_value(&[])? as u64,
        macs: counted.flops.macs() as u64,
        // Zeros lie in the file like other weights.
        bytes: if measured.treatment == "pruned" { compressed(&file)? } else { file.len() as u64 },
        timings: Vec::new(),
        images: measured.images,
        trainings: Vec::new(),
    };
    let training = Training {
        seed,
        epochs: before.0 + measured.epochs,
        seconds: before.1 + measured.seconds,
        correct: measured.correct,
    };
    if found.is_new(&contender.name) {
        // What else there is than convolutions and the like, only libtorch computes.
        if let Ok(folded) = model.fold(&card) {
            let engine = Exported::folded(folded, &dataset.name, 1)?;
            found.engines.push((contender.name.clone(), Box::new(engine)));
        }
        let engine = ZooSubject { name: dataset.name.clone(), model };
        found.engines.push((contender.name.clone(), Box::new(engine)));
    }
    found.add(contender, training);
    Ok(())
}

/// Size of a file compressed with gzip, as small as that goes.
fn compressed(file: &[u8]) -> Result<u64, BenchError> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = std::io::Write::write_all(&mut packed, file).and_then(|()| packed.finish());
    let refused = |source| litecnn_run::RunError::Io { action: "compress", path: PathBuf::new(), source };
    Ok(packed.map_err(refused)?.len() as u64)
}

/// Times the engines of all contenders.
fn time(found: &mut Found, turns: Turns) -> Result<(), BenchError> {
    let times = time_in_turn(&found.engines.iter().map(|(_, engine)| engine.as_ref()).collect::<Vec<_>>(), turns)?;
    for ((name, engine), us) in found.engines.iter().zip(times) {
        if let Some(contender) = found.contenders.iter_mut().find(|c| c.name == *name) {
            contender.timings.push(Timing { program: engine.program().to_owned(), us });
        }
    }
    Ok(())
}

/// Microseconds of engines for one image, in turn: the median of the rounds' medians. What disturbs the machine for longer
/// than a round disturbs all.
pub(crate) fn time_in_turn(engines: &[&dyn Engine], turns: Turns) -> Result<Vec<f64>, BenchError> {
    let calls = Calls { warmup: 3, repetitions: turns.calls };
    let mut medians: Vec<Vec<f64>> = vec![Vec::new(); engines.len()];
    for _ in 0..turns.rounds.max(1) {
        for (engine, medians) in engines.iter().zip(&mut medians) {
            medians.push(latency(*engine, 1, None, calls)?.median);
        }
    }
    let middle = |mut medians: Vec<f64>| {
        medians.sort_by(f64::total_cmp);
        medians[medians.len() / 2]
    };
    Ok(medians.into_iter().map(middle).collect())
}

/// A network of the crate litecnn-zoo, in libtorch on the CPU.
pub(crate) struct ZooSubject {
    pub(crate) name: String,
    pub(crate) model: ZooModel,
}

impl Engine for ZooSubject {
    fn program(&self) -> &str {
        litecnn_report::speed::OURS
    }

    fn model(&self) -> &str {
        &self.name
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn threads(&self) -> usize {
        usize::try_from(tch::get_num_threads()).unwrap_or(1)
    }

    fn ready(
        &self,
        batch: u64,
        _copy: Option<litecnn_report::speed::Copying>,
        measure: &mut Measure<'_>,
    ) -> Result<Sample, BenchError> {
        let mut size = vec![batch as i64];
        size.extend(self.model.graph().input().dims());
        tch::manual_seed(0);
        let images = Tensor::f_rand(size, (Kind::Float, Device::Cpu))?;
        measure(&mut ZooWork { model: &self.model, images })
    }
}

struct ZooWork<'a> {
    model: &'a ZooModel,
    images: Tensor,
}

impl Call for ZooWork<'_> {
    fn call(&mut self) -> Result<(), BenchError> {
        let logits = tch::no_grad(|| self.model.forward(&self.images))?;
        drop(logits.f_softmax(-1, Kind::Float)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_round_counts() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("pruned");
        assert_eq!(last_round(&folder), None);
        for round in [1, 2, 4] {
            std::fs::create_dir_all(folder.join(format!("round-{round}"))).unwrap();
            std::fs::write(folder.join(format!("round-{round}/measured.json")), "{}").unwrap();
        }
        assert_eq!(last_round(&folder), Some(folder.join("round-2")));
        std::fs::write(folder.join("measured.json"), "{}").unwrap();
        assert_eq!(last_round(&folder), Some(folder));
    }

    #[test]
    fn zeros_take_no_room() {
        let (zeros, noise): (Vec<u8>, Vec<u8>) =
            (vec![0; 10_000], (0..10_000u32).map(|i| (i * i % 251) as u8).collect());
        assert!(compressed(&zeros).unwrap() < 100);
        assert!(compressed(&[zeros, noise].concat()).unwrap() > 200);
    }
}
