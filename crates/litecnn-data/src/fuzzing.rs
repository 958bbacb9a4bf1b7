//! Every reader of bytes from outside, given any bytes: the door that `crates/fuzz` comes in by, and the tests below.
//!
//! Each function panics if a reader accepts what it should not, or gives other than it promises. There is no such module
//! in a normal build.

use std::io::Read;
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::dataset::{Content, assemble};
use crate::manifest::{FileSpec, Format, Role, SetSpec, official_sets};
use crate::source::{Entries, Request};
use crate::{Dataset, cifar, gzip, idx, manifest, png};

/// IDX files: images, labels, and a set put together of four files.
pub fn idx(bytes: &[u8]) {
    if let Ok(read) = idx::images(bytes.to_vec()) {
        assert_eq!(read.pixels.len(), read.count * read.height * read.width);
    }
    if let Ok(read) = idx::labels(bytes.to_vec()) {
        assert_eq!(read.len(), bytes.len() - 8);
    }
    let [set, _, _] = small_sets();
    dataset(&set, bytes);
}

/// CIFAR and CIFAR-100 batches: records, and sets put together of several files.
pub fn cifar(bytes: &[u8]) {
    for format in [Format::Cifar, Format::Cifar100] {
        let (mut pixels, mut labels) = (vec![], vec![]);
        if cifar::read(bytes, format, [3, 2, 2], &mut pixels, &mut labels).is_ok() {
            assert_eq!(pixels.len(), 12 * labels.len());
            assert_eq!(bytes.len(), pixels.len() + format.label_bytes() * labels.len());
        }
    }
    let [_, cifar, cifar100] = small_sets();
    dataset(&cifar, bytes);
    dataset(&cifar100, bytes);
}

/// A gzipped file of as many bytes as its first two say.
pub fn gzip(bytes: &[u8]) {
    let Some((head, packed)) = bytes.split_first_chunk() else { return };
    let expected = u64::from(u16::from_le_bytes(*head));
    if let Ok(unpacked) = gzip::decode(packed, expected) {
        assert!(unpacked.len() as u64 <= expected && gzip::is_gzip(packed));
    }
}

/// A batch as a picture and a list of labels; the first byte says where in the rest the list ends.
pub fn png(bytes: &[u8]) {
    let Some((&length, rest)) = bytes.split_first() else { return };
    let (list, picture) = rest.split_at(rest.len().min(length.into()));
    let [_, set, _] = small_sets();
    for file in &set.files {
        if let Ok(batch) = png::rebuild(&set, file, picture, list) {
            assert_eq!(batch.len() as u64, file.bytes);
            let (mut pixels, mut labels) = (vec![], vec![]);
            cifar::read(&batch, set.format, set.shape, &mut pixels, &mut labels).expect("it was just made");
            assert!(labels.iter().all(|label| usize::from(*label) < set.classes.len()));
        }
    }
}

/// An archive a set comes in, packed or not.
pub fn archive(bytes: &[u8]) {
    let [set, _, _] = small_sets();
    let wanted: Vec<usize> = (0..set.files.len()).collect();
    let request = Request { set: &set, wanted: &wanted, scratch: Path::new("unused") };
    let entries = Entries::of_files(&request, "data", "");
    let read = |archive: &mut dyn Read| {
        for (name, content) in entries.read(archive).unwrap_or_default() {
            let file = set.files.iter().find(|f| name == format!("data/{}", f.name)).expect("only what is wanted");
            assert!(content.len() as u64 <= gzip::packed_limit(file.bytes));
        }
    };
    read(&mut &bytes[..]);
    read(&mut GzDecoder::new(bytes));
}

/// The description of data sets.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match manifest::parse(text) {
        Ok(sets) => {
            for set in &sets {
                let names = set.files.iter().map(|f| &f.name).chain([&set.name]);
                for name in names {
                    assert_eq!(Path::new(name).components().count(), 1, "{name} is no plain name");
                    assert!(!name.starts_with('.'), "{name} may climb");
                }
                for file in &set.files {
                    let [picture, list] = png::parts(set, file);
                    assert!(picture.limit >= file.bytes && list.limit > 0);
                }
                set.total();
            }
            let written = manifest::render(sets.clone()).expect("it was read");
            assert_eq!(manifest::parse(&written).expect("it was just written"), sets);
        }
        Err(reason) => assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}"),
    }
}

/// A set put together of files: each is as long as two bytes before it say, the last is the rest.
fn dataset(set: &SetSpec, mut bytes: &[u8]) {
    let mut contents = vec![];
    for at in 0..set.files.len() {
        let mut length = usize::MAX;
        if at + 1 < set.files.len() {
            let Some((head, rest)) = bytes.split_first_chunk() else { return };
            (length, bytes) = (u16::from_le_bytes(*head).into(), rest);
        }
        let (file, rest) = bytes.split_at(bytes.len().min(length));
        contents.push(Content { place: set.files[at].name.clone(), bytes: file.to_vec() });
        bytes = rest;
    }
    match assemble(set, contents) {
        Ok(Dataset { train, test, coarse, classes, .. }) => {
            let [channels, height, width] = set.shape;
            for images in [&train, &test] {
                assert_eq!(images.pixels.dim(), (images.labels.len(), height, width, channels));
                assert!(!images.is_empty() && images.labels.iter().all(|l| usize::from(*l) < classes.len()));
            }
            assert!(coarse.is_none_or(|coarse| coarse.len() == classes.len()));
        }
        Err(error) => {
            let told = error.to_string();
            assert!(set.files.iter().any(|f| told.contains(&f.name)), "{told} names no file");
        }
    }
}

/// Sets of each format with images of few pixels.
fn small_sets() -> [SetSpec; 3] {
    let sets = official_sets().expect("the tests of the manifest read it");
    let small = |name: &str, shape: [usize; 3], classes, files: &[(Role, u64)]| {
        let mut set = sets.iter().find(|s| s.name == name).expect("it is official").clone();
        let file = |(at, (role, images)): (usize, &(Role, u64))| FileSpec {
            name: format!("file_{at}.bin"),
            role: *role,
            bytes: images * (shape.iter().product::<usize>() + set.format.label_bytes()) as u64,
            sha256: String::new(),
        };
        set.files = files.iter().enumerate().map(file).collect();
        set.shape = shape;
        set.classes.truncate(classes);
        set
    };
    let batches = [(Role::TrainBatch, 3), (Role::TrainBatch, 2), (Role::TestBatch, 2)];
    let parts = [Role::TrainImages, Role::TrainLabels, Role::TestImages, Role::TestLabels].map(|role| (role, 3));
    [
        small("mnist", [1, 2, 3], 10, &parts),
        small("cifar10", [3, 2, 2], 10, &batches),
        small("cifar100", [3, 2, 2], 4, &batches),
    ]
}

#[cfg(test)]
mod tests {
    use std::alloc::System;
    use std::io::Write;

    use cap::Cap;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};
    use proptest::prelude::*;

    use super::*;
    use crate::damage::{damaged, damages};

    /// No test of this crate needs more; asking for more ends all of them. So no reader may allocate what a header
    /// claims, and every input here is small.
    const MOST_BYTES: usize = 256 << 20;

    #[global_allocator]
    static ALLOCATOR: Cap<System> = Cap::new(System, MOST_BYTES);

    type Door = fn(&[u8]);
    const DOORS: [(&str, Door); 6] =
        [("idx", idx), ("cifar", cifar), ("gzip", gzip), ("png", png), ("archive", archive), ("manifest", manifest)];

    fn head(magic: u8, sizes: &[u32]) -> Vec<u8> {
        [vec![0, 0, 8, magic], sizes.iter().flat_map(|size| size.to_be_bytes()).collect()].concat()
    }

    fn before(file: &[u8]) -> Vec<u8> {
        [&(file.len() as u16).to_le_bytes(), file].concat()
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(vec![]);
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            // Set by hand: the library itself refuses to write names that climb.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            archive.append(&header, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    /// Intact inputs of every door.
    fn intact() -> Vec<(Door, Vec<u8>)> {
        let images = [head(3, &[3, 2, 3]), vec![7; 18]].concat();
        let labels = [head(1, &[3]), vec![0, 1, 2]].concat();
        let batch = |labels: &[u8], n: u8| (0..n).flat_map(|i| [labels, &[i; 12]].concat()).collect::<Vec<u8>>();
        let both: Vec<u8> = (0..4).flat_map(|fine| batch(&[fine / 2, fine], 1)).collect();
        let mut picture = vec![];
        PngEncoder::new(&mut picture).write_image(&[9; 36], 4, 3, ExtendedColorType::Rgb8).unwrap();
        let files = [batch(&[0], 3), batch(&[1], 2), batch(&[2], 2)];
        let names = ["data/file_0.bin", "data/file_1.bin", "data/file_2.bin"];
        let entries: Vec<_> = names.iter().zip(&files).map(|(n, f)| (*n, tar::EntryType::Regular, &f[..])).collect();
        let archived = tar(&entries);
        let inputs: [(Door, Vec<u8>); 8] = [
            (idx, [before(&images), before(&labels), before(&images), labels].concat()),
            (cifar, [before(&files[0]), before(&files[1]), files[2].clone()].concat()),
            (cifar, [before(&both), before(&both), both].concat()),
            (gzip, [&39u16.to_le_bytes()[..], &packed(&files[0])].concat()),
            (png, [&[11], &b"[0,1,2,3,4]"[..], &picture].concat()),
            (archive, packed(&archived)),
            (archive, archived),
            (manifest, include_bytes!("../../../datasets/manifest.toml").to_vec()),
        ];
        inputs.into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn damaged_files_are_read_or_refused(damages in damages()) {
            static INTACT: std::sync::OnceLock<Vec<(Door, Vec<u8>)>> = std::sync::OnceLock::new();
            for (door, bytes) in INTACT.get_or_init(intact) {
                door(&damaged(bytes, &damages));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            DOORS.iter().for_each(|(_, door)| door(&bytes));
        }
    }

    #[test]
    fn intact_files_come_in() {
        intact().iter().for_each(|(door, bytes)| door(bytes));
    }

    /// What fuzzing once found.
    #[test]
    fn findings_stay_mended() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions");
        for (name, door) in DOORS {
            for file in std::fs::read_dir(folder.join(name)).into_iter().flatten() {
                door(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }

    #[test]
    fn a_header_that_claims_four_billion_images_costs_nothing() {
        let claims = [head(3, &[4_000_000_000, 28, 28]), vec![0; 784]].concat();
        let message = idx::images(claims).unwrap_err();
        assert!(message.contains("4000000000 x 28 x 28"), "{message}");
        assert!(idx::labels([head(1, &[4_000_000_000]), vec![0]].concat()).is_err());
        // A picture of 4 billion rows of a set that is said to have as many images.
        let mut set = small_sets()[1].clone();
        set.files[0].bytes = 4_000_000_000 * 13;
        let mut picture = vec![];
        PngEncoder::new(&mut picture).write_image(&[9; 36], 4, 3, ExtendedColorType::Rgb8).unwrap();
        picture[20..24].copy_from_slice(&4_000_000_000u32.to_be_bytes());
        let message = png::rebuild(&set, &set.files[0], &picture, b"[0,1,2,3,4]").unwrap_err();
        assert!(message.contains("4000000002 were expected"), "{message}");
    }

    #[test]
    fn names_and_sizes_of_an_archive_are_read_in_no_more_than_their_head() {
        let set = &small_sets()[1];
        let request = Request { set, wanted: &[0, 1, 2], scratch: Path::new("unused") };
        let entries = Entries::of_files(&request, "data", "");
        let good = [1u8; 39];
        // A long name of 300 MB, packed into 300 kB; as a library would read it, it were in memory twice.
        let mut bomb = GzEncoder::new(vec![], Compression::fast());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(300 << 20);
        header.set_cksum();
        bomb.write_all(header.as_bytes()).unwrap();
        std::io::copy(&mut std::io::repeat(b'x').take(300 << 20), &mut bomb).unwrap();
        bomb.write_all(&tar(&[("data/file_0.bin", tar::EntryType::Regular, &good)])).unwrap();
        let found = entries.read(GzDecoder::new(&bomb.finish().unwrap()[..])).unwrap();
        assert_eq!(found["data/file_0.bin"], good);
        // Links, folders and devices are no files, whatever they are called.
        use tar::EntryType::{Block, Char, Directory, Fifo, Link, Symlink};
        for kind in [Link, Symlink, Directory, Block, Char, Fifo] {
            assert!(entries.read(&tar(&[("data/file_0.bin", kind, b"")])[..]).unwrap().is_empty(), "{kind:?}");
        }
        for name in
            ["../data/file_0.bin", "/data/file_0.bin", "data/../data/file_0.bin", "data//file_0.bin", "file_0.bin"]
        {
            assert!(entries.read(&tar(&[(name, tar::EntryType::Regular, &good)])[..]).unwrap().is_empty(), "{name}");
        }
    }
}
