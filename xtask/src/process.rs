//! Running other programs: exit statuses passed on, output shown and remembered.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::signals;

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
    let mut child = signals::spawn(command)?;
    Ok(code(signals::wait(&mut child).with_context(|| format!("lost {name}"))?))
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
    let mut child = signals::spawn(command.stdout(Stdio::piped()))?;
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
    match code(signals::wait(&mut child).with_context(|| format!("lost {name}"))?) {
        0 => Ok(()),
        failed => Err(Ended(failed).into()),
    }
}

/// Runs lists of commands side by side, so many lists at once and the commands of a list one after the other; what they
/// write goes by with the name of their list before it. After a failure nothing more is begun, and what runs is waited
/// for; its status becomes ours. `begin` is told the number of a list that begins.
pub(crate) fn side_by_side(
    lists: Vec<(String, Vec<Command>)>,
    workers: usize,
    begin: &(dyn Fn(usize) + Sync),
) -> anyhow::Result<()> {
    let queue = Mutex::new(lists.into_iter().enumerate());
    let failed: Mutex<Option<anyhow::Error>> = Mutex::new(None);
    let next = || {
        let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if failed { None } else { queue.lock().unwrap_or_else(PoisonError::into_inner).next() }
    };
    let work = || {
        while let Some((n, (name, commands))) = next() {
            begin(n);
            for mut command in commands {
                if let Err(error) = prefixed(&mut command, &name) {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| (0..workers.max(1)).for_each(|_| drop(scope.spawn(work))));
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// As [`pass_on`], each line with a name before it.
fn prefixed(command: &mut Command, name: &str) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    without_our_own(command);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = signals::spawn(command)?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let lines = |from: Option<Box<dyn Read + Send>>| BufReader::new(from.unwrap_or(Box::new(std::io::empty()))).lines();
    let errors = lines(errors.map(|from| Box::new(from) as _)).map_while(Result::ok);
    let output = lines(output.map(|from| Box::new(from) as _)).map_while(Result::ok);
    std::thread::scope(|scope| {
        scope.spawn(|| errors.for_each(|line| eprintln!("{name}: {line}")));
        output.for_each(|line| println!("{name}: {line}"));
    });
    match code(signals::wait(&mut child).with_context(|| format!("lost {program}"))?) {
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
    fn lists_run_side_by_side_until_one_fails() {
        let dir = tempfile::tempdir().unwrap();
        let list = |scripts: &[&str]| {
            let commands = scripts.iter().map(|script| {
                let mut command = Command::new("sh");
                command.args(["-c", script]).current_dir(dir.path());
                command
            });
            ("a list".to_owned(), commands.collect::<Vec<_>>())
        };
        // Each of the first two waits for the other.
        let meet =
            |own: &str, other: &str| format!("touch {own}; while [ ! -e {other} ]; do sleep 0.01; done; echo met");
        let (a, b) = (meet("a", "b"), meet("b", "a"));
        let begun = Mutex::new(Vec::new());
        let lists = vec![
            list(&[a.as_str(), "touch c"]),
            list(&[b.as_str()]),
            list(&["test -e c || sleep 0.2; exit 5", "touch d"]),
        ];
        let failed = side_by_side(lists, 2, &|n| begun.lock().unwrap().push(n)).unwrap_err();
        assert_eq!(failed.downcast_ref::<Ended>().unwrap().0, 5);
        begun.lock().unwrap().sort();
        assert_eq!(*begun.lock().unwrap(), [0, 1, 2]);
        assert!(dir.path().join("c").exists() && !dir.path().join("d").exists());
        side_by_side(vec![list(&["true"])], 3, &|_| ()).unwrap();
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
