use std::io::{Read, Write};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};

/// Unpacks a gzip file that should hold exactly `expected` bytes; never more than one byte beyond that is produced.
pub(crate) fn decode(packed: &[u8], expected: u64) -> Result<Vec<u8>, String> {
    let mut decoder = GzDecoder::new(packed);
    let mut bytes = Vec::new();
    // The byte beyond tells too much from enough, and reading past the last one checks gzip's own checksum.
    let limit = expected.saturating_add(1);
    decoder.by_ref().take(limit).read_to_end(&mut bytes).map_err(|e| {
        format!("its gzip stream is damaged or cut off after {} of {expected} unpacked bytes ({e})", bytes.len())
    })?;
    if bytes.len() as u64 > expected {
        return Err(format!("it unpacks to more than the {expected} bytes expected"));
    }
    match decoder.get_ref().len() {
        0 => Ok(bytes),
        n => Err(format!("{n} bytes follow the end of its gzip stream")),
    }
}

/// Packs bytes so that the same bytes always give the same file: no time, no name.
pub(crate) fn encode(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Whether a file begins like gzip. No canonical file does: IDX begins with two zeros, CIFAR with a class number.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// The largest sensible gzip file for so many bytes: stored blocks cost 5 bytes in 64 KiB, the head is short.
pub(crate) fn packed_limit(expected: u64) -> u64 {
    expected.saturating_add(expected / 1000).saturating_add(1 << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_and_unpacked(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let packed = encode(&bytes).unwrap();
            prop_assert_eq!(encode(&bytes).unwrap(), packed.clone());
            prop_assert!(is_gzip(&packed) && packed.len() as u64 <= packed_limit(bytes.len() as u64));
            prop_assert_eq!(decode(&packed, bytes.len() as u64).unwrap(), bytes);
        }

        #[test]
        fn damage_is_an_error(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let bytes: Vec<u8> = (0..1000u32).map(|i| (i * i) as u8).collect();
            let mut packed = encode(&bytes).unwrap();
            let at = at.index(packed.len());
            packed[at] ^= flip;
            // The head holds bytes without meaning here (flags, time, system); the content must never differ.
            if let Ok(unpacked) = decode(&packed, 1000) {
                prop_assert!(at < 10 && unpacked == bytes);
            }
        }
    }

    #[test]
    fn sizes_that_disagree_are_told() {
        let packed = encode(&[7; 5000]).unwrap();
        assert!(decode(&packed, 4999).unwrap_err().contains("more than the 4999 bytes"));
        assert_eq!(decode(&packed, 5001).unwrap().len(), 5000, "the caller compares sizes");
        assert!(decode(&packed[..packed.len() - 9], 5000).unwrap_err().contains("cut off"));
        let mut longer = packed;
        longer.extend(b"xyz");
        assert!(decode(&longer, 5000).unwrap_err().contains("3 bytes follow"));
    }
}
