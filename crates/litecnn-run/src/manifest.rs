use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Lock, RunError, SeedDir, atomic, refuse_links, seeds_in};

const FILE: &str = "run.toml";

/// `run.toml`: which recipe a run directory belongs to, on what it was made, and when each step ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`Manifest::FORMAT`].
    pub format: String,
    /// When the run directory was made, RFC 3339.
    pub created: String,
    /// The machine: its processor and the threads it offers.
    pub host: String,
    /// Versions of the tool, libtorch … and the git commit, as far as known, when the run directory was made.
    pub versions: BTreeMap<String, String>,
    /// Name of the recipe.
    pub recipe_name: String,
    /// SHA-256 of the resolved recipe.
    pub recipe_hash: String,
    /// The recipe as resolved: every setting, defaults included.
    pub recipe: toml::Table,
    /// `official` if the data are the published ones, else `unofficial`.
    pub data: String,
    /// SHA-256 of each data set the run has seen.
    #[serde(default)]
    pub datasets: BTreeMap<String, String>,
    /// Where the images of a data set come from, if its name alone does not say: written and read by the program that
    /// trains.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, toml::Table>,
    /// `<data set>/seed-<n>/<step>`: start, end and device of each step.
    #[serde(default)]
    pub steps: BTreeMap<String, StepTimes>,
}

/// When a step ran, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTimes {
    /// RFC 3339.
    pub started: String,
    /// RFC 3339; absent while the step runs or if it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// `cpu`, `cuda:0` …
    pub device: String,
}

impl Manifest {
    /// The version of the format written.
    pub const FORMAT: &'static str = "litecnn-run/1";

    /// Reads `run.toml` of a run directory.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Manifest`] or [`RunError::Format`], naming the file.
    pub fn read(run: &Path) -> Result<Self, RunError> {
        let path = run.join(FILE);
        let bytes = atomic::read(&path)?;
        let damaged = |reason: String| RunError::Manifest { path: path.clone(), reason };
        let text = String::from_utf8(bytes).map_err(|e| damaged(e.to_string()))?;
        if text.trim().is_empty() {
            return Err(damaged("it is empty".to_owned()));
        }
        // Shown whole, such an error takes five lines.
        let malformed = |error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            damaged(format!("line {}: {}", before.matches('\n').count() + 1, error.message().replace('\n', ", ")))
        };
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let head: Head = toml::from_str(&text).map_err(malformed)?;
        if head.format != Self::FORMAT {
            return Err(RunError::Format { path: path.clone(), found: head.format, expected: Self::FORMAT });
        }
        toml::from_str(&text).map_err(malformed)
    }

    /// Whether what `other` says can be added to this one, which lies in the directory `run`: the recipe is the same and
    /// so is, for each data set of `other` that is known here, the data.
    ///
    /// # Errors
    /// [`RunError::OtherRecipe`], [`RunError::OtherData`].
    pub fn check(&self, run: &Path, other: &Self) -> Result<(), RunError> {
        let path = run.join(FILE);
        let name = |m: &Self| {
            let hash = m.recipe_hash.get(..12).unwrap_or(&m.recipe_hash);
            format!("{} ({hash})", m.recipe_name)
        };
        if self.recipe_hash != other.recipe_hash {
            return Err(RunError::OtherRecipe { path, found: name(self), wanted: name(other) });
        }
        for (dataset, digest) in &other.datasets {
            if self.data != other.data || self.datasets.get(dataset).is_some_and(|known| known != digest) {
                return Err(RunError::OtherData { path, dataset: dataset.clone() });
            }
        }
        Ok(())
    }

    fn write(&self, run: &Path) -> Result<(), RunError> {
        let path = run.join(FILE);
        let text = toml::to_string(self).map_err(|e| RunError::damaged(&path, e))?;
        atomic::write_atomic(&path, text.as_bytes())
    }
}

/// A run directory opened for work: locked against other processes until dropped.
#[derive(Debug)]
pub struct RunDir {
    root: PathBuf,
    manifest: Manifest,
    _lock: Lock,
}

impl RunDir {
    /// Opens a run directory, or makes it if it is not there. `fresh` is the manifest of a new one; an existing
    /// one must be of the same recipe and, for each data set of `fresh`, the same data. What killed processes left half-written is removed.
    ///
    /// # Errors
    /// [`RunError::Locked`] if another process works in it, [`RunError::OtherRecipe`] if it belongs to another
    /// recipe, [`RunError::OtherData`] if to other data, [`RunError::Format`] if it is of another version, [`RunError::Link`]
    /// if a folder in it is a symbolic link, [`RunError::Manifest`], [`RunError::Io`].
    pub fn open(root: &Path, fresh: Manifest) -> Result<Self, RunError> {
        refuse_links(root)?;
        let lock = Lock::try_acquire(&root.join(".lock"))?;
        let path = root.join(FILE);
        let manifest = if path.exists() {
            let mut found = Manifest::read(root)?;
            found.check(root, &fresh)?;
            for (dataset, digest) in fresh.datasets {
                found.datasets.entry(dataset).or_insert(digest);
            }
            // The same data may lie elsewhere by now.
            found.sources.extend(fresh.sources);
            found
        } else {
            fresh.write(root)?;
            fresh
        };
        atomic::sweep_named(root, FILE);
        for (dataset, seed) in seeds_in(root) {
            atomic::sweep(SeedDir::new(root, &dataset, seed).root());
        }
        Ok(Self { root: root.to_owned(), manifest, _lock: lock })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Removes what killed processes left half-written anywhere in the directory. For directories that nobody else
    /// writes to, locked or not.
    pub fn sweep(&self) {
        atomic::sweep(&self.root);
    }

    /// When a step ran, as far as noted.
    pub fn step(&self, key: &str) -> Option<&StepTimes> {
        self.manifest.steps.get(key)
    }

    /// Notes that a step starts (`ended` none) or has ended.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn note_step(&mut self, key: &str, times: StepTimes) -> Result<(), RunError> {
        self.manifest.steps.insert(key.to_owned(), times);
        self.manifest.write(&self.root)
    }
}

/// The present moment in RFC 3339, UTC, whole seconds.
pub fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    let whole = now.replace_nanosecond(0).unwrap_or(now);
    whole.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

/// As [`now`], for the end of what began at `start`: not before that, though the clock may have been put back.
pub fn now_after(start: &str) -> String {
    // In this form the order of the letters is the order of time.
    now().max(start.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(hash: &str) -> Manifest {
        Manifest {
            format: Manifest::FORMAT.into(),
            created: now(),
            host: "here".into(),
            versions: BTreeMap::from([("libtorch".into(), "2.13.0".into())]),
            recipe_name: "paper".into(),
            recipe_hash: hash.into(),
            recipe: toml::from_str("batch-size = 32").unwrap(),
            data: "official".into(),
            datasets: BTreeMap::from([("mnist".into(), "d0".into())]),
            sources: BTreeMap::new(),
            steps: BTreeMap::new(),
        }
    }

    #[test]
    fn nothing_ends_before_it_starts() {
        let (past, future) = ("2001-01-01T00:00:00Z", "2999-12-31T23:59:59Z");
        assert_eq!(now_after(future), future, "the clock was put back");
        let ended = now_after(past);
        assert!(ended.as_str() > past && ended <= now() && ended.len() == past.len(), "{ended}");
    }

    #[test]
    fn made_once_then_reopened_with_the_same_recipe_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("run");
        let mut run = RunDir::open(&root, manifest("a")).unwrap();
        let times = StepTimes { started: now(), ended: None, device: "cpu".into() };
        run.note_step("mnist/seed-0/stage-1", times.clone()).unwrap();
        assert!(matches!(RunDir::open(&root, manifest("a")), Err(RunError::Locked { .. })));
        drop(run);
        let half = root.join("mnist/seed-0/stage-1/.unfinished-x1");
        atomic::write_atomic(&half, b"half").unwrap();
        let run = RunDir::open(&root, manifest("a")).unwrap();
        assert!(!half.exists() && half.parent().unwrap().exists());
        assert_eq!(run.step("mnist/seed-0/stage-1"), Some(&times));
        drop(run);
        let message = RunDir::open(&root, manifest("b")).unwrap_err().to_string();
        assert!(message.contains("paper (a)") && message.contains("--run"), "{message}");
        let other_data = Manifest { data: "unofficial".into(), ..manifest("a") };
        assert!(matches!(RunDir::open(&root, other_data), Err(RunError::OtherData { .. })));
        let with = |name: &str, digest: &str| Manifest {
            datasets: BTreeMap::from([(name.into(), digest.into())]),
            ..manifest("a")
        };
        assert!(matches!(RunDir::open(&root, with("mnist", "d1")), Err(RunError::OtherData { .. })));
        RunDir::open(&root, with("cifar10", "d2")).unwrap();
    }

    #[test]
    fn where_images_come_from_is_kept_and_may_change() {
        let dir = tempfile::tempdir().unwrap();
        let from = |folder: &str| {
            let source = toml::Table::from_iter([("path".to_owned(), folder.into())]);
            Manifest { sources: BTreeMap::from([("mnist".into(), source)]), ..manifest("a") }
        };
        assert!(!toml::to_string(&manifest("a")).unwrap().contains("sources"), "as before there were any");
        drop(RunDir::open(dir.path(), from("here")).unwrap());
        assert_eq!(Manifest::read(dir.path()).unwrap().sources, from("here").sources);
        let times = StepTimes { started: now(), ended: None, device: "cpu".into() };
        RunDir::open(dir.path(), from("there")).unwrap().note_step("x", times).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap().sources, from("there").sources);
    }

    #[test]
    fn other_versions_and_damage_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "format = \"litecnn-run/7\"\nnew = 1\n").unwrap();
        let message = RunDir::open(dir.path(), manifest("a")).unwrap_err().to_string();
        assert!(message.contains("litecnn-run/7") && message.contains("litecnn-run/1"), "{message}");
        std::fs::write(dir.path().join(FILE), "format = \"litecnn-run/1\"\n").unwrap();
        assert!(matches!(RunDir::open(dir.path(), manifest("a")), Err(RunError::Manifest { .. })));
    }

    #[test]
    fn damage_is_told_in_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("", "is damaged: it is empty; put it back"),
            ("format = \"litecnn-run/1\"\ncreated = 7\n", "is damaged: line 2: "),
            ("format = \"litecnn-run/1\"\n[", "is damaged: line 2: "),
        ] {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            let message = Manifest::read(dir.path()).unwrap_err().to_string();
            assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
            assert!(!message.contains("delete"), "{message}");
        }
    }
}
