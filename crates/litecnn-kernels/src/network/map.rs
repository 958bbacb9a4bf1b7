use crate::simd::LANES;

/// 16 values, one of each image.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Vector(pub(crate) [f32; LANES]);

impl Vector {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);
}

/// Vectors as single values.
pub(crate) fn values(vectors: &[Vector]) -> &[f32] {
    // SAFETY: a vector is 16 values and nothing else.
    unsafe { std::slice::from_raw_parts(vectors.as_ptr().cast(), vectors.len() * LANES) }
}

pub(crate) fn values_mut(vectors: &mut [Vector]) -> &mut [f32] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts_mut(vectors.as_mut_ptr().cast(), vectors.len() * LANES) }
}

/// The shape of a map, and where its values lie: `[height][channel][1 + width + 1][16]`.
///
/// The column on either side is always zero, which is what a 3x3 convolution wants to see there; it also keeps the
/// distance of channels from being a power of two, which would have them compete for the same lines of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Map {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Map {
    /// Vectors of a channel in one row.
    pub(crate) fn line(&self) -> usize {
        self.width + 2
    }

    /// Vectors of a row, all channels.
    pub(crate) fn row(&self) -> usize {
        self.channels * self.line()
    }

    /// Where the vectors of some rows are.
    pub(crate) fn rows(&self, rows: std::ops::Range<usize>) -> std::ops::Range<usize> {
        rows.start * self.row()..rows.end * self.row()
    }

    /// Vectors of everything.
    pub(crate) fn vectors(&self) -> usize {
        self.height * self.row()
    }

    /// Place of the first pixel of a row in a channel.
    pub(crate) fn at(&self, row: usize, channel: usize) -> usize {
        row * self.row() + channel * self.line() + 1
    }

    pub(crate) fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// With other channels.
    pub(crate) fn with(&self, channels: usize) -> Self {
        Self { channels, ..*self }
    }

    /// With other rows.
    pub(crate) fn of_rows(&self, height: usize) -> Self {
        Self { height, ..*self }
    }

    /// After a 2x2 window with step 2.
    pub(crate) fn halved(&self) -> Self {
        Self { height: self.height / 2, width: self.width / 2, ..*self }
    }

    pub(crate) fn zeros(&self) -> Vec<Vector> {
        vec![Vector::ZERO; self.vectors()]
    }
}

/// 16 images, as a network's kernel reads them.
#[derive(Debug, Clone)]
pub struct Images {
    pub(super) map: Map,
    pub(super) vectors: Vec<Vector>,
}

impl Images {
    pub(super) fn new(map: Map) -> Self {
        Self { map, vectors: map.zeros() }
    }

    /// A channel of a row, `[width][16]`.
    ///
    /// # Panics
    /// If there is no such row or channel.
    pub fn line(&mut self, row: usize, channel: usize) -> &mut [f32] {
        assert!(row < self.map.height && channel < self.map.channels, "no such row or channel");
        let start = self.map.at(row, channel);
        values_mut(&mut self.vectors[start..start + self.map.width])
    }
}
