//! Numbers of a file.

/// Takes numbers off the front of a file.
pub(crate) struct Reader(pub(crate) &'static [u8]);

impl Reader {
    pub(crate) fn bytes(&mut self, count: usize) -> &'static [u8] {
        let (front, rest) = self.0.split_at(count);
        self.0 = rest;
        front
    }

    pub(crate) fn words<T>(&mut self, count: usize, of: fn([u8; 4]) -> T) -> Vec<T> {
        self.bytes(4 * count).as_chunks().0.iter().map(|bytes| of(*bytes)).collect()
    }

    pub(crate) fn shorts(&mut self, count: usize) -> Vec<u16> {
        self.bytes(2 * count).as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect()
    }

    pub(crate) fn number(&mut self) -> usize {
        self.words(1, u32::from_le_bytes)[0] as usize
    }
}
