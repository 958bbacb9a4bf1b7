//! The tutorial, done as it is written.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;

const TUTORIAL: &str = include_str!("../../docs/tutorial.md");

/// A command of the tutorial and the lines it is said to answer.
struct Step {
    command: String,
    answer: Vec<String>,
}

/// What stands in blocks of `console`: commands after `$ `, answers below them.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command: command.to_owned(), answer: Vec::new() }),
                (None, Some(step)) => step.answer.push(line.to_owned()),
                (None, None) => panic!("an answer to nothing: {line}"),
            },
        }
    }
    steps
}

/// A line with what differs from machine to machine, fractions and times, as `#`, and blanks as one.
fn masked(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let number = bare.trim_end_matches(['s', 'm', 'h', 'µ', 'n']);
        let time = number != bare && number.split(['m', 'h']).all(|part| part.parse::<f64>().is_ok());
        let fraction = bare.contains('.') && bare.trim_end_matches('%').parse::<f64>().is_ok();
        if time || fraction { word.replacen(bare, "#", 1) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether the lines said are there, in their order; `...` stands for any lines.
fn answers(said: &[String], found: &str) -> Result<(), String> {
    let mut found: VecDeque<String> = found.lines().map(masked).filter(|line| !line.is_empty()).collect();
    let mut skip = false;
    for line in said.iter().filter(|line| !line.trim().is_empty()) {
        if line == "..." {
            skip = true;
            continue;
        }
        let wanted = masked(line);
        loop {
            match found.pop_front() {
                Some(next) if next == wanted => break,
                Some(_) if skip => {}
                Some(next) => return Err(format!("`{wanted}` is said, `{next}` is found")),
                None => return Err(format!("`{wanted}` is said, but not found")),
            }
        }
        skip = false;
    }
    match found.front() {
        Some(next) if !skip => Err(format!("`{next}` is found, but not said")),
        _ => Ok(()),
    }
}

#[test]
fn the_tutorial_holds() {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::os::unix::fs::symlink(root.join("datasets"), dir.path().join("datasets")).unwrap();
    let tool = Path::new(env!("CARGO_BIN_EXE_litecnn")).parent().unwrap();
    let path = std::env::join_paths(
        [tool.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let path = path.unwrap();
    let steps = steps(TUTORIAL);
    assert!(steps.len() >= 8, "{} commands", steps.len());
    for Step { command, answer } in steps {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1; {command}")]).current_dir(dir.path());
        shell.env("PATH", &path).env("XDG_CACHE_HOME", dir.path().join("cache")).env("LITECNN_OFFLINE", "1");
        let output = shell.env_remove("LITECNN_DATA").output().unwrap();
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "$ {command}\n{found}");
        if let Err(fault) = answers(&answer, &found) {
            panic!("$ {command}\n{found}\n{fault}");
        }
    }
}

#[test]
fn answers_are_compared_but_for_fractions_and_times() {
    let said = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    let found = "wrote 12 files in 3.2s\nepoch 1\nepoch 2\naccuracy 93.50 % of 200 images (1m02s)\n";
    for (lines, good) in [
        (said(&["wrote 12 files in 9.9s", "...", "accuracy 91.00 % of 200 images (59s)"]), true),
        (said(&["...", "accuracy 91.00 %  of 200 images (59s)"]), true),
        (said(&["wrote 12 files in 1.0s", "..."]), true),
        (said(&["wrote 13 files in 9.9s", "..."]), false),
        (said(&["wrote 12 files in 9.9s", "accuracy 91.00 % of 200 images (59s)"]), false),
        (said(&["...", "accuracy 91.00 % of 201 images (59s)"]), false),
        (said(&["wrote 12 files in 9.9s"]), false),
        (said(&["...", "epoch 2", "epoch 1", "..."]), false),
    ] {
        assert_eq!(answers(&lines, found).is_ok(), good, "{lines:?}");
    }
}
