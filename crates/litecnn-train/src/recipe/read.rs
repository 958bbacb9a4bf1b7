//! Settings from files and presets, and their faults.

use std::ops::Range;
use std::path::{Path, PathBuf};

use litecnn_cli::{did_you_mean, with_nearest};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Override;
use super::overlay::{BY_DATASET, overlay, span_of, yield_to};

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
    load_with(name, presets, presets.first().map_or("", |(_, text)| text), overrides, &|_| None)
}

/// Keys of settings that are impossible together, and why.
type Fault = (Vec<String>, String);

/// As [`load_over`] with another base than the first preset, and a check of the whole.
pub(super) fn load_with<T: DeserializeOwned>(
    name: &str,
    presets: &[(&str, &str)],
    base: &str,
    overrides: &[Override],
    check: &dyn Fn(&T) -> Option<Fault>,
) -> Result<T, RecipeError> {
    let path = Path::new(name);
    if let Some((_, text)) = presets.iter().find(|(preset, _)| *preset == name) {
        return parse_with(text, path, base, overrides, check);
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
    parse_with(&text, path, base, overrides, check)
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
    parse_with(text, path, base, overrides, &|_| None)
}

/// As [`parse_over`], with a check of the whole. Tables by data set are checked by laying each over the rest.
pub(super) fn parse_with<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    base: &str,
    overrides: &[Override],
    check: &dyn Fn(&T) -> Option<Fault>,
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
    let given = Override::table(overrides);
    if let Err((keys, reason)) = overlay(&mut merged, given.clone(), &base, &mut Vec::new()) {
        return Err(beside(&keys, &reason).unwrap_or_else(|| fail(None, reason)));
    }
    // What is given beside a recipe counts before its tables by data set, unless it is given for one.
    let mut for_all = given;
    for_all.remove(BY_DATASET);
    let mut general = merged.clone();
    let by_dataset = match (general.remove(BY_DATASET), merged.get_mut(BY_DATASET)) {
        (Some(_), Some(Value::Table(tables))) => {
            tables.iter_mut().filter_map(|(_, own)| own.as_table_mut()).for_each(|own| yield_to(own, &for_all));
            tables.clone()
        }
        _ => Table::new(),
    };
    let read = |whole: Table, within: &[String]| -> Result<T, RecipeError> {
        let fault = match serde_path_to_error::deserialize::<_, T>(Value::Table(whole)) {
            Ok(read) => match check(&read) {
                None => return Ok(read),
                Some(fault) => fault,
            },
            Err(e) => {
                let mut keys: Vec<String> = e.path().iter().map(ToString::to_string).collect();
                let message = e.inner().message();
                // A fault of a table as a whole names the key that does not belong.
                keys.extend(message.strip_prefix("key `").and_then(|m| m.split('`').next()).map(str::to_owned));
                (keys, with_nearest(message))
            }
        };
        let keys: Vec<String> = within.iter().cloned().chain(fault.0).collect();
        let shown = if keys.is_empty() { String::new() } else { format!("`{}`: ", keys.join(".")) };
        let reason = format!("{shown}{}", fault.1);
        Err(beside(&keys, &reason).unwrap_or_else(|| fail(place(&keys), reason)))
    };
    let whole = read(merged, &[])?;
    for (name, own) in by_dataset {
        let within = [BY_DATASET.to_owned(), name];
        let mut laid = general.clone();
        // Of another kind than a table: told above.
        let Value::Table(own) = own else { continue };
        if let Err((keys, reason)) = overlay(&mut laid, own, &base, &mut Vec::new()) {
            let keys: Vec<String> = within.iter().cloned().chain(keys).collect();
            let reason = format!("`{}`: {reason}", within.join("."));
            return Err(beside(&keys, &reason).unwrap_or_else(|| fail(place(&keys), reason)));
        }
        read(laid, &within)?;
    }
    Ok(whole)
}

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
