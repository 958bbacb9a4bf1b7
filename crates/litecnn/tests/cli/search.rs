//! `litecnn search` on the samples, and the weights it leads to, which see the test images once.

use std::path::Path;
use std::process::Command;

use litecnn_run::{Measured, Trial, read_trials};

use crate::{bad, good, samples};

fn tool(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command
        .args(words.split_whitespace())
        .args(["--dataset", "cifar10", "--threads", "1", "--data-dir"])
        .arg(samples());
    command
}

fn search(rounds: &str, out: &Path) -> Command {
    let mut command = tool("search --budget 3000 --operations 500000 --candidates 4 --hold-out 100 --limit-train 96");
    command.args(["--workers", "2", "--set", "batch-size=32", "--rounds", rounds, "--out"]).arg(out);
    command
}

/// All but the time it took.
fn untimed(folder: &Path) -> Vec<Trial> {
    let mut trials = read_trials(&folder.join("trials.csv")).unwrap();
    trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    trials.sort_by_key(|trial| (trial.round, trial.candidate));
    trials
}

#[test]
fn the_same_seed_finds_the_same_also_when_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, again) = (dir.path().join("whole"), dir.path().join("again"));
    good(&mut search("1,2", &whole));
    let trials = untimed(&whole);
    let of_round = |round| trials.iter().filter(|trial| trial.round == round).collect::<Vec<_>>();
    assert_eq!((of_round(0).len(), of_round(1).len()), (4, 2));
    assert!(trials.iter().all(|trial| trial.parameters <= 3000 && trial.multiplications <= 500_000), "{trials:?}");
    let least = of_round(1).iter().map(|trial| trial.candidate).collect::<Vec<_>>();
    let best = |candidate: &usize| trials[*candidate].validation_accuracy;
    let left_out = (0..4).filter(|candidate| !least.contains(candidate));
    assert!(left_out.clone().all(|out| least.iter().all(|on| best(on) >= best(&out))), "the best go on: {trials:?}");

    // As a kill after the third trial leaves it.
    good(&mut search("1,2", &again));
    let text = std::fs::read_to_string(again.join("trials.csv")).unwrap();
    let some: String = text.lines().take(4).map(|line| format!("{line}\n")).collect();
    std::fs::write(again.join("trials.csv"), some).unwrap();
    std::fs::remove_file(again.join("best.toml")).unwrap();
    good(&mut search("1,2", &again));
    assert_eq!(untimed(&again), trials);
    let network = |folder: &Path| std::fs::read_to_string(folder.join("best.toml")).unwrap();
    assert_eq!(network(&again), network(&whole));
    let (_, told) = bad(&mut search("1,3", &whole));
    assert!(told.contains("whole"), "other rounds are another search: {told}");
}

#[test]
fn impossible_searches_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let (status, told) = bad(&mut search("0", &out));
    assert!(status == 2 && told.contains("--rounds wants numbers of epochs"), "{told}");
    let (status, told) = bad(tool("search --budget 20 --hold-out 100").arg("--out").arg(&out));
    assert!(status == 2 && told.contains("about 20 weights"), "{told}");
    assert!(!out.exists());
}

#[test]
fn test_images_are_seen_when_asked_for_and_every_time_is_noted() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("net");
    let network = dir.path().join("net.toml");
    let described = r#"
        name = "net"
        input = { channels = 3, height = 32, width = 32 }
        classes = 10
        parts = [{ name = "all", layers = [{ conv = { kernel = 3, out = 4 } }, "batch-norm", "relu", { dense-head = {} }] }]
    "#;
    std::fs::write(&network, described).unwrap();
    good(tool("zoo train --recipe smoke --no-test").arg(&network).arg("--out").arg(&out));
    for absent in ["measured.json", "predictions-test.csv", "test-scorings.csv"] {
        assert!(!out.join(absent).exists(), "{absent}");
    }
    for times in 1..=2 {
        good(tool("zoo evaluate").arg(out.join("weights.safetensors")).arg("--out").arg(&out));
        let noted = std::fs::read_to_string(out.join("test-scorings.csv")).unwrap();
        assert_eq!(noted.lines().count(), 1 + times, "{noted}");
    }
    let measured = Measured::read(&out.join("measured.json")).unwrap();
    assert_eq!((measured.treatment.as_str(), measured.epochs, measured.seed), ("trained", 2, 0));
}
