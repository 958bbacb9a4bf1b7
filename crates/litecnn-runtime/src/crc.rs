//! CRC-32 as in zip and PNG (polynomial 0x04c11db7, reflected), four bytes a step.

/// The checksum of several pieces as if they were one.
pub(crate) fn crc32(pieces: &[&[u8]]) -> u32 {
    let mut crc = !0;
    for piece in pieces {
        let (words, rest) = piece.as_chunks::<4>();
        for word in words {
            let [a, b, c, d] = (crc ^ u32::from_le_bytes(*word)).to_le_bytes().map(usize::from);
            crc = TABLES[3][a] ^ TABLES[2][b] ^ TABLES[1][c] ^ TABLES[0][d];
        }
        for &byte in rest {
            crc = crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)];
        }
    }
    !crc
}

static TABLES: [[u32; 256]; 4] = {
    let mut tables = [[0; 256]; 4];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        tables[0][i] = crc;
        i += 1;
    }
    let mut i = 0;
    while i < 256 {
        let mut t = 1;
        while t < 4 {
            let before = tables[t - 1][i];
            tables[t][i] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            t += 1;
        }
        i += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_known_value() {
        assert_eq!(super::crc32(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(super::crc32(&[b"123", b"", b"456789"]), 0xcbf4_3926);
    }
}
