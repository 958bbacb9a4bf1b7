use std::ffi::OsStr;
use std::fs;

use super::*;

/// A folder with these files; those that end in `/` are folders.
fn folder(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }
    dir
}

/// Path, class and part of each picture.
fn found(listing: &Listing) -> Vec<(&str, &str, Option<Part>)> {
    let each = listing.pictures.iter();
    each.map(|p| (p.path.to_str().unwrap(), listing.classes[usize::from(p.label)].as_str(), p.part)).collect()
}

fn refused(path: &Path, words: &[&str]) {
    let message = scan(path).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word) && !message.contains('\n'), "`{word}` in: {message}");
    }
}

#[test]
fn a_folder_per_class_at_any_depth_in_natural_order() {
    let dir = folder(&[
        "10/a.png",
        "9/img10.JPG",
        "9/img9.jpeg",
        "9/deep/er/x.webp",
        "9/notes.txt",
        "9/README",
        "9/.hidden.png",
        "9/.git/x.png",
        "__MACOSX/9/a.png",
        "beside.png",
        "labels.tsv",
    ]);
    let listing = scan(dir.path()).unwrap();
    assert_eq!(listing.classes, ["9", "10"]);
    let pictures = ["9/deep/er/x.webp", "9/img9.jpeg", "9/img10.JPG"].map(|path| (path, "9", None));
    assert_eq!(found(&listing), [&pictures[..], &[("10/a.png", "10", None)]].concat());
    assert_eq!((listing.pictures[0].bytes, listing.pictures[0].modified > 0), (16, true));
    let ignored = &listing.ignored;
    assert_eq!((ignored.hidden, ignored.links, ignored.loose), (3, 0, 1));
    let others = [("", 1), ("tsv", 1), ("txt", 1)].map(|(ending, count)| (ending.to_owned(), count));
    assert_eq!(ignored.others, BTreeMap::from(others));
}

#[test]
fn parts_have_their_classes_and_training_comes_first() {
    let dir = folder(&["test/b/1.png", "Train/a/1.png", "Train/b/1.png", "valid/a/2.png", "valid/b/", "loose.png"]);
    let listing = scan(dir.path()).unwrap();
    let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(Some);
    let expected = [
        ("Train/a/1.png", "a", train),
        ("Train/b/1.png", "b", train),
        ("valid/a/2.png", "a", validation),
        ("test/b/1.png", "b", test),
    ];
    assert_eq!(found(&listing), expected);
    assert_eq!(scan(folder(&["train/a/1.png", "train/b/1.png"]).path()).unwrap().classes, ["a", "b"]);
    // A class may be called so, where nothing else is a part.
    assert_eq!(scan(folder(&["train/1.png", "car/1.png"]).path()).unwrap().classes, ["car", "train"]);
}

#[test]
fn folders_without_sense_are_told_with_what_to_do() {
    let dir =
        folder(&["photos/a/1.png", "photos/b/1.png", "one/a/1.png", "file.png", "flat/1.png", "flat/2.png", "none/"]);
    let at = |name: &str| dir.path().join(name);
    refused(&at("absent"), &["absent", "No such file"]);
    refused(&at("file.png"), &["neither a folder of pictures nor a CSV"]);
    refused(&at("none"), &["no classes", "two classes at least"]);
    refused(&at("flat"), &["no classes", "2 pictures lie in it"]);
    refused(&at("one"), &["the one class `a`", "two classes"]);
    fs::create_dir(at("wrapped")).unwrap();
    fs::rename(at("photos"), at("wrapped/photos")).unwrap();
    refused(&at("wrapped"), &["the one class `photos`", "wrapped/photos was meant"]);
    fs::write(at("flat/labels.csv"), "").unwrap();
    refused(&at("flat"), &["flat/labels.csv was meant"]);

    refused(folder(&["a/1.png", "b/"]).path(), &["/b has no pictures", "it is empty"]);
    refused(folder(&["a/1.png", "b/x.heic", "b/y.txt"]).path(), &["/b has no pictures", "2 files of other kinds"]);
    refused(folder(&["train/a/1.png", "train/b/"]).path(), &["train/b has no pictures"]);
    let unlearnt = folder(&["train/a/1.png", "train/b/1.png", "test/c/1.png"]);
    refused(unlearnt.path(), &["the class `c` has pictures in the test part", "none to train on"]);
    refused(folder(&["val/a/1.png", "test/b/1.png", "train/"]).path(), &["`a`", "validation", "none to train on"]);
    let mixed = folder(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "notes/x.png"]);
    refused(mixed.path(), &["\"test\", \"train\"", "\"notes\""]);
    let many: Vec<String> = (0..257).map(|i| format!("{i}/x.png")).collect();
    refused(folder(&many.iter().map(String::as_str).collect::<Vec<_>>()).path(), &["257 classes", "256"]);
    refused(folder(&["a\nb/1.png", "b/1.png"]).path(), &["a\\nb", "not printable"]);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_and_loops_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = folder(&["secret.png"]);
    let dir = folder(&["a/1.png", "b/1.png"]);
    let link = |to: &Path, name: &str| symlink(to, dir.path().join(name)).unwrap();
    link(&outside.path().join("secret.png"), "a/out.png");
    link(outside.path(), "a/folder");
    link(dir.path(), "a/loop");
    link(Path::new(".."), "b/up");
    link(Path::new("self.png"), "b/self.png");
    link(Path::new("nowhere.png"), "b/nowhere.png");
    link(Path::new("../a/1.png"), "b/within.png");
    link(Path::new("/dev/zero"), "b/zero.png");
    let listing = scan(dir.path()).unwrap();
    let paths: Vec<_> = found(&listing).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["a/1.png", "b/1.png", "b/within.png"]);
    assert_eq!(listing.ignored.links, 7);
    // The folder itself may be reached by a link.
    let other = tempfile::tempdir().unwrap();
    symlink(dir.path(), other.path().join("here")).unwrap();
    assert_eq!(scan(&other.path().join("here")).unwrap(), listing);
    fs::remove_file(dir.path().join("a/1.png")).unwrap();
    refused(dir.path(), &["/a has no pictures", "3 links"]);
}

#[cfg(target_os = "linux")]
#[test]
fn names_of_any_bytes_are_kept() {
    use std::os::unix::ffi::OsStrExt;
    let dir = folder(&["a/new\nline.png", "b/1.png"]);
    let odd = OsStr::from_bytes(b"a/\xff\xfe.png");
    fs::write(dir.path().join(odd), "").unwrap();
    let listing = scan(dir.path()).unwrap();
    let paths: Vec<_> = listing.pictures.iter().map(|p| p.path.as_os_str()).collect();
    assert_eq!(paths, [OsStr::new("a/new\nline.png"), odd, OsStr::new("b/1.png")]);
    let csv = [b"path,label\n".as_slice(), b"a/\xff\xfe.png,a\n\"a/new\nline.png\",b\n"].concat();
    fs::write(dir.path().join("list.csv"), csv).unwrap();
    assert_eq!(scan(&dir.path().join("list.csv")).unwrap().pictures.len(), 2);
    fs::create_dir(dir.path().join(OsStr::from_bytes(b"\xff"))).unwrap();
    refused(dir.path(), &["not UTF-8", "rename it"]);
}

#[test]
fn a_list_names_pictures_below_its_folder() {
    let dir = folder(&["lists/a/1.png", "lists/b/1", "lists/x/", "above.png", "lists2/1.png"]);
    let list = dir.path().join("lists/all.CSV");
    let refuse = |row: &str, words: &[&str]| {
        fs::write(&list, format!("path,label\na/1.png,a\n{row}\n")).unwrap();
        refused(&list, words);
    };
    for escape in
        ["../above.png", "a/../../above.png", "../lists2/1.png", "../absent.png", "/etc/hostname", "/absent/x.png"]
    {
        refuse(&format!("{escape},b"), &["all.CSV, line 3", "leads out", escape]);
    }
    refuse("a/1.png,a", &["the one class `a`"]);
    let absolute = dir.path().canonicalize().unwrap().join("lists/b/1");
    let rows = format!(
        "path,label,split\na/1.png,b,train\nx/../b/1,b,test\nabsent.png,a,val\nx,a,train\n{},a,train\n",
        absolute.display()
    );
    fs::write(&list, rows).unwrap();
    let listing = scan(&list).unwrap();
    let expected = [
        ("a/1.png", "b", Some(Part::Train)),
        (absolute.to_str().unwrap(), "a", Some(Part::Train)),
        ("x/../b/1", "b", Some(Part::Test)),
    ];
    assert_eq!(found(&listing), expected);
    let missing: Vec<_> = listing.missing.iter().map(|m| m.path.to_str().unwrap()).collect();
    assert_eq!(missing, ["absent.png", "x"]);
    assert!(listing.missing[1].reason.contains("no regular file"));

    fs::write(&list, "path,label\na.png,a\nb.png,b\n").unwrap();
    refused(&list, &["none of its pictures", "a.png", "relative to the list's folder"]);
    fs::write(&list, "path,label,split\na/1.png,a,train\nb/1,b,test\n").unwrap();
    refused(&list, &["the class `b` has pictures in the test part"]);
    let many: String = (0..257).map(|i| format!("a/1.png,{i}\n")).collect();
    fs::write(&list, format!("path,label\n{many}")).unwrap();
    refused(&list, &["257 classes"]);
}

#[cfg(unix)]
#[test]
fn a_list_does_not_reach_out_by_links() {
    let dir = folder(&["in/a/1.png", "out/1.png"]);
    std::os::unix::fs::symlink("../out", dir.path().join("in/b")).unwrap();
    let list = dir.path().join("in/list.csv");
    fs::write(&list, "path,label\na/1.png,a\nb/1.png,b\n").unwrap();
    refused(&list, &["line 3", "leads out"]);
}
