//! What this machine has: a C++ compiler, an NVIDIA driver, room on its disks.

use std::path::Path;

use anyhow::Context;
use xshell::{Shell, cmd};

/// What is seen of an NVIDIA driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Driver {
    /// Version of the kernel module.
    pub(crate) module: Option<String>,
    /// The GPUs, as `nvidia-smi` names them.
    pub(crate) gpus: Vec<String>,
    /// Whether the dynamic linker knows `libcuda.so.1`, without which no program reaches the driver.
    pub(crate) library: bool,
}

impl Driver {
    /// Looks for the driver in the three places it shows.
    pub(crate) fn look(sh: &Shell) -> Self {
        Self { module: module(), gpus: gpus(sh), library: library(sh) }
    }

    /// Whether anything is seen of it.
    pub(crate) fn seen(&self) -> bool {
        self.module.is_some() || !self.gpus.is_empty() || self.library
    }
}

/// As [`Driver::seen`], looking no further than needed: `nvidia-smi` can take seconds.
pub(crate) fn driver_seen(sh: &Shell) -> bool {
    module().is_some() || library(sh) || !gpus(sh).is_empty()
}

fn module() -> Option<String> {
    module_version(&std::fs::read_to_string("/proc/driver/nvidia/version").ok()?)
}

fn gpus(sh: &Shell) -> Vec<String> {
    let list = cmd!(sh, "nvidia-smi --query-gpu=name,driver_version --format=csv,noheader");
    let list = list.quiet().ignore_stderr().read().unwrap_or_default();
    list.lines().map(str::to_owned).collect()
}

fn library(sh: &Shell) -> bool {
    let known = ["ldconfig", "/sbin/ldconfig"].into_iter().any(|ldconfig| {
        let list = cmd!(sh, "{ldconfig} -p").quiet().ignore_stderr().read();
        list.is_ok_and(|list| list.contains("libcuda.so.1"))
    });
    // Some containers name the driver's folder in this variable instead.
    let folders = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    known || std::env::split_paths(&folders).any(|folder| folder.join("libcuda.so.1").exists())
}

/// The first word of the first line that starts with a digit and has a dot: `... Kernel Module  550.54.15  Tue ...`.
fn module_version(text: &str) -> Option<String> {
    let mut words = text.lines().next()?.split_whitespace();
    Some(words.find(|w| w.starts_with(|c: char| c.is_ascii_digit()) && w.contains('.')).unwrap_or("unknown").to_owned())
}

/// The C++ compiler the build will use, and how it calls itself.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    /// The command; more than one word for the likes of `ccache g++`.
    pub(crate) command: Vec<String>,
    /// First line of its version message.
    pub(crate) version: String,
}

/// Finds the C++ compiler as the build will: `CXX` if set, else `c++`.
///
/// # Errors
/// What to install or to set.
pub(crate) fn compiler(sh: &Shell) -> anyhow::Result<Compiler> {
    let answer = |command: &[String]| {
        let (program, arguments) = command.split_first()?;
        let version = cmd!(sh, "{program} {arguments...} --version").quiet().ignore_stderr().read().ok()?;
        let version = version.lines().next().unwrap_or_default().to_owned();
        Some(Compiler { command: command.to_vec(), version })
    };
    if let Some(chosen) = std::env::var("CXX").ok().filter(|c| !c.trim().is_empty()) {
        let words: Vec<String> = chosen.split_whitespace().map(str::to_owned).collect();
        return answer(&words)
            .with_context(|| format!("CXX is set to `{chosen}`, which does not run: unset CXX, or correct it"));
    }
    if let Some(found) = answer(&["c++".to_owned()]) {
        return Ok(found);
    }
    if let Some(other) = ["g++", "clang++"].into_iter().find(|other| answer(&[(*other).to_owned()]).is_some()) {
        anyhow::bail!("the build calls `c++`, which is not there, but {other} is: export CXX={other}");
    }
    anyhow::bail!("no C++ compiler (c++, g++ or clang++) was found: {}", compiler_fix())
}

fn compiler_fix() -> String {
    install_command("g++", "gcc-c++", "gcc", "install g++ or clang++ (macOS: xcode-select --install)")
}

/// The command that installs a package here, by the package manager there is.
pub(crate) fn install_command(debian: &str, fedora: &str, arch: &str, otherwise: &str) -> String {
    let has = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    if has("apt-get") {
        format!("apt-get install {debian}")
    } else if has("dnf") {
        format!("dnf install {fedora}")
    } else if has("pacman") {
        format!("pacman -S {arch}")
    } else {
        otherwise.to_owned()
    }
}

/// Bytes free for this user on the disk that holds `path` or, if that is not there yet, its nearest parent.
pub(crate) fn free_disk(sh: &Shell, path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|p| p.exists())?;
    let table = cmd!(sh, "df -Pk {there}").quiet().ignore_stderr().read().ok()?;
    free_in(&table)
}

/// The column `Available` of POSIX `df -Pk`, counted from the right since device names may hold blanks.
fn free_in(table: &str) -> Option<u64> {
    let line = table.lines().nth(1)?;
    let percent = line.find('%')?;
    let available = line[..percent].split_whitespace().rev().nth(1)?;
    available.parse::<u64>().ok().map(|blocks| blocks * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_column_is_found_even_with_blanks_in_names() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";
        assert_eq!(free_in(&format!("{table}/dev/vda 264000 190000 74000 72% /")), Some(74_000 * 1024));
        assert_eq!(free_in(&format!("{table}//nas/my share 10 4 6 40% /mnt/my disk")), Some(6 * 1024));
        assert_eq!(free_in("Filesystem"), None);
        let sh = Shell::new().unwrap();
        assert!(free_disk(&sh, Path::new("/tmp/not/there/yet")).unwrap() > 0);
    }

    #[test]
    fn the_module_version_is_read_from_either_wording() {
        let closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build";
        assert_eq!(module_version(closed).as_deref(), Some("550.54.15"));
        assert_eq!(module_version(open).as_deref(), Some("580.95.05"));
        assert_eq!(module_version("NVRM"), Some("unknown".into()));
        assert_eq!(module_version(""), None);
    }

    #[test]
    fn any_trace_of_the_driver_counts() {
        assert!(!Driver::default().seen());
        assert!(Driver { library: true, ..Driver::default() }.seen());
        assert!(Driver { gpus: vec!["H100".into()], ..Driver::default() }.seen());
    }
}
