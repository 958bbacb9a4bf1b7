//! Inputs of pooling windows: what lies where, and its transformation for minimal filtering.

use super::Simd;

/// What neighbouring lanes are, and so where the inputs of a vector of pooling windows lie.
pub(crate) trait Lanes: Copy {
    /// Place of the first input, row 0 and column 0 of 4x4, of a vector of windows.
    fn start(self, vector: usize) -> usize;
    /// From there to row `y` and column `x`: never less for a later row or column than for an earlier one of as even
    /// a number, and largest for the last ones.
    fn offset(self, y: usize, x: usize) -> usize;
    /// From there to the same place of the next channel.
    fn channel(self) -> usize;
}

/// Lanes are neighbouring windows of an image that lies in planes, see [`Conv`](crate::shape::Conv).
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    /// Lanes of a vector.
    pub(crate) width: usize,
    /// Values of a plane.
    pub(crate) plane: usize,
    /// Values of a plane's row.
    pub(crate) stride: usize,
}

impl Lanes for Windows {
    #[inline(always)]
    fn start(self, vector: usize) -> usize {
        vector * self.width
    }
    #[inline(always)]
    fn offset(self, y: usize, x: usize) -> usize {
        (y % 2 * 2 + x % 2) * self.plane + y / 2 * self.stride + x / 2
    }
    #[inline(always)]
    fn channel(self) -> usize {
        4 * self.plane
    }
}

/// Lanes are images, of which all have the same window: how far apart values lie.
#[derive(Clone, Copy)]
pub(crate) struct Images {
    pub(crate) channel: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
    /// Windows of a row.
    pub(crate) windows: usize,
}

impl Lanes for Images {
    #[inline(always)]
    fn start(self, vector: usize) -> usize {
        2 * (vector / self.windows * self.row + vector % self.windows * self.column)
    }
    #[inline(always)]
    fn offset(self, y: usize, x: usize) -> usize {
        y * self.row + x * self.column
    }
    #[inline(always)]
    fn channel(self) -> usize {
        self.channel
    }
}

/// The 4x4 inputs of a vector of windows, the first of which is at `at`.
#[inline(always)]
pub(crate) fn patch<S: Simd, L: Lanes>(s: S, lanes: L, values: &[f32], at: usize) -> [[S::V; 4]; 4] {
    let mut patch = [[s.zero(); 4]; 4];
    let furthest = at + lanes.offset(3, 3) + S::WIDTH;
    assert!(furthest <= values.len());
    for y in 0..4 {
        for x in 0..4 {
            let place = at + lanes.offset(y, x);
            debug_assert!(place + S::WIDTH <= furthest);
            // SAFETY: no offset of both kinds of lanes is larger than the last one, which is checked above.
            patch[y][x] = unsafe { s.load_from(values.as_ptr().add(place)) };
        }
    }
    patch
}

/// Inputs of `N` vectors of windows as [`products`](super::products) sees them, `[4][input][4][N]` vectors; the first
/// windows' places are `starts`.
#[inline(always)]
pub(crate) fn transform<S: Simd, L: Lanes, const N: usize>(
    s: S,
    lanes: L,
    values: &[f32],
    inputs: usize,
    starts: [usize; N],
    block: &mut [f32],
) {
    let of_row = inputs * 4 * N * S::WIDTH;
    assert!(block.len() == 4 * of_row);
    for c in 0..inputs {
        for n in 0..N {
            let mut d = patch(s, lanes, values, starts[n] + c * lanes.channel());
            for x in 0..4 {
                let column = differences(s, [d[0][x], d[1][x], d[2][x], d[3][x]]);
                for y in 0..4 {
                    d[y][x] = column[y];
                }
            }
            for y in 0..4 {
                let row = differences(s, d[y]);
                for j in 0..4 {
                    let place = y * of_row + ((c * 4 + j) * N + n) * S::WIDTH;
                    // SAFETY: the largest place is the last vector of `block`.
                    unsafe { s.store_to(block.as_mut_ptr().add(place), row[j]) };
                }
            }
        }
    }
}

/// What four neighbouring inputs are multiplied as, along one axis.
#[inline(always)]
pub(crate) fn differences<S: Simd>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 4] {
    [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(d, b)]
}
