//! Where things lie: the checkout, its build folder and the cache all checkouts share.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The places the commands work in.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// Root of the checkout.
    pub(crate) root: PathBuf,
    /// `<cache>/litecnn`, shared by all checkouts of this user.
    pub(crate) cache: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the workspace this program was started for.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Cargo sets the variable at run time too; it differs from the built-in one if the checkout was moved.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let manifest = manifest.filter(|m| m.ends_with("xtask")).unwrap_or(env!("CARGO_MANIFEST_DIR").into());
        let root = manifest.parent().context("xtask lies in no workspace")?.to_owned();
        // This program lies in <target>/<profile>/, whichever way the target folder was chosen.
        let program = std::env::current_exe().context("cannot tell where this program lies")?;
        let target = program.ancestors().nth(2).map_or_else(|| root.join("target"), Path::to_owned);
        Ok(Self { cache: cache(&root), root, target })
    }

    /// The link the tch build reads.
    pub(crate) fn link(&self) -> PathBuf {
        self.root.join(".libtorch")
    }

    /// The tool, as `cargo build --release` leaves it.
    pub(crate) fn tool(&self) -> PathBuf {
        self.target.join("release").join(format!("litecnn{}", std::env::consts::EXE_SUFFIX))
    }

    /// Where the tool keeps a data set.
    pub(crate) fn dataset(&self, name: &str) -> PathBuf {
        self.cache.join("datasets").join(name)
    }
}

/// Without a home there is no cache folder; the checkout itself serves then, under a git-ignored name.
fn cache(root: &Path) -> PathBuf {
    dirs::cache_dir().map_or_else(|| root.join(".libtorch.cache"), |cache| cache.join("litecnn"))
}
