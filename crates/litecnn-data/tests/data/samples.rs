use std::path::Path;

use litecnn_data::{LoadOptions, fetch, write_sample};

use crate::{load_from, says, tiny};

#[test]
fn the_committed_samples_load() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
    for (name, shape) in [("mnist", (28, 28, 1)), ("fashion-mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))] {
        let set = load_from(name, &samples).unwrap();
        let (h, w, c) = shape;
        assert_eq!(set.train.pixels.dim(), (1000, h, w, c));
        assert_eq!(set.test.pixels.dim(), (200, h, w, c));
        assert!(!set.official && set.classes.len() == 10 && !set.train.is_empty());
        for class in 0..10 {
            let count = |labels: &[u8]| labels.iter().filter(|l| **l == class).count();
            assert_eq!((count(&set.train.labels), count(&set.test.labels)), (100, 20));
        }
        let own = load_from(name, &samples.join(name)).unwrap();
        assert_eq!(own.digest, set.digest, "the folder of the set alone does as well");
    }
}

#[test]
fn the_committed_samples_are_what_write_sample_writes() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/samples");
    let dir = tempfile::tempdir().unwrap();
    for name in ["mnist", "cifar10"] {
        let set = load_from(name, &samples).unwrap();
        write_sample(&set, 1000, 200, dir.path()).unwrap();
        let written = load_from(name, dir.path()).unwrap();
        assert_eq!(written, set);
        for entry in std::fs::read_dir(samples.join(name)).unwrap().flatten() {
            let again = std::fs::read(dir.path().join(name).join(entry.file_name())).unwrap();
            assert!(std::fs::read(entry.path()).unwrap() == again, "{:?}", entry.path());
            assert!(again.len() < 2_000_000);
        }
    }
}

#[test]
fn written_and_read_back_in_both_formats() {
    for channels in [1, 3, 4] {
        let dir = tempfile::tempdir().unwrap();
        let set = tiny(channels);
        write_sample(&set, 10, 4, dir.path()).unwrap();
        let read = load_from("tiny", dir.path()).unwrap();
        assert_eq!((&read.train, &read.test, &read.classes), (&set.train, &set.test, &set.classes));
        write_sample(&set, 4, 2, dir.path()).unwrap();
        let smaller = load_from("tiny", dir.path()).unwrap();
        assert_eq!(smaller.train.labels, [0, 1, 0, 1]);
        assert_ne!(smaller.digest, read.digest);
    }
}

#[test]
fn sets_are_merged_into_one_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = tiny(3);
    other.name = "other".into();
    write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
    write_sample(&other, 10, 4, dir.path()).unwrap();
    write_sample(&tiny(1), 4, 4, dir.path()).unwrap();
    assert_eq!(load_from("tiny", dir.path()).unwrap().train.len(), 4);
    assert_eq!(load_from("other", dir.path()).unwrap().train.len(), 10);
    says(&load_from("othre", dir.path()).unwrap_err(), &["`othre`", "did you mean `other`", "tiny, other, mnist"]);
    let options = LoadOptions { data_dir: Some(dir.path().into()), ..LoadOptions::default() };
    let fetched = fetch("other", &options, &mut |_| {}).unwrap();
    assert_eq!((fetched.bytes, fetched.folder.as_path()), (37 * 14, dir.path()));
}

#[test]
fn impossible_samples_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("out");
    for (train, test, words) in [
        (5, 4, "multiple of 2"),
        (0, 4, "multiple of 2"),
        (12, 4, "class `even` has 5 training images, 6 are needed"),
        (10, 6, "class `even` has 2 test images, 3 are needed"),
    ] {
        says(&write_sample(&tiny(1), train, test, &folder).unwrap_err(), &["`tiny`", words]);
    }
    let mut climbing = tiny(1);
    climbing.name = "../up".into();
    says(&write_sample(&climbing, 10, 4, &folder).unwrap_err(), &["../up", "letters, digits"]);
    assert!(!folder.exists());
}
