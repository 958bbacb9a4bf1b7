//! `kill -9` in the middle of each step, then the same command again: the same bytes as if nothing had happened.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::{content, good, litecnn};

/// Steps long enough to be hit.
const RECIPE: &str = "[data]\nvalidation-images = 200\n\
[stage-1]\nepochs = 6\n[stage-1.early-stopping]\npatience = 100\n\
[stage-2-1]\nepochs = 40\n[stage-2-1.early-stopping]\npatience = 100\n\
[stage-2-2]\nepochs = 6\n[stage-2-2.early-stopping]\npatience = 100\n\
[cross-validation]\nfolds = 3\nepochs = 9\n[cross-validation.early-stopping]\npatience = 100\n";

/// Starts the whole training and kills it when this step reports this epoch, or a later one: the kill before
/// may have come late.
fn killed_at(step: &str, epoch: usize, run: &Path, recipe: &Path) {
    let mut child =
        litecnn("train --threads 2", run).arg("--recipe").arg(recipe).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reported = |line: &str| line.strip_prefix(step)?.strip_prefix(" epoch ")?.split('/').next()?.parse().ok();
    let hit = lines.map_while(Result::ok).any(|line| reported(&line).is_some_and(|done: usize| done >= epoch));
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(hit && !status.success(), "never came to {step} epoch {epoch}, or was done before the kill: {status}");
}

#[test]
fn killed_in_every_step_and_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = dir.path().join("recipe.toml");
    std::fs::write(&recipe, RECIPE).unwrap();
    let undisturbed = dir.path().join("undisturbed");
    good(litecnn("train", &undisturbed).arg("--recipe").arg(&recipe));
    let expected = content(&undisturbed);

    let disturbed = dir.path().join("disturbed");
    for (step, epoch) in
        [("stage-1", 1), ("stage-1", 3), ("stage-2-1", 5), ("stage-2-2", 2), ("fold-1", 1), ("fold-3", 1)]
    {
        killed_at(step, epoch, &disturbed, &recipe);
    }
    let output = good(litecnn("train", &disturbed).arg("--recipe").arg(&recipe));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Folds run side by side: which of the first two was done when the third began is chance.
    assert!(said.contains("stage-2-2: done already") && said.contains("fold-3: goes on after epoch"), "{said}");
    assert!(content(&disturbed) == expected, "the same bytes as the undisturbed run");

    #[cfg(unix)]
    signalled_in_every_step(&dir.path().join("signalled"), &recipe, &expected);
}

/// SIGINT and SIGTERM: the batch is finished, the state saved, and a line says how to go on.
#[cfg(unix)]
fn signalled_in_every_step(run: &Path, recipe: &Path, expected: &[(std::path::PathBuf, Vec<u8>)]) {
    let train = || {
        let mut command = litecnn("train --threads 2", run);
        command.arg("--recipe").arg(recipe);
        command
    };
    let mut within = 0;
    for (line, signal, status) in [
        ("stage-1 epoch 1/", "INT", 130),
        ("stage-1 epoch 4/", "TERM", 143),
        ("stage-2-1 epoch ", "INT", 130),
        ("stage-2-2 epoch ", "INT", 130),
        ("fold-", "TERM", 143),
        ("fold-3 epoch ", "INT", 130),
    ] {
        let (found, said) = crate::interrupted(&mut train(), line, signal);
        assert_eq!(found, Some(status), "{line}: {said}");
        let last = said.lines().last().unwrap();
        let step = line.split([' ', '-']).next().unwrap();
        assert!(last.starts_with(&format!("interrupted by SIG{signal}, {step}")), "{last}");
        let halted = last.split(": halted ").nth(1).unwrap();
        within += usize::from(halted.starts_with("in epoch ") && halted.contains(" batches, saved"));
        let again =
            litecnn_cli::command_line(std::iter::once(train().get_program()).chain(train().get_args()).map(Into::into));
        assert!(last.ends_with(&format!("; to go on: {again}")), "{last}");
    }
    assert!(within > 2, "most signals come within an epoch");
    let said = String::from_utf8_lossy(&good(&mut train()).stderr).into_owned();
    assert!(said.contains("fold-3: goes on after epoch"), "{said}");
    assert!(content(run) == expected, "the same bytes as the undisturbed run");
}

#[test]
fn killed_between_the_outputs_of_a_step() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let short = ["--recipe", "smoke", "--max-epochs", "2"];
    good(litecnn("train", &run).args(short));
    good(litecnn("evaluate", &run).args(short));
    let expected = content(&run);
    let seed = litecnn_run::SeedDir::new(&run, "mnist", 0);
    for (step, output) in [
        ("stage-1", seed.branch(2)),
        ("surgery", seed.unified()),
        ("stage-2-1", seed.best("stage-2-1")),
        ("stage-2-2", seed.history("stage-2-2")),
        ("fold-2", seed.best("fold-2")),
        ("evaluate", seed.metrics()),
        ("evaluate", seed.answers()),
        ("evaluate", seed.architecture()),
        ("evaluate", seed.picture("pictures.json")),
        ("evaluate", seed.picture("augmentation.png")),
    ] {
        // The state is saved, one output is there, the other and the record are not.
        std::fs::remove_file(seed.step(step).join("step.json")).unwrap();
        std::fs::remove_file(output).unwrap();
        good(litecnn("train", &run).args(short));
        good(litecnn("evaluate", &run).args(short));
        assert!(content(&run) == expected, "{step}");
    }
}
