//! `cargo xtask setup`: finds or installs libtorch and links `.libtorch` to it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use litecnn_cli::sentence;
use xshell::Shell;

use crate::system::{self, Compiler};
use crate::workspace::Workspace;

pub(crate) mod environment;
pub(crate) mod libtorch;
mod link;
pub(crate) mod python;
mod routes;

use libtorch::{Kind, Libtorch, VERSION};
use routes::{Route, root_of};

/// Find or install libtorch, and link .libtorch to it
///
/// Tried in order: the folder LIBTORCH names, if you set it; the cache all checkouts share; the official archive;
/// the Python wheel. A .libtorch that works is kept. Without --cpu or --cuda, CUDA is chosen if an NVIDIA driver is
/// seen. LITECNN_OFFLINE=1 forbids downloads.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Setup {
    /// Use a libtorch for CPUs only (0.5 GB).
    #[arg(long, conflicts_with = "cuda")]
    cpu: bool,
    /// Use a libtorch with CUDA (4 to 5 GB).
    #[arg(long)]
    cuda: bool,
    /// Install anew, even if there is one that works.
    #[arg(long)]
    force: bool,
}

impl Setup {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let ws = Workspace::find()?;
        let libtorch = self.settle(sh, &ws)?;
        println!("{libtorch} is ready");
        if libtorch.kind == Kind::Cpu && !self.cpu && system::driver_seen(sh) {
            println!(
                "note: an NVIDIA driver is seen, this libtorch does without: `cargo xtask setup --cuda` changes that"
            );
        }
        Ok(())
    }

    /// What every command that builds does first; silent if there is nothing to do.
    pub(crate) fn before_building(sh: &Shell) -> anyhow::Result<Workspace> {
        let ws = Workspace::find()?;
        Self::default().settle(sh, &ws)?;
        Ok(ws)
    }

    fn settle(&self, sh: &Shell, ws: &Workspace) -> anyhow::Result<Libtorch> {
        let compiler = system::compiler(sh)?;
        let wish = match (self.cpu, self.cuda) {
            (true, _) => Some(Kind::Cpu),
            (_, true) => Some(Kind::Cuda),
            _ => None,
        };
        let user = user_libtorch(std::env::var_os("LIBTORCH").map(PathBuf::from), &ws.root)?;
        let linked = || {
            let linked = resolved(&Libtorch::inspect(&ws.link()).ok().filter(|_| !self.force)?);
            let chosen = user.as_ref().is_none_or(|user| *user == linked.root);
            (chosen && wish.is_none_or(|wish| wish == linked.kind)).then_some(linked)
        };
        if let Some(linked) = linked() {
            link::refresh_builds(sh, ws, &linked, false)?;
            return Ok(linked);
        }
        let _lock = lock(ws)?;
        // Whoever was waited for may have done all that is to do.
        let libtorch = match (linked(), &user) {
            (Some(linked), _) => linked,
            (None, Some(user)) => from_user(user, wish, &compiler, ws)?,
            (None, None) => {
                let kind = wish.unwrap_or(if system::driver_seen(sh) { Kind::Cuda } else { Kind::Cpu });
                find_or_install(sh, kind, self.force, &compiler, ws)?
            }
        };
        let switched = link::swap(&ws.link(), &libtorch.root)?;
        link::refresh_builds(sh, ws, &libtorch, switched)?;
        Ok(libtorch)
    }
}

/// Waits until no other process changes what the cache holds of installations.
fn lock(ws: &Workspace) -> anyhow::Result<litecnn_run::Lock> {
    let wait = || println!("waiting for another setup to finish");
    litecnn_run::Lock::acquire(&ws.cache.join(".setup.lock"), wait).with_context(|| no_cache(ws))
}

/// The same libtorch under the name the link points to.
fn resolved(linked: &Libtorch) -> Libtorch {
    let target = std::fs::read_link(&linked.root).ok();
    let root = target.and_then(|target| Some(linked.root.parent()?.join(target)));
    Libtorch { root: root.unwrap_or_else(|| linked.root.clone()), ..linked.clone() }
}

/// The folder the user chose by `LIBTORCH`, if any: cargo sets the variable too, to the link of this checkout.
///
/// # Errors
/// If what the user set cannot work.
pub(crate) fn user_libtorch(variable: Option<PathBuf>, root: &Path) -> anyhow::Result<Option<PathBuf>> {
    let Some(value) = variable else { return Ok(None) };
    let unset = "; correct it, or `unset LIBTORCH` to have one found or installed";
    ensure!(!value.as_os_str().is_empty(), "LIBTORCH is set, but empty{unset}");
    ensure!(value.is_absolute(), "LIBTORCH is set to `{}`, which is not an absolute path{unset}", value.display());
    let ours = value.file_name() == Some(".libtorch".as_ref())
        && value
            .parent()
            .is_some_and(|p| p == root || matches!((p.canonicalize(), root.canonicalize()), (Ok(a), Ok(b)) if a == b));
    Ok((!ours).then_some(value))
}

fn from_user(user: &Path, wish: Option<Kind>, compiler: &Compiler, ws: &Workspace) -> anyhow::Result<Libtorch> {
    let check = || -> anyhow::Result<Libtorch> {
        let libtorch = Libtorch::inspect(user)?;
        if let Some(wish) = wish.filter(|wish| *wish != libtorch.kind) {
            bail!("it is a {} build, but --{} was asked for", libtorch.kind, wish.name());
        }
        libtorch.loads(compiler, &Scratch::new(ws)?.work)?;
        Ok(libtorch)
    };
    check().with_context(|| {
        format!(
            "LIBTORCH is set to `{}`, which cannot be used (correct it, or `unset LIBTORCH` to have one found or installed)",
            user.display()
        )
    })
}

/// Takes the libtorch of this kind from the cache, or installs it there by the first route that is open.
/// The caller holds the lock of the cache.
fn find_or_install(
    sh: &Shell,
    kind: Kind,
    force: bool,
    compiler: &Compiler,
    ws: &Workspace,
) -> anyhow::Result<Libtorch> {
    remove_leftovers(&ws.cache);
    let entry = ws.cache.join(format!("libtorch-{VERSION}-{}", kind.name()));
    let mut tried = vec![Attempt::new("LIBTORCH", "not set")];
    let cache = format!("the cache, {}", entry.display());
    if force {
        tried.push(Attempt::new(cache, "passed over, since --force is given"));
    } else if !entry.exists() {
        tried.push(Attempt::new(cache, "nothing there yet"));
    } else {
        // What lies there was checked when it was installed, but systems and disks change.
        let scratch = Scratch::new(ws)?;
        match routes::check(&entry, kind, compiler, &scratch.work) {
            Ok(()) => return Libtorch::inspect(&root_of(&entry)),
            Err(error) => {
                let error = sentence(&error);
                println!("libtorch {VERSION} ({kind}): what lies in the cache is damaged: {error}");
                tried.push(Attempt::new(cache, error));
            }
        }
    }
    for route in Route::ALL {
        println!("libtorch {VERSION} ({kind}): trying {}", route.name(kind));
        let scratch = Scratch::new(ws)?;
        let fresh = scratch.folder.join("entry");
        let installed = route
            .install(sh, kind, compiler, &fresh, &scratch.work)
            .and_then(|()| routes::check(&fresh, kind, compiler, &scratch.work.join("check")));
        match installed {
            Ok(()) => {
                put_in_place(&fresh, &entry, &scratch)?;
                println!("libtorch {VERSION} ({kind}): installed, {} MB", crate::process::size(&entry) / 1_000_000);
                return Libtorch::inspect(&root_of(&entry));
            }
            Err(error) => {
                let error = sentence(&error);
                println!("  no: {error}");
                tried.push(Attempt::new(route.name(kind), error));
            }
        }
    }
    bail!(failure(kind, &tried))
}

/// A route that did not lead to a libtorch, and why.
#[derive(Debug)]
struct Attempt {
    route: String,
    reason: String,
}

impl Attempt {
    fn new(route: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { route: route.into(), reason: reason.into() }
    }
}

/// The one message that is left when no route is open.
fn failure(kind: Kind, tried: &[Attempt]) -> String {
    let mut message =
        format!("libtorch {VERSION} ({kind}) was neither found nor could it be installed. Tried in order:\n");
    for (number, Attempt { route, reason }) in tried.iter().enumerate() {
        message.push_str(&format!("  {}. {route}\n     {}\n", number + 1, reason.trim()));
    }
    if tried.iter().any(|attempt| attempt.reason.contains("No space left")) {
        message.push_str("The disk is full: make room, or choose another by XDG_CACHE_HOME.\n");
    }
    message.push_str(&format!(
        "By hand, once, from any machine that has a network:\n  \
           unpack libtorch {VERSION} (https://pytorch.org/get-started/locally, LibTorch, C++), or\n  \
           `pip install torch=={VERSION}` and take its folder site-packages/torch;\n  \
           then here: LIBTORCH=/absolute/path/of/that/folder cargo xtask setup"
    ));
    if kind == Kind::Cuda {
        message.push_str("\nWithout the GPU: cargo xtask setup --cpu");
    }
    message
}

/// A folder to install in, beside its final place; removed when dropped.
struct Scratch {
    folder: PathBuf,
    work: PathBuf,
}

fn no_cache(ws: &Workspace) -> String {
    format!("cannot write to the cache, {} (choose another place by XDG_CACHE_HOME)", ws.cache.display())
}

const UNFINISHED: &str = ".unfinished-";

impl Scratch {
    fn new(ws: &Workspace) -> anyhow::Result<Self> {
        // The lock of the cache is held: no other process has such a folder.
        let folder = ws.cache.join(format!("{UNFINISHED}{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let work = folder.join("work");
        std::fs::create_dir_all(&work).with_context(|| no_cache(ws))?;
        Ok(Self { folder, work })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn put_in_place(fresh: &Path, entry: &Path, scratch: &Scratch) -> anyhow::Result<()> {
    if entry.exists() {
        // A folder cannot be replaced in one step; programs that run keep the old files they have opened.
        std::fs::rename(entry, scratch.folder.join("replaced"))
            .with_context(|| format!("cannot replace {}", entry.display()))?;
    }
    std::fs::rename(fresh, entry).with_context(|| format!("cannot create {}", entry.display()))
}

/// Removes what killed setups left behind. The caller holds the lock of the cache.
fn remove_leftovers(cache: &Path) {
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            println!("removing what an interrupted setup left in {}", entry.path().display());
            // If it cannot be removed, it is in nobody's way.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libtorch::tests::fake;

    fn compiler() -> Compiler {
        system::compiler(&Shell::new().unwrap()).unwrap()
    }

    fn workspace(folder: &Path) -> Workspace {
        let [root, cache, target] = ["root", "cache", "target"].map(|name| folder.join(name));
        std::fs::create_dir_all(&root).unwrap();
        Workspace { root, cache, target }
    }

    #[test]
    fn the_value_cargo_sets_is_not_the_users() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let user = |value: &Path| user_libtorch(Some(value.to_owned()), &root).unwrap();
        assert_eq!(user_libtorch(None, &root).unwrap(), None);
        assert_eq!(user(&root.join(".libtorch")), None);
        assert_eq!(user(&root.join("../").join(root.file_name().unwrap()).join(".libtorch")), None, "another spelling");
        assert_eq!(user(Path::new("/opt/libtorch")), Some("/opt/libtorch".into()));
        assert_eq!(user(Path::new("/other/checkout/.libtorch")), Some("/other/checkout/.libtorch".into()));
        for (bad, word) in [("", "empty"), ("libtorch", "not an absolute path"), (".libtorch", "not an absolute path")]
        {
            let message = user_libtorch(Some(bad.into()), &root).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("unset LIBTORCH"), "{message}");
        }
    }

    #[test]
    fn a_broken_choice_of_the_users_is_an_error_not_a_hint() {
        let dir = tempfile::tempdir().unwrap();
        let ws = workspace(dir.path());
        let user = dir.path().join("mine");
        let message = |wish| format!("{:#}", from_user(&user, wish, &compiler(), &ws).unwrap_err());
        assert!(message(None).contains("does not exist") && message(None).contains("unset LIBTORCH"));
        fake(&user, "2.12.0", Kind::Cpu);
        assert!(message(None).contains("is version 2.12.0, 2.13.0 is needed"));
        fake(&user, VERSION, Kind::Cpu);
        assert!(message(None).contains("does not link"));
        assert!(message(Some(Kind::Cuda)).contains("it is a CPU build, but --cuda was asked for"));
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_told_by_what_it_points_to() {
        let dir = tempfile::tempdir().unwrap();
        let libtorch = |root: PathBuf| Libtorch { root, kind: Kind::Cpu };
        let link = dir.path().join(".libtorch");
        assert_eq!(resolved(&libtorch(link.clone())).root, link, "a folder");
        for (target, root) in [("/opt/libtorch", "/opt/libtorch".into()), ("below", dir.path().join("below"))] {
            link::swap(&link, Path::new(target)).unwrap();
            assert_eq!(resolved(&libtorch(link.clone())).root, root);
        }
    }

    #[test]
    fn the_failure_lists_every_route_in_order() {
        let tried = [
            Attempt::new("LIBTORCH", "not set"),
            Attempt::new("the cache, /c", "nothing there yet"),
            Attempt::new("the wheel", "ERROR: [Errno 28] No space left on device\n"),
        ];
        let message = failure(Kind::Cpu, &tried);
        assert!(message.starts_with("libtorch 2.13.0 (CPU) was neither found nor could it be installed"), "{message}");
        assert!(
            message.contains("1. LIBTORCH\n     not set\n  2. the cache, /c\n     nothing there yet\n  3. the wheel\n")
        );
        assert!(message.contains("The disk is full"));
        assert!(message.ends_with("LIBTORCH=/absolute/path/of/that/folder cargo xtask setup"));
        assert!(failure(Kind::Cuda, &tried).ends_with("cargo xtask setup --cpu"));
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".unfinished-7/work", "libtorch-2.13.0-cpu", "datasets"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        remove_leftovers(dir.path());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        remove_leftovers(&dir.path().join("absent"));
    }

    #[test]
    fn an_installation_replaces_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let ws = workspace(dir.path());
        let entry = ws.cache.join("libtorch-2.13.0-cpu");
        for content in ["old", "new"] {
            let scratch = Scratch::new(&ws).unwrap();
            litecnn_run::write_atomic(&scratch.folder.join("entry/file"), content.as_bytes()).unwrap();
            put_in_place(&scratch.folder.join("entry"), &entry, &scratch).unwrap();
        }
        assert_eq!(std::fs::read_to_string(entry.join("file")).unwrap(), "new");
        assert_eq!(std::fs::read_dir(&ws.cache).unwrap().count(), 1);
    }
}
