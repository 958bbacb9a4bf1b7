//! Files that contradict each other, are damaged, absent, foreign or left over.

use std::path::{Path, PathBuf};

use litecnn_report::{Metrics, ReportError, compare, report, write_tensorboard};
use litecnn_run::{Answers, Manifest, Pictures, Predictions, RunDir, SeedDir};

use crate::synthetic::{RECIPE, evaluate, finish, full_run, manifest, record_evaluation};

type Harm = fn(&SeedDir);

fn mnist(run: &Path) -> SeedDir {
    SeedDir::new(run, "mnist", 0)
}

fn replace(path: &Path, from: &str, to: &str) {
    let before = std::fs::read_to_string(path).unwrap();
    let after = before.replacen(from, to, 1);
    assert_ne!(before, after, "{from} is not in {}", path.display());
    std::fs::write(path, after).unwrap();
}

fn change(dir: &SeedDir, with: impl FnOnce(&mut Pictures)) {
    let path = dir.picture("pictures.json");
    let mut pictures = Pictures::read(&path).unwrap();
    with(&mut pictures);
    pictures.write(&path).unwrap();
}

fn change_answers(dir: &SeedDir, with: impl FnOnce(&mut Answers)) {
    let mut answers = Answers::read(&dir.answers()).unwrap();
    with(&mut answers);
    answers.write(&dir.answers()).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn copies_made_by_hand_are_not_counted() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let made = report(run.path()).unwrap();
    let curves = write_tensorboard(run.path()).unwrap();
    let seed = mnist(run.path());
    for (step, name) in [("stage-1", "stage-1.bak"), ("fold-1", "fold-1 (copy)"), ("fold-1", "fold-01")] {
        copy(&seed.step(step), &seed.step(name));
    }
    copy(seed.root(), &run.path().join("mnist/seed-00"));
    copy(seed.root(), &run.path().join("mnist/seed-+7"));
    assert_eq!(report(run.path()).unwrap().summary, made.summary);
    assert_eq!(write_tensorboard(run.path()).unwrap(), curves);
}

#[test]
fn contradictions_are_refused_and_name_the_file() {
    let cases: [(Harm, &str, &str); 13] = [
        (
            |dir| replace(&dir.step("stage-2-1").join("step.json"), "stage-2-1", "stage-2-2"),
            "stage-2-1/step.json",
            "it is of the step stage-2-2",
        ),
        (
            |dir| change_answers(dir, |a| a.rows[3].predicted[0] = 10),
            "predictions-models-test.csv",
            "it has class 10 of 10 (image 3)",
        ),
        (
            |dir| change_answers(dir, |a| a.rows.swap(3, 4)),
            "predictions-models-test.csv",
            "it is of other images than predictions-test.csv",
        ),
        (
            |dir| change_answers(dir, |a| a.models.swap(5, 6)),
            "predictions-models-test.csv",
            "`ensemble` does not stand after the folds",
        ),
        (
            |dir| replace(&dir.architecture(), "\"parameters\": 14822", "\"parameters\": 14823"),
            "metrics.json",
            "it has 14862 parameters, but the joined model of architecture.json 14863",
        ),
        (|dir| change(dir, |p| p.mistakes[0].label = 12), "pictures.json", "it has class 12 of 10"),
        (|dir| change(dir, |p| p.originals[1].label = 10), "pictures.json", "it has class 10 of 10"),
        (
            |dir| change(dir, |p| p.mistakes[0].index += 1),
            "pictures.json",
            "predictions-test.csv says otherwise of image 100",
        ),
        (
            |dir| change(dir, |p| p.mistakes[0].predicted = 4),
            "pictures.json",
            "predictions-test.csv says otherwise of image 99",
        ),
        (|dir| change(dir, |p| p.mistakes[0].probability = 1.5), "pictures.json", "1.5 is not a probability"),
        (|dir| std::fs::write(dir.history("stage-1"), "").unwrap(), "stage-1/history.csv", "it has no epoch"),
        (
            |dir| {
                let text = std::fs::read_to_string(dir.history("fold-2")).unwrap();
                std::fs::write(dir.history("fold-2"), text.lines().next().unwrap()).unwrap();
            },
            "fold-2/history.csv",
            "it has no epoch",
        ),
        (|dir| replace(&dir.history("fold-2"), "\n3,", "\n2,"), "fold-2/history.csv", "line 4: epoch 2 of model"),
    ];
    for (harm, file, expected) in cases {
        let run = tempfile::tempdir().unwrap();
        full_run(run.path(), "official");
        harm(&mnist(run.path()));
        let message = report(run.path()).unwrap_err().to_string();
        assert!(message.contains(file) && message.contains(expected), "{file}: {message}");
        assert!(!run.path().join("summary.json").exists() && !run.path().join("report.html").exists());
    }
}

#[test]
fn histories_without_epochs_are_fine_until_the_step_is_finished() {
    let run = tempfile::tempdir().unwrap();
    RunDir::open(run.path(), manifest("official")).unwrap();
    finish(run.path(), "mnist", 0, "stage-1");
    let seed = mnist(run.path());
    std::fs::create_dir_all(seed.step("stage-2-1")).unwrap();
    std::fs::write(seed.history("stage-2-1"), "").unwrap();
    assert_eq!(report(run.path()).unwrap().figures().count(), 1);
    assert!(write_tensorboard(run.path()).is_ok());
    std::fs::write(seed.history("stage-1"), "").unwrap();
    assert!(write_tensorboard(run.path()).unwrap_err().to_string().contains("stage-1/history.csv is damaged"));
}

#[test]
fn files_altered_after_evaluation_are_refused() {
    let touched = [
        "architecture.json",
        "final.safetensors",
        "metrics.json",
        "pictures/augmentation.png",
        "pictures/mistakes.png",
        "pictures/pictures.json",
        "predictions-models-test.csv",
        "predictions-test.csv",
    ];
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    record_evaluation(run.path(), "mnist", 1);
    report(run.path()).unwrap();
    let seed = SeedDir::new(run.path(), "mnist", 1);
    for file in touched {
        let path = seed.root().join(file);
        let before = std::fs::read(&path).unwrap();
        // What stays readable: a digit, a bit of a weight, a line break.
        let mut after = before.clone();
        match file {
            "final.safetensors" => *after.last_mut().unwrap() ^= 1,
            "pictures/augmentation.png" | "pictures/mistakes.png" => after.push(0),
            _ => after.push(b'\n'),
        }
        std::fs::write(&path, after).unwrap();
        let error = report(run.path()).unwrap_err();
        assert!(matches!(error, ReportError::Changed { .. }), "{error}");
        let expected = format!("{file} is not as `litecnn evaluate` left it: run that again");
        assert!(error.to_string().ends_with(&expected), "{error}");
        std::fs::write(&path, before).unwrap();
    }
    report(run.path()).unwrap();
}

#[test]
fn half_a_sheet_of_pictures_is_damaged_and_an_absent_one_is_missing() {
    for name in ["mistakes.png", "augmentation.png"] {
        let run = tempfile::tempdir().unwrap();
        full_run(run.path(), "official");
        let path = mnist(run.path()).picture(name);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        let message = report(run.path()).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("cannot be read as a PNG"), "{message}");
    }
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let seed = mnist(run.path());
    for path in [seed.picture("mistakes.png"), seed.picture("augmentation.png"), seed.final_weights()] {
        std::fs::remove_file(path).unwrap();
    }
    let lacks = |run: &Path| report(run).unwrap().missing.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = "mnist seed 0: no final.safetensors, mistakes.png, augmentation.png; run `litecnn evaluate`";
    assert_eq!(lacks(run.path()), [expected]);
    // No mistakes, no sheet of them.
    change(&seed, |p| p.mistakes.clear());
    assert_eq!(lacks(run.path()), [expected.replace("mistakes.png, ", "")]);
}

#[test]
fn an_empty_manifest_is_told_in_one_sentence() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    std::fs::write(run.path().join("run.toml"), "").unwrap();
    let message = report(run.path()).unwrap_err().to_string();
    assert!(message.contains("run.toml is damaged: it is empty") && message.lines().count() == 1, "{message}");
    assert!(!message.contains("delete"), "{message}");
}

/// A manifest whose recipe has so many folds.
fn with_folds(folds: u32) -> Manifest {
    Manifest {
        recipe: toml::from_str(&format!("[cross-validation]\nfolds = {folds}")).unwrap(),
        ..manifest("official")
    }
}

#[test]
fn folds_of_the_recipe_are_missed() {
    let run = tempfile::tempdir().unwrap();
    RunDir::open(run.path(), with_folds(3)).unwrap();
    for step in ["stage-1", "surgery", "stage-2-1", "stage-2-2"] {
        finish(run.path(), "mnist", 0, step);
    }
    let made = report(run.path()).unwrap();
    assert_eq!(made.missing[0].what, "not finished: fold-1, fold-2, fold-3; run `litecnn train`");
}

#[test]
fn ensembles_of_fewer_folds_are_left_out() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let whole = report(run.path()).unwrap().summary.datasets["mnist"].analysis.clone();
    assert!(whole.ensemble.values.len() == 2 && whole.ensembling.iter().all(Option::is_some));
    // Seed 1 has only one of the folds that the other seeds have.
    let seed = SeedDir::new(run.path(), "mnist", 1);
    let mut metrics = Metrics::read(&seed.metrics()).unwrap();
    metrics.steps.retain(|s| s.step != "fold-2");
    metrics.write(&seed.metrics()).unwrap();
    let made = report(run.path()).unwrap();
    let partial = &made.summary.datasets["mnist"].analysis;
    assert_eq!(partial.ensemble.values, whole.ensemble.values[..1]);
    assert_eq!(partial.ensembling, [whole.ensembling[0], None]);
    assert_eq!(partial.joining, whole.joining);
    let missing: Vec<String> = made.missing.iter().map(ToString::to_string).collect();
    assert!(missing.iter().any(|m| m.starts_with("mnist seed 1: its ensemble, of 1 folds and not 2")), "{missing:?}");

    // The recipe has more than any seed.
    let run = tempfile::tempdir().unwrap();
    RunDir::open(run.path(), with_folds(3)).unwrap();
    evaluate(run.path(), "mnist", 0);
    let made = report(run.path()).unwrap();
    let analysis = &made.summary.datasets["mnist"].analysis;
    assert!(analysis.ensemble.values.is_empty() && analysis.ensembling == [None]);
}

#[test]
fn what_is_no_longer_made_goes_and_nothing_else() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let first = report(run.path()).unwrap();
    let pngs: Vec<PathBuf> = first.figures().map(|f| f.with_extension("png")).collect();
    let own =
        ["figures/mine.svg", "figures/throughput-mnist-cpu.svg", "figures/notes.txt", "tables/classification.txt"];
    for path in pngs.iter().cloned().chain(own.map(|name| run.path().join(name))) {
        std::fs::write(path, "x").unwrap();
    }
    std::fs::remove_dir_all(run.path().join("cifar10")).unwrap();
    // Curves of MNIST change, its confusion matrix does not.
    std::fs::remove_dir_all(SeedDir::new(run.path(), "mnist", 1).step("fold-2")).unwrap();
    let second = report(run.path()).unwrap();
    let gone: Vec<&PathBuf> = first.files.iter().filter(|f| !second.files.contains(f)).collect();
    assert!(gone.len() > 10 && gone.iter().any(|f| f.ends_with("tables/classification-cifar10-seed-0.json")));
    assert!(gone.iter().all(|f| !f.exists() && !f.with_extension("png").exists()), "{gone:?}");
    assert!(second.files.iter().all(|f| f.exists()) && own.iter().all(|name| run.path().join(name).exists()));
    assert!(!run.path().join("figures/folds-mnist.png").exists(), "it shows what was");
    assert!(run.path().join("figures/confusion-mnist.png").exists(), "it shows what is");
}

#[test]
fn a_report_that_fails_leaves_the_old_pages() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    report(run.path()).unwrap();
    let old = std::fs::read_to_string(run.path().join("RESULTS.md")).unwrap();
    std::fs::remove_dir_all(run.path().join("cifar10")).unwrap();
    // A folder stands where a table belongs.
    let table = run.path().join("tables/classification-mnist-seed-1.json");
    std::fs::remove_file(&table).unwrap();
    std::fs::create_dir_all(table.join("in the way")).unwrap();
    assert!(report(run.path()).is_err());
    assert_eq!(std::fs::read_to_string(run.path().join("RESULTS.md")).unwrap(), old);
    assert!(run.path().join("figures/confusion-cifar10.svg").exists());
}

#[test]
fn only_runs_of_the_same_data_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["x/run", "y/run"].map(|name| folder.path().join(name));
    full_run(&a, "official");
    full_run(&b, "official");
    let page = |runs: &[PathBuf]| {
        let out = folder.path().join("out");
        let compared = compare(runs).unwrap();
        compared.write(&out).unwrap();
        let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        (compared.to_text(), read("COMPARE.md"), read("figures/compare-mnist.svg"))
    };
    let runs = [a.clone(), b.clone()];
    let (told, markdown, figure) = page(&runs);
    assert!(told.contains("x/run") && told.contains("y/run"), "{told}");
    assert!(!markdown.contains(folder.path().to_str().unwrap()), "{markdown}");
    let seeds = told.lines().find(|l| l.contains("MNIST: seeds")).unwrap();
    assert_eq!(seeds.matches("0, 1").count(), 2, "{seeds}");
    for words in ["two trained models, not two ways of training", "uncorrected"] {
        assert!(markdown.contains(words), "{words} is not in {markdown}");
    }
    assert!(figure.contains("paper"), "{figure}");

    let (told, ..) = page(&[a.clone(), a.clone()]);
    assert!(told.contains("run (1)") && told.contains("run (2) against run (1)"), "{told}");

    let path = b.join("run.toml");
    replace(&path, "mnist = \"d0\"", "mnist = \"d9\"");
    let (told, ..) = page(&runs);
    assert!(told.lines().filter(|l| l.contains("MNIST seed")).all(|l| l.contains("other data")), "{told}");
    let cifar10 = told.lines().find(|l| l.contains("CIFAR-10 seed 0")).unwrap();
    assert!(!cifar10.contains("other data"), "{cifar10}");

    replace(&path, "data = \"official\"", "data = \"samples\"");
    assert!(!page(&runs).2.contains("paper"));
    assert_eq!(Manifest::read(&b).unwrap().recipe_hash, RECIPE);
}

#[test]
fn predictions_of_other_images_give_no_interval() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    assert!(report(run.path()).unwrap().summary.datasets["mnist"].analysis.test_interval.is_some());
    let seed = SeedDir::new(run.path(), "mnist", 1);
    let mut predictions = Predictions::read(&seed.predictions("test")).unwrap();
    predictions.rows.iter_mut().for_each(|row| row.index += 1000);
    predictions.write(&seed.predictions("test")).unwrap();
    change_answers(&seed, |a| a.rows.iter_mut().for_each(|row| row.index += 1000));
    change(&seed, |p| p.mistakes.iter_mut().for_each(|m| m.index += 1000));
    assert_eq!(report(run.path()).unwrap().summary.datasets["mnist"].analysis.test_interval, None);
}
