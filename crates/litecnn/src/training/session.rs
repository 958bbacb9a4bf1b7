//! What every step has in common: its arguments, the run directory, and the record that says it is done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result};
use litecnn_cli::{DeviceChoice, Usage};
use litecnn_data::{Dataset, ImportReport};
use litecnn_model::{Model, UnifiedModel};
use litecnn_pictures::PictureForm;
use litecnn_run::{Manifest, RunDir, SeedDir, StepRecord, StepTimes, now, now_after, seeds_in, sha256, sha256_file};
use litecnn_train::{Checkpointer, DistillationSettings, Engine, Fit, Override, Recipe, TrainingData};
use tch::Device;

use crate::training::choices::{self, ModelArgs};
use crate::training::source::{self, Loaded, Named, PictureArgs, Source};
use crate::training::{device, engine, evaluate, machine, surgery};

/// Where a step works and by which recipe.
#[derive(Debug, clap::Args)]
pub(crate) struct StepArgs {
    /// Run directory; it is made if it is not there. For `--data` it need not be given: results/ and the folder's name.
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// Pictures of one's own: a folder of a folder a class, one of train/ val/ test/, or a CSV file of paths and labels.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["dataset", "data_dir"])]
    pub(crate) data: Option<PathBuf>,
    /// Data set: mnist, fashion-mnist, cifar10 …; need not be given for a run that has only one.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Decides the split, the initial weights, the order of batches, augmentation and dropout; 0 if not given, or that
    /// of a run that has only one.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// `paper`, `smoke`, `pictures`, `tuned` or a TOML file; what a file does not give is the paper's. If not given: the run's,
    /// and for a new run `pictures` for pictures of one's own, `paper` for other data.
    #[arg(long, value_name = "RECIPE")]
    pub(crate) recipe: Option<String>,
    /// One value of the recipe, as in stage-1.epochs=30; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// No step is longer than this, whatever the recipe says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_epochs: Option<u32>,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub(crate) device: DeviceChoice,
    /// What computes batches on a CPU: its own kernels or libtorch; auto is the faster one.
    #[arg(long, default_value = "auto", value_name = "ENGINE")]
    pub(crate) engine: engine::Wanted,
    /// Worker threads; all the machine offers if not given. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Folder with the data set's files; otherwise they come from the cache, or are fetched into it.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

impl StepArgs {
    fn named(&self) -> Named<'_> {
        let Self { data, dataset, data_dir, .. } = self;
        Named { data: data.as_deref(), dataset: dataset.as_deref(), data_dir: data_dir.as_deref() }
    }
}

/// What only training chooses; what is not chosen is as the run has it.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Choices {
    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// Everything a step needs, resolved; nothing is written yet.
pub(crate) struct Setup {
    /// As it is for the data set.
    pub(crate) recipe: Recipe,
    /// As it is for all that a run may have: what the run is made with.
    pub(crate) general: Recipe,
    pub(crate) loaded: Loaded,
    pub(crate) run: PathBuf,
    pub(crate) seed: u64,
    pub(crate) device: Device,
    pub(crate) engine: Engine,
    pub(crate) workers: usize,
}

impl Setup {
    /// Reads recipe and data, from the run where the arguments do not say.
    pub(crate) fn resolve(args: &StepArgs, choices: &Choices, quiet: bool) -> Result<Self> {
        let device = device::resolve(args.device)?;
        let engine = args.engine.resolve(device)?;
        let run = match (&args.run, &args.data) {
            (Some(run), _) => run.clone(),
            (None, Some(data)) => Path::new("results").join(source::name(data)?),
            (None, None) => return Err(Usage("no run directory is named: --run DIR".into()).into()),
        };
        let known = if run.join("run.toml").exists() { Some(Manifest::read(&run)?) } else { None };
        let recipe = match (&args.recipe, &known) {
            (Some(name), _) => Some(Recipe::load(name).map_err(|e| Usage(e.to_string()))?),
            (None, Some(known)) => Some(recorded(known, &run)?),
            (None, None) => None,
        };
        let source = Source::choose(args.named(), known.as_ref(), &choices.pictures)?;
        let seed = match (args.seed, &args.dataset, &args.data) {
            (Some(seed), ..) => seed,
            (None, None, None) => only_seed(&run, source.name())?,
            _ => 0,
        };
        let fresh = recipe.is_none();
        let mut recipe = match recipe {
            Some(recipe) => recipe,
            None => Recipe::load(if source.is_pictures() { "pictures" } else { "paper" })?,
        };
        let loaded = source.load(false, quiet)?;
        if fresh && loaded.source.is_pictures() {
            choices::suit(&mut recipe, &loaded.dataset)?;
        }
        recipe = recipe.overridden(&args.set).map_err(|e| Usage(e.to_string()))?;
        choices.model.apply(&mut recipe, &loaded.dataset)?;
        if let Some(epochs) = args.max_epochs {
            recipe = recipe.capped(epochs);
        }
        let general = recipe;
        let recipe = general.for_dataset(&loaded.dataset.name).map_err(|e| Usage(e.to_string()))?;
        choices::check(&recipe, &loaded.dataset)?;
        let workers = args.threads.map_or_else(litecnn_cli::threads, usize::from);
        Ok(Self { recipe, general, loaded, run, seed, device, engine, workers })
    }

    /// The data set.
    pub(crate) fn dataset(&self) -> &Dataset {
        &self.loaded.dataset
    }

    /// The data set on the device, parted as the recipe says. Its images are taken for it.
    pub(crate) fn training_data(&mut self) -> Result<TrainingData> {
        let data = TrainingData::take(&mut self.loaded.dataset, &self.recipe, self.seed, self.device)?;
        Ok(TrainingData { engine: self.engine, ..data })
    }

    /// What `run.toml` of a new run says.
    fn manifest(&self) -> Result<Manifest> {
        let recipe = toml::from_str(&self.general.to_toml()).context("the recipe as TOML")?;
        let (name, hash) = (self.general.name.clone(), self.general.hash());
        machine::manifest(name, hash, recipe, self.dataset(), &self.loaded.source, self.device)
    }

    /// Whether the run directory, if it is there, is of this recipe and these data; as [`Session::start`] would find
    /// out, but nothing is written.
    pub(crate) fn check_run(&self) -> Result<()> {
        if self.run.join("run.toml").exists() {
            Manifest::read(&self.run)?.check(&self.run, &self.manifest()?)?;
        }
        Ok(())
    }
}

/// The recipe that a run was made with.
fn recorded(known: &Manifest, run: &Path) -> Result<Recipe> {
    let text = toml::to_string(&known.recipe).context("the run's recipe as TOML")?;
    Ok(Recipe::parse(&text, &run.join("run.toml"))?)
}

/// The seed of a run's data set, 0 if there is none yet.
fn only_seed(run: &Path, dataset: &str) -> Result<u64> {
    let mut seeds = seeds_in(run);
    seeds.retain(|(name, _)| name == dataset);
    match seeds.as_slice() {
        [] => Ok(0),
        [(_, seed)] => Ok(*seed),
        several => {
            let several: Vec<String> = several.iter().map(|(_, seed)| seed.to_string()).collect();
            let shown = run.display();
            Err(Usage(format!("{shown} has seeds {} of {dataset}: choose by --seed", several.join(", "))).into())
        }
    }
}

/// A run directory opened for one data set and seed.
pub(crate) struct Session {
    pub(crate) recipe: Recipe,
    pub(crate) dataset: About,
    pub(crate) report: Option<ImportReport>,
    pub(crate) seed: u64,
    pub(crate) device: Device,
    pub(crate) engine: Engine,
    pub(crate) workers: usize,
    pub(crate) dir: SeedDir,
    pub(crate) pictures: Option<PictureForm>,
    hash: String,
    images: Mutex<Held>,
    // Folds finish in threads of their own.
    run: Mutex<RunDir>,
}

/// What is said of a data set.
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) classes: Vec<String>,
    pub(crate) digest: String,
}

/// Images are in memory once: the first step that needs them takes them out of the data set, for all that follow.
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Held {
    Loaded(Dataset),
    Parted(TrainingData),
}

impl Session {
    /// Reads recipe and data, from the run where the arguments do not say, and locks the run directory.
    pub(crate) fn open(args: &StepArgs, quiet: bool) -> Result<Self> {
        Self::start(Setup::resolve(args, &Choices::default(), quiet)?)
    }

    /// Makes or locks the run directory.
    pub(crate) fn start(setup: Setup) -> Result<Self> {
        let manifest = setup.manifest()?;
        let hash = manifest.recipe_hash.clone();
        let Setup { recipe, loaded, run, seed, device, engine, workers, general: _ } = setup;
        let Loaded { dataset, report, .. } = loaded;
        Ok(Self {
            run: Mutex::new(RunDir::open(&run, manifest)?),
            dir: SeedDir::new(&run, &dataset.name, seed),
            pictures: dataset.pictures,
            dataset: About {
                name: dataset.name.clone(),
                classes: dataset.classes.clone(),
                digest: dataset.digest.clone(),
            },
            images: Mutex::new(Held::Loaded(dataset)),
            report,
            workers,
            seed,
            recipe,
            device,
            engine,
            hash,
        })
    }

    /// The data set on the device, parted as the recipe says.
    pub(crate) fn training_data(&self) -> Result<TrainingData> {
        self.data_for(&self.recipe)
    }

    /// The same without a teacher: for whatever does not train. A process does one or the other.
    pub(crate) fn data(&self) -> Result<TrainingData> {
        self.data_for(&Recipe { distillation: DistillationSettings::default(), ..self.recipe.clone() })
    }

    fn data_for(&self, recipe: &Recipe) -> Result<TrainingData> {
        let mut held = self.images.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Held::Loaded(dataset) = &mut *held {
            let data = TrainingData::take(dataset, recipe, self.seed, self.device)?;
            *held = Held::Parted(TrainingData { engine: self.engine, ..data });
        }
        match &*held {
            Held::Parted(data) => Ok(data.share()),
            Held::Loaded(_) => unreachable!("it was just parted"),
        }
    }

    /// The run directory.
    pub(crate) fn run_folder(&self) -> PathBuf {
        // `<run>/<data set>/seed-<n>`
        self.dir.root().ancestors().nth(2).unwrap_or(self.dir.root()).to_owned()
    }

    /// SHA-256 of the resolved recipe.
    pub(crate) fn recipe_hash(&self) -> &str {
        &self.hash
    }

    /// Reads the unified model that an earlier step left.
    pub(crate) fn unified(&self, path: &Path) -> Result<UnifiedModel> {
        match Model::load(path, self.device)?.0 {
            Model::Unified(model) => Ok(model),
            Model::Branch(_) => anyhow::bail!("{} holds a branch, not a unified model", path.display()),
        }
    }

    /// Prepares a step that reads `inputs` (made by the commands named) and leaves at least `outputs`; none if it is
    /// done already with these inputs and left these outputs.
    pub(crate) fn begin(
        &self,
        step: &str,
        inputs: &[(PathBuf, &str)],
        outputs: &[PathBuf],
    ) -> Result<Option<Step<'_>>> {
        let inputs = self.digests(step, inputs)?;
        let folder = self.dir.step(step);
        let mut run = self.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = self.key(step);
        let noted = run.step(&key).cloned();
        if StepRecord::is_done(&folder, self.dir.root(), &self.hash, &inputs, &self.relatives(outputs))? {
            // Killed between the record and this note, or brought from elsewhere.
            if noted.is_none_or(|times| times.ended.is_none()) {
                let StepRecord { started, ended, device, .. } = StepRecord::read(&folder)?;
                run.note_step(&key, StepTimes { started, ended: Some(ended), device })?;
            }
            return Ok(None);
        }
        let unfinished = noted.filter(|times| times.ended.is_none());
        let started = unfinished.map_or_else(now, |times| times.started);
        let times = StepTimes { started: started.clone(), ended: None, device: device::name(self.device) };
        run.note_step(&key, times)?;
        Ok(Some(Step { session: self, name: step.to_owned(), folder, inputs, started, clock: Instant::now() }))
    }

    /// Whether a step is done with these inputs and left these outputs.
    pub(crate) fn is_done(&self, step: &str, inputs: &[(PathBuf, &str)], outputs: &[PathBuf]) -> Result<bool> {
        let (inputs, outputs) = (self.digests(step, inputs)?, self.relatives(outputs));
        Ok(StepRecord::is_done(&self.dir.step(step), self.dir.root(), &self.hash, &inputs, &outputs)?)
    }

    /// Digests of the data and of files that must be as the steps that made them left them.
    fn digests(&self, step: &str, inputs: &[(PathBuf, &str)]) -> Result<BTreeMap<String, String>> {
        let mut digests = BTreeMap::from([(format!("data:{}", self.dataset.name), self.dataset.digest.clone())]);
        digests.extend(self.answers(step)?);
        for (path, maker) in inputs {
            let (relative, shown) = (self.relative(path), path.display());
            anyhow::ensure!(path.exists(), "{shown} is missing: run `{maker}` of this run first");
            let folder = path.parent().unwrap_or(path);
            let digest = sha256_file(path)?;
            let left = StepRecord::read(folder).ok().filter(|r| r.recipe == self.hash);
            match left.and_then(|mut record| record.outputs.remove(&relative)) {
                Some(left) if left == digest => {}
                Some(_) => anyhow::bail!("{shown} is not as `{maker}` left it: run that again"),
                None => anyhow::bail!("{shown} is of a step that did not end: run `{maker}` again"),
            }
            digests.insert(relative, digest);
        }
        Ok(digests)
    }

    /// The digest of the teacher's answers that a step of training depends on, if it does. Once the step is done they may be
    /// gone: then it is the one they had.
    fn answers(&self, step: &str) -> Result<Option<(String, String)>> {
        let distillation = &self.recipe.distillation;
        if distillation.weight == 0.0 || [surgery::STEP, evaluate::STEP].contains(&step) {
            return Ok(None);
        }
        let (key, path) = (format!("answers:{}", distillation.answers), Path::new(&distillation.answers));
        let digest = if path.exists() {
            Some(sha256_file(path)?)
        } else {
            StepRecord::read(&self.dir.step(step)).ok().and_then(|mut record| record.inputs.remove(&key))
        };
        Ok(digest.map(|digest| (key, digest)))
    }

    fn key(&self, step: &str) -> String {
        format!("{}/seed-{}/{step}", self.dataset.name, self.seed)
    }

    fn relatives(&self, paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| self.relative(path)).collect()
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(self.dir.root()).unwrap_or(path).to_string_lossy().into_owned()
    }
}

/// A step under way.
pub(crate) struct Step<'a> {
    session: &'a Session,
    name: String,
    folder: PathBuf,
    inputs: BTreeMap<String, String>,
    started: String,
    clock: Instant,
}

impl Step<'_> {
    /// Where training saves its state, and what that depends on.
    pub(crate) fn checkpointer(&self) -> Checkpointer {
        // Another device, engine or build would go on differently.
        let (device, engine) = (device::name(self.session.device), self.session.engine.name());
        let builds = [device.as_str(), engine, env!("CARGO_PKG_VERSION"), machine::LIBTORCH].join(" ");
        let basis = format!("{} {} {:?} {} {builds}", self.name, self.session.hash, self.inputs, self.session.seed);
        Checkpointer {
            path: self.folder.join("state").join("state.safetensors"),
            fingerprint: sha256(basis.as_bytes()),
        }
    }

    /// Records that the step is done and left `outputs`, and how its training went if it trained.
    pub(crate) fn finish(self, outputs: &[PathBuf], fit: Option<&Fit>) -> Result<()> {
        let session = self.session;
        let mut digests = BTreeMap::new();
        for path in outputs {
            digests.insert(session.relative(path), sha256_file(path)?);
        }
        let ended = now_after(&self.started);
        let record = StepRecord {
            format: StepRecord::FORMAT.into(),
            step: self.name.clone(),
            recipe: session.hash.clone(),
            inputs: self.inputs,
            outputs: digests,
            started: self.started.clone(),
            ended: ended.clone(),
            seconds: fit.map_or_else(|| self.clock.elapsed().as_secs_f64(), |fit| fit.seconds),
            epochs: fit.map(|fit| fit.epochs),
            peak_memory_bytes: machine::peak_memory(),
            device: device::name(session.device),
            engine: Some(session.engine.name().to_owned()),
            threads: session.workers,
        };
        record.write(&self.folder)?;
        let times = StepTimes { started: self.started, ended: Some(ended), device: device::name(session.device) };
        let mut run = session.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(run.note_step(&session.key(&self.name), times)?)
    }
}
