use serde::{Deserialize, Serialize};

use super::{Layer, build_all};
use crate::ZooError;
use crate::builder::{Block, Builder, Value};

/// Layers over and over, with weights of their own each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Repeat {
    /// How often.
    pub times: usize,
    /// What.
    pub layers: Vec<Layer>,
}

/// Branches that read the same value; their channels come out after each other, first branch first. A branch without
/// layers hands on what it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Concat {
    /// The branches, named by their place.
    pub branches: Vec<Vec<Layer>>,
}

/// The sum of a body and a shortcut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Residual {
    /// Layers whose result is added to.
    pub body: Vec<Layer>,
    /// Layers of the shortcut; none for the value itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortcut: Vec<Layer>,
}

impl Repeat {
    pub(super) fn check(&self, b: &Builder<'_>) -> Result<(), ZooError> {
        match self.times == 0 || self.layers.is_empty() {
            true => b.fail(format!("{} repetitions of {} layers; at least 1 of 1", self.times, self.layers.len())),
            false => Ok(()),
        }
    }
}

impl Block for Repeat {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        build_all(std::slice::from_ref(&Layer::Repeat(self.clone())), b, x)
    }
}

impl Block for Concat {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let branches = self.branches.iter().enumerate();
        let ends = branches.map(|(i, branch)| b.within(&i.to_string(), |b| build_all(branch, b, x)));
        let ends = ends.collect::<Result<Vec<_>, _>>()?;
        b.concat(&ends)
    }
}

impl Block for Residual {
    fn build(&self, b: &mut Builder<'_>, x: Value) -> Result<Value, ZooError> {
        let end = b.within("body", |b| build_all(&self.body, b, x))?;
        let shortcut = b.within("shortcut", |b| build_all(&self.shortcut, b, x))?;
        b.add(end, shortcut)
    }
}
