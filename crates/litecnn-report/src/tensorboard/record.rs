use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C, with Castagnoli's polynomial.
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Appends a record as event files are made of: length, checksum of the length, data, checksum of the data, all
/// numbers in little-endian order.
///
/// Source: `tensorflow/core/lib/io/record_writer.h`.
pub(super) fn append(out: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    for part in [&length, data] {
        out.extend_from_slice(part);
        out.extend_from_slice(&masked(CRC.checksum(part)).to_le_bytes());
    }
}

/// The form checksums are stored in, as a checksum over bytes that hold checksums themselves would be weak.
///
/// Source: `tensorflow/core/lib/hash/crc32c.h`.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones() {
        // RFC 3720, B.4, and the check value of the polynomial.
        assert_eq!(CRC.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(CRC.checksum(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(CRC.checksum(b"123456789"), 0xe306_9283);
        // What TensorBoard's `masked_crc32c` says.
        assert_eq!(masked(CRC.checksum(b"123456789")), 0xc78a_b0e5);
    }

    #[test]
    fn a_record_as_tensorboard_writes_it() {
        let data = [&[9, 0, 0, 0, 0xc0, 0xda, 0xe1, 0xd9, 0x41, 0x1a, 13], b"brain.Event:2".as_slice()].concat();
        let mut out = Vec::new();
        append(&mut out, &data);
        assert_eq!(out[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(out[12..36], data);
        assert_eq!(out[36..], [0xb8, 0x38, 0xb7, 0xfa]);
    }
}
