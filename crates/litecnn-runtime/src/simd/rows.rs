//! Moving rows of values about, and transforming the inputs of the convolutions: short loops in which checks of every
//! slice would take longer than the work. Lengths are checked once, before the loops.

use super::Simd;

/// Rows of a picture, so many values apart.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    /// Values of a row that matter; whole vectors are read and written.
    pub(crate) width: usize,
    /// From a row's start to the next one's.
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Rows {
    /// Values up to the end of the last vector, of rows `stride` apart.
    fn end(&self, stride: usize, width: usize) -> usize {
        (self.count - 1) * stride + width
    }
}

/// Even and odd columns of rows, [`Rows::width`] of each. What is written beyond a row is overwritten by the next.
#[inline(always)]
pub(crate) fn split_rows<S: Simd>(s: S, rows: Rows, from: &[f32], even: &mut [f32], odd: &mut [f32]) {
    let half = S::WIDTH / 2;
    let width = rows.width.next_multiple_of(half);
    assert!(rows.count > 0 && rows.end(rows.from, 2 * width) <= from.len());
    assert!(rows.end(rows.to, width) <= even.len().min(odd.len()));
    let (from, even, odd) = (from.as_ptr(), even.as_mut_ptr(), odd.as_mut_ptr());
    for y in 0..rows.count {
        for x in (0..width).step_by(half) {
            // SAFETY: the ends of the last row are checked above, and others lie before them.
            unsafe {
                let v = s.load_from(from.add(y * rows.from + 2 * x));
                s.split_to(v, even.add(y * rows.to + x), odd.add(y * rows.to + x));
            }
        }
    }
}

/// Even and odd lanes to two places of a slice.
#[inline(always)]
pub(crate) fn split_at<S: Simd>(s: S, v: S::V, to: &mut [f32], even: usize, odd: usize) {
    assert!(even <= odd && odd < to.len() && S::WIDTH / 2 <= to.len() - odd);
    // SAFETY: half a vector from `odd` on ends within the slice; so does one from `even` on, which is before.
    unsafe { s.split_to(v, to.as_mut_ptr().add(even), to.as_mut_ptr().add(odd)) };
}

/// Copies rows. What is written beyond a row is overwritten by the next.
#[inline(always)]
pub(crate) fn copy_rows<S: Simd>(s: S, rows: Rows, from: &[f32], to: &mut [f32]) {
    let width = rows.width.next_multiple_of(S::WIDTH);
    assert!(rows.count > 0 && rows.end(rows.from, width) <= from.len() && rows.end(rows.to, width) <= to.len());
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    for y in 0..rows.count {
        // SAFETY: as above.
        unsafe {
            let (from, to) = (from.add(y * rows.from), to.add(y * rows.to));
            if rows.width <= S::WIDTH / 2 {
                s.copy_half(from, to);
                continue;
            }
            for x in (0..width).step_by(S::WIDTH) {
                s.store_to(to.add(x), s.load_from(from.add(x)));
            }
        }
    }
}

/// Inputs of `N` vectors of windows as [`products`](super::products) sees them, `[4][input][4][N]` vectors, from
/// `planes`, four of `len` values an input, with rows `stride` apart; the first window's place is `at`.
#[inline(always)]
pub(crate) fn transform<S: Simd, const N: usize>(
    s: S,
    planes: &[f32],
    len: usize,
    stride: usize,
    at: usize,
    block: &mut [f32],
) {
    let inputs = planes.len() / (4 * len);
    let of_row = inputs * 4 * N * S::WIDTH;
    assert!(block.len() == 4 * of_row && at + N * S::WIDTH + stride < len);
    for c in 0..inputs {
        for n in 0..N {
            // SAFETY: a plane's last value read is `at + N * WIDTH + stride` (below `len`); the last one written is
            // the last of `block`.
            unsafe {
                let planes = planes.as_ptr().add(c * 4 * len + at + n * S::WIDTH);
                let mut d = [[s.zero(); 4]; 4];
                for r in 0..4 {
                    for x in 0..4 {
                        d[r][x] = s.load_from(planes.add((r % 2 * 2 + x % 2) * len + r / 2 * stride + x / 2));
                    }
                }
                for x in 0..4 {
                    let column = differences(s, [d[0][x], d[1][x], d[2][x], d[3][x]]);
                    for r in 0..4 {
                        d[r][x] = column[r];
                    }
                }
                for r in 0..4 {
                    let row = differences(s, d[r]);
                    for j in 0..4 {
                        let place = r * of_row + ((c * 4 + j) * N + n) * S::WIDTH;
                        s.store_to(block.as_mut_ptr().add(place), row[j]);
                    }
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
