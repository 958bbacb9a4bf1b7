//! The link `.libtorch`, which the tch build reads, and what must be built anew when it changes.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

use super::libtorch::Libtorch;
use crate::workspace::Workspace;

/// Points the link at a libtorch, in one step: there is never a moment without a link. Answers whether it
/// pointed elsewhere before.
///
/// # Errors
/// If a real folder stands in its place, or the system refuses.
pub(crate) fn swap(link: &Path, target: &Path) -> anyhow::Result<bool> {
    let before = match std::fs::read_link(link) {
        Ok(before) => Some(before),
        Err(_) if link.symlink_metadata().is_ok() => bail!(
            "{} is a folder or file, not a link: move it away, then run `LIBTORCH=<its new place> cargo xtask setup`",
            link.display()
        ),
        Err(_) => None,
    };
    if before.as_deref() == Some(target) {
        return Ok(false);
    }
    let temporary = link.with_file_name(format!(".libtorch.new-{}", std::process::id()));
    // Left behind by a killed process that had this number.
    let _ = std::fs::remove_file(&temporary);
    symlink(target, &temporary).with_context(|| format!("cannot create the link {}", temporary.display()))?;
    std::fs::rename(&temporary, link).with_context(|| format!("cannot switch the link {}", link.display()))?;
    Ok(before.is_some())
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::Error::other("only Unix systems are supported; set LIBTORCH to the folder of a libtorch instead"))
}

/// Makes cargo build anew what was linked against another libtorch.
///
/// Cargo would not notice by itself: the value of `LIBTORCH` is the name of the link, which stays. What the target
/// folder was last used with is noted in it, so that a switch made by hand, in the middle of a kill, or
/// while another target folder was in use is noticed too.
pub(crate) fn refresh_builds(sh: &Shell, ws: &Workspace, now: &Libtorch, switched: bool) -> anyhow::Result<()> {
    let (note, identity) = (note(ws), now.identity());
    let before = std::fs::read_to_string(&note).ok();
    if before.as_deref() == Some(&identity) && !switched {
        return Ok(());
    }
    if switched || before.is_some() {
        println!("libtorch changed: what was built against the former one will be built anew");
        let _folder = sh.push_dir(&ws.root);
        let target = &ws.target;
        for profile in ["release", "dev"] {
            cmd!(sh, "cargo clean --quiet --target-dir {target} --profile {profile} -p torch-sys -p tch")
                .quiet()
                .run()
                .context("cannot remove what was built against the former libtorch: run `cargo clean`")?;
        }
    }
    litecnn_run::write_atomic(&note, identity.as_bytes())?;
    Ok(())
}

fn note(ws: &Workspace) -> PathBuf {
    ws.target.join(".litecnn-libtorch")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::setup::libtorch::{Kind, VERSION, tests::fake};

    #[test]
    fn swapping_is_idempotent_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join(".libtorch");
        assert!(!swap(&link, Path::new("/a")).unwrap(), "the first link changes nothing that was built");
        assert!(!swap(&link, Path::new("/a")).unwrap());
        assert!(swap(&link, Path::new("/b")).unwrap());
        assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("/b"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn there_is_a_link_at_every_moment() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join(".libtorch");
        swap(&link, Path::new("/0")).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    std::fs::read_link(&link).unwrap();
                }
            });
            for n in 1..500 {
                swap(&link, Path::new(&format!("/{n}"))).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            reader.join().unwrap();
        });
    }

    #[test]
    fn a_folder_in_its_place_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join(".libtorch");
        std::fs::create_dir(&link).unwrap();
        assert!(swap(&link, Path::new("/a")).unwrap_err().to_string().contains("move it away"));
        assert!(link.is_dir());
    }

    #[test]
    fn the_first_use_of_a_target_folder_is_noted_without_cleaning() {
        let dir = tempfile::tempdir().unwrap();
        let ws = Workspace {
            root: dir.path().join("not a workspace, so that cleaning would fail"),
            cache: dir.path().join("cache"),
            target: dir.path().join("target"),
        };
        let libtorch = dir.path().join("libtorch");
        fake(&libtorch, VERSION, Kind::Cpu);
        let libtorch = Libtorch::inspect(&libtorch).unwrap();
        let sh = Shell::new().unwrap();
        refresh_builds(&sh, &ws, &libtorch, false).unwrap();
        assert_eq!(std::fs::read_to_string(note(&ws)).unwrap(), libtorch.identity());
        refresh_builds(&sh, &ws, &libtorch, false).unwrap();
        let other = Libtorch { kind: Kind::Cuda, ..libtorch };
        refresh_builds(&sh, &ws, &other, false).unwrap_err();
        assert_ne!(std::fs::read_to_string(note(&ws)).unwrap(), other.identity(), "noted only once cleaned");
    }
}
