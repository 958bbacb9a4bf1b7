//! Tables of settings laid over one another, and where in a text a setting stands.

use std::ops::Range;

use litecnn_cli::nearest;
use toml::{Table, Value};

/// Keys of which a table has one: giving one takes the place of the other in the recipe below.
const ALTERNATIVES: [[&str; 2]; 1] = [["validation-images", "validation-share"]];

/// The table of what differs by data set. Its parts are checked once all is laid together.
pub(super) const BY_DATASET: &str = "dataset";

/// Lays `own` over `base`. A key that `base` does not have is unknown, except in a table whose `kind` changes:
/// that one is replaced, and checked when it is read. `whole` is for finding the key that was meant.
pub(super) fn overlay(
    base: &mut Table,
    own: Table,
    whole: &Table,
    at: &mut Vec<String>,
) -> Result<(), (Vec<String>, String)> {
    if let (Some(before), Some(now)) = (base.get("kind"), own.get("kind"))
        && before != now
    {
        *base = own;
        return Ok(());
    }
    if at.first().is_some_and(|key| key == BY_DATASET) {
        lay(base, own);
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

/// Lays `own` over `base`, whatever the keys.
fn lay(base: &mut Table, own: Table) {
    for (key, value) in own {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(own)) => lay(inner, own),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Takes out of `table` what `given` has a value for, so that this one counts.
pub(super) fn yield_to(table: &mut Table, given: &Table) {
    for (key, value) in given {
        match (table.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(given)) => yield_to(inner, given),
            _ => {
                table.remove(key);
            }
        }
    }
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
pub(super) fn span_of(root: &toml_edit::Item, keys: &[String]) -> Option<Range<usize>> {
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
