use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::progress::Meter;

/// No package of the manifest takes longer over any line in use; a client that hangs must not hang us for good.
const LONGEST: Duration = Duration::from_secs(3600);

/// Fetches an npm package with `npm pack` and returns its archive, a gzipped tar in `scratch`.
///
/// The package is neither installed nor run, and npm's own cache is left alone: it would keep a second copy.
pub(crate) fn npm_pack(package: &str, version: &str, scratch: &Path, meter: &mut Meter<'_>) -> Result<PathBuf, String> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let folder = fresh(scratch, "npm")?;
    let mut command = Command::new(program);
    command
        .args(["pack", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"])
        .arg("--cache")
        .arg(folder.join("cache"))
        .arg("--pack-destination")
        .arg(&folder)
        .arg(format!("{package}@{version}"))
        // Away from any project whose settings npm would read.
        .current_dir(&folder);
    run(program, command, &folder, &folder.join("cache"), meter)?;
    only_file(&folder, "tgz").ok_or_else(|| format!("{program} pack left no archive"))
}

/// Fetches a Debian package with `apt-get download` and has its content, a tar stream, read by `read`.
///
/// Runs without root and changes nothing of the system: package lists, downloads and logs go to `scratch`.
/// Only the list of package servers, with its keys and proxies, is the system's.
pub(crate) fn apt_package<T>(
    package: &str,
    scratch: &Path,
    meter: &mut Meter<'_>,
    read: impl FnOnce(&mut dyn Read) -> Result<T, String>,
) -> Result<T, String> {
    let folder = fresh(scratch, "apt")?;
    let config = apt_config(&folder)?;
    for action in [&["update"][..], &["download", package]] {
        let mut command = Command::new("apt-get");
        command.arg("--config-file").arg(&config).arg("--quiet=2").args(action).current_dir(&folder);
        run("apt-get", command, &folder, &folder, meter)?;
    }
    let deb = only_file(&folder, "deb").ok_or("apt-get download left no package")?;
    let mut unpacking = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(&deb)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| cannot_start("dpkg-deb", &e))?;
    let outcome = match unpacking.stdout.take() {
        Some(tar) => read(&mut BufReader::new(tar)),
        None => Err("dpkg-deb gave no output".into()),
    };
    // The reader stops at the last entry it wants, so how dpkg-deb ends says nothing.
    let _ = unpacking.kill();
    let _ = unpacking.wait();
    outcome
}

fn apt_config(folder: &Path) -> Result<PathBuf, String> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map(|()| path)
            .map_err(|e| format!("cannot write {name} in {}: {e}", folder.display()))
    };
    for place in ["lists/partial", "cache/archives/partial", "log"] {
        let path = folder.join(place);
        std::fs::create_dir_all(&path).map_err(|e| format!("cannot create {}: {e}", path.display()))?;
    }
    write("status", "")?;
    let Some(at) = folder.to_str().filter(|p| !p.contains(['"', '\\', '\n', ';'])) else {
        return Err(format!("apt-get cannot use a cache folder named {}", folder.display()));
    };
    // The hooks cleared here would work on the system's own state.
    write(
        "apt.conf",
        &format!(
            r#"#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Sandbox::User "";
Dir::State "{at}";
Dir::State::lists "{at}/lists";
Dir::State::status "{at}/status";
Dir::Cache "{at}/cache";
Dir::Cache::archives "{at}/cache/archives";
Dir::Log "{at}/log";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
"#
        ),
    )
}

/// Runs a client to its end, telling how much there is in the folder it downloads to. Its own words go to a file
/// in `folder`, for the case that it fails.
fn run(
    program: &str,
    mut command: Command,
    folder: &Path,
    downloads: &Path,
    meter: &mut Meter<'_>,
) -> Result<(), String> {
    let words = folder.join("messages");
    let open = || std::fs::File::create(&words).map_err(|e| format!("cannot write {}: {e}", words.display()));
    let start = Instant::now();
    let mut child = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(open()?)
        .spawn()
        .map_err(|e| cannot_start(program, &e))?;
    let mut pause = Duration::from_millis(10);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() > LONGEST => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} did not end within {} minutes", LONGEST.as_secs() / 60));
            }
            Ok(None) => std::thread::sleep(pause),
            Err(e) => return Err(format!("{program} cannot be awaited: {e}")),
        }
        pause = (pause * 2).min(Duration::from_millis(500));
        meter.at_least(size_of(downloads));
    };
    meter.at_least(size_of(downloads));
    if status.success() {
        return Ok(());
    }
    let words = std::fs::read(&words).unwrap_or_default();
    Err(format!("{program} failed ({status}): {}", summary(&String::from_utf8_lossy(&words))))
}

fn cannot_start(program: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("the program {program} is not installed"),
        _ => format!("{program} cannot be started: {error}"),
    }
}

/// The first words of a client that failed; the rest is about log files.
fn summary(words: &str) -> String {
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|l| !l.is_empty()).take(4).collect();
    let text = lines.join(" ");
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None if text.is_empty() => "it gave no reason".into(),
        None => text,
    }
}

fn fresh(scratch: &Path, name: &str) -> Result<PathBuf, String> {
    let path = scratch.join(name);
    std::fs::create_dir_all(&path).map_err(|e| format!("cannot create {}: {e}", path.display()))?;
    // Clients are run inside the folder, so the name must hold from there too.
    path.canonicalize().map_err(|e| format!("cannot use {}: {e}", path.display()))
}

fn only_file(folder: &Path, extension: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path());
    entries.filter(|p| p.extension().is_some_and(|e| e == extension)).min()
}

fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_client_and_a_failing_one_say_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut tell = |_| {};
        let mut meter = Meter::new(&mut tell);
        let missing = Command::new("no-such-client");
        let message = run("no-such-client", missing, dir.path(), dir.path(), &mut meter).unwrap_err();
        assert_eq!(message, "the program no-such-client is not installed");
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo 'E: Unable to locate package' >&2; echo more >&2; exit 3"]);
        let message = run("sh", failing, dir.path(), dir.path(), &mut meter).unwrap_err();
        assert!(
            message.contains("exit status: 3") && message.contains("E: Unable to locate package more"),
            "{message}"
        );
    }

    #[test]
    fn summaries_are_short() {
        assert_eq!(summary("\n"), "it gave no reason");
        assert_eq!(summary("a\n\n b \nc\nd\ne"), "a b c d");
        assert!(summary(&"ä".repeat(1000)).chars().count() < 410);
    }
}
