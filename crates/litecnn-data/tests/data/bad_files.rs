use std::path::Path;

use flate2::read::GzDecoder;
use litecnn_data::write_sample;
use litecnn_run::sha256;
use std::io::Read;

use crate::{load_from, refused, tiny, two_labels};

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// Replaces a file of the sample by an altered one that its manifest calls right, so that the parser must object.
fn alter(folder: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    alter_in(folder, "tiny", file, change);
}

fn alter_in(folder: &Path, set: &str, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let packed = folder.join(set).join(format!("{file}.gz"));
    let mut bytes = vec![];
    GzDecoder::new(std::fs::File::open(&packed).unwrap()).read_to_end(&mut bytes).unwrap();
    std::fs::remove_file(packed).unwrap();
    let manifest = folder.join("manifest.toml");
    let mut text = std::fs::read_to_string(&manifest).unwrap();
    let entry = text.find(&format!("name = \"{file}\"")).unwrap();
    let old = (format!("bytes = {}\n", bytes.len()), sha256(&bytes));
    change(&mut bytes);
    let rest = text.split_off(entry);
    text += &rest.replacen(&old.0, &format!("bytes = {}\n", bytes.len()), 1).replacen(&old.1, &sha256(&bytes), 1);
    std::fs::write(manifest, text).unwrap();
    std::fs::write(folder.join(set).join(file), bytes).unwrap();
}

type Change = fn(&mut Vec<u8>);

#[test]
fn idx_faults_are_named() {
    let cases: [(&str, Change, &[&str]); 9] = [
        (IMAGES, |b| b[3] = 1, &[IMAGES, "wrong magic", "00 00 08 03", "00 00 08 01"]),
        (LABELS, |b| b[0] = 0x1f, &[LABELS, "wrong magic", "1f 00 08 01"]),
        (IMAGES, |b| b.truncate(7), &[IMAGES, "truncated", "16 bytes, found 7"]),
        (IMAGES, |b| b.truncate(100), &[IMAGES, "10 x 4 x 3", "136 bytes, found 100"]),
        (IMAGES, |b| b.extend([1, 2]), &[IMAGES, "2 trailing bytes"]),
        (IMAGES, |b| b[4..8].fill(0xff), &[IMAGES, "4294967295 x 4 x 3", "found 136"]),
        (LABELS, |b| (b[7], _) = (9, b.pop()), &[LABELS, "9 labels for the 10 images", IMAGES]),
        (LABELS, |b| b[8 + 6] = 2, &[LABELS, "label 6 is 2", "2 classes"]),
        (IMAGES, |b| (b[11], b[15]) = (3, 4), &[IMAGES, "3 x 4", "manifest says 4 x 3"]),
    ];
    for (file, change, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
        alter(dir.path(), file, change);
        refused("tiny", dir.path(), words);
    }
}

#[test]
fn cifar_faults_are_named() {
    let cases: [(&str, Change, &[&str]); 4] = [
        (
            "data_batch_2.bin",
            |b| b.truncate(50),
            &["data_batch_2.bin", "records of 37 bytes", "1 of them and 13 bytes"],
        ),
        ("data_batch_3.bin", |b| b[37] = 7, &["data_batch_3.bin", "label 1 is 7", "2 classes"]),
        ("test_batch.bin", |b| b.extend([0; 5]), &["test_batch.bin", "4 of them and 5 bytes"]),
        ("test_batch.bin", Vec::clear, &["test_batch.bin", "no images"]),
    ];
    for (file, change, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        write_sample(&tiny(3), 10, 4, dir.path()).unwrap();
        alter(dir.path(), file, change);
        refused("tiny", dir.path(), words);
    }
}

// Of records of 14 bytes: two labels, 12 of an image.
const SWAP_LABELS: Change = |b| b.chunks_exact_mut(14).for_each(|record| record.swap(0, 1));
const DROP_COARSE: Change = |b| *b = b.chunks_exact(14).flat_map(|record| record[1..].to_vec()).collect();
const ONLY_COARSE: Change = |b| b.chunks_exact_mut(14).for_each(|record| record[1] = record[0]);

#[test]
fn two_labels_that_are_not_coarse_and_fine_are_named() {
    let cases: [(Change, &[&str]); 4] = [
        (SWAP_LABELS, &["train.bin", "coarse and fine labels are swapped"]),
        (DROP_COARSE, &["train.bin", "12 records of 13 bytes with one label", "the format cifar (CIFAR-10)"]),
        (|b| b[14 * 5] = 1, &["train.bin", "label 5 is 1 in the coarse class 1, before it was in 0"]),
        (|b| b.truncate(30), &["train.bin", "records of 14 bytes (two labels", "2 of them and 2 bytes"]),
    ];
    for (change, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        write_sample(&two_labels(), 12, 8, dir.path()).unwrap();
        alter_in(dir.path(), "two", "train.bin", change);
        refused("two", dir.path(), words);
    }
    let dir = tempfile::tempdir().unwrap();
    write_sample(&two_labels(), 12, 8, dir.path()).unwrap();
    for file in ["train.bin", "test.bin"] {
        alter_in(dir.path(), "two", file, ONLY_COARSE);
    }
    let words = ["train.bin, ", "test.bin", "only 2 of 4 classes have images, `cod` has none", "2 coarse classes"];
    refused("two", dir.path(), &words);
    let manifest = dir.path().join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("\"cifar100\"", "\"cifar\"");
    std::fs::write(manifest, text).unwrap();
    refused("two", dir.path(), &["12 records of 14 bytes with two labels, the format cifar100"]);
}

#[test]
fn other_labels_are_told_before_other_checksums() {
    let cases: [(Change, &str); 5] = [
        (SWAP_LABELS, "coarse and fine labels are swapped"),
        (DROP_COARSE, "12 records of 13 bytes with one label"),
        (ONLY_COARSE, "only 2 of 4 classes have images"),
        (|b| b[3] ^= 1, "SHA-256"),
        (|b| b.extend([1; 2]), "170 bytes where 168 were expected"),
    ];
    for (change, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        write_sample(&two_labels(), 12, 8, dir.path()).unwrap();
        let manifest = dir.path().join("manifest.toml");
        let told = std::fs::read(&manifest).unwrap();
        alter_in(dir.path(), "two", "train.bin", change);
        std::fs::write(manifest, told).unwrap();
        refused("two", dir.path(), &["train.bin", words]);
    }
}

#[test]
fn checksums_sizes_and_gzip_are_compared_first() {
    let cases: [(Change, &[&str]); 6] = [
        (
            |b| b.truncate(b.len() - 5),
            &["train-images-idx3-ubyte.gz", "gzip stream is damaged or cut off", "replace it"],
        ),
        (|b| b[20] ^= 0x55, &["train-images-idx3-ubyte.gz"]),
        (|b| b.extend(b"more"), &["4 bytes follow the end of its gzip stream"]),
        (Vec::clear, &["cut off after 0 of 136"]),
        (|b| b.resize(1 << 20, 0), &["1048576 bytes", "more than the"]),
        (|b| *b = b"no gzip at all, this is text".to_vec(), &["gzip stream is damaged"]),
    ];
    for (change, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
        let path = dir.path().join("tiny").join(format!("{IMAGES}.gz"));
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        refused("tiny", dir.path(), words);
    }

    let dir = tempfile::tempdir().unwrap();
    write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
    let plain = dir.path().join("tiny").join(IMAGES);
    std::fs::write(&plain, [0; 136]).unwrap();
    refused("tiny", dir.path(), &[IMAGES, "SHA-256", "not", "damaged or another file", "replace it"]);
    std::fs::write(&plain, [0; 135]).unwrap();
    refused("tiny", dir.path(), &[IMAGES, "135 bytes", "136"]);
    std::fs::remove_file(&plain).unwrap();
    std::fs::create_dir(&plain).unwrap();
    refused("tiny", dir.path(), &[IMAGES, "no regular file"]);
}

#[test]
fn pictures_in_a_data_folder_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let labels = format!("[{}3]", "3,".repeat(49_999));
    std::fs::write(dir.path().join("data_batch_1.png"), b"\x89PNG\r\n\x1a\nnot a picture").unwrap();
    refused("cifar10", dir.path(), &["no `data_batch_1.bin`"]); // half of a pair is none
    std::fs::write(dir.path().join("train_lables.json"), "[1, 2]").unwrap();
    refused("cifar10", dir.path(), &["train_lables.json", "2 labels where 50000"]);
    std::fs::write(dir.path().join("train_lables.json"), labels.replacen('3', "10", 1)).unwrap();
    refused("cifar10", dir.path(), &["train_lables.json", "label 0 is 10"]);
    std::fs::write(dir.path().join("train_lables.json"), labels).unwrap();
    refused("cifar10", dir.path(), &["data_batch_1.png", "picture is damaged"]);
}

#[test]
fn faulty_manifests_are_named() {
    let dir = tempfile::tempdir().unwrap();
    write_sample(&tiny(1), 10, 4, dir.path()).unwrap();
    let path = dir.path().join("manifest.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    for (text, words) in [
        (String::new(), "missing field `format`"),
        ("sets = 1".into(), "format"),
        (good.replace("Tiny\"", "Tiny\"\ncolour = 1"), "colour"),
        (good.replace("\"tiny\"", "\"../tiny\""), "letters, digits"),
        (good.replace("bytes = 136", "bytes = -1"), "bytes"),
        (good.replace("idx\"", "jpeg\""), "jpeg"),
        ("x".repeat(2_000_000), "2000000 bytes"),
    ] {
        std::fs::write(&path, text).unwrap();
        refused("tiny", dir.path(), &["manifest.toml does not describe data sets", words]);
    }
    // A claim of any size costs nothing: the file is compared first.
    std::fs::write(&path, good.replace("bytes = 136", "bytes = 9000000000000000000")).unwrap();
    refused("tiny", dir.path(), &["136 bytes where 9000000000000000000"]);
    std::fs::write(&path, good).unwrap();
    load_from("tiny", dir.path()).unwrap();
}
