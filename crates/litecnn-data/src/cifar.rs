use crate::manifest::Format;

/// Reads a CIFAR batch: records of a label byte (with CIFAR-100 a coarse one before it) and the planes of an image,
/// nothing else.
///
/// Appends to `pixels` in the order height, width, channels, and to `labels`. `shape` is channels, height, width.
pub(crate) fn read(
    bytes: &[u8],
    format: Format,
    shape: [usize; 3],
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u8>,
) -> Result<(), String> {
    let records = records(bytes, format, shape)?;
    let [channels, height, width] = shape;
    let plane = height * width;
    labels.reserve(records.len());
    pixels.reserve(records.len() * channels * plane);
    let first = format.label_bytes();
    for record in records {
        labels.push(record[first - 1]);
        let planes = &record[first..];
        for at in 0..plane {
            pixels.extend((0..channels).map(|c| planes[c * plane + at]));
        }
    }
    Ok(())
}

/// The records of a batch.
pub(crate) fn records(
    bytes: &[u8],
    format: Format,
    shape: [usize; 3],
) -> Result<std::slice::ChunksExact<'_, u8>, String> {
    let [channels, height, width] = shape;
    let record = format.label_bytes() + channels * height * width;
    let (images, rest) = (bytes.len() / record, bytes.len() % record);
    if rest == 0 {
        return Ok(bytes.chunks_exact(record));
    }
    let labels = if format.label_bytes() == 2 { "two labels" } else { "a label" };
    Err(other_layout(bytes.len() as u64, format, shape).unwrap_or_else(|| {
        format!(
            "truncated, or bytes trail: records of {record} bytes ({labels} and an image of {channels} x {height} x \
             {width}) are expected, found {images} of them and {rest} bytes"
        )
    }))
}

/// In words, that so many bytes are records with one label where two are expected, or the other way round; nothing if
/// they are not, or might be both.
pub(crate) fn other_layout(bytes: u64, format: Format, shape: [usize; 3]) -> Option<String> {
    let image = shape.iter().product::<usize>() as u64;
    let (one, two) = (image + 1, image + 2);
    match format {
        Format::Cifar100 if bytes > 0 && bytes.is_multiple_of(one) && !bytes.is_multiple_of(two) => Some(format!(
            "it holds {} records of {one} bytes with one label, the format cifar (CIFAR-10), where cifar100 has two, \
             coarse and fine, in records of {two} bytes",
            bytes / one
        )),
        Format::Cifar if bytes > 0 && bytes.is_multiple_of(two) && !bytes.is_multiple_of(one) => Some(format!(
            "it holds {} records of {two} bytes with two labels, the format cifar100, where cifar has one, in records \
             of {one} bytes",
            bytes / two
        )),
        _ => None,
    }
}

/// Appends one record to a batch. `pixels` is an image in the order height, width, channels.
pub(crate) fn write_record(batch: &mut Vec<u8>, label: u8, pixels: &[u8], channels: usize) {
    batch.push(label);
    for channel in 0..channels {
        batch.extend(pixels.iter().skip(channel).step_by(channels));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let (mut pixels, mut labels) = (vec![], vec![]);
            if read(&bytes, Format::Cifar, [3, 2, 1], &mut pixels, &mut labels).is_ok() {
                prop_assert_eq!(bytes.len(), labels.len() * 7);
                prop_assert_eq!(pixels.len(), labels.len() * 6);
            }
        }

        #[test]
        fn written_and_read_back(images in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 12)), 0..6)) {
            let mut batch = vec![];
            for (label, pixels) in &images {
                write_record(&mut batch, *label, pixels, 3);
            }
            let (mut pixels, mut labels) = (vec![], vec![]);
            read(&batch, Format::Cifar, [3, 2, 2], &mut pixels, &mut labels).unwrap();
            prop_assert_eq!(labels, images.iter().map(|i| i.0).collect::<Vec<_>>());
            prop_assert_eq!(pixels, images.iter().flat_map(|i| i.1.clone()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn planes_become_pixels() {
        let (mut pixels, mut labels) = (vec![], vec![]);
        read(&[4, 1, 2, 10, 20, 100, 200], Format::Cifar, [3, 1, 2], &mut pixels, &mut labels).unwrap();
        assert_eq!((labels, pixels), (vec![4], vec![1, 10, 100, 2, 20, 200]));
        let message = read(&[4, 1, 2], Format::Cifar, [3, 1, 2], &mut vec![], &mut vec![]).unwrap_err();
        assert!(message.contains("records of 7 bytes") && message.contains("0 of them and 3 bytes"), "{message}");
    }

    #[test]
    fn of_two_labels_the_second_counts() {
        let (mut pixels, mut labels) = (vec![], vec![]);
        read(&[4, 7, 1, 2, 10, 20], Format::Cifar100, [2, 1, 2], &mut pixels, &mut labels).unwrap();
        assert_eq!((labels, pixels), (vec![7], vec![1, 10, 2, 20]));
        let refuse = |bytes: usize, format| records(&vec![0; bytes], format, [3, 2, 2]).unwrap_err();
        let message = refuse(39, Format::Cifar100);
        assert!(message.contains("3 records of 13 bytes with one label") && message.contains("CIFAR-10"), "{message}");
        let message = refuse(28, Format::Cifar);
        assert!(message.contains("2 records of 14 bytes with two labels"), "{message}");
        assert!(refuse(15, Format::Cifar100).contains("records of 14 bytes (two labels"));
    }
}
