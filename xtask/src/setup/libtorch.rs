//! A folder that is, or should be, a libtorch.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::system::Compiler;

/// The version tch 0.26 is generated from; it accepts no other.
pub(crate) const VERSION: &str = "2.13.0";

/// Folder below the root that every libtorch has its C++ headers in.
const HEADERS: &str = "include/torch/csrc/api/include";

/// A libtorch whose files are there. Whether it loads is told by [`Libtorch::loads`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Libtorch {
    /// The folder with `include` and `lib`.
    pub(crate) root: PathBuf,
    /// For CPUs only, or for NVIDIA GPUs as well.
    pub(crate) kind: Kind,
}

/// What a libtorch was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CPUs only.
    Cpu,
    /// NVIDIA GPUs as well.
    Cuda,
}

impl Kind {
    /// As it stands in folder names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
        })
    }
}

impl Libtorch {
    /// Looks whether a folder holds a complete libtorch of the right version. Quick: reads names and a version.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(crate) fn inspect(root: &Path) -> anyhow::Result<Self> {
        ensure!(root.exists(), "{} does not exist", root.display());
        ensure!(root.is_dir(), "{} is not a folder", root.display());
        let needed = [library("torch"), library("torch_cpu"), library("c10"), format!("{HEADERS}/torch/torch.h")];
        for file in needed {
            let size = std::fs::metadata(root.join(&file)).map_or(0, |m| m.len());
            ensure!(size > 0, "{} is no libtorch: {file} is missing or empty", root.display());
        }
        let version = version(root)?;
        ensure!(
            version == VERSION || std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some(),
            "{} is version {version}, {VERSION} is needed",
            root.display()
        );
        let cuda = root.join(library("torch_cuda")).exists();
        Ok(Self { root: root.to_owned(), kind: if cuda { Kind::Cuda } else { Kind::Cpu } })
    }

    /// Compiles, links and runs a small program against it, as the build will do with larger ones.
    ///
    /// # Errors
    /// What the compiler, the linker or the loader said.
    pub(crate) fn loads(&self, compiler: &Compiler, scratch: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
        // The function is declared by hand, since the real headers take a minute to compile.
        let text = "#include <torch/version.h>\n#include <cstdio>\nnamespace at { int get_num_threads(); }\n\
            int main() { std::printf(\"%s\", TORCH_VERSION); return at::get_num_threads() > 0 ? 0 : 1; }\n";
        let (source, program) = (scratch.join("check.cpp"), scratch.join("check"));
        std::fs::write(&source, text).with_context(|| format!("cannot write {}", source.display()))?;
        let lib = self.root.join("lib");
        let mut build = command(compiler);
        build.arg("-std=c++17").arg(&source).arg("-o").arg(&program);
        build.arg("-I").arg(self.root.join("include")).arg("-I").arg(self.root.join(HEADERS));
        build.arg("-L").arg(&lib).arg(format!("-Wl,-rpath,{}", lib.display()));
        if !cfg!(target_os = "macos") {
            build.arg("-Wl,--no-as-needed");
        }
        if self.kind == Kind::Cuda {
            build.arg("-ltorch_cuda");
        }
        build.args(["-ltorch", "-ltorch_cpu", "-lc10"]);
        answer(&mut build).with_context(|| format!("{} does not link", self.root.display()))?;
        let mut run = Command::new(&program);
        // Another libtorch named there would be loaded in place of this one.
        run.env_remove("LD_LIBRARY_PATH");
        answer(&mut run).with_context(|| format!("{} does not load", self.root.display()))?;
        Ok(())
    }

    /// Changes whenever what programs are linked against changes: place, kind, or the library at that place.
    pub(crate) fn identity(&self) -> String {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let library = std::fs::metadata(root.join(library("torch_cpu")));
        let modified = library.as_ref().ok().and_then(|m| m.modified().ok());
        let modified = modified.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_secs());
        format!("{} {} {} {modified}\n", root.display(), self.kind, library.map_or(0, |m| m.len()))
    }
}

impl std::fmt::Display for Libtorch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "libtorch {VERSION} ({}) in {}", self.kind, self.root.display())
    }
}

/// Path of a library below the root.
pub(crate) fn library(name: &str) -> String {
    format!("lib/{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The C++ compiler, ready for arguments.
pub(crate) fn command(compiler: &Compiler) -> Command {
    let mut words = compiler.command.iter();
    let mut command = Command::new(words.next().map_or("c++", String::as_str));
    command.args(words);
    command
}

/// Runs a program that says little.
///
/// # Errors
/// The last of what it wrote to its standard error.
pub(crate) fn answer(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = said[said.len().saturating_sub(3)..].join("; ");
    if last.is_empty() { bail!("{name} failed ({})", output.status) } else { bail!("{last}") }
}

/// The release, without what stands behind `+`: from `build-version` (the official archive) or else from
/// `version.py` (the wheel).
fn version(root: &Path) -> anyhow::Result<String> {
    let plain = std::fs::read_to_string(root.join("build-version")).ok().map(|text| text.trim().to_owned());
    let python = || {
        let text = std::fs::read_to_string(root.join("version.py")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("__version__"))?;
        Some(line.split(['\'', '"']).nth(1)?.to_owned())
    };
    let full = plain.or_else(python).with_context(|| {
        format!("{} has neither a build-version nor a version.py: its version is unknown", root.display())
    })?;
    Ok(full.split('+').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A folder that looks like a libtorch.
    pub(crate) fn fake(root: &Path, version: &str, kind: Kind) {
        let mut files =
            vec![library("torch"), library("torch_cpu"), library("c10"), format!("{HEADERS}/torch/torch.h")];
        if kind == Kind::Cuda {
            files.push(library("torch_cuda"));
        }
        for file in files {
            litecnn_run::write_atomic(&root.join(file), b"not really").unwrap();
        }
        std::fs::write(root.join("build-version"), version).unwrap();
    }

    fn complaint(root: &Path) -> String {
        Libtorch::inspect(root).unwrap_err().to_string()
    }

    #[test]
    fn the_version_must_be_the_exact_one() {
        let dir = tempfile::tempdir().unwrap();
        for good in ["2.13.0", "2.13.0+cpu\n", "2.13.0+cu130"] {
            fake(dir.path(), good, Kind::Cpu);
            assert_eq!(Libtorch::inspect(dir.path()).unwrap().kind, Kind::Cpu);
        }
        for bad in ["2.13.1", "2.12.0+cpu", "2.13", "", "12.13.0"] {
            fake(dir.path(), bad, Kind::Cpu);
            assert!(complaint(dir.path()).ends_with("2.13.0 is needed"), "{}", complaint(dir.path()));
        }
    }

    #[test]
    fn a_wheel_is_known_by_its_version_py() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "", Kind::Cuda);
        std::fs::remove_file(dir.path().join("build-version")).unwrap();
        assert!(complaint(dir.path()).contains("its version is unknown"));
        let text = "__all__ = ['__version__', 'debug']\n__version__ = '2.13.0+cu130'\ndebug = False\n";
        std::fs::write(dir.path().join("version.py"), text).unwrap();
        assert_eq!(Libtorch::inspect(dir.path()).unwrap().kind, Kind::Cuda);
        std::fs::write(dir.path().join("version.py"), text.replace("13", "9")).unwrap();
        assert!(complaint(dir.path()).contains("is version 2.9.0"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("libtorch");
        assert!(complaint(&root).ends_with("does not exist"));
        std::fs::write(&root, "").unwrap();
        assert!(complaint(&root).ends_with("is not a folder"));
        std::fs::remove_file(&root).unwrap();
        fake(&root, VERSION, Kind::Cpu);
        std::fs::write(root.join(library("torch_cpu")), "").unwrap();
        assert!(complaint(&root).contains("libtorch_cpu"), "{}", complaint(&root));
    }

    #[test]
    fn a_folder_of_fakes_does_not_link() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), VERSION, Kind::Cpu);
        let compiler = Compiler { command: vec!["c++".into()], version: String::new() };
        let error = Libtorch::inspect(dir.path()).unwrap().loads(&compiler, &dir.path().join("work")).unwrap_err();
        assert!(format!("{error:#}").contains("does not link: "), "{error:#}");
    }

    #[test]
    fn the_version_is_the_one_of_the_tch_in_use() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(
            lock.contains("name = \"torch-sys\"\nversion = \"0.26."),
            "another torch-sys: look up TORCH_VERSION in its build.rs, and change VERSION here"
        );
    }

    #[test]
    fn identities_tell_places_kinds_and_contents_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fake(&a, VERSION, Kind::Cpu);
        fake(&b, VERSION, Kind::Cpu);
        let identity = |root: &Path| Libtorch::inspect(root).unwrap().identity();
        assert_eq!(identity(&a), identity(&a));
        assert_ne!(identity(&a), identity(&b));
        let before = identity(&a);
        std::fs::write(a.join(library("torch_cpu")), "something else").unwrap();
        assert_ne!(identity(&a), before);
        let before = identity(&a);
        fake(&a, VERSION, Kind::Cuda);
        assert_ne!(identity(&a), before);
    }
}
