//! Signals to a process of its own: this test program, started again.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use litecnn_cli::{SUPERVISED, catch_signals, caught};

/// What a child does: tells that it is ready, then every signal it catches, for ten seconds.
#[test]
fn child() {
    if std::env::var_os("LITECNN_TEST_CHILD").is_none() {
        return;
    }
    catch_signals().unwrap();
    println!("\nready");
    let (start, mut told) = (Instant::now(), None);
    while start.elapsed() < Duration::from_secs(10) {
        if caught() != told {
            told = caught();
            println!("caught {}", told.unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A child that is ready, and what it says from then on.
fn ready(supervised: bool) -> (Child, impl Iterator<Item = String>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env("LITECNN_TEST_CHILD", "1").env_remove(SUPERVISED);
    if supervised {
        command.env(SUPERVISED, "1");
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.find(|line| line == "ready").unwrap();
    (child, lines.filter(|line| line.starts_with("caught")))
}

fn kill(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn the_first_is_noted_and_the_second_ends_at_once() {
    for (first, second, said, status) in [
        ("INT", "INT", "caught SIGINT", 130),
        ("TERM", "TERM", "caught SIGTERM", 143),
        ("INT", "TERM", "caught SIGINT", 143),
    ] {
        let (mut child, mut lines) = ready(false);
        kill(&child, first);
        assert_eq!(lines.next().unwrap(), said);
        kill(&child, second);
        assert_eq!(child.wait().unwrap().code(), Some(status), "{first} {second}");
    }
}

#[test]
fn supervised_programs_leave_sigint_to_their_supervisor() {
    let (mut child, mut lines) = ready(true);
    for _ in 0..2 {
        kill(&child, "INT");
    }
    kill(&child, "TERM");
    assert_eq!(lines.next().unwrap(), "caught SIGTERM");
    kill(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
