use std::path::Path;
use std::process::Command;

use litecnn_data::{LoadOptions, fetch, load, write_sample};

use crate::{load_from, refused, says, tiny};

/// Runs this test again in a process of its own, where only these variables say where data are. True in the parent,
/// which then has nothing more to do.
fn runs_alone(test: &str, variables: &[(&str, &Path)]) -> bool {
    if std::env::var_os("LITECNN_TEST_CHILD").is_some() {
        return false;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("LITECNN_TEST_CHILD", "1");
    command.env_remove("LITECNN_DATA").env_remove("LITECNN_OFFLINE");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// What is anywhere below a folder.
fn below(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path().display().to_string());
        found.extend(below(&entry.path()));
    }
    found
}

#[test]
fn offline_with_nothing_lists_what_was_tried() {
    if runs_alone("places::offline_with_nothing_lists_what_was_tried", &[]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let options = LoadOptions { cache_dir: Some(cache.clone()), offline: true, ..LoadOptions::default() };
    let place = cache.join("cifar10").display().to_string();
    let words = [
        &place,
        "nothing there yet",
        "network: switched off",
        "By hand: put data_batch_1.bin",
        "<dir>/cifar10",
        "--data-dir",
    ];
    says(&load("cifar10", &options).unwrap_err(), &words);
    says(&fetch("cifar10", &options, &mut |_| {}).unwrap_err(), &words);
    assert!(!cache.exists(), "looking leaves no trace");
}

#[test]
fn a_damaged_cache_is_noticed() {
    if runs_alone("places::a_damaged_cache_is_noticed", &[]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("mnist");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("t10k-labels-idx1-ubyte"), [0; 10_008]).unwrap();
    std::fs::write(folder.join("train-labels-idx1-ubyte"), [0; 60]).unwrap();
    let before = below(dir.path());
    let options = LoadOptions { cache_dir: Some(dir.path().into()), offline: true, ..LoadOptions::default() };
    says(
        &load("mnist", &options).unwrap_err(),
        &[
            "t10k-labels-idx1-ubyte is damaged",
            "ff7bcfd4",
            "train-labels-idx1-ubyte has 60 bytes, not 60008",
            "2 of 4 files missing",
        ],
    );
    assert_eq!(below(dir.path()), before);
}

#[test]
fn every_file_of_a_set_is_looked_at() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(samples.join("manifest.toml"), dir.path().join("manifest.toml")).unwrap();
    for set in ["mnist", "fashion-mnist", "cifar10"] {
        let folder = dir.path().join(set);
        std::fs::create_dir(&folder).unwrap();
        let names = || std::fs::read_dir(samples.join(set)).unwrap().map(|entry| entry.unwrap().file_name());
        for name in names() {
            std::fs::copy(samples.join(set).join(&name), folder.join(&name)).unwrap();
        }
        for name in names() {
            let (path, shown) = (folder.join(&name), name.to_str().unwrap());
            let whole = std::fs::read(&path).unwrap();
            // Within what is packed: the last eight bytes are its own checksum and length.
            for damaged in [whole.len() / 2, whole.len() - 12, whole.len() - 6] {
                let mut bytes = whole.clone();
                bytes[damaged] ^= 0x10;
                std::fs::write(&path, bytes).unwrap();
                refused(set, dir.path(), &[shown]);
            }
            std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
            refused(set, dir.path(), &[shown]);
            std::fs::write(&path, whole).unwrap();
        }
        load_from(set, dir.path()).unwrap();
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_told_before_anything_is_fetched() {
    if runs_alone("places::a_cache_that_cannot_be_written_is_told_before_anything_is_fetched", &[]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let in_the_way = dir.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let options = LoadOptions { cache_dir: Some(in_the_way), ..LoadOptions::default() };
    says(&load("mnist", &options).unwrap_err(), &["data cache cannot be used", "file", "XDG_CACHE_HOME"]);
    assert_eq!(below(dir.path()).len(), 1);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let locked = dir.path().join("locked");
        std::fs::create_dir(&locked).unwrap();
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
        if std::fs::write(locked.join("probe"), "").is_ok() {
            println!("skipped: this user may write anywhere");
            return;
        }
        let options = LoadOptions { cache_dir: Some(locked.clone()), ..LoadOptions::default() };
        says(&load("mnist", &options).unwrap_err(), &["data cache cannot be used", "ermission denied", "writable"]);
        assert!(below(&locked).is_empty());
    }
}

#[test]
fn the_environment_names_a_data_folder() {
    let dir = tempfile::tempdir().unwrap();
    write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
    if runs_alone("places::the_environment_names_a_data_folder", &[("LITECNN_DATA", dir.path())]) {
        return;
    }
    assert_eq!(load("tiny", &LoadOptions::default()).unwrap().train.len(), 10);
    let missing = LoadOptions { data_dir: Some(dir.path().join("absent")), ..LoadOptions::default() };
    says(&load("tiny", &missing).unwrap_err(), &["absent"]); // what the caller gives goes first
}

#[test]
fn the_environment_forbids_the_network() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [("LITECNN_OFFLINE", Path::new("1")), ("XDG_CACHE_HOME", dir.path())];
    if runs_alone("places::the_environment_forbids_the_network", &variables) {
        return;
    }
    says(&load("mnist", &LoadOptions::default()).unwrap_err(), &["switched off", "LITECNN_OFFLINE"]);
}

#[test]
fn folders_without_the_data_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    refused("mnist", &dir.path().join("absent"), &["absent is not there", "--data-dir", "LITECNN_DATA"]);
    refused("mnist", dir.path(), &["no `train-images-idx3-ubyte`", "`mnist`", "put the file there"]);
    std::fs::write(dir.path().join("file"), "").unwrap();
    refused("mnist", &dir.path().join("file"), &["file is not there"]);
    refused("MNIST", dir.path(), &["did you mean `mnist`", "mnist, fashion-mnist, cifar10"]);
    refused("imagenet", dir.path(), &["`imagenet`", "choose one of"]);
    refused("", dir.path(), &["choose one of"]);
}

#[cfg(unix)]
#[test]
fn files_that_may_not_be_read_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
    let path = dir.path().join("tiny/train-labels-idx1-ubyte.gz");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    refused("tiny", dir.path(), &["cannot read", "train-labels-idx1-ubyte.gz", "ermission denied"]);
}

#[test]
fn files_may_lie_in_the_folder_itself() {
    let dir = tempfile::tempdir().unwrap();
    write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
    for entry in std::fs::read_dir(dir.path().join("tiny")).unwrap().flatten() {
        std::fs::rename(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    assert_eq!(load_from("tiny", dir.path()).unwrap().test.len(), 4);
}
