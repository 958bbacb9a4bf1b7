//! A recipe: read from TOML on top of the paper's, each value checked, faults shown with their line.

mod overrides;
mod settings;

pub use overrides::{Override, OverrideError};
pub use settings::*;

use std::ops::Range;
use std::path::{Path, PathBuf};

use litecnn_cli::{did_you_mean, nearest, with_nearest};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// The recipe that every other one is laid over.
const PAPER: &str = include_str!("../../recipes/paper.toml");
const PRESETS: [(&str, &str); 3] = [
    ("paper", PAPER),
    ("smoke", include_str!("../../recipes/smoke.toml")),
    ("pictures", include_str!("../../recipes/pictures.toml")),
];
/// Keys of which a table has one: giving one takes the place of the other in the recipe below.
const ALTERNATIVES: [[&str; 2]; 1] = [["validation-images", "validation-share"]];

/// A fault in a recipe, with the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {reason}", path.display(), line.map_or(String::new(), |l| format!(", line {l}")))]
pub struct RecipeError {
    /// The file, the preset's name, or the value given beside it: `--set KEY=VALUE`.
    pub path: PathBuf,
    /// Counted from 1, where the fault can be placed.
    pub line: Option<usize>,
    /// What is wrong and what is possible.
    pub reason: String,
}

impl Recipe {
    /// The paper's recipe.
    pub fn paper() -> Self {
        Self::parse(PAPER, Path::new("paper")).expect("the embedded recipe is tested")
    }

    /// A preset (`paper`, `smoke`, `pictures`) by name, or a TOML file by path.
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
        load_over(name, &PRESETS, overrides)
    }

    /// This recipe with single values given beside it.
    ///
    /// # Errors
    /// [`RecipeError`] naming the override that is at fault.
    pub fn overridden(self, overrides: &[Override]) -> Result<Self, RecipeError> {
        if overrides.is_empty() {
            return Ok(self);
        }
        parse_over(&self.to_toml(), Path::new(&self.name), PAPER, overrides)
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
        parse_over(text, path, PAPER, &[])
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

    /// The same recipe with no step longer than `epochs`.
    pub fn capped(mut self, epochs: u32) -> Self {
        for limit in [
            &mut self.stage_1.epochs,
            &mut self.stage_2_1.epochs,
            &mut self.stage_2_2.epochs,
            &mut self.cross_validation.epochs,
        ] {
            *limit = (*limit).min(epochs.max(1));
        }
        self
    }
}

/// Settings from one of the presets (name, TOML text) by name, or from a TOML file by path; what either does not give
/// is as in the first preset. Overrides count before all.
///
/// # Errors
/// [`RecipeError`] if there is no such preset or file, or the file or an override has a fault.
pub fn load_over<T: DeserializeOwned>(
    name: &str,
    presets: &[(&str, &str)],
    overrides: &[Override],
) -> Result<T, RecipeError> {
    let path = Path::new(name);
    let base = presets.first().map_or("", |(_, text)| text);
    if let Some((_, text)) = presets.iter().find(|(preset, _)| *preset == name) {
        return parse_over(text, path, base, overrides);
    }
    let known: Vec<&str> = presets.iter().map(|(name, _)| *name).collect();
    let text = std::fs::read_to_string(path).map_err(|e| RecipeError {
        path: path.to_owned(),
        line: None,
        reason: match e.kind() {
            std::io::ErrorKind::NotFound => format!(
                "no such recipe{}: give a TOML file or one of {}",
                did_you_mean(name, known.iter().copied()),
                known.join(", ")
            ),
            _ => format!("cannot be read: {e}"),
        },
    })?;
    parse_over(&text, path, base, overrides)
}

/// Settings from TOML text laid over other TOML text, `base`, which has every key there is; overrides are laid over both.
/// `path` is for messages.
///
/// # Errors
/// [`RecipeError`] with the line of the fault, or the override: a syntax error, an unknown key, a value that is
/// impossible.
pub fn parse_over<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    base: &str,
    overrides: &[Override],
) -> Result<T, RecipeError> {
    let fail = |span: Option<Range<usize>>, reason: String| RecipeError {
        path: path.to_owned(),
        line: span.map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1),
        reason,
    };
    let document = toml_edit::Document::parse(text).map_err(|e| fail(e.span(), e.message().to_owned()))?;
    let place = |keys: &[String]| span_of(document.as_item(), keys);
    let beside = |keys: &[String], reason: &str| {
        let own = Override::of(overrides, keys)?;
        Some(RecipeError { path: format!("--set {own}").into(), line: None, reason: reason.to_owned() })
    };
    let own: Table = toml::from_str(text).map_err(|e| fail(e.span(), e.message().to_owned()))?;
    let base: Table = toml::from_str(base).map_err(|e| fail(None, e.to_string()))?;
    let mut merged = base.clone();
    if let Err((keys, reason)) = overlay(&mut merged, own, &base, &mut Vec::new()) {
        return Err(fail(place(&keys), reason));
    }
    if let Err((keys, reason)) = overlay(&mut merged, Override::table(overrides), &base, &mut Vec::new()) {
        return Err(beside(&keys, &reason).unwrap_or_else(|| fail(None, reason)));
    }
    serde_path_to_error::deserialize(Value::Table(merged)).map_err(|e| {
        let mut keys: Vec<String> = e.path().iter().map(ToString::to_string).collect();
        // A fault of a table as a whole names the key that does not belong.
        keys.extend(e.inner().message().strip_prefix("key `").and_then(|m| m.split('`').next()).map(str::to_owned));
        let shown = if keys.is_empty() { String::new() } else { format!("`{}`: ", keys.join(".")) };
        let reason = format!("{shown}{}", with_nearest(e.inner().message()));
        beside(&keys, &reason).unwrap_or_else(|| fail(place(&keys), reason))
    })
}

/// Lays `own` over `base`. A key that `base` does not have is unknown, except in a table whose `kind` changes:
/// that one is replaced, and checked when it is read. `whole` is for finding the key that was meant.
fn overlay(base: &mut Table, own: Table, whole: &Table, at: &mut Vec<String>) -> Result<(), (Vec<String>, String)> {
    if let (Some(before), Some(now)) = (base.get("kind"), own.get("kind"))
        && before != now
    {
        *base = own;
        return Ok(());
    }
    for [first, second] in ALTERNATIVES {
        if own.contains_key(first) && own.contains_key(second) {
            at.push(second.to_owned());
            return Err((at.clone(), format!("give `{first}` or `{second}`, not both")));
        }
    }
    for (key, value) in own {
        at.push(key.clone());
        if let Some(other) = alternative(&key)
            && let Some(before) = base.remove(other)
        {
            base.insert(key.clone(), before);
        }
        match (base.get_mut(&key), value) {
            (None, _) => {
                let others = base.keys().filter_map(|key| alternative(key));
                let mut valid: Vec<&str> = base.keys().map(String::as_str).chain(others).collect();
                valid.sort_unstable();
                let hint = meant(&key, &valid, &at[..at.len() - 1], whole);
                return Err((
                    at.clone(),
                    format!("unknown key `{}`{hint}; possible here: {}", at.join("."), valid.join(", ")),
                ));
            }
            (Some(Value::Table(inner)), Value::Table(own)) => overlay(inner, own, whole, at)?,
            (Some(Value::Table(_)), _) => return Err((at.clone(), format!("`{}` is a table", at.join(".")))),
            (Some(place), value) => *place = value,
        }
        at.pop();
    }
    Ok(())
}

/// The key that this one takes the place of.
fn alternative(key: &str) -> Option<&'static str> {
    ALTERNATIVES.iter().find_map(|[first, second]| match key {
        _ if key == *first => Some(*second),
        _ if key == *second => Some(*first),
        _ => None,
    })
}

/// ` (did you mean ...?)` for a key that the table `at`, whose keys are `valid`, does not have: the keys of that name
/// further in, or the nearest valid one, or the keys of that name elsewhere; or nothing.
fn meant(key: &str, valid: &[&str], at: &[String], whole: &Table) -> String {
    let mut paths = Vec::new();
    named(key, whole, &mut Vec::new(), &mut paths);
    if paths.iter().any(|path| path.starts_with(at)) {
        paths.retain(|path| path.starts_with(at));
    }
    if (at.is_empty() || !paths.iter().any(|path| path.starts_with(at)))
        && let Some(near) = nearest(key, valid.iter().copied())
    {
        paths = vec![at.iter().cloned().chain([near.to_owned()]).collect()];
    }
    let shown: Vec<String> = paths.iter().map(|path| format!("`{}`", path.join("."))).collect();
    match shown.as_slice() {
        [] => String::new(),
        [one] => format!(" (did you mean {one}?)"),
        [some @ .., last] => format!(" (did you mean {} or {last}?)", some.join(", ")),
    }
}

/// The paths to all keys of a name.
fn named(key: &str, table: &Table, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (name, value) in table {
        at.push(name.clone());
        if name == key {
            found.push(at.clone());
        }
        if let Some(inner) = value.as_table() {
            named(key, inner, at, found);
        }
        at.pop();
    }
}

/// Where the deepest part of a key path that the text holds stands.
fn span_of(root: &toml_edit::Item, keys: &[String]) -> Option<Range<usize>> {
    let mut item = root;
    let mut span = None;
    for key in keys {
        let table = item.as_table_like()?;
        let Some((name, inner)) = table.get_key_value(key) else { break };
        span = name.span().or_else(|| inner.span()).or(span);
        item = inner;
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Recipe::parse(text, Path::new("my.toml")).unwrap_err().to_string()
    }

    #[test]
    fn presets_are_good_and_survive_a_round_trip() {
        for (name, _) in PRESETS {
            let recipe = Recipe::load(name).unwrap();
            assert_eq!(recipe.name, name);
            assert_eq!(Recipe::parse(&recipe.to_toml(), Path::new("x")).unwrap(), recipe);
        }
        let paper = Recipe::paper();
        assert_eq!((paper.stage_1.epochs, paper.cross_validation.folds), (20, 6));
    }

    #[test]
    fn what_is_not_given_is_the_papers() {
        let recipe = Recipe::parse("name = \"mine\"\n[stage-1]\nepochs = 3\n", Path::new("x")).unwrap();
        let mut expected = Recipe::paper();
        expected.name = "mine".into();
        expected.stage_1.epochs = 3;
        assert_eq!(recipe, expected);
        assert_ne!(recipe.hash(), Recipe::paper().hash());
        assert_eq!(Recipe { name: "other".into(), ..Recipe::paper() }.hash(), Recipe::paper().hash());
        let balanced = Recipe::parse("[data]\nclass-weights = \"balanced\"", Path::new("x")).unwrap();
        assert_ne!(balanced.hash(), Recipe::paper().hash());
        // The reference run's, made before there were shares and weights; and what reports take for the paper's.
        let reference: Table = toml::from_str(include_str!("../../../../results/reference/run.toml")).unwrap();
        assert_eq!(reference["recipe_hash"].as_str(), Some(Recipe::paper().hash().as_str()));
        let published = include_str!("../../../litecnn-report/published/isong2025.toml");
        assert!(published.contains(&format!("recipe_hash = \"{}\"", Recipe::paper().hash())));
    }

    #[test]
    fn another_kind_of_optimizer_replaces_the_table() {
        let text = "[stage-1]\noptimizer = { kind = \"sgd\", learning-rate = 0.1, momentum = 0, nesterov = false, weight-decay = 0, decay-form = \"coupled\" }";
        let recipe = Recipe::parse(text, Path::new("x")).unwrap();
        assert!(matches!(recipe.stage_1.optimizer, OptimizerSettings::Sgd(_)));
        let partial = Recipe::parse("[stage-1.optimizer]\nlearning-rate = 0.01", Path::new("x")).unwrap();
        assert!(
            matches!(partial.stage_1.optimizer, OptimizerSettings::Nadam(n) if n.learning_rate == 0.01 && n.beta_2 == 0.999)
        );
    }

    #[test]
    fn faults_are_shown_with_their_line() {
        for (text, line, words) in [
            (
                "name = \"x\"\n[stage-1]\nepoch = 3",
                3,
                "unknown key `stage-1.epoch` (did you mean `stage-1.epochs`?); possible here: batch-size, early",
            ),
            ("[stage-9]\nepochs = 3", 1, "unknown key `stage-9` (did you mean `stage-1`?)"),
            ("epochs = 3", 1, "unknown key `epochs` (did you mean `cross-validation.epochs`, `stage-1.epochs`, "),
            ("[stage-1]\nlearning-rate = 1", 2, "(did you mean `stage-1.optimizer.learning-rate`?)"),
            ("[stage-1]\nfolds = 3", 2, "(did you mean `cross-validation.folds`?)"),
            ("\n[stage-1]\nepochs = 0", 3, "`stage-1.epochs`: 0 is impossible here: at least 1"),
            ("[stage-1]\nbatch-size = 0", 2, "at least 1"),
            ("[stage-1]\nbatch-size = -3", 2, "-3 is impossible here"),
            ("[cross-validation]\n# few\nfolds = 1", 3, "1 is impossible here: at least 2"),
            ("[cross-validation]\nfolds = 0", 2, "at least 2"),
            ("[data]\nvalidation-images = 0", 2, "at least 1"),
            ("[data]\nvalidation-share = 1", 2, "`data.validation-share`: 1 is impossible here: above 0 and below 1"),
            ("[data]\nvalidation-share = 0.1\nvalidation-images = 5", 2, "not both"),
            ("[data]\nclass-weights = \"equal\"", 2, "unknown variant `equal`, expected `none` or `balanced`"),
            ("[data]\nstratified = 1", 2, "invalid type"),
            ("[data]\nimages = 1", 2, "possible here: class-weights, pixel-scale, stratified, validation-images, val"),
            ("[model]\nfilters = []", 2, "[] is impossible here"),
            ("[model]\nfilters = [10, 0]", 2, "[10, 0] is impossible here"),
            ("[model]\ndropout = 1.0", 2, "1 is impossible here: at least 0 and below 1"),
            ("[stage-1]\nmonitor = \"loss\"", 2, "unknown variant `loss`, expected"),
            ("[stage-1]\nmonitor = \"branch\"", 2, "unknown variant `branch` (did you mean `branch-1`?)"),
            ("[stage-1]\nepochs = \"many\"", 2, "invalid type"),
            ("[stage-1]\nepochs = 2\n[stage-1.optimizer]\nlearning-rate = -1.0", 4, "-1 is impossible here"),
            ("[stage-1]\n\noptimizer = { kind = \"adam\" }", 3, "unknown variant `adam`"),
            ("[stage-1]\noptimizer = { kind = \"sgd\" }", 2, "missing field"),
            ("[stage-1]\noptimizer = { kind = \"sgd\", learning-rate = 1 }", 2, "missing key `momentum`"),
            ("[stage-1.optimizer]\nmomentum = 0.1", 2, "unknown key `stage-1.optimizer.momentum`"),
            (
                "[stage-2-2.optimizer]\nkind = \"nadam\"\nlearning-rate = 1\nmomentum = 0.1",
                4,
                "`momentum` does not belong",
            ),
            ("kind = \"x\"", 1, "unknown key `kind`"),
            ("[stage-1]\noptimizer = 3", 2, "`stage-1.optimizer` is a table"),
            ("[augmentation]\nrotation = nan", 2, "impossible"),
            ("[augmentation]\nzoom-width = 1.5", 2, "impossible"),
            ("[augmentation]\nfill = \"wrap\"", 2, "unknown variant `wrap`"),
            ("name = \"x\"\nname = \"y\"", 2, "duplicate key"),
            ("a = [1", 1, ""),
            ("name = \"\"", 1, "no name"),
        ] {
            let message = message(text);
            assert!(message.starts_with(&format!("my.toml, line {line}: ")) && message.contains(words), "{message}");
        }
        let absent = Recipe::load("absent.toml").unwrap_err().to_string();
        assert!(
            absent.contains("absent.toml: no such recipe: give") && absent.contains("paper, smoke, pictures"),
            "{absent}"
        );
        let misspelt = Recipe::load("papr").unwrap_err().to_string();
        assert!(misspelt.contains("papr: no such recipe (did you mean `paper`?): give"), "{misspelt}");
    }

    #[test]
    fn a_share_takes_the_place_of_a_number_and_the_other_way_round() {
        let share = Recipe::parse("[data]\nvalidation-share = 0.25", Path::new("x")).unwrap();
        assert_eq!(share.data.validation, ValidationPart::Share(0.25));
        assert!(!share.to_toml().contains("validation-images"));
        assert_eq!(Recipe::parse(&share.to_toml(), Path::new("x")).unwrap(), share);
        assert_eq!([0, 1, 2, 3, 10, 100].map(|n| share.data.validation.of(n)), [1, 1, 1, 1, 3, 25]);
        let back =
            parse_over::<Recipe>("[data]\nvalidation-images = 7", Path::new("x"), &share.to_toml(), &[]).unwrap();
        assert_eq!(back.data.validation, ValidationPart::Images(7));
    }

    #[test]
    fn capped_recipes_are_other_recipes() {
        let capped = Recipe::paper().capped(2);
        assert_eq!((capped.stage_1.epochs, capped.stage_2_2.epochs, capped.cross_validation.epochs), (2, 2, 2));
        assert_ne!(capped.hash(), Recipe::paper().hash());
        assert_eq!(Recipe::paper().capped(100), Recipe::paper());
    }
}
