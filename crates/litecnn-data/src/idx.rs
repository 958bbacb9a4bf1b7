/// The images of an IDX file: `[count, height, width]`, one byte a pixel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IdxImages {
    pub(crate) count: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) pixels: Vec<u8>,
}

/// Reads an IDX file of images: magic 00 00 08 03, three big-endian sizes, then the pixels and nothing else.
pub(crate) fn images(mut bytes: Vec<u8>) -> Result<IdxImages, String> {
    let [count, height, width] = header::<3>(&bytes, "images")?;
    bytes.drain(..16);
    Ok(IdxImages { count, height, width, pixels: bytes })
}

/// Reads an IDX file of labels: magic 00 00 08 01, one big-endian size, then the labels and nothing else.
pub(crate) fn labels(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    header::<1>(&bytes, "labels")?;
    bytes.drain(..8);
    Ok(bytes)
}

/// Writes an IDX file of `N` dimensions, or nothing if a size does not fit its 32 bits.
pub(crate) fn write<const N: usize>(sizes: [usize; N], content: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0, 0, 8, N as u8];
    for size in sizes {
        bytes.extend(u32::try_from(size).ok()?.to_be_bytes());
    }
    bytes.extend(content);
    Some(bytes)
}

/// The sizes in the head, once they are known to agree with the length of the file: nothing is allocated on the
/// word of a header.
fn header<const N: usize>(bytes: &[u8], kind: &str) -> Result<[usize; N], String> {
    let head = 4 + 4 * N;
    let magic = [0, 0, 8, N as u8];
    let found = &bytes[..bytes.len().min(4)];
    if found != &magic[..found.len()] {
        return Err(format!("wrong magic: IDX {kind} begin with bytes {}, this with {}", hex(&magic), hex(found)));
    }
    if bytes.len() < head {
        return Err(format!("truncated: the head of IDX {kind} has {head} bytes, found {}", bytes.len()));
    }
    let mut sizes = [0; N];
    let mut content = 1u128; // three sizes of 32 bits need 96
    for (size, field) in sizes.iter_mut().zip(bytes[4..head].chunks_exact(4)) {
        let value = u32::from_be_bytes([field[0], field[1], field[2], field[3]]);
        content *= u128::from(value);
        *size = value as usize;
    }
    let shape = sizes.map(|s| s.to_string()).join(" x ");
    let expected = head as u128 + content;
    let found = bytes.len() as u128;
    if found < expected {
        return Err(format!("truncated: a head that says {shape} means {expected} bytes, found {found}"));
    }
    if found > expected {
        return Err(format!("{} trailing bytes after the {expected} of a head that says {shape}", found - expected));
    }
    Ok(sizes)
}

fn hex(bytes: &[u8]) -> String {
    match bytes {
        [] => "none".to_owned(),
        _ => bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = labels(bytes.clone());
            let _ = images(bytes);
        }

        #[test]
        fn any_head_is_read_or_refused(
            rank in 0u8..5, sizes in prop::collection::vec(prop_oneof![0u32..4, any::<u32>()], 0..4), rest in 0usize..40
        ) {
            let mut bytes = vec![0, 0, 8, rank];
            bytes.extend(sizes.iter().flat_map(|s| s.to_be_bytes()));
            bytes.resize(bytes.len() + rest, 1);
            if let Ok(read) = images(bytes.clone()) {
                prop_assert_eq!(read.pixels.len(), read.count * read.height * read.width);
            }
            if let Ok(read) = labels(bytes.clone()) {
                prop_assert_eq!(read.len(), bytes.len() - 8);
            }
        }

        #[test]
        fn written_and_read_back(count in 0usize..5, height in 0usize..5, width in 0usize..5, seed in any::<u8>()) {
            let pixels: Vec<u8> = (0..count * height * width).map(|i| (i as u8).wrapping_mul(seed)).collect();
            let read = images(write([count, height, width], &pixels).unwrap()).unwrap();
            prop_assert_eq!(labels(write([pixels.len()], &pixels).unwrap()).unwrap(), pixels.clone());
            prop_assert_eq!(read, IdxImages { count, height, width, pixels });
        }
    }

    #[test]
    fn each_fault_has_its_words() {
        let good = write([2, 1, 2], &[1, 2, 3, 4]).unwrap();
        for (bytes, words) in [
            (vec![], "truncated: the head of IDX images has 16 bytes, found 0"),
            (vec![0, 0, 8], "truncated: the head of IDX images has 16 bytes, found 3"),
            (vec![0x1f, 0x8b], "begin with bytes 00 00 08 03, this with 1f 8b"),
            (write([4], &[1, 2, 3, 4]).unwrap(), "this with 00 00 08 01"),
            (good[..15].to_vec(), "found 15"),
            (good[..19].to_vec(), "a head that says 2 x 1 x 2 means 20 bytes, found 19"),
            ([good.clone(), vec![9; 3]].concat(), "3 trailing bytes after the 20"),
            ([&[0, 0, 8, 3][..], &[0xff; 12]].concat(), "means 79228162458924105385300197391 bytes, found 16"),
        ] {
            let message = images(bytes).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }
}
