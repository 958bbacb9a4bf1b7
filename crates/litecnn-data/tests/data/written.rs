//! Data sets written out as pictures.

use std::path::Path;

use litecnn_data::{DataError, Dataset, LoadOptions, PicturePart, load, write_pictures};

fn sample(name: &str) -> Dataset {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/samples");
    load(name, &LoadOptions { data_dir: Some(samples.into()), ..LoadOptions::default() }).unwrap()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn pictures_are_the_images_in_folders_of_their_classes() {
    let dir = tempfile::tempdir().unwrap();
    for (name, part, expected) in [
        ("mnist", PicturePart::All, 1200),
        ("fashion-mnist", PicturePart::Test, 200),
        ("cifar10", PicturePart::Test, 200),
    ] {
        let set = sample(name);
        let folder = dir.path().join("made").join(name);
        assert_eq!(write_pictures(&set, part, &folder).unwrap(), expected);
        assert_eq!(files(&folder), 10);
        for (at, label) in set.test.labels.iter().enumerate().take(20) {
            let class = set.classes[usize::from(*label)].replace('/', "-");
            let picture = image::open(folder.join(class).join(format!("test-{at:05}.png"))).unwrap();
            let (_, height, width, channels) = set.test.pixels.dim();
            assert_eq!((picture.height() as usize, picture.width() as usize), (height, width));
            assert_eq!(usize::from(picture.color().channel_count()), channels);
            let pixels: Vec<u8> = set.test.pixels.index_axis(ndarray::Axis(0), at).iter().copied().collect();
            assert_eq!(picture.into_bytes(), pixels);
        }
    }
    assert_eq!(files(&dir.path().join("made/mnist/7")), 120);
    assert_eq!(files(&dir.path().join("made")), 3, "nothing is left beside");
}

#[test]
fn what_is_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let set = sample("mnist");
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let error = write_pictures(&set, PicturePart::Test, dir.path()).unwrap_err();
    assert!(matches!(error, DataError::Pictures { .. }) && error.to_string().contains("is there already"), "{error}");
    assert_eq!(files(dir.path()), 1);
    // An empty folder is as good as none.
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(write_pictures(&set, PicturePart::Test, &empty).unwrap(), 200);
}
