/// Reads a CIFAR batch: records of a label byte and the planes of an image, nothing else.
///
/// Appends to `pixels` in the order height, width, channels, and to `labels`. `shape` is channels, height, width.
pub(crate) fn read(
    bytes: &[u8],
    [channels, height, width]: [usize; 3],
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u8>,
) -> Result<(), String> {
    let plane = height * width;
    let record = 1 + channels * plane;
    let (images, rest) = (bytes.len() / record, bytes.len() % record);
    if rest != 0 {
        return Err(format!(
            "truncated, or bytes trail: records of {record} bytes (a label and an image of {channels} x {height} x \
             {width}) are expected, found {images} of them and {rest} bytes"
        ));
    }
    labels.reserve(images);
    pixels.reserve(images * (record - 1));
    for record in bytes.chunks_exact(record) {
        labels.push(record[0]);
        let planes = &record[1..];
        for at in 0..plane {
            pixels.extend((0..channels).map(|c| planes[c * plane + at]));
        }
    }
    Ok(())
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
            if read(&bytes, [3, 2, 1], &mut pixels, &mut labels).is_ok() {
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
            read(&batch, [3, 2, 2], &mut pixels, &mut labels).unwrap();
            prop_assert_eq!(labels, images.iter().map(|i| i.0).collect::<Vec<_>>());
            prop_assert_eq!(pixels, images.iter().flat_map(|i| i.1.clone()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn planes_become_pixels() {
        let (mut pixels, mut labels) = (vec![], vec![]);
        read(&[4, 1, 2, 10, 20, 100, 200], [3, 1, 2], &mut pixels, &mut labels).unwrap();
        assert_eq!((labels, pixels), (vec![4], vec![1, 10, 100, 2, 20, 200]));
        let message = read(&[4, 1, 2], [3, 1, 2], &mut vec![], &mut vec![]).unwrap_err();
        assert!(message.contains("records of 7 bytes") && message.contains("0 of them and 3 bytes"), "{message}");
    }
}
