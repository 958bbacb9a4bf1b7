//! `litecnn ablate` and `litecnn sizes` on the samples.

use std::path::Path;
use std::process::Command;

use litecnn_run::{Outcome, read_outcomes};

use crate::{bad, good, samples};

fn tool(words: &str, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command
        .args(words.split_whitespace())
        .args(["--dataset", "mnist", "--threads", "2", "--data-dir"])
        .arg(samples())
        .args(["--set", "data.validation-images=200", "--set", "stage-1.epochs=2"])
        .args(["--set", "stage-2-1.epochs=2", "--set", "stage-2-2.epochs=2", "--out"])
        .arg(out);
    command
}

/// All but the time it took, in order.
fn untimed(folder: &Path) -> Vec<Outcome> {
    let mut outcomes = read_outcomes(&folder.join("outcomes.csv")).unwrap();
    outcomes.iter_mut().for_each(|outcome| outcome.seconds = 0.0);
    outcomes.sort_by(|a, b| (&a.arm, a.seed).cmp(&(&b.arm, b.seed)));
    outcomes
}

#[test]
fn every_arm_is_trained_for_the_same_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("ablation");
    let ran = good(&mut tool("ablate --seeds 0,1", &out));
    let outcomes = untimed(&out);
    assert_eq!(outcomes.len(), 2 * 10);
    assert!(outcomes.iter().all(|outcome| outcome.epochs == 6 && outcome.parameters <= 14_862), "{outcomes:?}");
    let of = |arm: &str| outcomes.iter().find(|outcome| outcome.arm == arm && outcome.seed == 0).unwrap().test_accuracy;
    let arms = ["no-augmented-branch", "fresh-heads", "one-step", "top-down", "bottom-up", "scratch", "single-branch"];
    assert!(arms.iter().filter(|arm| of(arm) != of("method")).count() >= 5, "the arms differ: {outcomes:?}");
    let table = std::fs::read_to_string(out.join("ABLATION.md")).unwrap();
    assert_eq!(table, String::from_utf8_lossy(&ran.stdout));
    assert!(table.lines().nth(2).is_some_and(|line| line.starts_with("| method | 14,862 | 6 | 2 |")), "{table}");

    // What is missing is done, to the bit; nothing else is.
    let text = std::fs::read_to_string(out.join("outcomes.csv")).unwrap();
    let some: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("top-down,1") && !line.contains("scratch,0")).collect();
    assert_eq!(some.len(), text.lines().count() - 2);
    std::fs::write(out.join("outcomes.csv"), some.join("\n") + "\n").unwrap();
    let ran = good(&mut tool("ablate --seeds 0,1", &out));
    assert_eq!(untimed(&out), outcomes);
    assert_eq!(String::from_utf8_lossy(&ran.stderr).matches("seed").count(), 2);
    let (_, told) = bad(tool("ablate", &out).args(["--set", "stage-2-2.batch-size=64"]));
    assert!(told.contains("ablation"), "another recipe is another study: {told}");
}

#[test]
fn sizes_become_a_table_and_a_curve() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("sizes");
    let ran = good(&mut tool("sizes --recipe ablation --filters 2,4,8,10 --seeds 0", &out));
    let outcomes = untimed(&out);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.arm == "10" && outcome.parameters == 14_862).count(), 1);
    let table = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(table.contains("weights^-") && table.contains("| 10 | 14,862 | 1 |"), "{table}");
    good(&mut tool("sizes --recipe ablation --filters 3 --seeds 0,1", &out));
    assert_eq!(untimed(&out).len(), 4 + 2, "others are added");

    let network = dir.path().join("net.toml");
    let described = r#"
        name = "net"
        input = { channels = 1, height = 28, width = 28 }
        classes = 10
        parts = [{ name = "all", layers = [{ conv = { kernel = 3, out = 4 } }, "batch-norm", "relu", { dense-head = {} }] }]
    "#;
    std::fs::write(&network, described).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command.args(["sizes", "--dataset", "mnist", "--filters", "2,6", "--seeds", "0", "--set", "epochs=1"]);
    command.args(["--limit-train", "96", "--set", "batch-size=32", "--data-dir"]).arg(samples());
    good(command.arg("--network").arg(&network).arg("--out").arg(dir.path().join("net")));
    // 3x3 and a summand for each filter, then a head with a bias.
    let weights: Vec<i64> = untimed(&dir.path().join("net")).iter().map(|outcome| outcome.parameters).collect();
    assert_eq!(weights, [2 * 10 + 2 * 10 + 10, 6 * 10 + 6 * 10 + 10]);
}

#[test]
fn what_cannot_be_is_told_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    for (words, told) in [
        ("ablate --recipe ablaton", "did you mean `ablation`?"),
        ("ablate --arm methd", "a similar value exists: 'method'"),
        ("sizes --filters 0", "0 is not in 1..=1024"),
        ("sizes --network absent.toml --recipe compact", "unknown key `data"),
    ] {
        let (status, message) = bad(&mut tool(words, &out));
        assert!(status == 2 && message.contains(told), "{words}: {message}");
    }
    assert!(!out.exists());
}
