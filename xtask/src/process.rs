//! Running other programs: exit statuses passed on, output shown and remembered.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How often something is said of a long wait where no progress bar can be drawn.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// An end whose reason has been told already: only the exit status is left to pass on.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) u8);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ended with status {}", self.0)
    }
}

impl std::error::Error for Ended {}

/// Runs a program on this terminal and answers its status: 0 done, 130 interrupted, anything else failed.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<u8> {
    let name = command.get_program().to_string_lossy().into_owned();
    without_our_own(command);
    Ok(code(command.status().with_context(|| format!("cannot start {name}"))?))
}

/// Runs a program on this terminal; if it fails, its status becomes ours.
pub(crate) fn pass_on(command: &mut Command) -> anyhow::Result<()> {
    match status(command)? {
        0 => Ok(()),
        failed => Err(Ended(failed).into()),
    }
}

/// As [`pass_on`], looking at each line of the standard output as it goes by.
pub(crate) fn pass_on_lines(command: &mut Command, mut look: impl FnMut(&str)) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    without_our_own(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
    let mut output = child.stdout.take().map(BufReader::new);
    let mut line = Vec::new();
    while let Some(from) = &mut output {
        line.clear();
        if from.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        look(text.trim_end());
    }
    match code(child.wait().with_context(|| format!("lost {name}"))?) {
        0 => Ok(()),
        failed => Err(Ended(failed).into()),
    }
}

/// Hides what cargo told this program about itself. Some build scripts ask to run again when such a variable
/// changes, and would at every turn between `cargo xtask` and plain cargo.
fn without_our_own(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
}

/// As shells do: a program killed by signal n counts as status 128 + n.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128u8.saturating_add(signal as u8);
    }
    status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1)
}

/// Runs a program that works for long, filling `folder`, its output shown. Where no terminal shows its progress bar
/// a line now and then tells the time and the size of the folder.
///
/// # Errors
/// What the program last wrote to its standard error.
pub(crate) fn watched(command: &mut Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
    let errors = child.stderr.take().map(BufReader::new);
    let mut said: Vec<String> = Vec::new();
    let (stop, stopped) = channel::<()>();
    let status = std::thread::scope(|scope| {
        if !std::io::stdout().is_terminal() {
            scope.spawn(move || {
                let start = Instant::now();
                // Ends when the sender is dropped.
                while stopped.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
                    println!("  ... {} s, {} MB so far", start.elapsed().as_secs(), size(folder) / 1_000_000);
                }
            });
        }
        for line in errors.into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
            eprintln!("  {line}");
            said.push(line);
        }
        let status = child.wait();
        drop(stop);
        status
    })
    .with_context(|| format!("lost {name}"))?;
    if status.success() {
        return Ok(());
    }
    said.retain(|line| !line.trim().is_empty());
    let last = said.split_off(said.len().saturating_sub(3)).join("; ");
    if last.is_empty() { bail!("{name} ended with status {}", code(status)) } else { bail!("{last}") }
}

/// Bytes in a folder, symbolic links not followed; what vanishes meanwhile counts nothing.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(m) if m.is_dir() => size(&entry.path()),
            Ok(m) => m.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_program_is_told_as_shells_do() {
        let run = |script: &str| status(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(run("exit 0"), 0);
        assert_eq!(run("exit 2"), 2);
        assert_eq!(run("kill -TERM $$"), 143);
        // Cargo tells this test about itself; what it starts must not see it.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some() && std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        assert_eq!(run("test -z \"$CARGO_PKG_NAME$CARGO_MANIFEST_DIR\""), 0);
        let failed = pass_on(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(failed.downcast_ref::<Ended>().unwrap().0, 7);
        assert!(status(&mut Command::new("no-such-program")).unwrap_err().to_string().contains("no-such-program"));
    }

    #[test]
    fn lines_that_go_by_are_seen() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; printf '\\377 two'; exit 4"]);
        let failed = pass_on_lines(&mut command, |line| seen.push(line.to_owned())).unwrap_err();
        assert_eq!(failed.downcast_ref::<Ended>().unwrap().0, 4);
        assert_eq!(seen, ["one", "\u{fffd} two"]);
    }

    #[test]
    fn a_failure_carries_the_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let script = "for i in 1 2 3 4; do echo word $i >&2; done; exit 1";
        let error = watched(Command::new("sh").args(["-c", script]), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "word 2; word 3; word 4");
        let error = watched(Command::new("sh").args(["-c", "exit 3"]), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "sh ended with status 3");
        watched(Command::new("sh").args(["-c", "echo warning >&2"]), dir.path()).unwrap();
    }
}
