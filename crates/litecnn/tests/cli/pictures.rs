//! Pictures of one's own: from a folder to a model, and what can be done with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use image::{Rgb, RgbImage};
use litecnn_data::stream;
use litecnn_run::{Manifest, SeedDir};
use rand::RngExt;

use crate::{bad, content, good};

/// Names that pages, tables and programs must not stumble over.
const CLASSES: [&str; 3] = ["<b>up & \"down\"", "größer, als | gedacht", "plain"];

/// A folder a class: bright above, bright below, bright on the left; of one class there are few.
fn photos(dir: &Path) -> PathBuf {
    let photos = dir.join("my photos");
    let mut rng = stream(0, "test pictures");
    for (class, name) in CLASSES.into_iter().enumerate() {
        let folder = photos.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..[48, 48, 16][class] {
            let picture = RgbImage::from_fn(20, 16, |x, y| {
                let bright = [y < 8, y >= 8, x < 10][class];
                let value = if bright { 170 } else { 50 } + rng.random_range(0..60);
                Rgb([value, value / 2, 255 - value])
            });
            picture.save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
    photos
}

/// The tool in a folder of its own, with a cache there.
fn tool(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command.current_dir(dir).env("XDG_CACHE_HOME", dir.join("cache")).env_remove("LITECNN_DATA").args(words);
    command
}

/// So few pictures make few batches: the dense layers need more epochs than the recipe's.
const TRAIN: [&str; 14] = [
    "train",
    "--data",
    "my photos",
    "--size",
    "16",
    "--recipe",
    "smoke",
    "--set",
    "stage-2-1.epochs=150",
    "--set",
    "stage-2-1.early-stopping.patience=150",
    "--device",
    "cpu",
    "--threads",
];

#[test]
fn from_a_folder_to_a_model_and_its_exports() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    photos(dir);
    std::fs::write(dir.join("my photos/plain/broken.png"), b"no picture").unwrap();

    let told = |words: &[&str]| {
        let output = good(&mut tool(dir, words));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let dry = [&TRAIN[..], &["1", "--budget", "3k", "--dry-run"]].concat();
    let (plan, _) = told(&dry);
    for words in ["plain: 12 train, 2 validate, 2 test", "at most", "of weights", "nothing was written there"] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    let (plan, _) = told(&[&dry[..], &["--json"]].concat());
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["data"]["classes"][2]["train"], 12);
    assert!(plan["model"]["parameters"].as_u64().unwrap() <= 3000 && plan["most_seconds"].as_f64().unwrap() > 0.0);
    assert!(!dir.join("results").exists(), "nothing was written");

    let (out, err) = told(&[&TRAIN[..], &["1", "--budget", "3k"]].concat());
    assert!(err.contains("cannot be read: 1 pictures") && err.contains("broken.png"), "{err}");
    assert!(out.contains("my-photos seed 0: test accuracy"), "{out}");
    for next in ["litecnn report results/my-photos", "litecnn predict results/my-photos", "litecnn export"] {
        assert!(err.contains(next), "{next}: {err}");
    }
    let run = dir.join("results/my-photos");
    let seed = SeedDir::new(&run, "my-photos", 0);
    let metrics = litecnn_report::Metrics::read(&seed.metrics()).unwrap();
    assert!(metrics.splits.test.accuracy > 0.6, "something was learnt: {}", metrics.splits.test.accuracy);
    assert!(metrics.subject.params <= 3000 && metrics.subject.params as usize == plan["model"]["parameters"]);
    assert_eq!(metrics.subject.classes, CLASSES);

    // Neither data, seed nor recipe need be named again; what is done stays done.
    let before = content(&run);
    let (_, err) = told(&["evaluate", "--run", "results/my-photos", "--device", "cpu"]);
    assert!(err.contains("evaluate: done already"), "{err}");
    let (_, err) = told(&["train", "--run", "results/my-photos", "--device", "cpu"]);
    assert!(err.contains("from the cache") && err.contains("fold-2: done already"), "{err}");
    let (plan, _) = told(&["train", "--run", "results/my-photos", "--device", "cpu", "--dry-run"]);
    assert!(plan.contains("stage-2-2: up to 6 epochs of 80 images; done already"), "{plan}");
    assert!(content(&run) == before);

    told(&["report", "results/my-photos", "--png"]);
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("&lt;b&gt;up") && !page.contains("<b>up"), "names are escaped");
    let (summary, _) = told(&["summary", "results/my-photos"]);
    assert!(summary.contains("größer"), "{summary}");

    // Every form of the model says the same of a picture, seen as in training.
    let one = "my photos/größer, als | gedacht/3.png";
    let ask = |model: &str| {
        let (line, _) = told(&["predict", model, one, "--json"]);
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    let answer = ask("results/my-photos");
    let names: Vec<&String> = answer["probabilities"].as_object().unwrap().keys().collect();
    assert!(CLASSES.iter().all(|class| names.contains(&&(*class).to_owned())), "{answer}");
    for (target, files) in [
        ("litecnn", vec!["my-photos.litecnn"]),
        ("onnx", vec!["my-photos.onnx"]),
        ("c", vec!["my_photos.c", "my_photos.h"]),
        ("rust", vec!["my_photos.rs"]),
    ] {
        told(&["export", "results/my-photos", "--to", target]);
        assert!(files.iter().all(|file| dir.join(file).exists()), "{target}");
    }
    assert_eq!(ask("my-photos.litecnn"), answer);
    assert_eq!(ask(seed.final_weights().to_str().unwrap()), answer);
    told(&["export", "results/my-photos", "--to", "litecnn", "--int8", "--out", "small.litecnn"]);
    assert_eq!(ask("small.litecnn")["class"], answer["class"]);
    // A letterboxed 20x16 picture is not a stretched one.
    let (stretched, _) = told(&["predict", "my-photos.litecnn", one, "--json", "--fit", "stretch"]);
    assert_ne!(
        serde_json::from_str::<serde_json::Value>(&stretched).unwrap()["probabilities"],
        answer["probabilities"]
    );
}

#[test]
fn what_cannot_be_is_told_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    photos(dir);
    for (words, status, message) in [
        ("--budget 100", 2, "--budget: a budget of 100 parameters (400 bytes) is too small"),
        ("--budget many", 2, "`many` is no size"),
        ("--budget 3k --hidden 4", 2, "cannot be used with"),
        ("--filters 4,4,4,4", 1, "too small for 4 convolutions"),
        ("--filters 0", 2, "0 is not in 1..=4096"),
        ("--dataset mnist", 2, "cannot be used with"),
        ("--test-share 2", 2, "share"),
        ("--json", 2, "--dry-run"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let (found, stderr) = bad(&mut tool(dir, &[&TRAIN[..], &["1"], &words].concat()));
        assert!(found == status && stderr.contains(message), "{words:?}: {found} {stderr}");
    }
    std::fs::write(dir.join("my photos/plain/broken.png"), b"no picture").unwrap();
    let (_, stderr) = bad(&mut tool(dir, &[&TRAIN[..], &["1", "--strict"]].concat()));
    assert!(stderr.contains("broken.png"), "{stderr}");
    let (status, stderr) = bad(&mut tool(dir, &["evaluate", "--run", "absent"]));
    assert!(status == 2 && stderr.contains("--data PATH") && !dir.join("absent").exists(), "{stderr}");
    assert!(!dir.join("results").exists());
}

#[test]
fn a_run_goes_on_with_what_it_remembers() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    photos(dir);
    let short = [&TRAIN[..], &["1", "--max-epochs", "1", "--budget", "2k"]].concat();
    good(&mut tool(dir, &[&short[..1], &["stage-1"], &short[1..]].concat()));
    let known = Manifest::read(&dir.join("results/my-photos")).unwrap();
    assert_eq!(known.sources["my-photos"]["options"]["size"].as_integer(), Some(16));
    // Another budget is another recipe.
    let (status, stderr) = bad(&mut tool(dir, &[&TRAIN[..], &["1", "--max-epochs", "1", "--budget", "4k"]].concat()));
    assert!(status == 1 && stderr.contains("--run"), "{stderr}");
    // Pictures that are gone are missed.
    std::fs::rename(dir.join("my photos"), dir.join("moved")).unwrap();
    let (_, stderr) = bad(&mut tool(dir, &["train", "stage-1", "--run", "results/my-photos", "--device", "cpu"]));
    assert!(stderr.contains("my photos"), "{stderr}");
    let two = ["train", "--run", "results/my-photos", "--device", "cpu", "--threads", "1"];
    std::fs::rename(dir.join("moved"), dir.join("my photos")).unwrap();
    let said = String::from_utf8(good(&mut tool(dir, &two)).stderr).unwrap();
    assert!(said.contains("stage-1: done already") && said.contains("fold-2"), "{said}");

    // Two seeds: one must be chosen.
    good(&mut tool(dir, &[&short[..], &["--seed", "4"]].concat()));
    let (status, stderr) = bad(&mut tool(dir, &["evaluate", "--run", "results/my-photos"]));
    assert!(status == 2 && stderr.contains("seeds 0, 4 of my-photos: choose by --seed"), "{stderr}");
    good(&mut tool(dir, &["evaluate", "--run", "results/my-photos", "--seed", "4", "--device", "cpu"]));
    let (status, stderr) = bad(&mut tool(dir, &["predict", "results/my-photos", "my photos/plain"]));
    assert!(status == 2 && stderr.contains("several models"), "{stderr}");
}
