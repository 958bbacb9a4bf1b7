//! What the command line chooses of the architecture.

use std::str::FromStr;

use anyhow::Result;
use litecnn_cli::Usage;
use litecnn_data::{Augmentation, Dataset};
use litecnn_model::{BranchSpec, InputShape, UnifiedSpec, fit_budget, fit_images};
use litecnn_train::Recipe;

/// Filters and hidden units other than the recipe's.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ModelArgs {
    /// Choose filters and hidden units so that the model has at most so many parameters (20k) or bytes of weights
    /// (64KB): those of final.safetensors, 4 a parameter, its header of about 2 KB apart.
    #[arg(long, value_name = "SIZE", conflicts_with_all = ["filters", "hidden"])]
    pub(crate) budget: Option<Budget>,
    /// Filters of each 3x3 convolution, first to last, as in 8,16.
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(i64).range(1..=4096))]
    pub(crate) filters: Vec<i64>,
    /// Units of the hidden layer that joins the branches.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=65_536))]
    pub(crate) hidden: Option<i64>,
    /// Mirror half of the training images left to right wherever the recipe augments images: for pictures that mean the
    /// same then, which letters and digits do not.
    #[arg(long)]
    pub(crate) mirror: bool,
}

impl ModelArgs {
    /// Puts what is chosen in the place of a recipe's values.
    pub(crate) fn apply(&self, recipe: &mut Recipe, dataset: &Dataset) -> Result<()> {
        if let Some(Budget { parameters }) = self.budget {
            let (input, classes) = shape(dataset);
            let spec = fit_budget(input, classes, parameters).map_err(|e| Usage(format!("--budget: {e}")))?;
            adopt(recipe, spec);
        }
        if !self.filters.is_empty() {
            anyhow::ensure!(self.filters.len() <= 8, Usage("--filters: at most 8 convolutions are possible".into()));
            recipe.model.filters.clone_from(&self.filters);
        }
        if let Some(hidden) = self.hidden {
            recipe.model.hidden_units = hidden;
        }
        if self.mirror {
            mirror(recipe);
        }
        Ok(())
    }
}

/// Has half of the training images mirrored in every step that augments images.
fn mirror(recipe: &mut Recipe) {
    let steps = [
        &mut recipe.stage_1.augmentation,
        &mut recipe.stage_2_1.augmentation,
        &mut recipe.stage_2_2.augmentation,
        &mut recipe.cross_validation.augmentation,
    ];
    let augmented = steps.into_iter().filter(|step| **step != Augmentation::NONE);
    augmented.chain([&mut recipe.augmentation]).for_each(|augmentation| augmentation.mirror = 0.5);
}

/// Whether there is such a model: found out before anything is written.
pub(crate) fn check(recipe: &Recipe, dataset: &Dataset) -> Result<()> {
    let (input, classes) = shape(dataset);
    let branch = BranchSpec { input, filters: recipe.model.filters.clone(), classes };
    Ok(UnifiedSpec { hidden: recipe.model.hidden_units, ..UnifiedSpec::paper(branch) }.validate()?)
}

/// Gives a recipe the paper's model for images of other sides.
pub(crate) fn suit(recipe: &mut Recipe, dataset: &Dataset) -> Result<()> {
    let (input, classes) = shape(dataset);
    adopt(recipe, fit_images(input, classes)?);
    Ok(())
}

fn adopt(recipe: &mut Recipe, spec: UnifiedSpec) {
    recipe.model.filters = spec.branch.filters;
    recipe.model.hidden_units = spec.hidden;
}

fn shape(dataset: &Dataset) -> (InputShape, i64) {
    let (_, height, width, channels) = dataset.train.pixels.dim();
    let input = InputShape { channels: channels as i64, height: height as i64, width: width as i64 };
    (input, dataset.classes.len() as i64)
}

/// How large a model may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) parameters: i64,
}

impl FromStr for Budget {
    type Err = String;

    /// `20k` and `1.5M` are parameters, by thousands; `64KB`, `1MB` and `60000B` are bytes, by 1,024, 4 a parameter.
    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_' || c == ',')).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" => 1.0,
            "k" => 1e3,
            "m" => 1e6,
            "b" => 0.25,
            "kb" | "kib" => 256.0,
            "mb" | "mib" => 262_144.0,
            _ => return Err(wrong(text)),
        };
        let number: f64 = digits.replace(['_', ','], "").parse().map_err(|_| wrong(text))?;
        let parameters = (number * factor).floor();
        if !(1.0..=1e9).contains(&parameters) {
            return Err(wrong(text));
        }
        Ok(Self { parameters: parameters as i64 })
    }
}

fn wrong(text: &str) -> String {
    format!("`{text}` is no size: write parameters as in 20000, 20k, 1.5M, or bytes of weights as in 64KB, 1MB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_augmented_is_mirrored() {
        for (name, mirrored) in [("paper", [0.5, 0.0, 0.0, 0.0, 0.0]), ("pictures", [0.5, 0.5, 0.0, 0.5, 0.5])] {
            let mut recipe = Recipe::load(name).unwrap();
            mirror(&mut recipe);
            let Recipe { stage_1, stage_2_1, stage_2_2, cross_validation, augmentation, .. } = recipe;
            let steps = [stage_1.augmentation, stage_2_1.augmentation, stage_2_2.augmentation];
            let all = [augmentation].into_iter().chain(steps).chain([cross_validation.augmentation]);
            assert_eq!(all.map(|step| step.mirror).collect::<Vec<_>>(), mirrored, "{name}");
        }
    }

    #[test]
    fn sizes_are_parameters_or_bytes() {
        for (text, parameters) in [
            ("20k", 20_000),
            ("20K", 20_000),
            ("14862", 14_862),
            ("14,862", 14_862),
            ("1.5M", 1_500_000),
            ("64KB", 16_384),
            ("64 KiB", 16_384),
            ("1MB", 262_144),
            ("59448B", 14_862),
            ("59451B", 14_862),
        ] {
            assert_eq!(text.parse(), Ok(Budget { parameters }), "{text}");
        }
        for text in ["", "k", "20kk", "-3", "0", "20G", "1e5", "3B", "9999999999M", "a"] {
            assert!(text.parse::<Budget>().unwrap_err().contains("is no size"), "{text}");
        }
    }
}
