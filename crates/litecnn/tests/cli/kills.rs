//! `kill -9` at random moments of a whole pipeline, then the same commands again: the same bytes as if nothing had
//! happened. A few kills here; `LITECNN_KILLS=200` for a long run, which tells what was hit.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{content, good, litecnn};

const COMMANDS: [&str; 2] = ["train --threads 2", "evaluate --threads 2"];

fn command(words: &str, run: &Path) -> Command {
    let mut command = litecnn(words, run);
    command.args(["--recipe", "smoke", "--max-epochs", "3"]);
    command
}

/// The `n`th of some numbers spread evenly over 0 to 1.
fn spread(n: usize) -> f64 {
    let digest = litecnn_run::sha256(format!("moment {n}").as_bytes());
    f64::from(u32::from_str_radix(&digest[..8], 16).unwrap()) / f64::from(u32::MAX)
}

/// Runs a command; kills it at this moment if it has not ended by then. What it was at when it was killed.
fn killed_at(moment: Duration, command: &mut Command) -> Option<String> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while start.elapsed() < moment {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{command:?}: {status}");
            return None;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    // It may end by itself just now; then this does nothing.
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return None;
    }
    assert!(output.status.code().is_none(), "{command:?}: {output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let at = said.lines().last().and_then(|line| line.split([' ', ':']).next());
    Some(format!("{}, last word of {}", command.get_args().next()?.display(), at.unwrap_or("nothing")))
}

#[test]
fn killed_at_random_moments_and_started_again() {
    let kills: usize = std::env::var("LITECNN_KILLS").map_or(5, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let undisturbed = dir.path().join("undisturbed");
    let took = COMMANDS.map(|words| {
        let start = Instant::now();
        good(&mut command(words, &undisturbed));
        start.elapsed()
    });
    let expected = content(&undisturbed);
    let (start, mut done, mut runs, mut hit) = (Instant::now(), 0, 0, BTreeMap::<String, u32>::new());
    let mut moments = (0..).map(spread);
    while done < kills {
        let run = dir.path().join("run");
        for (words, took) in COMMANDS.iter().zip(took) {
            loop {
                let moment = took.mul_f64(moments.next().unwrap());
                let moment = if done < kills { moment } else { Duration::MAX };
                let Some(at) = killed_at(moment, &mut command(words, &run)) else { break };
                *hit.entry(at).or_default() += 1;
                done += 1;
            }
        }
        assert!(content(&run) == expected, "after {done} kills, run {runs}");
        std::fs::remove_dir_all(&run).unwrap();
        runs += 1;
    }
    println!(
        "{done} kills of {runs} runs in {:.0} s, undisturbed {took:.1?}:\n{hit:#?}",
        start.elapsed().as_secs_f64()
    );
}
