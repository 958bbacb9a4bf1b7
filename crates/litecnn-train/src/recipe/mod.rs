//! A recipe: read from TOML on top of the paper's, each value checked, faults shown with their line.

mod checks;
mod data;
mod distillation;
mod optimizer;
mod overlay;
mod overrides;
mod read;
mod schedule;
mod second_stage;
mod settings;

pub use checks::{checked, non_negative, positive_epochs};
pub use data::{ClassWeighting, DataSettings, ValidationPart};
pub use distillation::DistillationSettings;
pub use optimizer::{AdamWSettings, NadamSettings, OptimizerSettings, SgdSettings, WeightDecay};
pub use overrides::{Override, OverrideError};
pub use read::{RecipeError, load_over, parse_over};
pub use schedule::ScheduleSettings;
pub use second_stage::{Heads, SecondStageSettings, Unfreezing};
pub use settings::*;

use std::collections::BTreeMap;
use std::path::Path;

use overlay::{BY_DATASET, overlay};
use read::{load_with, parse_with};
use toml::{Table, Value};

/// The recipe that every other one is laid over, with all keys there are.
const BASE: &str = concat!(include_str!("../../recipes/paper.toml"), include_str!("../../recipes/still.toml"));
const PRESETS: [(&str, &str); 5] = [
    ("paper", include_str!("../../recipes/paper.toml")),
    ("smoke", include_str!("../../recipes/smoke.toml")),
    ("pictures", include_str!("../../recipes/pictures.toml")),
    ("tuned", include_str!("../../recipes/tuned.toml")),
    ("ablation", include_str!("../../recipes/ablation.toml")),
];

impl Recipe {
    /// The paper's recipe.
    pub fn paper() -> Self {
        Self::parse(PRESETS[0].1, Path::new("paper")).expect("the embedded recipe is tested")
    }

    /// A preset (`paper`, `smoke`, `pictures`, `tuned`, `ablation`) by name, or a TOML file by path.
    ///
    /// # Errors
    /// [`RecipeError`] if there is no such preset or file, or the file has a fault.
    pub fn load(name: &str) -> Result<Self, RecipeError> {
        Self::load_with(name, &[])
    }

    /// The same with single values given beside it, which count before all.
    ///
    /// # Errors
    /// As [`Recipe::load`]; a fault of an override names it.
    pub fn load_with(name: &str, overrides: &[Override]) -> Result<Self, RecipeError> {
        load_with(name, &PRESETS, BASE, overrides, &Self::fault)
    }

    /// This recipe with single values given beside it.
    ///
    /// # Errors
    /// [`RecipeError`] naming the override that is at fault.
    pub fn overridden(self, overrides: &[Override]) -> Result<Self, RecipeError> {
        if overrides.is_empty() {
            return Ok(self);
        }
        parse_with(&self.to_toml(), Path::new(&self.name), BASE, overrides, &Self::fault)
    }

    /// The presets by name, each with its text: TOML with comments.
    pub fn presets() -> &'static [(&'static str, &'static str)] {
        &PRESETS
    }

    /// A recipe from TOML text; values it does not give are the paper's. `path` is for messages.
    ///
    /// # Errors
    /// [`RecipeError`] with the line of the fault: a syntax error, an unknown key, a value that is impossible.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecipeError> {
        parse_with(text, path, BASE, &[], &Self::fault)
    }

    /// Every setting as TOML text; parsing it gives the same recipe.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is plain data")
    }

    /// SHA-256 of every setting but the name.
    pub fn hash(&self) -> String {
        let nameless = Self { name: String::new(), ..self.clone() };
        litecnn_run::sha256(nameless.to_toml().as_bytes())
    }

    /// The same recipe with no step longer than `epochs`, and no warm-up longer than half of that.
    pub fn capped(mut self, epochs: u32) -> Self {
        let (most, warmest) = (epochs.max(1), 0.5 * f64::from(epochs.max(1)));
        for (limit, schedule) in [
            (&mut self.stage_1.epochs, &mut self.stage_1.schedule),
            (&mut self.stage_2_1.epochs, &mut self.stage_2_1.schedule),
            (&mut self.stage_2_2.epochs, &mut self.stage_2_2.schedule),
            (&mut self.cross_validation.epochs, &mut self.cross_validation.schedule),
        ] {
            *limit = (*limit).min(most);
            if let ScheduleSettings::Cosine { warmup, .. } = schedule {
                *warmup = warmup.min(warmest);
            }
        }
        for step in self.dataset.values_mut().flat_map(Table::iter_mut).filter_map(|(_, step)| step.as_table_mut()) {
            if let Some(Value::Integer(limit)) = step.get_mut("epochs") {
                *limit = (*limit).min(most.into());
            }
            let warmup = step.get_mut("schedule").and_then(|schedule| schedule.get_mut("warmup"));
            if let Some(warmup) = warmup
                && let Some(given) = warmup.as_float().or(warmup.as_integer().map(|n| n as f64))
                && given > warmest
            {
                *warmup = Value::Float(warmest);
            }
        }
        self
    }

    /// This recipe as it is for one data set: what `[dataset.NAME]` gives counts before the rest.
    ///
    /// # Errors
    /// [`RecipeError`] if what it gives is impossible; not for a recipe that was read.
    pub fn for_dataset(&self, name: &str) -> Result<Self, RecipeError> {
        let mut general = Self { dataset: BTreeMap::new(), ..self.clone() };
        let Some(own) = self.dataset.get(name) else { return Ok(general) };
        let fail = |reason: String| RecipeError {
            path: format!("{}, {BY_DATASET}.{name}", self.name).into(),
            line: None,
            reason,
        };
        let table = |text: &str| toml::from_str::<Table>(text).map_err(|e| fail(e.to_string()));
        let (base, mut whole) = (table(BASE)?, table(BASE)?);
        for own in [table(&general.to_toml())?, own.clone()] {
            overlay(&mut whole, own, &base, &mut Vec::new()).map_err(|(_, reason)| fail(reason))?;
        }
        general = Value::Table(whole).try_into().map_err(|e: toml::de::Error| fail(e.to_string()))?;
        Ok(general)
    }

    /// What is impossible of values that are possible each alone: keys and reason.
    fn fault(&self) -> Option<(Vec<String>, String)> {
        let Self { stage_1: a, stage_2_1: b, stage_2_2: c, cross_validation: d, distillation, .. } = self;
        let steps = [
            ("stage-1", a.schedule, a.epochs, [a.mixup, a.cutmix]),
            ("stage-2-1", b.schedule, b.epochs, [b.mixup, b.cutmix]),
            ("stage-2-2", c.schedule, c.epochs, [c.mixup, c.cutmix]),
            ("cross-validation", d.schedule, d.epochs, [d.mixup, d.cutmix]),
        ];
        let place = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
        for (step, schedule, epochs, blends) in steps {
            if let ScheduleSettings::Cosine { warmup, .. } = schedule
                && warmup >= epochs.into()
            {
                let reason = format!("{warmup} is impossible here: below the {epochs} epochs of the step");
                return Some((place(&[step, "schedule", "warmup"]), reason));
            }
            if let Some((key, _)) = ["mixup", "cutmix"].iter().zip(blends).find(|(_, blend)| *blend > 0.0)
                && distillation.weight > 0.0
            {
                let reason = "impossible with `distillation`: a teacher's answers are of whole images".to_owned();
                return Some((place(&[step, key]), reason));
            }
        }
        let nobody = distillation.weight > 0.0 && distillation.answers.is_empty();
        nobody
            .then(|| (place(&["distillation", "answers"]), "give a file, as `litecnn zoo teach` writes it".to_owned()))
    }
}

#[cfg(test)]
mod tests;
