//! The tool as its users meet it: whole runs on the samples, kills, bad input, linking.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod bad_input;
#[cfg(unix)]
mod faults;
mod kills;
mod linking;
mod options;
mod pictures;
mod pipeline;
mod resume;
mod search;
mod studies;
mod tutorial;
mod zoo;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The tool with its arguments, on the committed samples.
fn litecnn(words: &str, run: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command.args(words.split_whitespace());
    // Tests run side by side already.
    if !words.contains("--threads") {
        command.args(["--threads", "1"]);
    }
    command.args(["--dataset", "mnist", "--device", "cpu", "--data-dir"]).arg(samples()).arg("--run").arg(run);
    // It is nobody's but ours, whatever runs the tests.
    command.env_remove(litecnn_cli::SUPERVISED);
    command
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples")
}

/// Runs to a good end.
fn good(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Runs to a bad end: its exit status and last line.
fn bad(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} succeeded\n{stderr}");
    assert!(!stderr.contains("panicked"), "{command:?}\n{stderr}");
    (output.status.code().unwrap_or(-1), stderr)
}

/// Sends a signal, once it says a line that begins so: its status and what it said after that.
#[cfg(unix)]
fn interrupted(command: &mut Command, line: &str, signal: &str) -> (Option<i32>, String) {
    use std::io::BufRead;
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    lines.find(|said| said.starts_with(line)).unwrap_or_else(|| panic!("never said {line}"));
    assert!(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success());
    let said: Vec<String> = lines.collect();
    (child.wait().unwrap().code(), said.join("\n"))
}

/// Every file below a folder, with its content; lock files, and what differs from run to run (times), left out.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if name == "history.csv" {
                let history = litecnn_run::read_history(&path).unwrap();
                let untimed: Vec<_> = history.iter().map(litecnn_run::EpochRecord::untimed).collect();
                found.push((path.strip_prefix(folder).unwrap().to_owned(), format!("{untimed:?}").into_bytes()));
            } else if ![
                "step.json",
                "run.toml",
                ".lock",
                "state.safetensors",
                "measured.json",
                "rounds.csv",
                "test-scorings.csv",
            ]
            .contains(&name.as_str())
            {
                found.push((path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
