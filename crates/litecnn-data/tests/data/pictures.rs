//! Folders of pictures become data sets, whatever is wrong with the pictures, the cache or the processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{GrayImage, Rgb, RgbImage};
use litecnn_data::{
    DataError, Dataset, Fit, ImportReport, Part, PictureOptions, PictureProgress, export_pictures, import_pictures,
    load_pictures,
};

use crate::load_from;

/// A folder of pictures and a cache for its imports.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// Grey pictures of 6x4 pixels, no two alike, so many in each class.
    fn new(classes: &[(&str, usize)]) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        for (at, (class, count)) in classes.iter().enumerate() {
            for number in 0..*count {
                place.grey(&format!("{class}/{number}.png"), (40 * at + number) as u8);
            }
        }
        place
    }

    fn photos(&self) -> PathBuf {
        self.dir.path().join("photos")
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.photos().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn grey(&self, name: &str, value: u8) {
        GrayImage::from_fn(6, 4, |x, y| [value.wrapping_add((x + 6 * y) as u8)].into()).save(self.path(name)).unwrap();
    }

    fn options(&self) -> PictureOptions {
        let cache_dir = Some(self.dir.path().join("cache"));
        PictureOptions { size: 4, fit: Fit::Stretch, threads: Some(2), cache_dir, ..PictureOptions::default() }
    }

    fn load(&self, options: &PictureOptions) -> Result<(Dataset, ImportReport), DataError> {
        load_pictures(&self.photos(), options, &mut |_| {})
    }

    fn refused(&self, options: &PictureOptions, words: &[&str]) {
        crate::says(&self.load(options).unwrap_err(), words);
    }
}

/// Images of each class in training, validation and test.
fn counts(report: &ImportReport) -> Vec<(&str, [usize; 3])> {
    report.tally.classes.iter().map(|c| (c.name.as_str(), [c.train, c.validation, c.test])).collect()
}

/// Labels and pixels of all images, in an order of their own.
fn all(dataset: &Dataset) -> Vec<(u8, Vec<u8>)> {
    let parts = [Some(&dataset.train), dataset.validation.as_ref(), Some(&dataset.test)];
    let mut all: Vec<(u8, Vec<u8>)> = parts
        .into_iter()
        .flatten()
        .flat_map(|part| part.labels.iter().zip(part.pixels.outer_iter()))
        .map(|(label, pixels)| (*label, pixels.iter().copied().collect()))
        .collect();
    all.sort_unstable();
    all
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_becomes_a_set_and_the_second_start_finds_it() {
    let place = Place::new(&[("10", 20), ("9", 10), ("b", 3), ("c", 2), ("d", 1)]);
    let (dataset, report) = place.load(&place.options()).unwrap();
    assert_eq!((dataset.name.as_str(), report.cached), ("photos", false));
    assert_eq!(dataset.classes, ["9", "10", "b", "c", "d"]);
    let expected = [("9", [6, 2, 2]), ("10", [14, 3, 3]), ("b", [1, 1, 1]), ("c", [1, 0, 1]), ("d", [1, 0, 0])];
    assert_eq!(counts(&report), expected);
    assert_eq!(report.images(Part::Validation), 6);
    assert_eq!(report.imbalance(), 14.0);
    assert_eq!((report.cut.test, report.cut.validation, report.cut.seed), (Some(0.15), Some(0.15), 0));
    assert_eq!(dataset.train.pixels.dim(), (23, 4, 4, 1), "grey pictures have one channel");
    assert_eq!(dataset.validation.as_ref().unwrap().pixels.dim(), (6, 4, 4, 1));
    let form = dataset.pictures.unwrap();
    assert_eq!(form, report.form);

    // Every picture is one image, and the image is what its form makes of it.
    let mut expected = vec![];
    for (label, class) in (0..).zip(&dataset.classes) {
        for name in names(&place.photos().join(class)) {
            let bytes = fs::read(place.photos().join(class).join(name)).unwrap();
            expected.push((label, form.pixels(&bytes).unwrap()));
        }
    }
    expected.sort_unstable();
    assert_eq!(all(&dataset), expected);

    let mut log = vec![];
    let (again, found) = load_pictures(&place.photos(), &place.options(), &mut |p| log.push(p)).unwrap();
    assert_eq!((&again, log), (&dataset, vec![PictureProgress::Scanning]), "nothing is decoded");
    let mut cached = report.clone();
    cached.cached = true;
    assert_eq!(found, cached);
    assert_eq!(load_from("photos", &report.folder).unwrap(), dataset, "it is a data folder like any other");
    let out = place.dir.path().join("out");
    litecnn_data::write_sample(&crate::tiny(3), 2, 2, &out).unwrap();
    export_pictures(&report, &out).unwrap();
    assert_eq!(load_from("photos", &out).unwrap(), dataset);
    load_from("tiny", &out).unwrap();
}

#[test]
fn seed_and_shares_choose_and_threads_do_not() {
    let place = Place::new(&[("a", 30), ("b", 30)]);
    let digest = |options: PictureOptions| place.load(&options).unwrap().0.digest;
    let base = digest(place.options());
    for threads in [1, 7] {
        let cache_dir = Some(place.dir.path().join(threads.to_string()));
        assert_eq!(digest(PictureOptions { threads: Some(threads), cache_dir, ..place.options() }), base);
    }
    assert_ne!(digest(PictureOptions { seed: 1, ..place.options() }), base);
    let options = PictureOptions { validation_share: 0.0, test_share: 0.5, ..place.options() };
    let (dataset, report) = place.load(&options).unwrap();
    assert_eq!((dataset.validation, counts(&report)[0].1), (None, [15, 0, 15]));
    assert_eq!(report.cut.validation, None);
    place.refused(&PictureOptions { test_share: 0.0, ..place.options() }, &["test share of 0"]);
}

#[test]
fn parts_of_the_folder_are_kept_and_others_cut_from_training() {
    let place = Place::new(&[("train/a", 10), ("train/b", 10), ("valid/b", 2)]);
    let report = place.load(&place.options()).unwrap().1;
    assert_eq!(counts(&report), [("a", [8, 0, 2]), ("b", [8, 2, 2])]);
    assert_eq!((report.cut.test, report.cut.validation), (Some(0.15), None));
    place.grey("test/a/0.png", 200);
    let (dataset, report) = place.load(&place.options()).unwrap();
    assert_eq!(counts(&report), [("a", [10, 0, 1]), ("b", [10, 2, 0])]);
    assert_eq!(dataset.test.labels, [0]);

    let list = "path,label,split\ntrain/a/0.png,x,train\ntrain/b/0.png,y,train\ntrain/a/1.png,x,test\nno.png,x,test\n";
    fs::write(place.path("some.csv"), list).unwrap();
    let (dataset, report) = load_pictures(&place.path("some.csv"), &place.options(), &mut |_| {}).unwrap();
    assert_eq!((dataset.name.as_str(), dataset.validation), ("some", None));
    assert_eq!(counts(&report), [("x", [1, 0, 1]), ("y", [1, 0, 0])]);
    assert_eq!((report.tally.skipped.count, report.tally.skipped.first[0].path.as_str()), (1, "no.png"));
    let strict = PictureOptions { strict: true, ..place.options() };
    crate::says(&load_pictures(&place.path("some.csv"), &strict, &mut |_| {}).unwrap_err(), &["no.png", "strict"]);
}

#[test]
fn a_change_of_the_pictures_or_options_makes_a_new_import() {
    let place = Place::new(&[("a", 6), ("b", 6)]);
    let load = || place.load(&place.options()).unwrap();
    let (first, report) = load();
    assert!(load().1.cached);
    place.grey("a/new.png", 99);
    let (more, report_of_more) = load();
    assert_eq!((more.train.len(), report_of_more.cached), (first.train.len() + 1, false));
    assert_eq!(report.folder, report_of_more.folder, "it takes the place of what was there");
    fs::remove_file(place.path("a/new.png")).unwrap();
    let (back, report) = load();
    assert!(!report.cached && back == first);
    // The same size, another time and content.
    place.grey("a/0.png", 98);
    assert!(!load().1.cached);
    let larger = place.load(&PictureOptions { size: 5, ..place.options() }).unwrap().1;
    assert!(!larger.cached && larger.folder != report.folder && load().1.cached);
}

#[test]
fn a_damaged_cache_is_noticed_and_made_again() {
    let place = Place::new(&[("a", 6), ("b", 6)]);
    let (first, report) = place.load(&place.options()).unwrap();
    let damage = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = report.folder.join(name);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
        let (again, report) = place.load(&place.options()).unwrap();
        assert!(!report.cached && again == first, "{name}");
    };
    damage("train_batch_1.bin", &|bytes| bytes[5] ^= 1);
    damage("validation_batch_1.bin", &|bytes| bytes.truncate(3));
    damage("manifest.toml", &|bytes| bytes[30] ^= 1);
    damage("import.json", &|bytes| bytes.truncate(20));
    fs::remove_file(report.folder.join("test_batch_1.bin")).unwrap();
    assert!(!import_pictures(&place.photos(), &place.options(), &mut |_| {}).unwrap().cached);
    assert!(import_pictures(&place.photos(), &place.options(), &mut |_| {}).unwrap().cached);
}

/// Run again in a process of its own, which dies in the middle of the import.
#[test]
fn an_import_that_was_killed_leaves_nothing_that_looks_whole() {
    if let Some(dir) = std::env::var_os("LITECNN_TEST_DIES_IN") {
        let dir = PathBuf::from(dir);
        let options = PictureOptions { cache_dir: Some(dir.join("cache")), size: 4, ..PictureOptions::default() };
        let mut die = |progress| {
            if progress == PictureProgress::Writing {
                std::process::abort();
            }
        };
        load_pictures(&dir.join("photos"), &options, &mut die).unwrap();
        return;
    }
    let place = Place::new(&[("a", 6), ("b", 6)]);
    let options = PictureOptions { fit: Fit::Letterbox, ..place.options() };
    let (whole, report) = place.load(&options).unwrap();
    fs::remove_dir_all(&report.folder).unwrap();

    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "pictures::an_import_that_was_killed_leaves_nothing_that_looks_whole"]);
    let output = child.env("LITECNN_TEST_DIES_IN", place.dir.path()).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(names(&report.folder), [".lock"], "the decoded images had no name");
    // What one that died later may leave.
    for name in [".unfinished-train_batch_1.bin-x", "train_batch_1.bin", "train_batch_7.bin", "import.json"] {
        fs::write(report.folder.join(name), "half").unwrap();
    }
    let (again, report) = place.load(&options).unwrap();
    assert!(!report.cached && again == whole);
    let left =
        [".lock", "import.json", "manifest.toml", "test_batch_1.bin", "train_batch_1.bin", "validation_batch_1.bin"];
    assert_eq!(names(&report.folder), left);
}

#[test]
fn two_at_once_do_the_work_once() {
    let place = Place::new(&[("a", 20), ("b", 20)]);
    let reports: Vec<_> = std::thread::scope(|scope| {
        let load = || place.load(&place.options()).unwrap();
        let all: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(reports.iter().filter(|(_, report)| !report.cached).count(), 1);
    assert!(reports.iter().all(|(dataset, _)| *dataset == reports[0].0));
}

#[test]
fn what_cannot_be_read_is_listed_and_left_out() {
    let place = Place::new(&[("a", 6), ("b", 6)]);
    fs::write(place.path("b/4x.png"), "no picture").unwrap();
    let bytes = fs::read(place.path("a/0.png")).unwrap();
    fs::write(place.path("a/cut.png"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(place.path("a/empty.jpg"), "").unwrap();
    let strict = PictureOptions { strict: true, ..place.options() };
    place.refused(&strict, &["a/cut.png", "cut off", "strict"]);
    let report = place.load(&place.options()).unwrap().1;
    assert_eq!(counts(&report), [("a", [4, 1, 1]), ("b", [4, 1, 1])]);
    let skipped: Vec<_> = report.tally.skipped.first.iter().map(|s| s.path.as_str()).collect();
    assert_eq!((report.tally.skipped.count, skipped), (3, vec!["a/cut.png", "a/empty.jpg", "b/4x.png"]));
    assert!(report.tally.skipped.first[2].reason.contains("neither PNG"));
    place.refused(&strict, &["a/cut.png", "strict"]);

    for number in 0..6 {
        fs::write(place.path(&format!("b/{number}.png")), "no picture").unwrap();
    }
    place.refused(&place.options(), &["the class `b` has no picture left to train on", "9 pictures", "a/cut.png"]);
    Place::new(&[("a", 1), ("b", 1)]).refused(&place.options(), &["none is left for the test"]);
}

#[test]
fn the_same_picture_in_two_parts_or_classes_is_told() {
    let place = Place::new(&[("train/a", 4), ("train/b", 4), ("test/a", 0)]);
    place.grey("test/a/leak.png", 1);
    place.grey("test/b/wrong.png", 2);
    place.grey("test/b/fine.png", 150);
    place.grey("train/b/again.png", 41);
    let tally = place.load(&place.options()).unwrap().1.tally;
    assert_eq!(tally.leaks.count, 2);
    let twin = &tally.leaks.first[0];
    assert_eq!((twin.path.as_str(), twin.part), ("test/a/leak.png", Part::Test));
    assert!(twin.other == "train/a/1.png" && twin.other_part != Part::Test);
    assert_eq!((tally.conflicts.count, tally.conflicts.first[0].path.as_str()), (1, "test/b/wrong.png"));
    assert_eq!(tally.repeated, 1);

    // Where the parts are cut here, the same pictures stay together.
    let place = Place::new(&[("a", 12), ("b", 12)]);
    for number in 0..12 {
        place.grey(&format!("a/copy-{number}.png"), number);
    }
    for seed in 0..5 {
        let report = place.load(&PictureOptions { seed, ..place.options() }).unwrap().1;
        assert_eq!((report.tally.leaks.count, report.tally.repeated), (0, 12));
        assert_eq!(counts(&report)[0].1.map(|n| n % 2), [0; 3]);
    }
}

#[test]
fn one_colour_picture_makes_three_channels() {
    let place = Place::new(&[("a", 6), ("b", 6)]);
    RgbImage::from_pixel(3, 3, Rgb([7, 7, 7])).save(place.path("a/grey.png")).unwrap();
    let channels = |options: &PictureOptions| place.load(options).unwrap().0.train.pixels.dim().3;
    assert_eq!(channels(&place.options()), 1);
    assert_eq!(channels(&PictureOptions { channels: Some(3), ..place.options() }), 3);
    let grey = place.load(&place.options()).unwrap().0;
    let forced = PictureOptions { channels: Some(1), ..place.options() };
    assert_eq!(all(&place.load(&forced).unwrap().0), all(&grey));
    RgbImage::from_pixel(3, 3, Rgb([7, 7, 9])).save(place.path("a/colour.png")).unwrap();
    assert_eq!((channels(&place.options()), channels(&forced)), (3, 1));
}

#[cfg(unix)]
#[test]
fn a_cache_that_cannot_be_written_is_told() {
    let place = Place::new(&[("a", 6), ("b", 6)]);
    let options = PictureOptions { cache_dir: Some(place.path("a/0.png")), ..place.options() };
    place.refused(&options, &["the data cache cannot be used", "0.png"]);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_or_read_through_links() {
    use std::os::unix::fs::symlink;
    let place = Place::new(&[("a", 6), ("b", 6)]);
    let (dataset, report) = place.load(&place.options()).unwrap();
    let (folder, outside) = (&report.folder, place.dir.path().join("outside"));
    let refused = [folder.file_name().unwrap().to_str().unwrap(), "symbolic link", "XDG_CACHE_HOME"];

    // An import as whole as any, but elsewhere.
    fs::rename(folder, &outside).unwrap();
    symlink(&outside, folder).unwrap();
    let before = names(&outside);
    place.refused(&place.options(), &refused);
    place.grey("a/new.png", 99);
    place.refused(&place.options(), &refused);
    assert_eq!(names(&outside), before);

    // A link in it to a folder or to nothing is refused, one to a file is replaced.
    fs::remove_file(folder).unwrap();
    fs::create_dir(folder).unwrap();
    for target in ["../../outside", "gone"] {
        symlink(target, folder.join("train_batch_1.bin")).unwrap();
        place.refused(&place.options(), &["train_batch_1.bin is a symbolic link"]);
        fs::remove_file(folder.join("train_batch_1.bin")).unwrap();
    }
    fs::write(outside.join("precious"), "as it was").unwrap();
    symlink(outside.join("precious"), folder.join("train_batch_1.bin")).unwrap();
    let (new, report) = place.load(&place.options()).unwrap();
    assert_eq!(new.train.labels.len(), dataset.train.labels.len() + 1);
    assert_eq!(fs::read_to_string(outside.join("precious")).unwrap(), "as it was");

    // The folder that a set is copied to, too.
    let out = place.dir.path().join("out");
    fs::create_dir(&out).unwrap();
    symlink(&outside, out.join("photos")).unwrap();
    crate::says(&export_pictures(&report, &out).unwrap_err(), &["out/photos is a symbolic link"]);
}
