//! `litecnn train --dry-run`: what training would do, how long it would take and what it would leave; nothing is
//! written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Result;
use litecnn_cli::{duration, print};
use litecnn_data::{Split, stream};
use litecnn_model::Summary;
use litecnn_run::{SeedDir, StepRecord};
use litecnn_train::{
    Fit, Fold, STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE, Silent, TrainingData, cross_validate, stage_one,
    train_joint, train_whole,
};
use serde_json::json;

use crate::training::machine;
use crate::training::session::Setup;

/// Batches of training images, and validation images, that each step is measured on, twice; the second time counts.
const BATCHES: usize = 24;
const VALIDATION: usize = 512;
/// Classes that are listed one by one.
const LISTED: usize = 40;

/// What would happen.
struct Forecast {
    /// Images of each class in the training, validation and test part.
    counts: Vec<[usize; 3]>,
    filters: Vec<i64>,
    hidden: i64,
    parameters: i64,
    macs: i64,
    steps: Vec<StepForecast>,
    /// Bytes: of this process at its largest, and what is held in training beyond that.
    memory: (Option<u64>, u64),
    /// Bytes: weight files, training state, predictions.
    disk: [u64; 3],
}

struct StepForecast {
    name: String,
    epochs: u32,
    /// Training images of an epoch.
    images: usize,
    /// At most; none if the step is done already.
    seconds: Option<f64>,
}

pub(crate) fn run(mut setup: Setup, as_json: bool) -> Result<()> {
    setup.check_run()?;
    let forecast = Forecast::of(&mut setup)?;
    print(&if as_json { forecast.json(&setup) } else { forecast.text(&setup) })
}

impl Forecast {
    fn of(setup: &mut Setup) -> Result<Self> {
        let mut counts = vec![[0; 3]; setup.dataset().classes.len()];
        for &label in &setup.dataset().test.labels {
            counts[usize::from(label)][2] += 1;
        }
        // Takes the images, as training does.
        let data = setup.training_data()?;
        let spec = data.unified_spec(&setup.recipe);
        for (part, places) in [&data.split.train, &data.split.validation].into_iter().enumerate() {
            for &place in places {
                counts[usize::from(data.labels[place as usize])][part] += 1;
            }
        }
        let steps = steps(setup, &data)?;
        let (all, classes) = (data.split.train.len() + data.split.validation.len(), data.classes.len());
        let folds = setup.recipe.cross_validation.folds as u64;
        let (branch, unified) = (4 * spec.branch.parameters() as u64, 4 * spec.parameters() as u64);
        let images = (all + data.test.len()) as u64;
        Ok(Self {
            counts,
            filters: spec.branch.filters.clone(),
            hidden: spec.hidden,
            parameters: spec.parameters(),
            macs: Summary::of_unified(&spec, false).macs(),
            steps,
            // Both branches' outputs of every image, as a tensor and as a list.
            memory: (machine::peak_memory(), (2 * 4 * 2 * classes * all) as u64),
            disk: [
                2 * branch + (4 + folds) * unified,
                // Weights, kept weights, and up to two moments of each.
                4 * (2 * branch + (2 + folds) * unified),
                // About twelve characters a probability.
                images * (16 + 12 * classes as u64),
            ],
        })
    }

    /// At most; what is done already takes no time.
    fn seconds(&self) -> f64 {
        self.steps.iter().filter_map(|step| step.seconds).sum()
    }

    fn text(&self, setup: &Setup) -> String {
        let mut text = String::new();
        let [train, validation, test] = [0, 1, 2].map(|part| self.counts.iter().map(|c| c[part]).sum::<usize>());
        let (_, height, width, channels) = setup.dataset().train.pixels.dim();
        let classes = self.counts.len();
        let mut line = |words: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{words}");
        };
        line(format_args!("data: {}, images of {channels}x{height}x{width}, {classes} classes", setup.dataset().name));
        line(format_args!("  {train} train, {validation} validate, {test} test"));
        if classes <= LISTED {
            for (name, [train, validation, test]) in setup.dataset().classes.iter().zip(&self.counts) {
                line(format_args!("  {name}: {train} train, {validation} validate, {test} test"));
            }
        } else {
            let of = |(name, count): (&String, &[usize; 3])| format!("{name} ({} train)", count[0]);
            let all = || setup.dataset().classes.iter().zip(&self.counts);
            let (least, most) = (all().min_by_key(|(_, c)| c[0]), all().max_by_key(|(_, c)| c[0]));
            line(format_args!("  smallest class: {}", least.map(of).unwrap_or_default()));
            line(format_args!("  largest class: {}", most.map(of).unwrap_or_default()));
        }
        let (parameters, bytes) = (self.parameters, 4 * self.parameters);
        line(format_args!(
            "model: filters {:?} and {} hidden units: {parameters} parameters, {bytes} bytes of weights, {} \
             multiply-accumulates an image",
            self.filters, self.hidden, self.macs
        ));
        line(format_args!("steps, recipe {} with {}:", setup.recipe.name, setup.engine.name()));
        for StepForecast { name, epochs, images, seconds } in &self.steps {
            let takes = seconds.map_or_else(|| "done already".to_owned(), |s| format!("at most {}", duration(s)));
            line(format_args!("  {name}: up to {epochs} epochs of {images} images; {takes}"));
        }
        line(format_args!(
            "time: at most {}, by {BATCHES} batches of each step on this machine; early stopping often ends sooner",
            duration(self.seconds())
        ));
        let (peak, more) = self.memory;
        if let Some(peak) = peak {
            line(format_args!(
                "memory: about {}: this process's largest while it held the images and trained those batches, and {} \
                 for the branches' outputs of all images",
                size(peak + more),
                size(more)
            ));
        }
        let [weights, state, predictions] = self.disk;
        line(format_args!(
            "would write to {}: about {} ({} of weights, {} of training state, {} of predictions)",
            setup.run.display(),
            size(weights + state + predictions),
            size(weights),
            size(state),
            size(predictions)
        ));
        let dir = SeedDir::new(Path::new(""), &setup.dataset().name, setup.seed);
        line(format_args!("  run.toml, {}/: a folder a step, final.safetensors", dir.root().display()));
        line(format_args!("nothing was written there"));
        text
    }

    fn json(&self, setup: &Setup) -> String {
        let (_, height, width, channels) = setup.dataset().train.pixels.dim();
        let of_class = |(name, [train, validation, test]): (&String, &[usize; 3])| json!({"class": name, "train": train, "validation": validation, "test": test});
        let step = |step: &StepForecast| {
            json!({
                "step": step.name, "most_epochs": step.epochs, "images": step.images,
                "done": step.seconds.is_none(), "most_seconds": step.seconds,
            })
        };
        let [weights, state, predictions] = self.disk;
        let forecast = json!({
            "format": "litecnn-dry-run/1",
            "data": {
                "name": setup.dataset().name,
                "shape": [channels, height, width],
                "classes": setup.dataset().classes.iter().zip(&self.counts).map(of_class).collect::<Vec<_>>(),
            },
            "model": {
                "filters": self.filters, "hidden": self.hidden, "parameters": self.parameters,
                "weight_bytes": 4 * self.parameters, "macs": self.macs,
            },
            "recipe": {"name": setup.recipe.name, "hash": setup.general.hash()},
            "engine": setup.engine.name(),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "most_seconds": self.seconds(),
            "memory_bytes": self.memory.0.map(|peak| peak + self.memory.1),
            "run": setup.run,
            "disk_bytes": {"weights": weights, "state": state, "predictions": predictions},
        });
        format!("{forecast}\n")
    }
}

/// Seconds an image takes in training and in validation.
#[derive(Clone, Copy)]
struct Pace {
    train: f64,
    validation: f64,
}

impl Pace {
    /// Of a training of two epochs on a short split.
    fn of(fit: &Fit, split: &Split) -> Self {
        let mut epochs: BTreeMap<u32, f64> = BTreeMap::new();
        for record in &fit.history {
            epochs.insert(record.epoch, record.seconds);
        }
        let last = epochs.values().last().copied().unwrap_or_default();
        let rest = (fit.seconds - epochs.values().sum::<f64>()).max(0.0) / epochs.len().max(1) as f64;
        Self { train: last / split.train.len().max(1) as f64, validation: rest / split.validation.len().max(1) as f64 }
    }

    fn epoch(self, split: &Split) -> f64 {
        self.train * split.train.len() as f64 + self.validation * split.validation.len() as f64
    }
}

/// Every step with the time it takes, by a short training of it.
fn steps(setup: &Setup, data: &TrainingData) -> Result<Vec<StepForecast>> {
    let (seed, workers) = (setup.seed, setup.workers);
    let recipe = setup.recipe.clone().capped(2);
    let short = |split: &Split, batch: usize| Split {
        train: split.train.iter().take(BATCHES * batch).copied().collect(),
        validation: split.validation.iter().take(VALIDATION).copied().collect(),
    };
    let few = |batch: usize| TrainingData { split: short(&data.split, batch), ..data.share() };

    let part = few(recipe.stage_1.batch_size);
    let (model, fit) = stage_one(&part, &recipe, seed, workers, None, &Silent)?;
    let stage_1 = Pace::of(&fit, &part.split).epoch(&data.split);
    let [first, second] = &model.branches;
    let unified = litecnn_surgery::join(first, second, &data.unified_spec(&recipe), &mut stream(seed, "dry-run"))?;

    let part = few(recipe.stage_2_1.batch_size);
    let start = Instant::now();
    let (unified, fit) = train_joint(unified, &part, &recipe, seed, workers, None, &Silent)?;
    // Before the first epoch the branches' outputs are computed once.
    let seen = (part.split.train.len() + part.split.validation.len()).max(1);
    let all = data.split.train.len() + data.split.validation.len();
    let features = (start.elapsed().as_secs_f64() - fit.seconds).max(0.0) / seen as f64 * all as f64;
    let stage_2_1 = Pace::of(&fit, &part.split).epoch(&data.split);

    let part = few(recipe.stage_2_2.batch_size);
    let (unified, fit) = train_whole(unified, &part, &recipe, seed, workers, None, &Silent)?;
    let stage_2_2 = Pace::of(&fit, &part.split).epoch(&data.split);

    // As many folds as run side by side.
    let folds = Fold::all(data, &recipe, seed)?;
    let side_by_side = workers.clamp(1, folds.len());
    let batch = recipe.cross_validation.batch_size;
    let shortened = folds.iter().take(side_by_side);
    let shortened: Vec<Fold> = shortened.map(|f| Fold { number: f.number, split: short(&f.split, batch) }).collect();
    let paces = Mutex::new(Vec::new());
    let finished = |fold: &Fold, _, fit: Fit| {
        let pace = Pace::of(&fit, &fold.split);
        paces.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(pace);
        Ok(())
    };
    cross_validate(&unified, &shortened, data, &recipe, seed, workers, &|_| Ok(None), &Silent, &finished)?;
    let paces = paces.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let split = &folds[0].split;
    let slowest = paces.iter().map(|pace| pace.epoch(split)).fold(0.0, f64::max);
    let rounds = folds.len().div_ceil(side_by_side) as f64;

    let whole = &setup.recipe;
    let epochs = [whole.stage_1.epochs, whole.stage_2_1.epochs, whole.stage_2_2.epochs, whole.cross_validation.epochs];
    let names = [STAGE_ONE, STAGE_TWO_JOINT, STAGE_TWO_WHOLE];
    let dir = SeedDir::new(&setup.run, &setup.dataset().name, seed);
    let hash = setup.general.hash();
    let done = |step: &str| StepRecord::read(&dir.step(step)).is_ok_and(|record| record.recipe == hash);
    let mut steps = Vec::new();
    for ((name, epochs), (once, each)) in
        names.into_iter().zip(epochs).zip([(0.0, stage_1), (features, stage_2_1), (0.0, stage_2_2)])
    {
        let seconds = (!done(name)).then(|| once + f64::from(epochs) * each);
        steps.push(StepForecast { name: name.to_owned(), epochs, images: data.split.train.len(), seconds });
    }
    let left = folds.iter().filter(|fold| !done(&fold.step())).count();
    let share = left as f64 / folds.len() as f64;
    let seconds = (left > 0).then(|| share * rounds * f64::from(epochs[3]) * slowest);
    let name = format!("folds 1 to {}", folds.len());
    steps.push(StepForecast { name, epochs: epochs[3], images: split.train.len(), seconds });
    Ok(steps)
}

/// `812 KB`, `1.4 MB`: by 1,024.
fn size(bytes: u64) -> String {
    let kilo = bytes as f64 / 1024.0;
    match kilo {
        ..1024.0 => format!("{kilo:.0} KB"),
        ..1_048_576.0 => format!("{:.1} MB", kilo / 1024.0),
        _ => format!("{:.1} GB", kilo / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!([0, 59_448, 1_500_000, 3 << 30].map(size), ["0 KB", "58 KB", "1.4 MB", "3.0 GB"]);
    }
}
