use std::path::Path;

use litecnn_data::{Dataset, Images, LoadOptions, fetch, official_sets, write_sample};
use ndarray::Array4;

use crate::{load_from, says, tiny, two_labels};

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
fn two_labels_are_written_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let set = two_labels();
    write_sample(&set, 12, 8, dir.path()).unwrap();
    let read = load_from("two", dir.path()).unwrap();
    assert_eq!(
        (&read.train, &read.test, &read.classes, &read.coarse),
        (&set.train, &set.test, &set.classes, &set.coarse)
    );
    let manifest = std::fs::read_to_string(dir.path().join("manifest.toml")).unwrap();
    assert!(manifest.contains("format = \"cifar100\""), "{manifest}");
    let mut again = read.clone();
    again.name = "again".into();
    write_sample(&again, 4, 4, dir.path()).unwrap();
    let smaller = load_from("again", dir.path()).unwrap();
    assert_eq!((smaller.train.labels, smaller.coarse), (vec![0, 1, 2, 3], set.coarse));
}

#[test]
fn a_hundred_classes_are_learnt_of_the_second_label() {
    let classes = 100;
    let images = |n: usize| Images {
        pixels: Array4::from_shape_fn((n, 32, 32, 3), |(i, y, x, c)| (i * 31 + y * 7 + x * 3 + c * 11) as u8),
        labels: (0..n).map(|i| (i % classes) as u8).collect(),
    };
    let set = Dataset {
        name: "cifar100".into(),
        title: "CIFAR-100".into(),
        classes: official_sets().unwrap().iter().find(|s| s.name == "cifar100").unwrap().classes.clone(),
        coarse: Some((0..classes).map(|class| (class * 7 % 20) as u8).collect()),
        train: images(200),
        validation: None,
        pictures: None,
        test: images(100),
        digest: String::new(),
        official: false,
    };
    let dir = tempfile::tempdir().unwrap();
    write_sample(&set, 200, 100, dir.path()).unwrap();
    let read = load_from("cifar100", dir.path()).unwrap();
    assert_eq!((&read.train, &read.test, &read.coarse), (&set.train, &set.test, &set.coarse));
    assert_eq!((read.classes[99].as_str(), read.official), ("worm", false));
    // Without a manifest these are no files of the official set, and none of the advice is about labels.
    std::fs::remove_file(dir.path().join("manifest.toml")).unwrap();
    says(&load_from("cifar100", dir.path()).unwrap_err(), &["train.bin.gz", "614800 bytes where 153700000"]);
    let own = dir.path().join("cifar100");
    std::fs::write(own.join("train.bin"), vec![0; 50_000 * 3073]).unwrap();
    let error = load_from("cifar100", &own).unwrap_err();
    says(&error, &["train.bin", "50000 records of 3073 bytes with one label, the format cifar (CIFAR-10)"]);
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
