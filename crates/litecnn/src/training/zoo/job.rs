//! What training, pruning and evaluation of networks have in common: arguments, the folder they work in, what they
//! leave there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use litecnn_cli::{DeviceChoice, Usage};
use litecnn_data::{DataError, Dataset, LoadOptions, Normalisation, load};
use litecnn_run::{
    Manifest, Measured, RunDir, StepRecord, StepTimes, now, now_after, sha256, sha256_file, write_history,
};
use litecnn_train::{Checkpointer, Engine, Fit};
use litecnn_zoo::{Card, Count, Evaluation, Model, TrainingData};
use tch::Device;

use crate::training::evaluate::predictions;
use crate::training::source::{Loaded, Named, PictureArgs, Source};
use crate::training::{device, machine};

/// Weights, in the folder of the step that left them.
pub(super) const WEIGHTS: &str = "weights.safetensors";
/// What was found out of them, beside them.
pub(super) const MEASURED: &str = "measured.json";
const HISTORY: &str = "history.csv";
const PREDICTIONS: &str = "predictions-test.csv";

/// Which images, and what computes.
#[derive(Debug, clap::Args)]
pub(in crate::training) struct DataArgs {
    /// Pictures of one's own: a folder of a folder a class, one of train/ val/ test/, or a CSV file of paths and labels.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["dataset", "data_dir"])]
    data: Option<PathBuf>,
    /// Data set, such as cifar10, or one described in the data folder; need not be given where a folder remembers it.
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Folder with the data set's files; otherwise they come from the cache, or are fetched into it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Do not use the network.
    #[arg(long)]
    offline: bool,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Threads on a CPU; all the machine offers if not given. Results are the same to the bit for the same number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten, next_help_heading = "Pictures of one's own")]
    pictures: PictureArgs,
}

/// A data set in memory and a device to compute on.
pub(in crate::training) struct Bench {
    pub(in crate::training) dataset: Dataset,
    /// Where it is from.
    pub(in crate::training) source: Source,
    pub(in crate::training) device: Device,
    pub(in crate::training) threads: usize,
}

impl DataArgs {
    /// The images that the arguments name, or else those that the record of a run or study in `folder` does.
    pub(in crate::training) fn open(&self, folder: Option<&Path>, quiet: bool) -> Result<Bench> {
        let Self { data, dataset, data_dir, offline, device, threads, pictures } = self;
        let device = device::resolve(*device)?;
        let threads = threads.map_or_else(litecnn_cli::threads, usize::from);
        tch::set_num_threads(threads as i32);
        let known = folder.filter(|folder| folder.join("run.toml").exists()).map(Manifest::read).transpose()?;
        let named = Named { data: data.as_deref(), dataset: dataset.as_deref(), data_dir: data_dir.as_deref() };
        let Loaded { dataset, source, .. } = Source::choose(named, known.as_ref(), pictures)?.load(*offline, quiet)?;
        Ok(Bench { dataset, source, device, threads })
    }
}

impl Bench {
    /// What `run.toml` says of something done with it.
    pub(in crate::training) fn manifest(&self, name: String, hash: String, settings: toml::Table) -> Result<Manifest> {
        machine::manifest(name, hash, settings, &self.dataset, &self.source, self.device)
    }
}

/// Reads a data set; a name that is none's is wrong usage.
pub(super) fn dataset(name: &str, data_dir: Option<&Path>, offline: bool) -> Result<Dataset> {
    let options = LoadOptions { data_dir: data_dir.map(Path::to_owned), cache_dir: None, offline };
    load(name, &options).map_err(|e| match e {
        DataError::UnknownSet { .. } => Usage(e.to_string()).into(),
        other => anyhow::Error::from(other),
    })
}

/// A folder in which something is trained, locked against other processes.
pub(super) struct Job {
    run: RunDir,
    bench: Bench,
    /// SHA-256 of everything that decides results, the data apart.
    hash: String,
    seed: u64,
    /// Whether what is made is shown the test images.
    scored: bool,
}

impl Job {
    /// Opens a folder, or makes it, for settings under a name. One made with other settings or data is refused.
    pub(super) fn open(folder: &Path, name: String, settings: toml::Table, seed: u64, bench: Bench) -> Result<Self> {
        let hash = sha256(toml::to_string(&settings)?.as_bytes());
        let manifest = bench.manifest(name, hash.clone(), settings)?;
        let run = RunDir::open(folder, manifest)?;
        run.sweep();
        Ok(Self { run, bench, hash, seed, scored: true })
    }

    /// The same, but nothing is shown the test images.
    pub(super) fn unscored(self) -> Self {
        Self { scored: false, ..self }
    }

    /// What a step leaves beside its record.
    fn outputs(&self) -> &'static [&'static str] {
        if self.scored { &[HISTORY, WEIGHTS, PREDICTIONS, MEASURED] } else { &[HISTORY, WEIGHTS] }
    }

    pub(super) fn bench(&self) -> &Bench {
        &self.bench
    }

    /// Prepares a step that works in `folder` (the job's own or one in it) from the weights in `from`; none if it is
    /// done already.
    pub(super) fn begin(&mut self, name: &str, folder: &Path, from: Option<&Path>) -> Result<Option<Step<'_>>> {
        let data = &self.bench.dataset;
        let mut inputs = BTreeMap::from([(format!("data:{}", data.name), data.digest.clone())]);
        if let Some(from) = from {
            inputs.insert("weights".into(), sha256_file(from)?);
        }
        let outputs: Vec<String> = self.outputs().iter().map(|&name| name.to_owned()).collect();
        if StepRecord::is_done(folder, folder, &self.hash, &inputs, &outputs)? {
            return Ok(None);
        }
        let noted = self.run.step(name).filter(|times| times.ended.is_none());
        let started = noted.map_or_else(now, |times| times.started.clone());
        let times = StepTimes { started: started.clone(), ended: None, device: device::name(self.bench.device) };
        self.run.note_step(name, times)?;
        Ok(Some(Step { job: self, name: name.to_owned(), folder: folder.to_owned(), inputs, started }))
    }
}

/// A step under way.
pub(super) struct Step<'a> {
    job: &'a mut Job,
    name: String,
    folder: PathBuf,
    inputs: BTreeMap<String, String>,
    started: String,
}

/// What a step made.
pub(super) struct Made<'a> {
    pub(super) model: &'a Model,
    pub(super) card: &'a Card,
    pub(super) fit: &'a Fit,
    pub(super) data: &'a TrainingData,
    pub(super) engine: Engine,
    /// What was done to the model, and the settings that tell it from its like.
    pub(super) treatment: &'static str,
    pub(super) settings: BTreeMap<String, String>,
    /// Epochs and seconds of the treatments before.
    pub(super) before: (u32, f64),
}

impl Step<'_> {
    pub(super) fn bench(&self) -> &Bench {
        self.job.bench()
    }

    /// Where training saves its state, and what that depends on: not the machine, so training can move.
    pub(super) fn checkpointer(&self) -> Checkpointer {
        let basis = format!("{} {} {:?} {}", self.name, self.job.hash, self.inputs, env!("CARGO_PKG_VERSION"));
        Checkpointer {
            path: self.folder.join("state").join("state.safetensors"),
            fingerprint: sha256(basis.as_bytes()),
        }
    }

    /// Writes everything, the record that the step is done last, and measures the model on the test images if that is
    /// wanted.
    pub(super) fn finish(self, made: &Made<'_>) -> Result<Option<Measured>> {
        let Made { model, card, fit, .. } = *made;
        let path = |name: &str| self.folder.join(name);
        write_history(&path(HISTORY), &fit.history)?;
        model.save(&path(WEIGHTS), card)?;
        let measured = if self.job.scored { Some(self.measure(made)?) } else { None };
        let mut outputs = BTreeMap::new();
        for name in self.job.outputs() {
            outputs.insert((*name).to_owned(), sha256_file(&path(name))?);
        }
        let (ended, on) = (now_after(&self.started), device::name(self.job.bench.device));
        let record = StepRecord {
            format: StepRecord::FORMAT.into(),
            step: self.name.clone(),
            recipe: self.job.hash.clone(),
            inputs: self.inputs,
            outputs,
            started: self.started.clone(),
            ended: ended.clone(),
            seconds: fit.seconds,
            epochs: Some(fit.epochs),
            peak_memory_bytes: machine::peak_memory(),
            device: on.clone(),
            engine: Some(made.engine.name().into()),
            threads: self.job.bench.threads,
        };
        record.write(&self.folder)?;
        self.job.run.note_step(&self.name, StepTimes { started: self.started, ended: Some(ended), device: on })?;
        Ok(measured)
    }

    fn measure(&self, made: &Made<'_>) -> Result<Measured> {
        let Made { model, card, fit, data, .. } = *made;
        let normalisation = normalisation_of(card, &self.job.bench.dataset);
        let evaluation = Evaluation::of(model, &data.test, &normalisation)?;
        let places: Vec<u32> = (0..data.test.len() as u32).collect();
        predictions(&evaluation.logits, &data.test, &places)?.write(&self.folder.join(PREDICTIONS))?;
        let measured = Measured {
            treatment: made.treatment.into(),
            seed: self.job.seed,
            epochs: made.before.0 + fit.epochs,
            seconds: made.before.1 + fit.seconds,
            settings: made.settings.clone(),
            ..measured(model, &evaluation, &self.job.bench.dataset, &self.folder.join(WEIGHTS))?
        };
        measured.write(&self.folder.join(MEASURED))?;
        Ok(measured)
    }
}

/// What is measured of a model with weights in `file`; treatment, seed and what training took are left empty.
pub(super) fn measured(model: &Model, evaluation: &Evaluation, dataset: &Dataset, file: &Path) -> Result<Measured> {
    let bytes = std::fs::metadata(file).map_err(|e| anyhow::anyhow!("cannot read {}: {e}", file.display()))?.len();
    Ok(Measured {
        format: Measured::FORMAT.into(),
        network: model.graph().name.clone(),
        treatment: String::new(),
        dataset: dataset.name.clone(),
        data: dataset.digest.clone(),
        seed: 0,
        epochs: 0,
        images: evaluation.images,
        correct: evaluation.correct,
        batch_accuracy: evaluation.batch_accuracy,
        parameters: Count::of(model.graph()).parameters as u64,
        non_zero: model.non_zero()? as u64,
        bytes,
        seconds: 0.0,
        settings: BTreeMap::new(),
    })
}

/// What was measured of the weights in a file when they were made, if the step that made them left it beside them.
/// Other weights may lie there, too, such as those that training started from.
pub(super) fn measured_beside(weights: &Path) -> Option<Measured> {
    let (folder, name) = (weights.parent()?, weights.file_name()?.to_str()?);
    let record = StepRecord::read(folder).ok()?;
    let made = record.outputs.get(name)? == &sha256_file(weights).ok()?;
    if made { Measured::read(&folder.join(MEASURED)).ok() } else { None }
}

/// Refuses weights that were trained to tell other classes apart than a data set has.
pub(super) fn check_classes(card: &Card, dataset: &Dataset) -> Result<()> {
    let differ = card.classes.iter().zip(&dataset.classes).find(|(theirs, its)| theirs != its);
    differ.map_or(Ok(()), |(theirs, its)| {
        let from = if card.dataset.is_empty() { "another set" } else { &card.dataset };
        let name = &dataset.name;
        Err(Usage(format!("the weights were trained on {from}: what is `{theirs}` to them is `{its}` in {name}"))
            .into())
    })
}

/// How images become what a network was trained on.
pub(super) fn normalisation_of(card: &Card, dataset: &Dataset) -> Normalisation {
    card.normalisation.clone().unwrap_or_else(|| Normalisation::of(dataset))
}

/// A line on how good a model is.
pub(super) fn told(measured: &Measured) -> String {
    format!(
        "{}: {} of {} test images right, accuracy {:.2} %, mean of batches {:.2} %",
        measured.network,
        measured.correct,
        measured.images,
        100.0 * measured.accuracy(),
        100.0 * measured.batch_accuracy
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use litecnn_zoo::Variant;

    #[test]
    fn weights_for_other_classes_of_the_same_number_are_refused() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
        let [digits, garments] = ["mnist", "fashion-mnist"].map(|name| dataset(name, Some(&samples), true).unwrap());
        let network = Variant::find("vgg19-12").unwrap().network(10);
        let card = Card { dataset: "mnist".into(), ..Card::new(&network, &digits.classes).unwrap() };
        check_classes(&card, &digits).unwrap();
        let told = check_classes(&card, &garments).unwrap_err().to_string();
        assert_eq!(told, "the weights were trained on mnist: what is `0` to them is `T-shirt/top` in fashion-mnist");
        check_classes(&Card::new(&network, &[]).unwrap(), &garments).unwrap();
    }
}
