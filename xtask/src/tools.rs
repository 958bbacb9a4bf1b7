//! Programs of others that some tests run exports with. Those tests are skipped without them, so what cannot be
//! installed is told and stands in nobody's way.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use litecnn_cli::sentence;
use xshell::{Shell, cmd};

use crate::process;
use crate::setup::environment;
use crate::workspace::Workspace;

/// Programs and the Debian packages they come in.
const PROGRAMS: [(&str, &str); 2] =
    [("arm-none-eabi-gcc", "gcc-arm-none-eabi"), ("qemu-system-arm", "qemu-system-arm")];
/// Seconds that a package manager gets.
const PATIENCE: &str = "300";

/// Installs what is missing, as far as that can be done without asking. The Python that has ONNX Runtime, if any has.
pub(crate) fn install(sh: &Shell, ws: &Workspace) -> Option<PathBuf> {
    let missing =
        missing(|program| cmd!(sh, "{program} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok());
    if let Err(error) = packages(sh, &missing) {
        println!("note: tests on a microcontroller will be skipped: {}", sentence(&error));
    }
    if std::env::var_os("LITECNN_ONNX_PYTHON").is_some() {
        return None;
    }
    environment::onnx(sh, ws)
        .map_err(|error| println!("note: the test by ONNX Runtime will be skipped: {}", sentence(&error)))
        .ok()
}

/// Packages of the programs that do not run.
fn missing(runs: impl Fn(&str) -> bool) -> Vec<&'static str> {
    PROGRAMS.iter().filter(|(program, _)| !runs(program)).map(|(_, package)| *package).collect()
}

fn packages(sh: &Shell, missing: &[&str]) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let offline = std::env::var_os("LITECNN_OFFLINE").is_some_and(|v| !v.is_empty());
    ensure!(!offline, "{names} are not installed, and LITECNN_OFFLINE is set");
    let quietly = |program: &str, words: &[&str]| {
        cmd!(sh, "{program} {words...}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
    };
    ensure!(quietly("apt-get", &["--version"]), "{names} are not installed, and there is no apt-get");
    let root = cmd!(sh, "id -u").quiet().read().is_ok_and(|id| id.trim() == "0");
    ensure!(root || quietly("sudo", &["-n", "true"]), "{names} need `sudo apt-get install {names}`");
    println!("installing {names}");
    let apt = |words: &[&str]| {
        let sudo: &[&str] = if root { &[] } else { &["sudo", "-n"] };
        let line = [sudo, &["timeout", PATIENCE, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"], words];
        let line = line.concat();
        let status = process::status(Command::new(line[0]).args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::null()));
        status.is_ok_and(|status| status == 0)
    };
    let install = [&["install", "-y", "--no-install-recommends"], missing].concat();
    // Where nothing was ever installed the lists are not there yet.
    let done = apt(&install) || apt(&["update"]) && apt(&install);
    done.then_some(()).with_context(|| format!("apt-get cannot install {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_done_where_nothing_is_missing() {
        assert_eq!(missing(|_| false), ["gcc-arm-none-eabi", "qemu-system-arm"]);
        assert_eq!(missing(|program| program != "qemu-system-arm"), ["qemu-system-arm"]);
        assert!(missing(|_| true).is_empty());
        packages(&Shell::new().unwrap(), &[]).unwrap();
    }
}
