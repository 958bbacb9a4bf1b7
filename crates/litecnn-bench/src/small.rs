use std::path::Path;

use litecnn_data::Dataset;
use litecnn_export::{ExportError, QuantiseSettings, TrainedModel, litecnn, quantise};
use litecnn_model::Summary;
use litecnn_report::Metrics;
use litecnn_report::contenders::{Timing, Training};
use litecnn_report::small::{InIntegers, SmallFamily, SmallModel};
use litecnn_run::{Measured, SeedDir, StepRecord, seeds_in};
use litecnn_runtime::{AlignedBytes, top1};
use litecnn_zoo::{Count, Model as ZooModel};
use tch::Device;

use crate::contenders::{Turns, ZooSubject, time_in_turn};
use crate::forms::{CALIBRATION, by_runtime, evenly};
use crate::{BenchError, Engine, Exported, Subject, Weights};

/// Small models of a data set that a folder holds: the paper's by its recipe in the folder itself, by the recipe `tuned` in
/// `tuned/`, networks that were searched for in `compact/`. Accuracies are what evaluations left; those in 8-bit integers are
/// measured, with scales chosen by 512 training images, evenly spaced. Times for one image on one
/// thread are measured in turn, on the weights of the first seed. What is not there is left out.
///
/// # Errors
/// If a weight file or record is damaged, or does not belong to the data set.
pub fn small_models(folder: &Path, dataset: &Dataset, turns: Turns) -> Result<Vec<SmallModel>, BenchError> {
    let mut models = Vec::new();
    let mut engines: Vec<(usize, Box<dyn Engine>)> = Vec::new();
    for (family, run) in [(SmallFamily::Paper, folder.to_owned()), (SmallFamily::Tuned, folder.join("tuned"))] {
        if let Some((model, of)) = joined(&run, family, dataset)? {
            engines.extend(of.into_iter().map(|engine| (models.len(), engine)));
            models.push(model);
        }
    }
    if let Some((model, of)) = found(&folder.join("compact"), dataset)? {
        engines.extend(of.into_iter().map(|engine| (models.len(), engine)));
        models.push(model);
    }
    let times = time_in_turn(&engines.iter().map(|(_, engine)| engine.as_ref()).collect::<Vec<_>>(), turns)?;
    for ((model, engine), us) in engines.iter().zip(times) {
        models[*model].timings.push(Timing { program: engine.program().to_owned(), us });
    }
    Ok(models)
}

/// A model and what computes it.
type Timed = (SmallModel, Vec<Box<dyn Engine>>);

/// The paper's model in a run directory.
fn joined(run: &Path, family: SmallFamily, dataset: &Dataset) -> Result<Option<Timed>, BenchError> {
    let mut found: Option<Timed> = None;
    for seed in seeds(run, dataset) {
        let dir = SeedDir::new(run, &dataset.name, seed);
        let (metrics, weights) = (dir.metrics(), dir.final_weights());
        if !metrics.exists() || !weights.exists() {
            continue;
        }
        let accuracy = Metrics::read(&metrics)?.splits.test.accuracy;
        let records: Vec<StepRecord> = steps(&dir)?;
        let training = Training {
            seed,
            epochs: records.iter().filter_map(|record| record.epochs).sum(),
            seconds: records.iter().map(|record| record.seconds).sum(),
            correct: (accuracy * dataset.test.len() as f64).round() as u64,
        };
        let trained = TrainedModel::read(&weights)?;
        let integers = in_integers(&trained, dataset)?;
        if let Some((model, _)) = &mut found {
            add(model, training, integers);
            continue;
        }
        let subject = Subject::read(&weights, &dataset.name, Device::Cpu)?;
        let summary = Summary::of_unified(subject.spec(), false);
        let model = SmallModel {
            dataset: dataset.name.clone(),
            family,
            parameters: summary.parameters() as u64,
            unfolded: summary.parameters() as u64,
            macs: summary.macs() as u64,
            bytes: litecnn(&trained)?.len() as u64,
            int8: integers
                .as_ref()
                .map(|(file, correct)| InIntegers { bytes: file.len() as u64, correct: vec![*correct] }),
            timings: Vec::new(),
            images: dataset.test.len() as u64,
            trainings: vec![training],
        };
        let mut engines = engines_of(&litecnn(&trained)?, integers, &dataset.name);
        engines.push(Box::new(subject));
        found = Some((model, engines));
    }
    Ok(found)
}

fn seeds(run: &Path, dataset: &Dataset) -> Vec<u64> {
    seeds_in(run).into_iter().filter(|(name, _)| *name == dataset.name).map(|(_, seed)| seed).collect()
}

/// Records of the steps that trained something.
fn steps(dir: &SeedDir) -> Result<Vec<StepRecord>, BenchError> {
    let names = ["stage-1", "stage-2-1", "stage-2-2"].map(str::to_owned).into_iter();
    let folds = (1..).map(|fold| format!("fold-{fold}")).take_while(|fold| dir.step(fold).join("step.json").exists());
    let records = names.chain(folds).map(|step| StepRecord::read(&dir.step(&step)));
    Ok(records.collect::<Result<_, _>>()?)
}

/// A network that was searched for, in the folders of its seeds.
fn found(run: &Path, dataset: &Dataset) -> Result<Option<Timed>, BenchError> {
    let mut found: Option<Timed> = None;
    for seed in seeds(run, dataset) {
        let folder = run.join(&dataset.name).join(format!("seed-{seed}"));
        let path = folder.join("measured.json");
        if !path.exists() {
            continue;
        }
        let measured = Measured::read(&path)?;
        if (&measured.dataset, &measured.data, measured.seed) != (&dataset.name, &dataset.digest, seed) {
            return Err(BenchError::OfAnother { path });
        }
        let Measured { epochs, seconds, correct, images, .. } = measured;
        let training = Training { seed, epochs, seconds, correct };
        let (model, card) = ZooModel::load(&folder.join("weights.safetensors"), Device::Cpu)?;
        let folded = TrainedModel::from_folded(model.fold(&card)?)?;
        let integers = in_integers(&folded, dataset)?;
        if let Some((model, _)) = &mut found {
            add(model, training, integers);
            continue;
        }
        let counted = Count::of(model.graph());
        let file = litecnn(&folded)?;
        let small = SmallModel {
            dataset: dataset.name.clone(),
            family: SmallFamily::Compact,
            parameters: counted.folded() as u64,
            unfolded: counted.parameters as u64,
            macs: counted.flops.macs() as u64,
            bytes: file.len() as u64,
            int8: integers
                .as_ref()
                .map(|(file, correct)| InIntegers { bytes: file.len() as u64, correct: vec![*correct] }),
            timings: Vec::new(),
            images,
            trainings: vec![training],
        };
        let mut engines = engines_of(&file, integers, &dataset.name);
        engines.push(Box::new(ZooSubject { name: dataset.name.clone(), model }));
        found = Some((small, engines));
    }
    Ok(found)
}

/// The file of a model in 8-bit integers, and how many test images it answers rightly; none if it cannot be in them.
fn in_integers(model: &TrainedModel, dataset: &Dataset) -> Result<Option<(AlignedBytes, u64)>, BenchError> {
    let images = evenly(&dataset.train, CALIBRATION);
    let quantised = match quantise(model, &images, QuantiseSettings::default()) {
        Err(ExportError::Compact { .. }) => return Ok(None),
        quantised => quantised?,
    };
    let file = AlignedBytes::new(&quantised.litecnn()?);
    let logits = by_runtime(&file, &dataset.test)?;
    let answers = logits.chunks(dataset.classes.len()).map(top1).zip(&dataset.test.labels);
    let correct = answers.filter(|(answer, label)| *answer == usize::from(**label)).count() as u64;
    Ok(Some((file, correct)))
}

/// One more training of a model.
fn add(model: &mut SmallModel, training: Training, integers: Option<(AlignedBytes, u64)>) {
    model.trainings.push(training);
    // Of all trainings or of none.
    match (&mut model.int8, integers) {
        (Some(int8), Some((_, correct))) => int8.correct.push(correct),
        (int8, _) => *int8 = None,
    }
}

/// The runtime with a model's file, and with that of its integers.
fn engines_of(file: &[u8], integers: Option<(AlignedBytes, u64)>, name: &str) -> Vec<Box<dyn Engine>> {
    let floats = Exported::of_file(AlignedBytes::new(file), Weights::F32, name, 1);
    let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(floats)];
    if let Some((file, _)) = integers {
        engines.push(Box::new(Exported::of_file(file, Weights::Int8, name, 1)));
    }
    engines
}
