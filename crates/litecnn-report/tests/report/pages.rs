//! The page, its figures and tables; runs compared.

use std::path::{Path, PathBuf};

use litecnn_report::{ReportError, compare, report};
use litecnn_run::{Answers, Predictions, SeedDir};

use crate::synthetic::{evaluate, finish, full_run, manifest};

fn text(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_page_is_one_file_and_opens_with_the_answer() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let made = report(run.path()).unwrap();
    let page = text(run.path().join("report.html"));
    for fetched in ["<script", "<link", "@import", "url(http", "src=\"http", "href=\"http"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    let main = page.find("<main>").unwrap();
    for answer in ["Is the paper reproduced?", "class=\"tiles\"", "points"] {
        assert!(page.find(answer).unwrap() < main, "{answer} stands in the head");
    }
    // Every link of the contents leads somewhere.
    let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() > 8, "{links:?}");
    for link in links {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
    let markdown = text(run.path().join("RESULTS.md"));
    let figures: Vec<&PathBuf> = made.figures().collect();
    assert!(figures.len() >= 20, "{}", figures.len());
    for figure in figures {
        let name = figure.file_stem().unwrap().to_str().unwrap();
        assert!(figure.exists() && page.contains(&format!("<figure id=\"{name}\">")), "{name}");
        assert!(markdown.contains(&format!("](figures/{name}.svg)")), "{name}");
    }
    for kind in [
        "steps",
        "confusion",
        "mistakes",
        "stage-1",
        "stage-2-2",
        "folds",
        "model-unified",
        "filters",
        "augmentation",
        "reliability",
    ] {
        assert!(page.contains(&format!("<figure id=\"{kind}-mnist\">")), "{kind}");
    }
}

#[test]
fn figures_can_be_drawn_as_png() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    let made = report(run.path()).unwrap();
    let written = litecnn_report::write_pngs(&made.files).unwrap();
    assert_eq!(written.len(), made.figures().count());
    for path in &written {
        let picture = image::open(path).unwrap().to_luma8();
        let dark = picture.pixels().filter(|p| p.0[0] < 128).count();
        assert!(picture.width() >= 700 && dark > 500, "{}: {dark} dark pixels", path.display());
    }
    let broken = run.path().join("figures/broken.svg");
    std::fs::write(&broken, "<svg").unwrap();
    let error = litecnn_report::write_pngs(&[broken]).unwrap_err();
    assert!(matches!(error, ReportError::Figure { .. }) && error.to_string().contains("broken.svg"), "{error}");
}

#[test]
fn tables_are_those_of_scikit_learn() {
    let run = tempfile::tempdir().unwrap();
    full_run(run.path(), "official");
    report(run.path()).unwrap();
    let table = text(run.path().join("tables/classification-cifar10-seed-0.txt"));
    assert!(table.contains("  automobile     1.0000") && table.contains("weighted avg"), "{table}");
    let twin: serde_json::Value =
        serde_json::from_str(&text(run.path().join("tables/classification-cifar10-seed-0.json"))).unwrap();
    assert_eq!(twin["automobile"]["support"], 30.0);
    assert!(run.path().join("tables/classification-mnist-seed-1.txt").exists());
}

#[test]
fn curves_are_drawn_before_anything_is_measured() {
    let run = tempfile::tempdir().unwrap();
    litecnn_run::RunDir::open(run.path(), manifest("official")).unwrap();
    finish(run.path(), "mnist", 0, "stage-1");
    let made = report(run.path()).unwrap();
    let names: Vec<&str> = made.figures().filter_map(|f| f.file_stem()?.to_str()).collect();
    assert_eq!(names, ["stage-1-mnist"]);
    assert!(text(run.path().join("report.html")).contains("best epoch 5"));
}

#[test]
fn damaged_or_foreign_files_are_named_and_nothing_is_written() {
    type Harm = fn(&Path);
    let cut: Harm = |path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let other: Harm = |path| {
        let mut predictions = Predictions::read(path).unwrap();
        let row = &mut predictions.rows[0];
        let other = (row.predicted + 1) % 10;
        row.probabilities.swap(usize::from(row.predicted), usize::from(other));
        row.predicted = other;
        predictions.write(path).unwrap();
    };
    let answer: Harm = |path| {
        let mut answers = Answers::read(path).unwrap();
        let row = &mut answers.rows[0];
        assert_ne!(row.predicted[0], row.label);
        row.predicted[0] = row.label;
        answers.write(path).unwrap();
    };
    let cases: [(&str, Harm, &str); 9] = [
        ("predictions-test.csv", cut, "is damaged"),
        ("predictions-test.csv", other, "another confusion matrix"),
        ("predictions-models-test.csv", cut, "predictions-models-test.csv"),
        ("predictions-models-test.csv", answer, "another accuracy"),
        ("architecture.json", cut, "is damaged"),
        ("pictures/pictures.json", cut, "is damaged"),
        ("pictures/mistakes.png", |path| std::fs::write(path, "no picture").unwrap(), "mistakes.png"),
        ("final.safetensors", cut, "is damaged"),
        ("stage-1/history.csv", |path| std::fs::write(path, "epoch\nx\n").unwrap(), "is damaged"),
    ];
    for (file, harm, expected) in cases {
        let run = tempfile::tempdir().unwrap();
        full_run(run.path(), "official");
        let path = SeedDir::new(run.path(), "mnist", 0).root().join(file);
        harm(&path);
        let message = report(run.path()).unwrap_err().to_string();
        assert!(
            message.contains(expected) && message.contains(path.file_name().unwrap().to_str().unwrap()),
            "{file}: {message}"
        );
        assert!(!run.path().join("report.html").exists() && !run.path().join("figures").exists(), "{file}");
    }
}

#[test]
fn runs_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["first", "second"].map(|name| folder.path().join(name));
    full_run(&a, "official");
    full_run(&b, "official");
    // MNIST of the second run with another seed's mistakes: 3 wrong in place of 2, and a seed of its own.
    evaluate(&b, "mnist", 2);
    let compared = compare(&[a.clone(), b.clone()]).unwrap();
    let told = compared.to_text();
    for part in ["first", "second", "MNIST: test accuracy, %", "CIFAR-10 seed 0: second against first", "+0.00"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    assert!(!told.contains("seed 2"), "only common seeds are compared\n{told}");
    let out = folder.path().join("out");
    let files = compared.write(&out).unwrap();
    assert!(files.iter().all(|f| f.exists()) && files.len() >= 3, "{files:?}");
    let page = text(out.join("COMPARE.md"));
    assert!(page.contains("## Where their recipes differ\n\nNowhere."), "{page}");

    // What cannot be compared is told.
    std::fs::remove_file(SeedDir::new(&b, "mnist", 0).predictions("test")).unwrap();
    let short = SeedDir::new(&b, "cifar10", 0);
    let mut predictions = Predictions::read(&short.predictions("test")).unwrap();
    predictions.rows.iter_mut().for_each(|row| row.index += 1);
    predictions.write(&short.predictions("test")).unwrap();
    without_details(&short);
    let told = compare(&[a.clone(), b]).unwrap().to_text();
    assert!(told.contains("no predictions") && told.contains("other test images"), "{told}");
    assert!(matches!(compare(&[a]), Err(ReportError::TooFewRuns)));
}

/// Removes what would contradict other predictions.
fn without_details(dir: &SeedDir) {
    std::fs::remove_file(dir.answers()).unwrap();
    std::fs::remove_file(dir.picture("pictures.json")).unwrap();
}

#[test]
fn a_difference_is_tested() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    full_run(&a, "official");
    full_run(&b, "official");
    // MNIST seed 0 of b gets every third image wrong, as CIFAR-10 does.
    let (from, to) = (SeedDir::new(&b, "cifar10", 0), SeedDir::new(&b, "mnist", 0));
    let predictions = Predictions::read(&from.predictions("test")).unwrap();
    let mut metrics = litecnn_report::Metrics::read(&to.metrics()).unwrap();
    metrics.splits.test = litecnn_report::SplitMetrics::from_predictions(&predictions).unwrap();
    metrics.write(&to.metrics()).unwrap();
    predictions.write(&to.predictions("test")).unwrap();
    without_details(&to);
    let told = compare(&[a, b]).unwrap().to_text();
    // 297 against 200 right of 300; one image is wrong with both.
    let row = told.lines().find(|l| l.contains("MNIST seed 0")).unwrap();
    for part in ["-32.33", " 2 ", " 99 ", "< 0.0001"] {
        assert!(row.contains(part), "{part} is not in {row}");
    }
}
