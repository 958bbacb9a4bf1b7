//! The two ways to install a libtorch from the network, each into an empty folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use xshell::Shell;

use super::libtorch::{Kind, Libtorch, VERSION, answer, command};
use super::python::Python;
use crate::system::{Compiler, free_disk};

/// A way to install.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route {
    /// The archive the PyTorch project publishes for C++ programs.
    Archive,
    /// The Python wheel, which holds the same libraries.
    Wheel,
}

impl Route {
    /// In order of preference.
    pub(crate) const ALL: [Self; 2] = [Self::Archive, Self::Wheel];

    /// For messages.
    pub(crate) fn name(self, kind: Kind) -> String {
        match (self, archive_address(kind)) {
            (Self::Archive, Some(address)) => format!("the official archive, {address}"),
            (Self::Archive, None) => "the official archive".to_owned(),
            (Self::Wheel, _) => format!("the Python wheel, pip's torch=={VERSION}"),
        }
    }

    /// Installs as `entry`, which is not there yet, working in the empty folder `work` on the same disk.
    ///
    /// # Errors
    /// Why this route is closed.
    pub(crate) fn install(
        self,
        sh: &Shell,
        kind: Kind,
        compiler: &Compiler,
        entry: &Path,
        work: &Path,
    ) -> anyhow::Result<()> {
        ensure!(std::env::var_os("LITECNN_OFFLINE").is_none_or(|v| v.is_empty()), "LITECNN_OFFLINE is set");
        // What a route takes at its peak, archives included.
        let needed: u64 = match (kind, self) {
            (Kind::Cpu, _) => 1_500_000_000,
            (Kind::Cuda, Self::Archive) => 8_500_000_000,
            (Kind::Cuda, Self::Wheel) => 6_500_000_000,
        };
        let free = free_disk(sh, work).unwrap_or(u64::MAX);
        // Not the folder we work in, whose name tells nobody anything.
        let place = work.ancestors().nth(2).unwrap_or(work);
        ensure!(
            free >= needed,
            "no room: {:.1} GB are free at {}, {:.1} GB are needed; make room, or choose another disk by XDG_CACHE_HOME",
            free as f64 / 1e9,
            place.display(),
            needed as f64 / 1e9
        );
        let python = Python::find(sh)?;
        match self {
            Self::Archive => archive(&python, kind, entry, work),
            Self::Wheel => wheel(&python, kind, compiler, entry, work),
        }
    }
}

/// Where the official archive for this system lies, if there is one.
fn archive_address(kind: Kind) -> Option<String> {
    let system = (std::env::consts::OS, std::env::consts::ARCH, kind);
    let file = match system {
        ("linux", "x86_64", Kind::Cpu) => format!("cpu/libtorch-shared-with-deps-{VERSION}%2Bcpu.zip"),
        ("linux", "x86_64", Kind::Cuda) => format!("cu130/libtorch-shared-with-deps-{VERSION}%2Bcu130.zip"),
        ("macos", "aarch64", Kind::Cpu) => format!("cpu/libtorch-macos-arm64-{VERSION}.zip"),
        _ => return None,
    };
    Some(format!("https://download.pytorch.org/libtorch/{file}"))
}

fn archive(python: &Python, kind: Kind, entry: &Path, work: &Path) -> anyhow::Result<()> {
    let address = archive_address(kind).with_context(|| {
        format!("none is published for {} on {} ({kind})", std::env::consts::OS, std::env::consts::ARCH)
    })?;
    let file = work.join("libtorch.zip");
    python.fetch(&address, &file)?;
    unpack_archive(python, &file, entry, work)
}

/// The archive holds one folder, `libtorch`.
fn unpack_archive(python: &Python, file: &Path, entry: &Path, work: &Path) -> anyhow::Result<()> {
    println!("  unpacking");
    python.unpack(file, work, &["libtorch/".into()])?;
    std::fs::rename(work.join("libtorch"), entry).context("the archive holds no folder `libtorch`")
}

fn wheel(python: &Python, kind: Kind, compiler: &Compiler, entry: &Path, work: &Path) -> anyhow::Result<()> {
    let pip = python.pip(work)?;
    let wheels = work.join("wheels");
    pip.download(&wheels, &["--no-deps", &format!("torch=={VERSION}")])?;
    let torch = files(&wheels, |name| name.starts_with("torch-") && name.ends_with(".whl")).pop();
    let torch = torch.context("pip downloaded no wheel")?;
    println!("  unpacking");
    let libraries = libraries(&python.names(&torch)?, kind)?;
    let chosen = ["torch/include/".into(), "torch/version.py".into()].into_iter().chain(libraries.names);
    python.unpack(&torch, work, &chosen.collect::<Vec<_>>())?;
    let needs = python.needs(&torch)?;
    std::fs::remove_file(&torch).with_context(|| format!("cannot remove {}", torch.display()))?;
    match (kind, libraries.stripped) {
        (Kind::Cpu, false) => {}
        (Kind::Cpu, true) => {
            let runtime = runtime_only(&needs)?;
            pip.download(&wheels, &[&runtime])?;
            unpack_all(python, &wheels, work)?;
            let lib = work.join("torch/lib");
            for library in found(&work.join("nvidia"), &["libcudart.so.", "libcupti.so."]) {
                let name = library.file_name().context("a library without a name")?;
                std::fs::rename(&library, lib.join(name))
                    .with_context(|| format!("cannot move {}", library.display()))?;
            }
            link_libtorch(compiler, &lib)?;
        }
        (Kind::Cuda, _) => {
            pip.download(&wheels, &needs.iter().map(String::as_str).collect::<Vec<_>>())?;
            println!("  unpacking");
            unpack_all(python, &wheels, work)?;
        }
    }
    // The archive has this file, the wheel has not; the tch build looks for it.
    std::fs::write(work.join("torch/build-version"), VERSION).context("cannot write build-version")?;
    if kind == Kind::Cuda {
        // Its libraries look for those in the folder `nvidia` beside the folder `torch`.
        std::fs::create_dir(entry).context("cannot create the folder")?;
        std::fs::rename(work.join("nvidia"), entry.join("nvidia")).context("cannot move the NVIDIA libraries")?;
        std::fs::rename(work.join("torch"), entry.join("torch")).context("cannot move the folder torch")
    } else {
        std::fs::rename(work.join("torch"), entry).context("cannot move the folder torch")
    }
}

/// The folder of a cache entry that is the libtorch: the CUDA wheel's has a sibling, so it lies one level down.
pub(crate) fn root_of(entry: &Path) -> PathBuf {
    let below = entry.join("torch");
    if below.join("lib").is_dir() { below } else { entry.to_owned() }
}

/// The libraries to take from a wheel.
struct Libraries {
    names: Vec<String>,
    /// Whether its CUDA half is left out: a `libtorch.so` that does without must be linked then.
    stripped: bool,
}

fn libraries(names: &[String], kind: Kind) -> anyhow::Result<Libraries> {
    let has_cuda = names.iter().any(|name| name == "torch/lib/libtorch_cuda.so");
    if kind == Kind::Cuda && !has_cuda {
        bail!("the wheel for this system has no CUDA");
    }
    let stripped = kind == Kind::Cpu && has_cuda;
    let unwanted: &[&str] = match stripped {
        true => &["cuda", "nvrtc", "nvshmem", "python", "global_deps", "libshm", "libtorch.so"],
        false => &["libtorch_python"],
    };
    let wanted = |file: &str| !file.is_empty() && !unwanted.iter().any(|word| file.contains(word));
    let names = names.iter().filter(|name| name.strip_prefix("torch/lib/").is_some_and(wanted)).cloned().collect();
    Ok(Libraries { names, stripped })
}

/// From `cuda-toolkit[cublas,cudart,...]==13.0.3`, the two parts that `libtorch_cpu.so` of a CUDA wheel wants too.
fn runtime_only(needs: &[String]) -> anyhow::Result<String> {
    let toolkit = needs.iter().find_map(|need| need.strip_prefix("cuda-toolkit["));
    let version = toolkit.and_then(|rest| rest.split_once(']')).map(|(_, version)| version);
    let version = version.context("the wheel's metadata does not say which cuda-toolkit it wants")?;
    Ok(format!("cuda-toolkit[cudart,cupti]{version}"))
}

/// Unpacks what lies below `nvidia/` in each wheel, and removes the wheel.
fn unpack_all(python: &Python, wheels: &Path, work: &Path) -> anyhow::Result<()> {
    for wheel in files(wheels, |name| name.ends_with(".whl")) {
        python.unpack(&wheel, work, &["nvidia/".into()])?;
        std::fs::remove_file(&wheel).with_context(|| format!("cannot remove {}", wheel.display()))?;
    }
    Ok(())
}

/// The wheel's own `libtorch.so` insists on CUDA. It holds no code, so one that names the two others replaces it.
fn link_libtorch(compiler: &Compiler, lib: &Path) -> anyhow::Result<()> {
    let mut link = command(compiler);
    link.args(["-shared", "-Wl,--no-as-needed", "-Wl,-soname,libtorch.so", "-Wl,-rpath,$ORIGIN", "-o"]);
    link.arg(lib.join("libtorch.so")).arg("-L").arg(lib).args(["-ltorch_cpu", "-lc10"]);
    answer(&mut link).context("cannot link libtorch.so")?;
    Ok(())
}

fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|e| e.file_name().to_str().is_some_and(&wanted)).map(|e| e.path()).collect()
}

/// Files below a folder, however deep, whose names start with one of the prefixes.
fn found(folder: &Path, prefixes: &[&str]) -> Vec<PathBuf> {
    let mut all = files(folder, |name| prefixes.iter().any(|p| name.starts_with(p)));
    for below in files(folder, |_| true).into_iter().filter(|p| p.is_dir()) {
        all.extend(found(&below, prefixes));
    }
    all
}

/// Checks an installed entry as far as it can be: files, version, kind, and that it loads.
pub(crate) fn check(entry: &Path, kind: Kind, compiler: &Compiler, work: &Path) -> anyhow::Result<()> {
    let libtorch = Libtorch::inspect(&root_of(entry))?;
    ensure!(libtorch.kind == kind, "what was installed is a {} build, not a {kind} one", libtorch.kind);
    libtorch.loads(compiler, work)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn names(files: &[&str]) -> Vec<String> {
        files.iter().map(|f| format!("torch/lib/{f}")).chain(["torch/__init__.py".into()]).collect()
    }

    const CUDA_WHEEL: [&str; 8] = [
        "",
        "libc10.so",
        "libc10_cuda.so",
        "libgomp.so.1",
        "libtorch.so",
        "libtorch_cpu.so",
        "libtorch_cuda.so",
        "libtorch_python.so",
    ];

    #[test]
    fn the_cpu_half_of_a_cuda_wheel_is_taken_alone() {
        let chosen = libraries(&names(&CUDA_WHEEL), Kind::Cpu).unwrap();
        assert!(chosen.stripped);
        assert_eq!(chosen.names, names(&["libc10.so", "libgomp.so.1", "libtorch_cpu.so"])[..3]);
    }

    #[test]
    fn everything_but_the_python_binding_is_taken_otherwise() {
        let chosen = libraries(&names(&CUDA_WHEEL), Kind::Cuda).unwrap();
        assert!(!chosen.stripped);
        assert_eq!(chosen.names.len(), 6);
        let cpu = names(&["libc10.so", "libtorch.so", "libtorch_cpu.so"]);
        let chosen = libraries(&cpu, Kind::Cpu).unwrap();
        assert!(!chosen.stripped && chosen.names == cpu[..3]);
        assert!(libraries(&cpu, Kind::Cuda).is_err());
    }

    #[test]
    fn the_runtime_is_pinned_as_the_wheel_pins_it() {
        let needs = ["nvidia-nccl-cu13==2.29.7".into(), "cuda-toolkit[cublas,cudart,cupti]==13.0.3".into()];
        assert_eq!(runtime_only(&needs).unwrap(), "cuda-toolkit[cudart,cupti]==13.0.3");
        assert!(runtime_only(&needs[..1]).is_err());
    }

    #[test]
    fn an_official_archive_becomes_a_libtorch() {
        let dir = tempfile::tempdir().unwrap();
        let python = Python::find(&Shell::new().unwrap()).unwrap();
        super::super::libtorch::tests::fake(&dir.path().join("made/libtorch"), "2.13.0+cpu\n", Kind::Cpu);
        let (file, work) = (dir.path().join("a.zip"), dir.path().join("work"));
        std::fs::create_dir(&work).unwrap();
        let script = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
        let mut make = Command::new(python.program);
        answer(make.args(["-c", script]).arg(file.with_extension("")).arg(dir.path().join("made"))).unwrap();
        let entry = dir.path().join("entry");
        unpack_archive(&python, &file, &entry, &work).unwrap();
        assert_eq!(Libtorch::inspect(&root_of(&entry)).unwrap().kind, Kind::Cpu);
        let compiler = Compiler { command: vec!["c++".into()], version: String::new() };
        let wrong = check(&entry, Kind::Cuda, &compiler, &work).unwrap_err();
        assert_eq!(wrong.to_string(), "what was installed is a CPU build, not a CUDA one");
        check(&entry, Kind::Cpu, &compiler, &work).unwrap_err();
    }
}
