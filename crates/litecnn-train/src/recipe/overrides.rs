//! Single values of a recipe given beside it, as `stage-1.epochs=30`.

use std::fmt;
use std::str::FromStr;

use toml::{Table, Value};

/// A value of a recipe given beside it: `stage-1.epochs=30`.
///
/// What stands after the first `=` is a value in TOML's syntax; a word that is none is a string, so that
/// `stage-1.keep=last` needs no quotes. Whether there is such a key, and whether the value is possible there, is known when
/// the recipe is read ([`Recipe::load_with`](super::Recipe::load_with)).
///
/// ```
/// use litecnn_train::{Override, Recipe};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let overrides: [Override; 2] = ["stage-1.epochs=30".parse()?, "model.filters=[8, 16]".parse()?];
/// let recipe = Recipe::load_with("paper", &overrides)?;
/// assert_eq!((recipe.stage_1.epochs, recipe.model.filters), (30, vec![8, 16]));
///
/// let error = Recipe::load_with("paper", &["stage-1.epoch=30".parse()?]).unwrap_err();
/// assert!(error.to_string().contains("did you mean `stage-1.epochs`?"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    given: String,
    keys: Vec<String>,
    value: Value,
}

/// Text that gives no value to a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// Nothing stands before or after the `=`, or there is none.
    #[error("`{0}` gives no value to a key: write KEY=VALUE, as in stage-1.epochs=30")]
    Form(String),
    /// The value is neither TOML nor a plain word.
    #[error("the value of `{key}` is not TOML: {reason}")]
    Value {
        /// The key, with dots.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl FromStr for Override {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let form = || OverrideError::Form(text.to_owned());
        let (key, value) = text.split_once('=').ok_or_else(form)?;
        let keys: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
        let value = value.trim();
        if value.is_empty() || keys.iter().any(String::is_empty) {
            return Err(form());
        }
        let value = match Value::from_str(value) {
            Ok(value) => value,
            // What begins like TOML is meant as TOML.
            Err(fault) if value.starts_with(['[', '{', '"', '\'']) => {
                return Err(OverrideError::Value { key: keys.join("."), reason: fault.message().replace('\n', ", ") });
            }
            Err(_) => Value::String(value.to_owned()),
        };
        Ok(Self { given: text.to_owned(), keys, value })
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl Override {
    /// All as one table; of two values for one key the later counts.
    pub(super) fn table(overrides: &[Self]) -> Table {
        let mut table = Table::new();
        for Self { keys, value, .. } in overrides {
            lay(&mut table, keys, value.clone());
        }
        table
    }

    /// The last of them that gives the key path a value, or what holds it, or something in it.
    pub(super) fn of<'a>(overrides: &'a [Self], path: &[String]) -> Option<&'a Self> {
        let meets = |one: &&Self| one.keys.iter().zip(path).all(|(own, key)| own == key);
        // The one that names it whole before one that only lies near.
        let depth = |one: &&Self| one.keys.len().min(path.len());
        overrides.iter().filter(meets).max_by_key(depth)
    }
}

/// Puts a value into a table, under its keys.
fn lay(table: &mut Table, keys: &[String], value: Value) {
    match keys {
        [] => {}
        [key] => {
            let value = match (value, table.remove(key)) {
                (Value::Table(own), Some(Value::Table(mut inner))) => {
                    own.into_iter().for_each(|(key, value)| lay(&mut inner, &[key], value));
                    Value::Table(inner)
                }
                (value, _) => value,
            };
            table.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            if let Value::Table(inner) = inner {
                lay(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Keep, OptimizerSettings, Recipe, ValidationPart};

    fn load(name: &str, given: &[&str]) -> Result<Recipe, String> {
        let overrides = given.iter().map(|text| text.parse()).collect::<Result<Vec<_>, OverrideError>>();
        Recipe::load_with(name, &overrides.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
    }

    #[test]
    fn any_value_can_be_given_and_is_part_of_the_recipe() {
        let given =
            ["name=mine", "stage-1.keep=last", "stage-1.epochs = 3", "model.filters=[8, 16]", "stage-1.epochs=30"];
        let recipe = load("smoke", &given).unwrap();
        assert_eq!((recipe.name.as_str(), recipe.stage_1.keep, recipe.stage_1.epochs), ("mine", Keep::Last, 30));
        assert_eq!((recipe.stage_2_1.epochs, recipe.data.validation), (15, ValidationPart::Images(200)));
        let mut expected = Recipe::load("smoke").unwrap();
        assert_ne!(recipe.hash(), expected.hash());
        (expected.stage_1.keep, expected.stage_1.epochs, expected.model.filters) = (Keep::Last, 30, vec![8, 16]);
        assert_eq!(recipe.hash(), expected.hash());
        let again = Recipe::load("smoke").unwrap().overridden(&given.map(|text| text.parse().unwrap())).unwrap();
        assert_eq!(again, recipe);
        // What is the recipe's already changes nothing.
        assert_eq!(load("paper", &["stage-1.epochs=20"]).unwrap(), Recipe::paper());
    }

    #[test]
    fn another_kind_of_optimizer_is_given_key_by_key() {
        let keys = ["kind=sgd", "learning-rate=0.1", "momentum=0", "nesterov=false", "weight-decay=0"];
        let mut given: Vec<String> = keys.iter().map(|key| format!("stage-1.optimizer.{key}")).collect();
        given.push("stage-1.optimizer={decay-form = 'coupled'}".into());
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let recipe = load("paper", &given).unwrap();
        assert!(matches!(recipe.stage_1.optimizer, OptimizerSettings::Sgd(sgd) if sgd.learning_rate == 0.1));
    }

    #[test]
    fn faults_name_the_override() {
        for (given, words) in [
            ("epochs", "`epochs` gives no value to a key"),
            ("stage-1.epochs=", "gives no value"),
            (".epochs=3", "gives no value"),
            ("model.filters=[8, 16", "the value of `model.filters` is not TOML"),
            ("stage-1.epoch=3", "--set stage-1.epoch=3: unknown key `stage-1.epoch` (did you mean `stage-1.epochs`?)"),
            (
                "epochs=3",
                "--set epochs=3: unknown key `epochs` (did you mean `cross-validation.epochs`, `stage-1.epochs`, ",
            ),
            ("stage1.epochs=3", "unknown key `stage1` (did you mean `stage-1`?)"),
            ("stage-1=3", "--set stage-1=3: `stage-1` is a table"),
            ("stage-1.epochs.most=3", "`stage-1.epochs`: invalid type: map"),
            ("stage-1.epochs=0", "--set stage-1.epochs=0: `stage-1.epochs`: 0 is impossible here: at least 1"),
            ("stage-1.epochs=many", "--set stage-1.epochs=many: `stage-1.epochs`: invalid type: string \"many\""),
            ("stage-1.keep=bset", "unknown variant `bset` (did you mean `best`?), expected one of `best`"),
            ("stage-1.optimizer.kind=adam", "expected one of `nadam`, `sgd`, `adamw`"),
            (
                "stage-1.optimizer={kind='sgd', learning-rat=1}",
                "unknown field `learning-rat` (did you mean `learning-rate`?)",
            ),
            ("name=no name", "`no name` is no name"),
        ] {
            let message = load("paper", &[given]).unwrap_err();
            assert!(message.contains(words), "{given}: {message}");
        }
        // A fault of the recipe itself stays where it is.
        let message = load("absent.toml", &["stage-1.epochs=3"]).unwrap_err();
        assert!(message.starts_with("absent.toml: no such recipe"), "{message}");
    }

    #[test]
    fn a_fault_of_the_file_is_not_laid_on_an_override() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("my.toml");
        std::fs::write(&file, "[stage-1]\nepochs = 0\n").unwrap();
        let file = file.to_str().unwrap();
        let message = load(file, &["stage-2-1.epochs=3"]).unwrap_err();
        assert!(message.contains("my.toml, line 2: `stage-1.epochs`: 0 is impossible"), "{message}");
        assert_eq!(load(file, &["stage-1.epochs=7"]).unwrap().stage_1.epochs, 7);
    }
}
