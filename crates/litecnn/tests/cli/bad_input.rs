//! Bad input: one clear sentence, the right exit status, nothing half-written.

use std::path::Path;
use std::process::Command;

use litecnn_run::SeedDir;

use crate::{bad, content, good, litecnn, samples};

fn recipe(dir: &Path, text: &str) -> String {
    let path = dir.join("recipe.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn wrong_usage_is_status_two_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for (words, message) in [
        ("train stage-3", "invalid value 'stage-3'"),
        ("train --device gpu", "possible are auto, cpu, cuda, cuda:N"),
        ("train --device cuda:99", "CUDA was asked for|there is no device cuda:99"),
        ("train --threads 0", "0 is not in 1..=1024"),
        ("train --max-epochs 0", "0 is not in 1.."),
        ("train --seed -1", "unexpected argument '-1'"),
        ("train --recipe absent.toml", "absent.toml: no such recipe"),
    ] {
        // The last of an option counts, so the helper's own device must go.
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.args(words.split_whitespace()).args(["--dataset", "mnist", "--run"]).arg(&run);
        command.arg("--data-dir").arg(samples());
        let (status, stderr) = bad(&mut command);
        assert_eq!(status, 2, "{words}: {stderr}");
        assert!(message.split('|').any(|m| stderr.contains(m)), "{words}: {stderr}");
    }
    let mut unknown = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    unknown.args(["train", "--dataset", "mnits", "--run"]).arg(&run);
    let (status, stderr) = bad(&mut unknown);
    assert!(status == 2 && stderr.contains("mnits") && stderr.contains("mnist"), "{stderr}");
    assert!(!run.exists(), "nothing was made");
}

#[test]
fn networks_that_are_unknown_or_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("mine.toml");
    std::fs::write(&mine, "name = \"mine\"\ninput = 3\n").unwrap();
    for (words, status, message) in [
        ("zoo show resnet101-gost", 2, "no network `resnet101-gost`; known, nearest first: resnet101-ghost, "),
        ("zoo show vgg19-gap --classes 1", 1, "vgg19-gap, classes: 1 classes; 2 to 65536 are possible"),
        ("zoo show absent.toml", 1, "absent.toml: cannot be read"),
        (&format!("zoo show {}", mine.display()), 1, "mine.toml, line 2: invalid type: integer `3`"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        let (found, stderr) = bad(command.args(words.split_whitespace()));
        assert!(found == status && stderr.contains(message), "{words}: {stderr}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    let table = String::from_utf8(good(command.args(["zoo", "table", "--previous"])).stdout).unwrap();
    // A figure that is not the published one is marked.
    assert!(table.contains("42.697 / 42.697") && table.matches('*').count() == 1, "{table}");
    let toml = good(Command::new(env!("CARGO_BIN_EXE_litecnn")).args(["zoo", "show", "vgg19-13", "--toml"])).stdout;
    std::fs::write(&mine, toml).unwrap();
    let shown = good(Command::new(env!("CARGO_BIN_EXE_litecnn")).args(["zoo", "show"]).arg(&mine)).stdout;
    assert!(String::from_utf8(shown).unwrap().contains("Parameters: 260710"));
}

#[test]
fn faults_in_a_recipe_are_shown_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for (text, message) in [
        ("[stage-1]\nepoch = 3\n", "line 2: unknown key `stage-1.epoch`"),
        ("[stage-1]\nepochs = 0\n", "line 2: `stage-1.epochs`: 0 is impossible"),
        ("\n[cross-validation]\nfolds = 0\n", "line 3: `cross-validation.folds`: 0 is impossible"),
        ("[stage-2-2]\nbatch-size = 0\n", "line 2: `stage-2-2.batch-size`: 0 is impossible"),
    ] {
        let recipe = recipe(dir.path(), text);
        let (status, stderr) = bad(litecnn("train", &run).args(["--recipe", &recipe]));
        assert!(status == 2 && stderr.contains(message), "{stderr}");
    }
    assert!(!run.exists());
    // Good in itself, but not for these images.
    let recipe = recipe(dir.path(), "[data]\nvalidation-images = 1000\n");
    let (status, stderr) = bad(litecnn("train", &run).args(["--recipe", &recipe]));
    assert!(status == 1 && stderr.contains("1000 validation images cannot be cut from 1000"), "{stderr}");
}

#[test]
fn faults_in_the_data_are_told_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let (run, data) = (dir.path().join("run"), dir.path().join("data"));
    let with = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        command.args(words.split_whitespace()).args(["--dataset", "mnist", "--device", "cpu", "--run"]).arg(&run);
        command.arg("--data-dir").arg(&data);
        command
    };
    let (status, stderr) = bad(&mut with("train --recipe smoke"));
    assert!(status == 1 && stderr.contains("data"), "{stderr}");
    std::fs::create_dir_all(data.join("mnist")).unwrap();
    std::fs::copy(samples().join("manifest.toml"), data.join("manifest.toml")).unwrap();
    for entry in std::fs::read_dir(samples().join("mnist")).unwrap().flatten() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        if entry.file_name().to_string_lossy().starts_with("train-images") {
            bytes.truncate(bytes.len() / 2);
        }
        std::fs::write(data.join("mnist").join(entry.file_name()), bytes).unwrap();
    }
    let (status, stderr) = bad(&mut with("train --recipe smoke"));
    assert!(status == 1 && stderr.contains("train-images-idx3-ubyte"), "{stderr}");
    assert!(!run.exists());
}

#[test]
fn run_directories_of_others_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let short = ["--recipe", "smoke", "--max-epochs", "1"];
    good(litecnn("train stage-1", &run).args(short));
    let before = content(&run);

    let (status, stderr) = bad(litecnn("train stage-1", &run).args(["--recipe", "smoke"]));
    assert!(status == 1 && stderr.contains("run.toml") && stderr.contains("--run"), "{stderr}");

    let lock = litecnn_run::Lock::try_acquire(&run.join(".lock")).unwrap();
    let (status, stderr) = bad(litecnn("train stage-1", &run).args(short));
    assert!(status == 1 && stderr.contains("in use by another process"), "{stderr}");
    drop(lock);

    let manifest = std::fs::read_to_string(run.join("run.toml")).unwrap();
    std::fs::write(run.join("run.toml"), manifest.replace("litecnn-run/1", "litecnn-run/2")).unwrap();
    let (status, stderr) = bad(litecnn("train stage-1", &run).args(short));
    assert!(status == 1 && stderr.contains("litecnn-run/2"), "{stderr}");
    assert!(content(&run) == before);
}

#[test]
fn steps_out_of_order_and_damaged_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let short = ["--recipe", "smoke", "--max-epochs", "1"];
    for (step, wanted) in [
        ("surgery", "litecnn train stage-1"),
        ("train stage-2-1", "litecnn surgery"),
        ("train stage-2-2", "litecnn train stage-2-1"),
        ("train folds", "litecnn train stage-2-2"),
        ("train scratch", "litecnn train stage-2-2"),
        ("evaluate", "litecnn train stage-1"),
    ] {
        let (status, stderr) = bad(litecnn(step, &run).args(short));
        assert!(status == 1 && stderr.contains(&format!("run `{wanted}` of this run first")), "{step}: {stderr}");
    }
    good(litecnn("train stage-1", &run).args(short));
    let branch = SeedDir::new(&run, "mnist", 0).branch(2);
    let bytes = std::fs::read(&branch).unwrap();
    std::fs::write(&branch, &bytes[..bytes.len() / 2]).unwrap();
    let (status, stderr) = bad(litecnn("surgery", &run).args(short));
    assert!(
        status == 1 && stderr.contains("branch-2.safetensors is not as `litecnn train stage-1` left it"),
        "{stderr}"
    );
    assert!(!SeedDir::new(&run, "mnist", 0).unified().exists());

    let mut report = Command::new(env!("CARGO_BIN_EXE_litecnn"));
    let (status, stderr) = bad(report.arg("report").arg(dir.path().join("absent")));
    assert!(status == 1 && stderr.contains("absent"), "{stderr}");
    let wrong: [(&[&str], &str); 5] = [
        (&[], "RUNS"),
        (&["a", "b"], "--compare"),
        (&["a", "--compare"], "two run directories or more"),
        (&["a", "--out", "x"], "--compare"),
        (&["a", "b", "--compare", "--png"], "--png"),
    ];
    for (words, expected) in wrong {
        let mut report = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        let (status, stderr) = bad(report.arg("report").args(words));
        assert!(status == 2 && stderr.contains(expected), "{words:?}: {stderr}");
    }
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let (status, stderr) = bad(&mut litecnn("train --recipe smoke", &file.join("run")));
    assert!(status == 1 && stderr.contains("cannot create"), "{stderr}");

    // A place where nobody may write, whoever runs this.
    let (status, stderr) = bad(&mut litecnn("train --recipe smoke", Path::new("/proc/litecnn/run")));
    assert!(status == 1 && stderr.contains("cannot create /proc/litecnn"), "{stderr}");

    let sealed = dir.path().join("sealed");
    std::fs::create_dir(&sealed).unwrap();
    std::fs::set_permissions(&sealed, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    if std::fs::write(sealed.join("probe"), b"").is_ok() {
        println!("skipped the folder without permission: this user may write everywhere");
        return;
    }
    let (status, stderr) = bad(&mut litecnn("train --recipe smoke", &sealed.join("run")));
    assert!(status == 1 && stderr.contains("cannot create") && stderr.contains("ermission denied"), "{stderr}");
}

/// No file may grow beyond a limit, as on a full disk: the write fails, the file that was there stays.
#[test]
fn a_full_disk_leaves_nothing_half_written_and_costs_no_work() {
    let dir = tempfile::tempdir().unwrap();
    let (run, expected) = (dir.path().join("run"), dir.path().join("expected"));
    let short = "--recipe smoke --max-epochs 2";
    good(&mut litecnn(&format!("train {short}"), &expected));
    // Blocks of 512 bytes: the manifest fits, weights do not.
    let limited = |words: &str| {
        let tool = litecnn(words, &run);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""])
            .arg(tool.get_program())
            .args(tool.get_args());
        shell
    };
    let (status, stderr) = bad(&mut limited(&format!("train stage-1 {short}")));
    assert!(status == 1 && stderr.contains("cannot write") && stderr.contains("state.safetensors"), "{stderr}");
    assert_eq!(stderr.matches("os error").count(), 1, "told once: {stderr}");
    good(&mut litecnn(&format!("train stage-1 {short}"), &run));
    let (status, stderr) = bad(&mut limited(&format!("surgery {short}")));
    assert!(status == 1 && stderr.contains("cannot write") && stderr.contains("unified.safetensors"), "{stderr}");
    assert!(!SeedDir::new(&run, "mnist", 0).unified().exists());
    good(&mut litecnn(&format!("train {short}"), &run));
    assert!(content(&run) == content(&expected), "no temporary files, the same bytes");
    let (status, stderr) = bad(&mut limited(&format!("evaluate {short}")));
    assert!(status == 1 && stderr.contains("cannot write"), "{stderr}");
    assert!(!SeedDir::new(&run, "mnist", 0).metrics().exists());
}

#[test]
fn exports_of_what_is_no_model_and_to_nowhere_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "no model").unwrap();
    let export = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litecnn"));
        bad(command.current_dir(dir.path()).arg("export").args(words))
    };
    for (words, expected_status, expected) in [
        (&["notes.txt", "--to", "onnx"][..], 1, "notes.txt"),
        (&["absent.safetensors", "--to", "c"], 1, "absent.safetensors"),
        (&["notes.txt", "--to", "tar"], 2, "onnx"),
        (&["notes.txt", "--to", "onnx", "--name", "x"], 2, "--name"),
    ] {
        let (status, stderr) = export(words);
        assert!(status == expected_status && stderr.contains(expected), "{words:?}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing but the notes");
}
