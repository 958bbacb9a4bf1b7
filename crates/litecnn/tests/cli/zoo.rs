//! `litecnn zoo train`, `prune` and `evaluate` on the samples.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use litecnn_run::{Measured, Predictions, StepRecord, read_history, read_rounds};

use crate::{bad, content, good, samples};

const NETWORK: &str = r#"
name = "small"
input = { channels = 3, height = 32, width = 32 }
classes = 10
[[parts]]
name = "body"
layers = [
    { conv = { kernel = 3, out = 6, stride = 4 } }, "batch-norm", "relu",
    { ghost-bottleneck = { hidden = 8, out = 8, stride = 2, project = true } },
]
[[parts]]
name = "head"
layers = [{ conv-head = { activation = "relu6" } }]
"#;

/// The tool on the sample of CIFAR-10.
fn zoo(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    command.arg("zoo").args(words.split_whitespace());
    command.args(["--dataset", "cifar10", "--device", "cpu", "--threads", "1", "--data-dir"]).arg(samples());
    command
}

/// A folder with a network described in it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("small.toml"), NETWORK).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Trains the network into a folder.
    fn train(&self, words: &str, out: &str) -> Command {
        let mut command = zoo("train");
        command.arg(self.path("small.toml")).args(words.split_whitespace()).arg("--out").arg(self.path(out));
        command
    }

    fn prune(&self, words: &str, out: &str) -> Command {
        let mut command = zoo("prune");
        command.arg(self.path("a/weights.safetensors")).args(words.split_whitespace());
        command.arg("--out").arg(self.path(out));
        command
    }
}

/// Starts a command and kills it when it reports a line that begins so.
fn killed_at(command: &mut Command, start: &str) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let hit = lines.any(|line| line.starts_with(start));
    child.kill().unwrap();
    assert!(hit && !child.wait().unwrap().success(), "never came to `{start}`, or was done before the kill");
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn measured(folder: &Path) -> Measured {
    Measured::read(&folder.join("measured.json")).unwrap()
}

#[test]
fn trained_evaluated_killed_and_resumed() {
    let place = Place::new();
    let words = "--recipe smoke --epochs 20";
    good(&mut place.train(words, "a"));
    let (folder, found) = (place.path("a"), measured(&place.path("a")));
    assert_eq!((found.network.as_str(), found.treatment.as_str(), found.epochs), ("small", "trained", 20));
    assert_eq!(read_history(&folder.join("history.csv")).unwrap().len(), 20);
    let predictions = Predictions::read(&folder.join("predictions-test.csv")).unwrap();
    assert_eq!(predictions.rows.len() as u64, found.images);
    assert_eq!(predictions.right().iter().filter(|right| **right).count() as u64, found.correct);
    let rights = predictions.right();
    let batch = |b: &[bool]| b.iter().filter(|right| **right).count() as f64 / b.len() as f64;
    let mean = (batch(&rights[..128]) + batch(&rights[128..])) / 2.0;
    assert!((mean - found.batch_accuracy).abs() < 1e-12);
    assert!(found.correct > 30, "more than by chance: {}", found.correct);
    assert_eq!(StepRecord::read(&folder).unwrap().epochs, Some(20));

    let again = said(&good(&mut place.train(words, "a")));
    assert!(again.contains("train: done already"), "{again}");
    killed_at(&mut place.train(words, "b"), "train epoch 2/");
    let resumed = said(&good(&mut place.train(words, "b")));
    assert!(resumed.contains("train: goes on after epoch"), "{resumed}");
    assert!(content(&place.path("a")) == content(&place.path("b")), "the same bytes");
    #[cfg(unix)]
    {
        let (status, line) = crate::interrupted(&mut place.train(words, "c"), "train epoch 3/", "TERM");
        assert!(status == Some(143) && line.contains("interrupted by SIGTERM, train: halted "), "{line}");
        let resumed = said(&good(&mut place.train(words, "c")));
        assert!(resumed.contains("train: goes on after epoch"), "{resumed}");
        assert!(content(&place.path("a")) == content(&place.path("c")), "the same bytes");
    }

    let mut evaluate = zoo("evaluate");
    evaluate.arg(place.path("a/weights.safetensors")).arg("--out").arg(place.path("e"));
    let told = said(&good(&mut evaluate));
    assert!(told.contains(&format!("{} of 200 test images right", found.correct)), "{told}");
    assert_eq!(measured(&place.path("e")), found);
}

#[test]
fn pruned_in_rounds_killed_and_resumed() {
    let place = Place::new();
    good(&mut place.train("--recipe smoke", "a"));
    // Without early stopping, so that there is time to kill.
    let recipe = place.path("tuning.toml");
    std::fs::write(&recipe, "name = \"tuning\"\nepochs = 12\npatience = 0\n").unwrap();
    let words = &format!("--rounds 2 --recipe {}", recipe.display());
    good(&mut place.prune(words, "p"));
    let rounds = read_rounds(&place.path("p/rounds.csv")).unwrap();
    assert_eq!(rounds.iter().map(|r| r.round).collect::<Vec<_>>(), [0, 1, 2]);
    let kernels = rounds[0].non_zeroed as f64;
    let left = kernels - (0.2 * kernels).round();
    assert_eq!(rounds[1].non_zeroed as f64, left);
    assert_eq!(rounds[2].non_zeroed as f64, left - (0.2 * left).round());
    assert_eq!(rounds.iter().map(|r| r.epochs).collect::<Vec<_>>(), [2, 14, 26]);
    let last = measured(&place.path("p/round-2"));
    assert_eq!((last.treatment.as_str(), last.settings["round"].as_str()), ("pruned", "2"));
    assert_eq!((last.non_zero, last.accuracy()), (rounds[2].non_zeroed, rounds[2].accuracy));

    killed_at(&mut place.prune(words, "q"), "round-1 epoch 3/");
    killed_at(&mut place.prune(words, "q"), "round-2 epoch 1/");
    let resumed = said(&good(&mut place.prune(words, "q")));
    assert!(resumed.contains("round-1: done already") && resumed.contains("round-2: goes on after"), "{resumed}");
    assert!(content(&place.path("p")) == content(&place.path("q")), "the same bytes");

    let wanted = rounds[0].non_zero_weights - 100;
    good(&mut place.prune(&format!("--until-non-zero {wanted} --epochs 1"), "u"));
    let rounds = read_rounds(&place.path("u/rounds.csv")).unwrap();
    assert!(rounds.last().unwrap().non_zero_weights <= wanted, "{rounds:?}");
}

#[test]
fn pictures_of_ones_own_become_a_small_network() {
    let place = Place::new();
    let tool = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.args(words.split_whitespace()).current_dir(place.dir.path());
        command.env("XDG_CACHE_HOME", place.path("cache"));
        command
    };
    let samples = samples().canonicalize().unwrap();
    let sample = format!("data pictures --dataset cifar10 --data-dir {} --part test --out photos", samples.display());
    good(&mut tool(&sample));
    let words = "zoo train compact-mnist --recipe smoke --epochs 2 --device cpu --threads 1 --out net";
    let (status, stderr) = bad(&mut tool(words));
    assert!(status == 2 && stderr.contains("no images are named: --data PATH"), "{stderr}");
    let trained = said(&good(&mut tool(&format!("{words} --data photos --size 28 --fit crop"))));
    assert!(trained.contains("built for the 3x28x28 and 10 of `photos`"), "{trained}");
    assert!(trained.contains("note: images are mirrored"), "{trained}");
    // 15 % of 200; the folder remembers where they are and what was made of them.
    let found = measured(&place.path("net"));
    assert_eq!((found.dataset.as_str(), found.images), ("photos", 30));
    let told = said(&good(&mut tool("zoo evaluate net/weights.safetensors --device cpu")));
    assert!(told.contains(&format!("{} of 30 test images right", found.correct)), "{told}");

    good(&mut tool("export net/weights.safetensors --to litecnn"));
    let answers = said(&good(&mut tool("predict photos.litecnn photos/cat --json")));
    assert!(answers.lines().count() == 20 && answers.contains("\"truck\":"), "{answers}");

    good(&mut tool(
        "search --data photos --size 32 --budget 3000 --operations 300000 --candidates 1 --rounds 1 --recipe compact \
         --device cpu --threads 1 --out found",
    ));
    let best = std::fs::read_to_string(place.path("found/best.toml")).unwrap();
    assert!(best.contains("height = 32") && !place.path("found/test-scorings.csv").exists(), "{best}");
    let record = std::fs::read_to_string(place.path("found/run.toml")).unwrap();
    assert!(record.contains("[sources.photos]") && !record.contains("held-out-images"), "{record}");
}

#[test]
fn what_cannot_be_is_told_in_a_sentence_and_leaves_nothing() {
    let place = Place::new();
    good(&mut place.train("--recipe smoke --epochs 1", "a"));
    let before = content(place.dir.path());
    let weights = place.path("a/weights.safetensors");
    let small = place.path("small.toml");
    let (weights, small) = (weights.display(), small.display());
    for (words, status, message) in [
        ("train vgg19-gost --out X".to_owned(), 2, "no network `vgg19-gost`; known, nearest first: vgg19-fire-ghost, "),
        (format!("train vgg19-8 --from {weights} --out X"), 1, "it is for `small` with 10 classes, not `vgg19-"),
        ("train vgg19-8 --from absent.safetensors --out X".into(), 1, "cannot read absent.safetensors"),
        (format!("train {small} --recipe absent.toml --out X"), 2, "absent.toml: no such recipe"),
        (format!("train {small} --epochs 0 --out X"), 2, "0 is not in 1..=100000"),
        (format!("train {small} --peak-rate -1 --out X"), 2, "--peak-rate -1 is impossible"),
        (format!("train {small} --limit-train 1 --out X"), 2, "1 is not in 2.."),
        (format!("train {small} --recipe smoke --epochs 2 --out A"), 1, "run.toml was made with recipe `small, smoke"),
        (format!("prune {weights} --share 1 --out X"), 2, "--share 1 is impossible"),
        (format!("prune {weights} --rounds 0 --out X"), 2, "0 is not in 1.."),
        (format!("prune {weights} --until-non-zero 10 --out X"), 1, "are not of convolutions and are never pruned"),
        ("evaluate absent.safetensors".into(), 1, "cannot read absent.safetensors"),
        (format!("evaluate {small}"), 1, "small.toml is not a usable weight file"),
    ] {
        let place = |word: &str| match word {
            "X" | "A" => place.path(&word.to_lowercase()).display().to_string(),
            _ => word.to_owned(),
        };
        let words: Vec<String> = words.split(' ').map(place).collect();
        let (found, stderr) = bad(&mut zoo(&words.join(" ")));
        assert!(found == status && stderr.contains(message), "{words:?}: {found} {stderr}");
    }
    let mnist = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.arg("zoo").args(words.split_whitespace());
        command.args(["--dataset", "mnist", "--device", "cpu", "--threads", "1", "--data-dir"]).arg(samples());
        command
    };
    let (status, stderr) = bad(&mut mnist(&format!("evaluate {weights}")));
    assert!(status == 1 && stderr.contains("is for images of 3x32x32 and 10 classes, but `mnist` has"), "{stderr}");
    // 28 rows halved four times are one: nothing is left to halve.
    let (status, stderr) = bad(&mut mnist(&format!("train vgg19-1 --out {}", place.path("x").display())));
    assert!(status == 1 && stderr.contains("a window of 2 does not fit on a side of 1"), "{stderr}");
    let (status, stderr) = bad(&mut place.train("--recipe smoke --epochs 3 --peak-rate 1e30", "d"));
    assert!(status == 1 && stderr.contains("train, epoch 1, batch 2: the loss of `model` "), "{stderr}");
    std::fs::remove_dir_all(place.path("d")).unwrap();

    let lock = litecnn_run::Lock::try_acquire(&place.path("a/.lock")).unwrap();
    let (status, stderr) = bad(&mut place.train("--recipe smoke --epochs 1", "a"));
    assert!(status == 1 && stderr.contains("in use by another process"), "{stderr}");
    drop(lock);
    assert!(content(place.dir.path()) == before, "nothing was made");
}

#[test]
fn networks_are_built_for_the_images_at_hand_and_say_so() {
    let place = Place::new();
    let described = NETWORK.replace("channels = 3, height = 32", "channels = 1, height = 24");
    std::fs::write(place.path("small.toml"), described).unwrap();
    let output = good(&mut place.train("--recipe smoke --epochs 1 --limit-train 100", "a"));
    assert!(
        said(&output).contains("`small` is described for images of 1x24x32 and 10 classes; built for the 3x32x32"),
        "{}",
        said(&output)
    );
    // Weights go on to be trained by another recipe.
    let weights = place.path("a/weights.safetensors");
    good(place.train("--recipe fine-tuning --epochs 1 --limit-train 100", "b").arg("--from").arg(&weights));
    assert_eq!(measured(&place.path("b")).epochs, 2);
}

#[test]
fn shrunk_trained_on_and_quantised() {
    let place = Place::new();
    good(&mut place.train("--recipe smoke --hold-out 300", "a"));
    let (weights, small) = (place.path("a/weights.safetensors"), place.path("s/start.safetensors"));
    let shrink = |words: &str, out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.args(["zoo", "shrink"]).arg(&weights).args(words.split_whitespace()).arg("--out").arg(out);
        command
    };
    let before = measured(&place.path("a")).parameters;
    let wanted = before * 3 / 4;
    let told = said(&good(&mut shrink(&format!("--parameters {wanted}"), &small)));
    assert!(told.contains("parameters"), "{told}");
    let mut train = zoo("train --recipe short --epochs 1 --hold-out 300");
    good(train.arg("--from").arg(&small).arg("--out").arg(place.path("s")));
    let found = measured(&place.path("s"));
    assert!(found.parameters <= wanted && found.network == "small", "{found:?}");
    // The weights it started from lie beside it, but nothing is known of them.
    good(zoo("evaluate").arg(&small).arg("--out").arg(place.path("e")));
    let start = measured(&place.path("e"));
    assert_eq!((start.treatment.as_str(), start.epochs, start.parameters), ("unknown", 0, found.parameters));

    let quantise = |weights: &Path, words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.args(["zoo", "quantise"]).arg(weights).args(["--dataset", "cifar10", "--threads", "1", "--data-dir"]);
        command.arg(samples()).args(words.split_whitespace()).arg("--out").arg(place.path("i"));
        command
    };
    good(&mut quantise(&place.path("s/weights.safetensors"), "--calibration test --scales per-tensor"));
    let int8 = measured(&place.path("i"));
    assert_eq!((int8.treatment.as_str(), int8.settings["calibration"].as_str()), ("quantised", "test"));
    assert!(int8.bytes < found.bytes && int8.parameters == found.parameters, "{int8:?}");

    for (command, status, message) in [
        (&mut shrink("--parameters 3", &small), 2, "cannot shrink to 3: from"),
        (&mut shrink("--share 1.5", &small), 2, "above 0 and below 1"),
        (&mut shrink("", &small), 2, "--parameters"),
        (&mut shrink("--share 0.5", &weights), 2, "--out names the file to shrink"),
        (&mut quantise(&place.path("i/weights-int8.safetensors"), ""), 1, "not a usable weight file"),
        (&mut quantise(&weights, "--images 5000"), 2, "the data set has 1000 train images"),
        (&mut place.train("--recipe smoke --hold-out 1000", "x"), 1, "1000 validation images cannot be cut"),
    ] {
        let (found, stderr) = bad(command);
        assert!(found == status && stderr.contains(message), "{message}: {found} {stderr}");
    }
}

const FOLDS: &str = r#"
name = "folds"
input = { channels = 3, height = 32, width = 32 }
classes = 10
[[parts]]
name = "body"
layers = [
    { conv = { kernel = 3, out = 6, stride = 2 } }, "batch-norm", "relu",
    { residual = { body = [{ separable = { out = 6 } }, "batch-norm"] } }, "relu", { max-pool = {} },
]
[[parts]]
name = "head"
layers = [{ dense-head = {} }]
"#;

#[test]
fn folded_shown_evaluated_exported_and_asked() {
    let place = Place::new();
    std::fs::write(place.path("small.toml"), FOLDS).unwrap();
    good(&mut place.train("--recipe smoke --hold-out 300", "a"));
    let (run, folded) = (place.path("a"), place.path("folded.safetensors"));
    let weights = run.join("weights.safetensors");
    let tool = |words: &str, files: &[&Path]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.args(words.split_whitespace()).args(files).current_dir(place.dir.path());
        command
    };
    let text = said(&good(&mut tool("zoo fold --out folded.safetensors", &[&weights])));
    // Two summands and factors of each norm gone, a bias of each convolution come: 6, 6 and 6 channels.
    let before = measured(&run).parameters;
    assert!(text.contains(&format!("6 operations, {} parameters ({before} before)", before - 2 * 12 + 18)), "{text}");
    for path in [&run, &weights, &folded] {
        let text = said(&good(&mut tool("summary", &[path])));
        assert!(text.contains("Folded: 6 operations") && text.contains("max-pool"), "{text}");
    }
    // The same images right, but for those that rounding may decide.
    let right = |text: &str| text.split(' ').nth(1).unwrap().parse::<i64>().unwrap();
    let by_libtorch = said(&good(zoo("evaluate").arg(&weights)));
    let by_runtime = said(&good(zoo("evaluate").arg(&folded)));
    assert!(by_runtime.contains("by litecnn-runtime"), "{by_runtime}");
    assert!((right(&by_libtorch) - right(&by_runtime)).abs() <= 1, "{by_libtorch} {by_runtime}");
    // Folded beforehand or on the way, by file or folder.
    let exported = |from: &Path| {
        good(&mut tool("export --to litecnn --out x.litecnn", &[from]));
        std::fs::read(place.path("x.litecnn")).unwrap()
    };
    assert_eq!(exported(&folded), exported(&weights));
    assert_eq!(exported(&folded), exported(&run));
    for to in ["onnx --out x.onnx", "c", "rust"] {
        good(&mut tool(&format!("export --to {to}"), &[&folded]));
    }
    let picture = place.path("x.png");
    image::RgbImage::from_fn(40, 32, |x, y| image::Rgb([x as u8 * 6, y as u8 * 7, 99])).save(&picture).unwrap();
    let said_by = |model: &Path| said(&good(&mut tool("predict --json", &[model, &picture])));
    assert!(said_by(&folded).contains("\"probabilities\""));
    assert_eq!(said_by(&folded), said_by(&weights));
    assert_eq!(said_by(&folded), said_by(&place.path("x.litecnn")));
    let folder = place.path("pictures");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&picture, folder.join("x.png")).unwrap();
    for to in ["litecnn --out i.litecnn", "rust"] {
        good(tool(&format!("export --int8 --to {to}"), &[&folded]).arg("--calibrate").arg(&folder));
    }
    let (floats, integers) = (place.path("x.litecnn"), place.path("i.litecnn"));
    assert!(said_by(&integers).contains("\"probabilities\""));
    assert!(std::fs::metadata(&integers).unwrap().len() < std::fs::metadata(&floats).unwrap().len());

    std::fs::write(place.path("small.toml"), NETWORK).unwrap();
    good(&mut place.train("--recipe smoke --epochs 1 --limit-train 100", "b"));
    let other = place.path("b/weights.safetensors");
    for (command, status, message) in [
        (&mut tool("export --to litecnn", &[&other]), 1, "(concat) has no place among"),
        (&mut tool("zoo fold --out x", &[&folded]), 2, "is folded already"),
        (zoo("evaluate --out e").arg(&folded), 2, "--out is for weights of `litecnn zoo`"),
    ] {
        let (found, stderr) = bad(command);
        assert!(found == status && stderr.contains(message), "{message}: {found} {stderr}");
    }
}
