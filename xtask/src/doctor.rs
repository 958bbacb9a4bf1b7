//! `cargo xtask doctor`: what is there, what is missing, and the command that mends it.

use std::path::{Path, PathBuf};

use litecnn_cli::sentence;
use xshell::{Shell, cmd};

use crate::process::Ended;
use crate::reproduce::Dataset;
use crate::setup::libtorch::{Kind, Libtorch, VERSION};
use crate::setup::python::Python;
use crate::setup::user_libtorch;
use crate::system::{self, Driver, free_disk};
use crate::workspace::Workspace;

/// Say what is there, what is missing, and how to mend it
///
/// Ends with 0 if everything necessary is there, else 1.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let ws = Workspace::find()?;
        let driver = Driver::look(sh);
        let libtorch = Libtorch::inspect(&ws.link());
        let mut checks = vec![toolchain(sh), compiler(sh), python(sh)];
        checks.extend([variable(&ws), linked(&ws, &libtorch), gpu(&driver), cuda(&driver, libtorch.as_ref().ok())]);
        checks.extend([processor(), memory()]);
        checks.extend([("cache", &ws.cache), ("checkout", &ws.root)].map(|(name, path)| disk(sh, name, path)));
        checks.extend(Dataset::ALL.map(|dataset| data(&ws, dataset)));
        checks.push(data_folder(std::env::var_os("LITECNN_DATA").map(PathBuf::from)));
        let text: String = checks.iter().map(ToString::to_string).collect();
        print!("{text}");
        let faults = checks.iter().filter(|check| check.state == State::Fault).count();
        match faults {
            0 => println!("\nEverything necessary is there."),
            1 => println!("\n1 fault stands in the way."),
            n => println!("\n{n} faults stand in the way."),
        }
        if faults == 0 { Ok(()) } else { Err(Ended(1).into()) }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    name: String,
    state: State,
    finding: String,
    /// The command, or what else is to be done.
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Not needed by everyone.
    Note,
    /// Nothing builds, or works, until it is mended.
    Fault,
}

impl Check {
    fn good(name: impl Into<String>, finding: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Good, finding: finding.into(), fix: None }
    }

    fn note(name: impl Into<String>, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state: State::Note, fix: Some(fix.into()), ..Self::good(name, finding) }
    }

    fn fault(name: impl Into<String>, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state: State::Fault, ..Self::note(name, finding, fix) }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.state {
            State::Good => "ok",
            State::Note => "note",
            State::Fault => "FAULT",
        };
        writeln!(f, "{state:<6}{:<21}{}", self.name, self.finding)?;
        match self.fix.as_deref() {
            Some(fix) if !fix.is_empty() => writeln!(f, "{:27}-> {fix}", ""),
            _ => Ok(()),
        }
    }
}

fn toolchain(sh: &Shell) -> Check {
    let version = |tool: &str| cmd!(sh, "{tool} --version").quiet().ignore_stderr().read();
    match (version("cargo"), version("rustc")) {
        (Ok(cargo), Ok(rustc)) => Check::good("Rust", format!("{cargo}; {rustc}")),
        _ => Check::fault("Rust", "cargo or rustc does not run", "install rustup, then `rustup show` in the checkout"),
    }
}

fn compiler(sh: &Shell) -> Check {
    match system::compiler(sh) {
        Ok(found) => Check::good("C++ compiler", format!("{} ({})", found.command.join(" "), found.version)),
        Err(error) => {
            let text = error.to_string();
            let (finding, fix) = text.split_once(": ").unwrap_or((&text, ""));
            Check::fault("C++ compiler", finding, fix)
        }
    }
}

/// Python downloads libtorch; what is installed already does without it.
fn python(sh: &Shell) -> Check {
    let python = match Python::find(sh) {
        Ok(python) => python,
        Err(error) => {
            let text = error.to_string();
            let (finding, fix) = text.split_once(": ").unwrap_or((&text, ""));
            return Check::fault("Python 3", finding, fix);
        }
    };
    let program = python.program;
    let has = |module: &str| cmd!(sh, "{program} -c {module}").quiet().ignore_stderr().ignore_stdout().run().is_ok();
    let (pip, venv) = (has("import pip"), has("import venv, ensurepip"));
    let told = |there: bool| if there { "yes" } else { "no" };
    let finding = format!("{} {} (pip: {}, venv: {})", python.program, python.version, told(pip), told(venv));
    if pip || venv {
        Check::good("Python 3", finding)
    } else {
        let fix = system::install_command("python3-pip", "python3-pip", "python-pip", "install pip");
        Check::note("Python 3", finding, format!("libtorch can be had from the official archive only; {fix}"))
    }
}

fn variable(ws: &Workspace) -> Check {
    let name = "LIBTORCH";
    let value = std::env::var_os("LIBTORCH").map(PathBuf::from);
    if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        let fix = "unset LIBTORCH_USE_PYTORCH";
        return Check::note(name, "LIBTORCH_USE_PYTORCH is set: tch builds against that PyTorch, not .libtorch", fix);
    }
    let user = match user_libtorch(value, &ws.root) {
        Ok(None) => return Check::good(name, "not set by you: .libtorch is used"),
        Ok(Some(user)) => Libtorch::inspect(&user),
        Err(error) => Err(error),
    };
    match user {
        Ok(user) => Check::good(name, format!("set by you: {user}")),
        Err(error) => Check::fault(name, format!("set by you: {}", sentence(&error)), "unset LIBTORCH"),
    }
}

fn linked(ws: &Workspace, libtorch: &anyhow::Result<Libtorch>) -> Check {
    let name = "libtorch";
    let target = std::fs::read_link(ws.link()).ok();
    match (libtorch, target) {
        (Ok(found), target) => {
            let place = target.map_or_else(|| "a folder".to_owned(), |target| format!("-> {}", target.display()));
            Check::good(name, format!("{VERSION}, {} build; .libtorch {place}", found.kind))
        }
        (Err(_), None) => {
            Check::fault(name, format!("{VERSION} is expected, .libtorch is missing"), "cargo xtask setup")
        }
        (Err(error), Some(target)) => {
            Check::fault(name, format!(".libtorch -> {}: {}", target.display(), sentence(error)), "cargo xtask setup")
        }
    }
}

fn gpu(driver: &Driver) -> Check {
    let name = "NVIDIA driver";
    let mut seen = driver.gpus.clone();
    if let (true, Some(version)) = (seen.is_empty(), &driver.module) {
        seen.push(format!("kernel module {version}"));
    }
    if driver.library {
        seen.push("libcuda.so.1".to_owned());
    }
    if seen.is_empty() { Check::good(name, "none: the CPU is used") } else { Check::good(name, seen.join("; ")) }
}

/// Whether programs will see CUDA, and the first reason why not.
fn cuda(driver: &Driver, libtorch: Option<&Libtorch>) -> Check {
    let name = "CUDA in programs";
    let kind = libtorch.map(|found| found.kind);
    if !driver.seen() {
        return Check::good(name, "no: there is no NVIDIA driver");
    }
    if !driver.library {
        let fix = "install the driver's user-space part (in a container: start it with the NVIDIA container toolkit)";
        return Check::note(name, "no: the driver is there, but libcuda.so.1 is not found", fix);
    }
    match kind {
        Some(Kind::Cuda) => Check::good(name, "yes, by driver and libtorch"),
        Some(Kind::Cpu) => Check::note(name, "no: this libtorch is a CPU build", "cargo xtask setup --cuda"),
        None => Check::note(name, "no: there is no libtorch", "cargo xtask setup"),
    }
}

fn processor() -> Check {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.trim()));
    let model = model.map(|model| format!(" ({model})")).unwrap_or_default();
    let chosen = std::env::var("OMP_NUM_THREADS").map(|n| format!(", OMP_NUM_THREADS={n}")).unwrap_or_default();
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    Check::good("processor", format!("{threads} threads{model}, {system}{chosen}"))
}

fn memory() -> Check {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |name: &str| -> Option<f64> {
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start_matches(':').trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1e6)
    };
    let (Some(total), Some(free)) = (of("MemTotal"), of("MemAvailable")) else {
        return Check::good("memory", "unknown");
    };
    let finding = format!("{free:.1} of {total:.1} GB available");
    if total < 3.0 {
        return Check::note("memory", finding, "compiling libtorch's bindings takes up to 3 GB: build with `-j 1`");
    }
    Check::good("memory", finding)
}

fn disk(sh: &Shell, name: &str, path: &Path) -> Check {
    let name = format!("disk: {name}");
    match free_disk(sh, path) {
        None => Check::good(name, format!("unknown at {}", path.display())),
        Some(free) => {
            let finding = format!("{:.1} GB free at {}", free as f64 / 1e9, path.display());
            if free < 2_000_000_000 {
                Check::note(name, finding, "libtorch and a build want 2 GB each: make room")
            } else {
                Check::good(name, finding)
            }
        }
    }
}

/// Files of a data set in canonical form, with their sizes.
fn files(dataset: Dataset) -> Vec<(String, u64)> {
    match dataset {
        Dataset::Mnist | Dataset::FashionMnist => [("train", 60_000), ("t10k", 10_000)]
            .into_iter()
            .flat_map(|(part, images)| {
                let pictures = (format!("{part}-images-idx3-ubyte"), 16 + images * 28 * 28);
                [pictures, (format!("{part}-labels-idx1-ubyte"), 8 + images)]
            })
            .collect(),
        Dataset::Cifar10 => {
            let parts = (1..=5).map(|n| format!("data_batch_{n}.bin")).chain(["test_batch.bin".to_owned()]);
            parts.map(|name| (name, 10_000 * (1 + 3 * 32 * 32))).collect()
        }
        Dataset::Cifar100 => {
            let parts = [("train.bin", 50_000), ("test.bin", 10_000)];
            parts.map(|(name, images)| (name.to_owned(), images * (2 + 3 * 32 * 32))).to_vec()
        }
    }
}

fn data(ws: &Workspace, dataset: Dataset) -> Check {
    let name = format!("data: {}", dataset.name());
    let folder = ws.dataset(dataset.name());
    let fix = format!("cargo run --release --bin litecnn -- data fetch --dataset {}", dataset.name());
    let mut missing = Vec::new();
    for (file, size) in files(dataset) {
        match std::fs::metadata(folder.join(&file)) {
            Ok(found) if found.len() == size => {}
            Ok(found) => {
                let finding = format!("{file} has {} bytes instead of {size}, in {}", found.len(), folder.display());
                return Check::note(name, finding, format!("remove it, then {fix}"));
            }
            Err(_) => missing.push(file),
        }
    }
    match missing.as_slice() {
        [] => Check::good(name, folder.display().to_string()),
        [first, ..] if missing.len() < files(dataset).len() => Check::note(name, format!("{first} is missing"), fix),
        // `reproduce` fetches what it needs.
        _ if dataset == Dataset::Cifar100 => {
            Check::note(name, "not fetched yet; only the compression study wants it", fix)
        }
        _ => Check::note(name, "not fetched yet", fix),
    }
}

fn data_folder(value: Option<PathBuf>) -> Check {
    let name = "LITECNN_DATA";
    match value {
        None => Check::good(name, "not set: data comes from the cache"),
        Some(folder) if folder.is_dir() => Check::good(name, folder.display().to_string()),
        Some(other) => Check::fault(name, format!("{} is not a folder", other.display()), "unset LITECNN_DATA"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_cuda_is_seen_has_a_sentence() {
        let of = |kind| Libtorch { root: "/x".into(), kind };
        let module = Driver { module: Some("580".into()), ..Driver::default() };
        let whole = Driver { library: true, gpus: vec!["H100, 580".into()], ..module.clone() };
        for (driver, libtorch, state, words) in [
            (&Driver::default(), Some(Kind::Cuda), State::Good, "no: there is no NVIDIA driver"),
            (&module, Some(Kind::Cuda), State::Note, "libcuda.so.1 is not found"),
            (&whole, Some(Kind::Cpu), State::Note, "CPU build"),
            (&whole, None, State::Note, "no libtorch"),
            (&whole, Some(Kind::Cuda), State::Good, "yes"),
        ] {
            let check = cuda(driver, libtorch.map(of).as_ref());
            assert!(check.state == state && check.finding.contains(words), "{check}");
        }
        assert_eq!(gpu(&whole).finding, "H100, 580; libcuda.so.1");
        assert_eq!(gpu(&module).finding, "kernel module 580");
    }

    #[test]
    fn data_sets_are_judged_by_names_and_sizes() {
        let dir = tempfile::tempdir().unwrap();
        let ws = Workspace { root: "/r".into(), cache: dir.path().into(), target: "/t".into() };
        assert_eq!(data(&ws, Dataset::Mnist).finding, "not fetched yet");
        let all: u64 = files(Dataset::Mnist).iter().map(|(_, size)| size).sum();
        assert_eq!(all, 47_040_016 + 60_008 + 7_840_016 + 10_008);
        assert_eq!(files(Dataset::Cifar10)[5], ("test_batch.bin".to_owned(), 30_730_000));
        assert_eq!(files(Dataset::Cifar100)[0], ("train.bin".to_owned(), 153_700_000));
        assert_eq!(files(Dataset::Cifar100)[1], ("test.bin".to_owned(), 30_740_000));
        assert!(data(&ws, Dataset::Cifar100).finding.contains("only the compression study"));
        std::fs::create_dir_all(ws.dataset("mnist")).unwrap();
        for (name, size) in files(Dataset::Mnist) {
            let file = std::fs::File::create(ws.dataset("mnist").join(name)).unwrap();
            file.set_len(size).unwrap();
        }
        assert_eq!(data(&ws, Dataset::Mnist).state, State::Good);
        std::fs::write(ws.dataset("mnist/t10k-labels-idx1-ubyte"), "cut").unwrap();
        assert!(data(&ws, Dataset::Mnist).finding.contains("has 3 bytes instead of 10008"));
        std::fs::remove_file(ws.dataset("mnist/t10k-labels-idx1-ubyte")).unwrap();
        assert_eq!(data(&ws, Dataset::Mnist).finding, "t10k-labels-idx1-ubyte is missing");
    }

    #[test]
    fn rows_line_up_and_faults_carry_their_fix() {
        assert_eq!(Check::good("Rust", "cargo 1").to_string(), "ok    Rust                 cargo 1\n");
        let fault = Check::fault("libtorch", "missing", "cargo xtask setup").to_string();
        assert_eq!(fault, "FAULT libtorch             missing\n                           -> cargo xtask setup\n");
    }
}
