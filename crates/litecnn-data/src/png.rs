use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{ColorType, ImageDecoder, Limits};

use crate::cifar;
use crate::gzip::packed_limit;
use crate::manifest::{FileSpec, Role, SetSpec};

/// A file of the picture form of a set: its name, and the most bytes it can sensibly have.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) limit: u64,
}

/// The picture and the label list that the canonical batch `file` is rebuilt from.
///
/// The list serves all training (or test) batches, one after another, and is named as the mirror spells it.
pub(crate) fn parts(set: &SetSpec, file: &FileSpec) -> [Part; 2] {
    let picture = format!("{}.png", file.name.trim_end_matches(".bin"));
    let list = if file.role == Role::TrainBatch { "train_lables.json" } else { "test_lables.json" };
    let all = images_of(set, set.files.iter().filter(|f| f.role == file.role));
    [
        Part { name: picture, limit: packed_limit(file.bytes) },
        // Up to three digits, a comma and perhaps line breaks and indentation for each label.
        Part { name: list.to_owned(), limit: all.saturating_mul(16).saturating_add(1 << 10) },
    ]
}

/// Rebuilds the canonical batch `file` from its picture (one image a row, RGB) and the label list.
pub(crate) fn rebuild(set: &SetSpec, file: &FileSpec, picture: &[u8], list: &[u8]) -> Result<Vec<u8>, String> {
    let [picture_name, list_name] = parts(set, file).map(|p| p.name);
    let count = images(set, file);
    let labels = labels(set, file, list).map_err(|e| format!("{list_name}: {e}"))?;
    let rows = decode(set, picture, count).map_err(|e| format!("{picture_name}: {e}"))?;
    let mut batch = Vec::with_capacity(rows.len() + labels.len());
    for (label, row) in labels.iter().zip(rows.chunks_exact(set.record() - 1)) {
        cifar::write_record(&mut batch, *label, row, set.shape[0]);
    }
    Ok(batch)
}

fn images(set: &SetSpec, file: &FileSpec) -> u64 {
    file.bytes / set.record() as u64
}

/// Images of several files. A manifest may claim any number.
fn images_of<'a>(set: &SetSpec, files: impl Iterator<Item = &'a FileSpec>) -> u64 {
    files.fold(0, |sum, file| sum.saturating_add(images(set, file)))
}

fn labels(set: &SetSpec, file: &FileSpec, list: &[u8]) -> Result<Vec<u8>, String> {
    let all: Vec<u64> = serde_json::from_slice(list).map_err(|e| format!("no list of labels ({e})"))?;
    let same = || set.files.iter().filter(|f| f.role == file.role);
    let expected = images_of(set, same());
    if all.len() as u64 != expected {
        return Err(format!("{} labels where {expected} were expected", all.len()));
    }
    let before = images_of(set, same().take_while(|f| f.name != file.name)) as usize;
    let range = before..before + images(set, file) as usize;
    let classes = set.classes.len();
    let narrow = |(at, label): (usize, &u64)| match u8::try_from(*label) {
        Ok(label) if usize::from(label) < classes => Ok(label),
        _ => Err(format!("label {at} is {label}, but there are {classes} classes, counted from 0")),
    };
    all.iter().enumerate().take(range.end).skip(range.start).map(narrow).collect()
}

/// The pixels of the picture, whose size is compared before anything is allocated for them.
fn decode(set: &SetSpec, picture: &[u8], count: u64) -> Result<Vec<u8>, String> {
    let [channels, height, width] = set.shape;
    let expected = ((height * width) as u64, count);
    let mut limits = Limits::default();
    limits.max_image_width = u32::try_from(expected.0).ok();
    limits.max_image_height = u32::try_from(expected.1).ok();
    let size = expected.0.saturating_mul(expected.1).saturating_mul(channels as u64);
    limits.max_alloc = Some(size.saturating_add(1 << 20));
    let damaged = |e| format!("the picture is damaged ({e})");
    let decoder = PngDecoder::with_limits(Cursor::new(picture), limits).map_err(damaged)?;
    let (wide, high) = decoder.dimensions();
    if (u64::from(wide), u64::from(high)) != expected {
        let (w, h) = expected;
        return Err(format!("the picture is {wide} wide and {high} high, not {w} and {h} (one image a row)"));
    }
    if channels != 3 || decoder.color_type() != ColorType::Rgb8 {
        return Err(format!("the picture has pixels {:?}, not RGB of 8 bits", decoder.color_type()));
    }
    if decoder.total_bytes() > packed_limit(picture.len() as u64).saturating_mul(1100) {
        return Err(format!("the picture of {} bytes cannot hold {wide} x {high} pixels", picture.len()));
    }
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).map_err(damaged)?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::official_sets;
    use image::ImageEncoder;
    use proptest::prelude::*;

    /// CIFAR-10 with two training batches of three images and a test batch of two.
    fn small() -> SetSpec {
        let mut set = official_sets().unwrap()[2].clone();
        set.shape = [3, 2, 2];
        set.files = [0, 1, 5].map(|i| set.files[i].clone()).into();
        for (file, images) in set.files.iter_mut().zip([3, 3, 2]) {
            file.bytes = 13 * images;
        }
        set
    }

    fn picture(width: u32, height: u32) -> Vec<u8> {
        let pixels: Vec<u8> = (0..width * height * 3).map(|i| i as u8).collect();
        let mut out = vec![];
        image::codecs::png::PngEncoder::new(&mut out)
            .write_image(&pixels, width, height, image::ExtendedColorType::Rgb8)
            .unwrap();
        out
    }

    #[test]
    fn rows_become_records_with_their_own_labels() {
        let set = small();
        let batch = rebuild(&set, &set.files[1], &picture(4, 3), b"[0,1,2, 3,4,5]").unwrap();
        assert_eq!(batch.len(), 39);
        assert_eq!(batch[..13], [3, 0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
        assert_eq!((batch[13], batch[26]), (4, 5));
        let [png, json] = parts(&set, &set.files[2]);
        assert_eq!((png.name.as_str(), json.name.as_str()), ("test_batch.png", "test_lables.json"));
    }

    #[test]
    fn each_fault_has_its_words() {
        let set = small();
        let good = picture(4, 3);
        for (png, json, words) in [
            (&picture(4, 2), "[0,1,2,3,4,5]", "data_batch_1.png: the picture is 4 wide and 2 high, not 4 and 3"),
            (&picture(400, 300), "[0,1,2,3,4,5]", "data_batch_1.png"),
            (&good[..40].to_vec(), "[0,1,2,3,4,5]", "data_batch_1.png: the picture is damaged"),
            (&good, "[0,1,2]", "train_lables.json: 3 labels where 6 were expected"),
            (&good, "[0,1,10,3,4,5]", "label 2 is 10, but there are 10 classes"),
            (&good, "[0,1,-1,3,4,5]", "no list of labels"),
            (&good, "{}", "no list of labels"),
        ] {
            let message = rebuild(&set, &set.files[0], png, json.as_bytes()).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }

    proptest! {
        #[test]
        fn damaged_pictures_never_panic(at in any::<prop::sample::Index>(), flip in 1u8.., cut in any::<bool>()) {
            let set = small();
            let mut png = picture(4, 3);
            let at = at.index(png.len());
            png[at] ^= flip;
            png.truncate(if cut { at } else { png.len() });
            let _ = rebuild(&set, &set.files[0], &png, b"[0,1,2,3,4,5]");
        }
    }
}
